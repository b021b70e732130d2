"""Forgetting: bits per byte over the packaged passages or a file's texts, and what is said where
there are none.
"""

import json
import math
import re
from dataclasses import replace

import pytest

from medtune.conversation import user_asks
from medtune.errors import DataError, ModelError
from medtune.evaluation.evaluate import score
from medtune.evaluation.tasks.forgetting import Forgetting, packaged_passages
from medtune.recipe.schema import TaskSpec

TASK = Forgetting()


@pytest.fixture
def of(settings):
    def make(source=None, limit=None, **more):
        return settings().for_task(
            TaskSpec(task="forgetting", source=source and str(source), limit=limit, **more)
        )

    return make


def test_passages_are_general_long_enough_and_all_different():
    passages = packaged_passages()
    assert len(passages) >= 60
    assert (
        len({passage.text for passage in passages})
        == len({passage.id for passage in passages})
        == len(passages)
    )
    assert len({passage.kind for passage in passages}) >= 15
    assert all(90 <= len(passage.text.split()) <= 140 for passage in passages)
    medical = re.compile(
        r"\b(doctor|hospital|patient|disease|medicine|medical|clinic|surg|therap|symptom|drug)\w*",
        re.I,
    )
    assert not [found.group() for passage in passages if (found := medical.search(passage.text))]


def test_bits_per_byte_are_pooled_over_all_bytes(scripted, of, tmp_path):
    path = tmp_path / "two.txt"
    path.write_text("naïve µg\n\n  \nabcd\n")
    model = scripted(nll={"naïve µg": (3 * math.log(50257), 3), "abcd": (math.log(2), 1)})
    samples = TASK.run(model, [], of(path))
    assert [s["bytes"] for s in samples] == [10, 4]
    assert samples[0]["score"] == pytest.approx(4.6851, abs=5e-5)
    expected = (3 * math.log2(50257) + 1) / 14
    assert score(TASK, samples, 100, 0)["bits_per_byte"].value == pytest.approx(expected)
    assert model.calls == ["text_loglikelihoods"]
    json.dumps([sample.as_json() for sample in samples], allow_nan=False)


def test_the_packaged_passages_are_all_scored_and_a_limit_draws_by_seed(scripted, of):
    samples = TASK.run(scripted(), [], of())
    assert [s["reference"] for s in samples] == [passage.text for passage in packaged_passages()]
    drawn = [s["id"] for s in TASK.run(scripted(), [], of(limit=10))]
    assert len(set(drawn)) == 10
    assert drawn == [s["id"] for s in TASK.run(scripted(), [], of(limit=10))]


def test_a_table_with_groups_and_parts(scripted, of, tmp_path, capsys):
    rows = [
        ("One.", "a", "test"),
        ("Two.", "a", "test"),
        ("", "b", "test"),
        ("Three.", "c", "train"),
    ]
    path = tmp_path / "texts.jsonl"
    path.write_text(
        "\n".join(
            json.dumps(dict(zip(("text", "group", "split"), row, strict=True))) for row in rows
        )
    )
    samples = TASK.run(scripted(), [], of(path, split="test"))
    assert [(s["reference"], s["group"]) for s in samples] == [("One.", "a"), ("Two.", "a")]
    assert "1 empty texts" in capsys.readouterr().err
    assert len(TASK.run(scripted(), [], of(path))) == 3


@pytest.mark.parametrize(
    ("policy", "texts"),
    [
        ("report", ["Mr. Karl Testmann rests.", "Rest."]),
        ("mask", ["Mr. [NAME-1] rests.", "Rest."]),
        ("drop", ["Rest."]),
    ],
)
def test_texts_of_a_file_follow_the_policy_on_identifiers(scripted, of, tmp_path, policy, texts):
    path = tmp_path / "texts.csv"
    path.write_text("text,group\nMr. Karl Testmann rests.,Testmann\nRest.,Testmann\n")
    settings = replace(of(path), identifiers=policy)
    samples = TASK.run(scripted(), [], settings)
    assert [s["reference"] for s in samples] == texts
    assert len({s["group"] for s in samples}) == 1
    assert ("Testmann" in str(samples[0].as_json())) == (policy != "mask")
    assert TASK.scan_source(settings.spec, policy).counts == {"name": 1}
    assert ("identifiers" in settings.as_dict()) == (policy != "report")


@pytest.mark.parametrize(
    ("name", "content", "split", "said"),
    [
        ("none.txt", None, None, "no file"),
        ("empty.txt", "\n \n", None, "no text"),
        ("texts.txt", "One.", "test", "has no part"),
        ("other.csv", "words\nOne.\n", None, "no column 'text'"),
        ("texts.csv", "text\nOne.\n", "test", "no column 'split'"),
        ("parts.csv", "text,split\nOne.,train\n", "test", "no text in the part 'test'"),
        ("texts.docx", "x", None, "no reader"),
    ],
)
def test_a_file_without_such_text_is_named(scripted, of, tmp_path, name, content, split, said):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=said) as caught:
        TASK.run(scripted(), [], of(tmp_path / name, split=split))
    assert name in str(caught.value)


def test_a_model_without_the_likelihood_of_text_is_named(scripted, of):
    class EncoderDecoder(scripted):
        def text_loglikelihoods(self, texts, progress=None):
            return []

    with pytest.raises(ModelError, match="encoder-decoder gives none"):
        TASK.run(EncoderDecoder(), [], of())


def test_a_real_model_is_scored_as_the_sum_of_its_tokens(tiny_model, of):
    from medtune.models.open import open_model, resolve_model
    from medtune.recipe.schema import Model

    asked = Model(name=str(tiny_model))
    model = open_model(resolve_model(asked), asked, batch_size=2)
    samples = TASK.run(model, [], of(limit=2))
    (alone,) = model.text_loglikelihoods([samples[1]["reference"]])
    assert samples[1]["loglikelihoods"][0] == pytest.approx(alone.loglikelihood, abs=1e-3)
    assert 3 < score(TASK, samples, 100, 0)["bits_per_byte"].value < 9  # random weights
    assert model.generate(
        [user_asks("Hello?")], of().decoding_settings()
    )  # still in order for other tasks
