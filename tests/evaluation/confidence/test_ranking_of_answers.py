"""AUROC, the words "no signal", and risk over coverage: known answers and agreement with
scikit-learn.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from medtune.evaluation.confidence.discrimination import (
    auroc,
    curve_points,
    measure_signal,
    resampled_aurocs,
    risk_area,
    risk_coverage,
)

PAIRS = st.lists(
    st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.booleans()), min_size=2, max_size=40
)


def arrays(pairs):
    return np.array([score for score, _ in pairs]), np.array([float(right) for _, right in pairs])


def test_all_scores_tied_is_a_half():
    assert auroc(np.full(10, 0.7), np.array([1.0] * 4 + [0.0] * 6)) == 0.5


@settings(max_examples=80, deadline=None)
@given(PAIRS)
def test_auroc_agrees_with_scikit_learn(pairs):
    scores, right = arrays(pairs)
    if 0 < right.sum() < len(right):
        assert auroc(scores, right) == pytest.approx(roc_auc_score(right, scores), abs=1e-12)
        assert auroc(scores, right) + auroc(-scores, right) == pytest.approx(1)
    else:
        assert np.isnan(auroc(scores, right))


@settings(max_examples=40, deadline=None)
@given(PAIRS, st.randoms(use_true_random=False))
def test_weights_count_items_as_copies_would(pairs, random):
    scores, right = arrays(pairs)
    times = np.array([random.randrange(4) for _ in pairs])
    copied = np.repeat(right, times)
    if 0 < copied.sum() < len(copied):
        expected = roc_auc_score(copied, np.repeat(scores, times))
        assert auroc(scores, right, times.astype(float)) == pytest.approx(expected, abs=1e-12)


def test_an_item_half_right_counts_half_on_either_side():
    copies = auroc(
        np.array([0.1, 0.4, 0.4, 0.9]),
        np.array([0.0, 1.0, 0.0, 1.0]),
        np.array([1.0, 0.5, 0.5, 1.0]),
    )
    assert auroc(np.array([0.1, 0.4, 0.9]), np.array([0.0, 0.5, 1.0])) == pytest.approx(copies)


def made(count, strength, seed=0):
    """Confidence, length that means nothing, whether right, groups."""
    rng = np.random.default_rng(seed)
    sure = rng.random(count)
    right = (rng.random(count) < 0.5 + strength * (sure - 0.5)).astype(float)
    return sure, rng.integers(5, 80, count).astype(float), right, [str(i) for i in range(count)]


def test_a_confidence_that_tells_is_a_signal():
    sure, lengths, right, groups = made(300, 1.0)
    found = measure_signal(sure, lengths, right, groups, 500, 0)
    assert found.signal == "signal"
    assert found.auroc.low > 0.5


def test_a_confidence_that_tells_nothing_is_called_no_signal():
    said = [measure_signal(*made(120, 0.0, seed), 300, seed).signal for seed in range(40)]
    assert said.count("no signal") >= 36


def test_tied_confidences_are_no_signal():
    _, lengths, right, groups = made(100, 0.5)
    found = measure_signal(np.full(100, 0.4), lengths, right, groups, 200, 0)
    assert found.auroc.as_json() == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert found.signal == "no signal"


@pytest.mark.parametrize(("sign", "direction"), [(1, "longer"), (-1, "shorter")])
def test_a_confidence_that_is_length_again_is_no_signal(sign, direction):
    sure, _, right, groups = made(400, 1.0)
    found = measure_signal(sure, 100 + sign * 90 * sure, right, groups, 300, 0)
    assert found.auroc.low > 0.5
    assert found.length_auroc.direction == direction
    assert found.difference.value == pytest.approx(0)
    assert found.signal == "no signal"


@pytest.mark.parametrize("right", [np.ones(50), np.zeros(50), np.array([1.0] * 4 + [0.0] * 46)])
def test_too_few_right_or_wrong_answers_are_not_measured(right):
    found = measure_signal(
        np.linspace(0, 1, 50), np.ones(50), right, [str(i) for i in range(50)], 50, 0
    )
    assert found.signal == "not measured"
    assert found.auroc is None


def test_groups_widen_the_interval():
    sure, _, right, _ = made(60, 0.8)
    copies = [np.repeat(values, 10) for values in (sure, right)]
    groups = [str(i) for i in np.repeat(np.arange(60), 10)]
    alone, clustered = (
        resampled_aurocs({"s": copies[0]}, copies[1], g, 400, 0)["s"].estimate()
        for g in ([str(i) for i in range(600)], groups)
    )
    assert clustered.high - clustered.low > 2 * (alone.high - alone.low)
    assert alone.value == clustered.value


def test_risk_over_coverage_by_hand():
    coverage, risk, sure = risk_coverage(
        np.array([0.2, 0.9, 0.8, 0.4]), np.array([0.0, 1.0, 0.0, 1.0])
    )
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 2 / 4])
    assert sure.tolist() == [0.9, 0.8, 0.4, 0.2]


def test_areas_by_hand():
    found = risk_area(np.array([0.2, 0.9, 0.8, 0.4]), np.array([0.0, 1.0, 0.0, 1.0]))
    assert found.value == pytest.approx((0 + 1 / 2 + 1 / 3 + 2 / 4) / 4)
    assert found.random == 0.5
    assert found.oracle == pytest.approx((0 + 0 + 1 / 3 + 2 / 4) / 4)


def test_tied_confidences_have_the_risk_of_a_random_order():
    right = np.array([1.0, 0, 0, 1, 1, 0, 1, 0, 0])
    found = risk_area(np.full(9, 0.5), right)
    assert found.value == pytest.approx(found.random)


@settings(max_examples=60, deadline=None)
@given(PAIRS)
def test_no_order_is_better_than_the_oracle(pairs):
    scores, right = arrays(pairs)
    found = risk_area(scores, right)
    assert found.oracle - 1e-12 <= found.value <= 1
    assert risk_coverage(scores, right)[1][-1] == pytest.approx(1 - right.mean())


def test_a_curve_has_at_most_fifty_points_and_ends_with_all_items():
    sure, _, right, _ = made(777, 0.5)
    points = curve_points(sure, right)
    assert len(points) == 50
    assert points[-1].coverage == 1
    assert points[-1].risk == pytest.approx(1 - right.mean())
    assert len(curve_points(sure[:7], right[:7])) == 7
