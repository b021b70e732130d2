"""Calibration error, Brier score and temperature: known answers, noise of their own, agreement
with scikit-learn.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss

from medtune.evaluation.confidence.calibration import (
    bin_numbers,
    brier,
    calibration_error,
    expected_calibration_error,
    fit_temperature,
    negative_loglikelihood,
    perfect,
    reliability,
    scale_temperature,
)
from medtune.evaluation.confidence.scores import softmax

CONFIDENCES = st.lists(st.floats(0, 1), min_size=2, max_size=60)


def own_groups(count):
    return [str(i) for i in range(count)]


def drawn(count, seed=0, shift=0.0):
    """Confidences, and answers that are right that often less ``shift``."""
    rng = np.random.default_rng(seed)
    confidences = rng.beta(4, 3, count)
    return confidences, (rng.random(count) < np.clip(confidences - shift, 0, 1)).astype(float)


@pytest.mark.parametrize(("rights", "error"), [(8, 0.0), (5, 0.3)])
def test_ten_predictions_at_eight_tenths(rights, error):
    right = np.array([1.0] * rights + [0.0] * (10 - rights))
    assert expected_calibration_error(np.full(10, 0.8), right) == pytest.approx(error, abs=1e-12)


def test_the_error_is_the_weighted_mean_over_bins():
    confidences = np.array([0.1] * 30 + [0.9] * 10)
    right = np.array([1.0] * 6 + [0.0] * 24 + [1.0] * 5 + [0.0] * 5)
    assert expected_calibration_error(confidences, right) == pytest.approx(
        (30 * 0.1 + 10 * 0.4) / 40
    )


def test_bins_have_equal_mass_and_keep_equal_confidences_together():
    assert np.bincount(bin_numbers(np.arange(100) / 100)).tolist() == [10] * 10
    numbers = bin_numbers(np.array([0.5] * 95 + [0.1, 0.2, 0.8, 0.9, 1.0]))
    assert len(set(numbers[:95])) == 1
    assert numbers.max() + 1 == len(set(numbers))


@settings(max_examples=60, deadline=None)
@given(CONFIDENCES, st.randoms(use_true_random=False))
def test_an_error_lies_between_the_gap_of_all_and_one(values, random):
    confidences = np.array(values)
    right = np.array([float(random.random() < 0.5) for _ in values])
    error = expected_calibration_error(confidences, right)
    assert abs(right.mean() - confidences.mean()) - 1e-9 <= error <= 1
    order = np.array(random.sample(range(len(values)), len(values)))
    assert expected_calibration_error(confidences[order], right[order]) == pytest.approx(
        error, abs=1e-12
    )


def test_an_overconfident_model_stands_out_of_what_chance_would_show():
    confidences, right = drawn(600, shift=0.2)
    found = calibration_error(confidences, right, own_groups(600), 500, 0)
    assert found.perfect.high < found.low <= found.value <= found.high


def test_a_perfectly_calibrated_model_does_not():
    inside = covered = 0
    for seed in range(40):
        confidences, right = drawn(150, seed)
        found = calibration_error(confidences, right, own_groups(150), 200, seed)
        inside += found.value <= found.perfect.high
        covered += found.low == 0
    assert inside >= 36
    assert covered >= 36


def test_what_a_perfect_model_shows_shrinks_with_n_and_is_never_zero():
    small, large = (perfect(drawn(count)[0], 400, 0) for count in (50, 5000))
    assert small.mean > 3 * large.mean > 0
    assert small.low < small.mean < small.high


def test_the_perfect_value_of_certain_models_is_zero():
    assert perfect(np.array([1.0, 1.0, 0.0]), 50, 0).as_json() == {
        "mean": 0.0,
        "low": 0.0,
        "high": 0.0,
    }


def test_groups_widen_the_band():
    confidences, right = drawn(60, shift=0.2)
    copies = [np.repeat(values, 10) for values in (confidences, right)]
    groups = [str(i) for i in np.repeat(np.arange(60), 10)]
    alone = calibration_error(*copies, own_groups(600), 300, 0)
    clustered = calibration_error(*copies, groups, 300, 0)
    assert clustered.high > alone.high
    assert calibration_error(*copies, ["one"] * 600, 300, 0).low is None


def test_brier_agrees_with_scikit_learn():
    confidences, right = drawn(200)
    found = brier(confidences, right, own_groups(200), 200, 0)
    assert found.value == pytest.approx(brier_score_loss(right, confidences), abs=1e-12)
    assert found.low < found.value < found.high


def test_of_a_tie_the_brier_score_is_the_expected_one():
    assert brier(np.array([0.5]), np.array([0.5]), ["a"], 10, 0).value == pytest.approx(0.25)
    assert brier(np.array([0.9]), np.array([0.5]), ["a"], 10, 0).value == pytest.approx(
        (0.01 + 0.81) / 2
    )


def test_the_rows_of_a_reliability_diagram_hold_all_items():
    confidences, right = drawn(237)
    rows = reliability(confidences, right)
    assert sum(row.n for row in rows) == 237
    assert sum(row.n * row.right for row in rows) == pytest.approx(right.sum())
    assert all(row.low <= row.right <= row.high for row in rows)
    gaps = sum(row.n * abs(row.right - row.confidence) for row in rows) / 237
    assert gaps == pytest.approx(expected_calibration_error(confidences, right))


def labelled(count, temperature, seed=0):
    """Scores whose labels follow softmax(scores / temperature)."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 4, (count, 4))
    chances = softmax(scores / temperature).cumsum(axis=1)
    return scores, (rng.random((count, 1)) > chances).sum(axis=1)


def test_negative_loglikelihood_agrees_with_scikit_learn():
    scores, right = labelled(80, 1)
    ours = negative_loglikelihood(scores, right, 1.7)
    assert ours == pytest.approx(
        log_loss(right, softmax(scores / 1.7), labels=[0, 1, 2, 3]), abs=1e-9
    )


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(temperature):
    assert fit_temperature(*labelled(6000, temperature)) == pytest.approx(temperature, rel=0.07)


def test_temperature_mends_an_overconfident_model_on_test():
    scores, right = test = labelled(800, 3.0, 2)
    correct = (scores.argmax(axis=1) == right).astype(float)
    found = scale_temperature(labelled(800, 3.0, 1), test, correct, lambda p: p.max(axis=1))
    assert found.ece_before == expected_calibration_error(softmax(scores).max(axis=1), correct)
    assert found.ece_after < found.ece_before / 3
    assert found.nll_after < found.nll_before
    assert not found.at_limit


def test_a_temperature_at_the_end_of_the_range_is_said_to_be_there():
    sides = (
        np.array([[5.0, 0.0]] * 20),
        np.arange(20) % 2,
    )  # half of the sure answers are wrong: no T is soft enough
    assert scale_temperature(sides, sides, 1.0 - sides[1], lambda p: p[:, 0]).at_limit


def test_missing_options_take_no_part():
    padded = np.array([[1.0, 2.0, -np.inf]])
    assert softmax(padded)[0, 2] == 0
    assert negative_loglikelihood(padded, np.array([1]), 2.0) == pytest.approx(
        negative_loglikelihood(padded[:, :2], np.array([1]), 2.0)
    )
