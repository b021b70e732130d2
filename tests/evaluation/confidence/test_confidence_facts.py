"""A task's confidence from its saved samples alone: options, answers, thresholds, and what was
not measured.
"""

import json
import math

import numpy as np
import pytest

from medtune.evaluation.confidence.abstention import (
    AbstentionPolicy,
    above,
    lowest_threshold,
    set_threshold,
)
from medtune.evaluation.confidence.measure import confidence_facts, confidence_of
from medtune.evaluation.confidence.scores import read_confidence_scores
from medtune.evaluation.results import plain

LABELS = ["Heart", "Lung", "Skin"]


def chosen(count, seed, temperature=2.0, key="loglikelihoods"):
    """Samples of a classification whose likelihoods are ``temperature`` times too sharp."""
    rng = np.random.default_rng(seed)
    samples = []
    for number in range(count):
        scores = rng.normal(0, 3, 3)
        chances = np.exp(scores / temperature)
        label = LABELS[rng.choice(3, p=chances / chances.sum())]
        best = LABELS[int(scores.argmax())]
        samples.append(
            {
                "id": f"i-{number}",
                "group": f"g-{number}",
                "options": LABELS,
                "labels": [label],
                key: [float(score) for score in scores],
                "score": {"correct": float(best == label), "top": {best: 1.0}},
            }
        )
    return samples


def answered(count, seed, strength=1.0):
    """Samples of written answers; the surer, the nearer to the reference."""
    rng = np.random.default_rng(seed)
    samples = []
    for number in range(count):
        sure = float(rng.uniform(0.1, 0.9))
        right = rng.random() < (1 - strength) * 0.4 + strength * sure
        samples.append(
            {
                "id": f"i-{number}",
                "group": f"g-{number}",
                "output": "word " * int(rng.integers(3, 30)),
                "output_loglikelihood": 7 * math.log(sure),
                "output_tokens": 7,
                "score": {"rouge_l": 0.31 if right else 0.29},
            }
        )
    return samples


def facts_of(samples, validation, wanted=0.5):
    return confidence_facts(samples, validation, 200, 0, wanted)


def test_options_have_every_figure_and_survive_json():
    found = facts_of(chosen(300, 0), chosen(200, 1))
    text = json.dumps(found.as_json(), allow_nan=False)
    assert type(found).model_validate_json(text) == found
    assert (found.kind, found.n, found.without) == ("options", 300, 0)
    assert found.signal == "signal"
    assert found.temperature.value == pytest.approx(2, rel=0.3)
    assert found.temperature.ece_after < found.temperature.ece_before == found.ece.value
    assert found.conformal.reached.value == pytest.approx(0.9, abs=0.07)
    assert found.confidence > found.right
    assert any("overconfident" in text for text in found.sentences)
    assert found.further["margin"].auroc.value > 0.5


def test_primary_scores_go_before_likelihoods():
    samples = chosen(20, 0)
    for sample in samples:
        sample["primary_scores"] = [0.0, 0.0, 0.0]
    assert read_confidence_scores(samples).confidence.tolist() == pytest.approx([1 / 3] * 20)


def test_the_length_of_an_option_is_that_of_its_text():
    sample = {
        "group": "g",
        "options": ["A", "B"],
        "choices": ["aspirin", "naïve"],
        "labels": ["B"],
        "primary_scores": [1.0, 1.0],
        "score": {"correct": 0.5, "top": {"A": 0.5, "B": 0.5}},
    }
    assert read_confidence_scores([sample]).lengths.tolist() == [6.5]


def test_items_with_fewer_options_are_measured_beside_others():
    samples = chosen(60, 0)
    for sample in samples[::2]:
        sample["options"], sample["loglikelihoods"] = LABELS[:2], sample["loglikelihoods"][:2]
        sample["score"] = {"correct": 1.0, "top": {"Heart": 1.0}}
        sample["labels"] = ["Heart"]
    found = facts_of(samples, chosen(40, 1))
    assert found.conformal.options == 2.5
    assert found.conformal.mean_size <= 2.5


def test_sets_of_labels_have_no_temperature_and_no_conformal_sets():
    samples = chosen(60, 0)
    samples[0]["labels"] = ["Heart", "Lung"]
    found = facts_of(samples, chosen(60, 1))
    assert found.temperature is found.conformal is None
    assert found.threshold is not None


def test_a_model_that_cannot_tell_options_apart_has_no_signal():
    samples = chosen(90, 0)
    for number, sample in enumerate(samples):
        sample["loglikelihoods"] = [-5.0, -5.0, -5.0]
        sample["score"] = {"correct": 1 / 3, "top": dict.fromkeys(LABELS, 1 / 3)}
        sample["labels"] = [LABELS[number % 3]]
    found = facts_of(samples, samples)
    assert found.auroc.value == 0.5
    assert found.signal == "no signal"
    assert found.ece.value == pytest.approx(0, abs=1e-12)
    assert found.threshold.status == "no signal"


def test_answers_are_right_from_a_rouge_of_three_tenths():
    found = facts_of(answered(200, 0), answered(200, 1))
    assert found.kind == "answers"
    assert 0.3 < found.right < 0.7
    assert found.conformal is None
    assert found.temperature.ece_before == pytest.approx(found.ece.value)
    assert "ROUGE-L" in found.sentences[0]
    assert found.threshold.status in ("set", "not needed")


