"""What `answers` keeps beside overlap: quantities, meaning, likelihood of its own words, sampled
answers.
"""

import json

import numpy as np
import pytest

from medtune.errors import ModelError
from medtune.evaluation.evaluate import score
from medtune.evaluation.tasks import TASKS
from medtune.evaluation.tasks import answers as module
from medtune.models.interface import TextEmbedding
from medtune.recipe.schema import TaskSpec

TASK = TASKS["answers"]


class Initials:
    """Texts with the same first letter mean the same."""

    name = "initials"

    def encode(self, texts):
        vectors = [np.eye(128)[ord(text[0])] if text else np.zeros(128) for text in texts]
        return [TextEmbedding(v, v[None] if v.any() else np.zeros((0, 128))) for v in vectors]


@pytest.fixture
def of(settings):
    return lambda **spec: settings().for_task(
        TaskSpec(task="answers", encoder=spec.pop("encoder", "none"), **spec)
    )


@pytest.fixture
def encoded(monkeypatch):
    monkeypatch.setattr(
        module, "open_encoder", lambda setting: Initials() if setting == "auto" else None
    )


def figures(samples):
    return {name: entry.value for name, entry in score(TASK, samples, 100, 0).items()}


def test_a_wrong_dose_is_flagged_and_counted(scripted, item, of):
    model = scripted(answers={"a": "Take 50 mg daily.", "b": "Take 500 mg.", "c": "Rest."})
    items = [
        item("a", "Take 5 mg daily."),
        item("b", "Take 0.5 g for 2 days."),
        item("c", "Take 5 mg."),
    ]
    samples = TASK.run(model, items, of())
    assert [c["said"] for s in samples for c in s["dose_conflicts"]] == ["50 mg daily"]
    assert [s["score"]["doses"] for s in samples] == [[1, 2], [1, 1], [0, 0]]  # "daily" agrees
    found = score(TASK, samples, 100, 0)
    assert (found["dose_agreement"].value, found["dose_agreement"].n) == (
        pytest.approx(2 / 3),
        2,
    )
    assert (found["tenfold_errors"].value, found["tenfold_errors"].n) == (0.5, 2)


def test_bleu_pools_the_counts_of_all_answers(scripted, item, of):
    from sacrebleu.metrics.bleu import BLEU

    pairs = {
        "a": ("take two tablets with water", "take two tablets with some water"),
        "b": ("rest in bed", "stay in bed"),
    }
    samples = TASK.run(
        scripted(answers={q: made for q, (made, _) in pairs.items()}),
        [item(q, r) for q, (_, r) in pairs.items()],
        of(),
    )
    outputs, references = zip(*pairs.values(), strict=True)
    assert figures(samples)["bleu"] == pytest.approx(
        BLEU().corpus_score(outputs, [references]).score, abs=1e-9
    )


def test_figures_of_meaning_are_there_with_an_encoder_alone(scripted, item, of, encoded):
    items = [item("a", "Rest."), item("b", "Water.")]
    with_one = figures(TASK.run(scripted(default_answer="Run."), items, of(encoder="auto")))
    assert (with_one["similarity"], with_one["bert_score"]) == (0.5, 0.5)
    without = figures(TASK.run(scripted(default_answer="Run."), items, of()))
    assert not {"similarity", "bert_score"} & set(without)
    nothing = figures(TASK.run(scripted(default_answer=""), items, of(encoder="auto")))
    assert (nothing["similarity"], nothing["bleu"]) == (0, 0)


def test_its_own_words_likelihood_is_kept_where_confidence_is_asked(scripted, item, of):
    model = scripted(answers={"a": "Rest now.", "b": ""}, nll={"Rest now.": (3.5, 4)})
    items = [item("a", "x"), item("b", "y")]
    first, second = TASK.run(model, items, of(confidence=True))
    assert (first["output_loglikelihood"], first["output_tokens"]) == (-3.5, 4)
    assert "output_loglikelihood" not in second
    assert "output_loglikelihood" not in TASK.run(model, items, of())[0]


def test_a_model_without_likelihoods_has_no_confidence(scripted, item, of, capsys):
    class Service(scripted):
        def loglikelihoods(self, pairs, progress=None):
            raise ModelError("a chat endpoint gives no likelihoods")

    (sample,) = TASK.run(Service(), [item("a", "x")], of(confidence=True))
    assert "output_loglikelihood" not in sample
    assert "confidence is not measured" in capsys.readouterr().err


def test_sampled_answers_have_seeds_of_their_own(scripted, item, of, encoded):
    model = scripted()
    (sample,) = TASK.run(model, [item("a", "x")], of(samples=3, encoder="auto"))
    assert sample["sampled"] == [f"sampled with seed {seed}: It depends." for seed in (8, 9, 10)]
    assert sample["sampled_clusters"] == [0, 0, 0]
    assert {decoding.temperature for _, decoding in model.asked} == {0.0, 0.7}
    json.dumps(sample.as_json(), allow_nan=False)


def test_older_samples_keep_their_scores(scripted, item, of):
    (sample,) = TASK.run(scripted(), [item("a", "It depends.")], of())
    old = {"rouge_l", "token_f1", "finished", "repeated", "words"}
    older = sample.as_json()
    older["score"] = {name: value for name, value in older["score"].items() if name in old}
    del older["dose_conflicts"]
    assert set(figures([TASK.sample.model_validate(older)])) == {
        "rouge_l",
        "token_f1",
        "finished",
        "repetition",
        "words",
    }