def test_answers_without_a_likelihood_are_counted_and_left_out():
    samples = answered(50, 0)
    del samples[3]["output_loglikelihood"]
    samples[4]["output_tokens"] = 0
    found = facts_of(samples, None)
    assert (found.n, found.without) == (48, 2)
    assert any("2 items have no confidence" in text for text in found.sentences)


def test_sampled_answers_give_further_signals():
    samples = answered(80, 0)
    for sample in samples:
        right = sample["score"]["rouge_l"] >= 0.3
        sample["sampled"] = ["Rest."] * 5 if right else ["Rest.", "rest", "Water", "Sleep", "Heat"]
    del samples[0]["sampled"]
    found = facts_of(samples, None).further
    assert found["semantic_entropy"].auroc.value == 1
    assert found["self_consistency"].n == 79
    for sample in samples:
        sample["sampled_clusters"] = [0, 0, 0, 0, 0]
    assert facts_of(samples, None).further["semantic_entropy"].mean == 0


def test_what_has_no_confidence_is_not_measured():
    assert facts_of([{"id": "a", "group": "g", "score": {"nll": 1.0}}], None) is None
    generated = [
        {"group": "g", "options": LABELS, "labels": ["Skin"], "score": {"correct": 0, "top": {}}}
    ]
    assert facts_of(generated, None) is None
    assert facts_of([], None) is None


def test_without_validation_nothing_is_set():
    found = facts_of(chosen(50, 0), None)
    assert found.temperature is found.conformal is found.threshold is None
    assert sum("not measured" in text for text in found.sentences) == 3


def test_a_model_that_is_never_right_is_measured_as_far_as_it_goes():
    samples = answered(40, 0, 0.0)
    for sample in samples:
        sample["score"]["rouge_l"] = 0.0
    found = facts_of(samples, samples)
    assert found.signal == "not measured"
    assert found.auroc is None
    assert found.threshold.status == "not measured"
    assert found.aurc.as_json() == {"value": 1.0, "random": 1.0, "oracle": 1.0}
    json.dumps(found.as_json(), allow_nan=False)


def test_the_lowest_threshold_that_is_right_often_enough():
    sure = np.linspace(0.99, 0.5, 50)
    right = np.array([1.0] * 20 + [0.0] * 30)
    # Wilson's lower end: 20 of 29 may be half, 20 of 30 no more; all 20 of 20 are 0.84 and not yet
    # 0.9.
    assert lowest_threshold(sure, right, 0.5) == sure[28]
    assert lowest_threshold(sure, right, 0.8) == sure[19]
    assert lowest_threshold(sure, right, 0.9) is None
    assert lowest_threshold(sure, 1 - right, 0.7) is None
    assert lowest_threshold(np.full(50, 0.7), right, 0.5) is None
    assert lowest_threshold(np.full(50, 0.7), right, 0.25) == 0.7


def test_a_threshold_does_not_rest_on_a_few_lucky_answers():
    right = np.array([1.0] * 9 + [0.0] * 41)
    assert lowest_threshold(np.linspace(0.99, 0.5, 50), right, 0.95) is None


@pytest.mark.parametrize("seed", range(5))
def test_a_threshold_does_on_validation_what_it_says(seed):
    found = facts_of(answered(300, seed), answered(300, 50 + seed), wanted=0.6).threshold
    assert found.status == "set"
    assert found.right >= 0.6
    assert found.n / 300 == pytest.approx(found.coverage)
    assert found.test.right == pytest.approx(0.6, abs=0.15)


@pytest.mark.parametrize(
    ("signal", "wanted", "status", "value"),
    [
        ("no signal", 0.9, "no signal", None),
        ("not measured", 0.9, "not measured", None),
        ("signal", 0.9, "out of reach", None),
        ("no signal", 0.3, "not needed", 0.0),
    ],
)
def test_where_nothing_is_held_back_the_reason_is_given(signal, wanted, status, value):
    side = np.linspace(0, 1, 40), np.arange(40) % 2
    found = set_threshold(side, signal, side, wanted)
    assert (found.status, found.value, found.right_of_all) == (status, value, 0.5)


def test_nothing_above_a_threshold_is_no_share():
    assert above(np.array([0.1]), np.array([1.0]), 0.5).as_json() == {
        "n": 0,
        "coverage": 0.0,
        "right": None,
    }


def test_tasks_and_sides():
    perplexity = [{"id": "a", "group": "g", "score": {"nll": 1.0}}]
    before = {"perplexity": perplexity, "mine": chosen(40, 0)}
    after = {"perplexity": perplexity, "mine": chosen(40, 1), "answers": answered(200, 2)}
    found = confidence_of(before, after, {"answers": answered(200, 3)}, {}, 100, 0, 0.55)
    assert {task: list(sides) for task, sides in found.items()} == {
        "mine": ["before", "after"],
        "answers": ["after"],
    }
    assert found["mine"]["after"].threshold is None
    gate = AbstentionPolicy.of(plain(found))
    assert gate.threshold == found["answers"]["after"].threshold.value > 0
    assert gate.status == "set"
    assert AbstentionPolicy.of(plain({"mine": found["mine"]})) is None
