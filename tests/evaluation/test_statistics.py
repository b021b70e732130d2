"""Intervals and tests against published values, scipy and statsmodels."""

import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.api import OLS
from statsmodels.stats import multitest, proportion

from medtune.evaluation.comparison.paired import change_of, compare_metric
from medtune.evaluation.decisions import corrected
from medtune.evaluation.statistics import (
    SHARE as OF_SHARES,
)
from medtune.evaluation.statistics import (
    UNBOUNDED,
    cluster_interval,
    clustered_standard_error,
    effective_groups,
    holm,
    paired_change,
    proportion_interval,
    ratio,
    wilson,
)
from medtune.evaluation.studentized import resampled_sums
from medtune.evaluation.tasks import Metric
from medtune.evaluation.tasks.perplexity import bits_per_byte


def ratio_interval(
    tops, bottoms, groups, resamples=10_000, seed=0, transform=np.asarray, bounds=UNBOUNDED
):
    parts = np.stack([tops, bottoms], axis=1)
    return cluster_interval(parts, groups, ratio(transform), resamples, seed, bounds)


def paired_difference(before, after, groups, resamples=10_000, seed=0):
    sides = [np.stack(side, axis=1).astype(float) for side in (before, after)]
    return paired_change(*sides, groups, ratio(), resamples, seed)


def ones(values):
    return [1] * len(values)


def singles(values):
    return [f"g{i}" for i in range(len(values))]


TEN_COPIES = [float(value) for value in [1] * 8 + [0] * 2 for _ in range(10)]
COPY_GROUPS = [f"g{cluster}" for cluster in range(10) for _ in range(10)]


# Exact tests and corrections


def test_holm_keeps_the_order_given_and_never_falls():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(max_examples=15, deadline=None)
def test_holm_agrees_with_statsmodels(p_values):
    gc.freeze()  # multipletests collects garbage at each call: half a second in a full process
    try:
        expected = multitest.multipletests(p_values, method="holm")[1]
    finally:
        gc.unfreeze()
    assert holm(p_values) == pytest.approx(expected)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=50, deadline=None)
def test_wilson_agrees_with_statsmodels(counts):
    assert wilson(*counts) == pytest.approx(
        proportion.proportion_confint(*counts, method="wilson"), abs=1e-9
    )


# Standard errors and intervals of grouped items


def test_standard_error_of_ten_clusters_of_ten_copies():
    assert clustered_standard_error(TEN_COPIES, COPY_GROUPS) == pytest.approx(0.1333, abs=5e-4)
    assert clustered_standard_error(TEN_COPIES, singles(TEN_COPIES)) == pytest.approx(
        0.0402, abs=5e-4
    )


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 4)), min_size=6, max_size=40))
@settings(max_examples=40, deadline=None)
def test_clustered_standard_error_agrees_with_statsmodels(rows):
    values, groups = [value for value, _ in rows], np.array([group for _, group in rows])
    groups[:2] = 0, 1
    fit = OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": groups})
    found = clustered_standard_error(values, [str(group) for group in groups])
    assert found == pytest.approx(float(fit.bse[0]), abs=1e-7)


def test_interval_is_wide_for_copies_and_narrow_where_groups_are_ignored():
    grouped = ratio_interval(TEN_COPIES, ones(TEN_COPIES), COPY_GROUPS, bounds=OF_SHARES)
    ignored = ratio_interval(TEN_COPIES, ones(TEN_COPIES), singles(TEN_COPIES))
    assert grouped.value == ignored.value == pytest.approx(0.8)
    assert grouped.high - grouped.low > 2.5 * (ignored.high - ignored.low)
    assert (ignored.high - ignored.low) / 3.92 == pytest.approx(0.040, abs=0.006)


def test_copies_inside_a_group_add_no_certainty():
    values = np.random.default_rng(1).normal(size=20)
    once = ratio_interval(values, ones(values), singles(values), 500)
    copies = np.repeat(values, 7)
    copied = ratio_interval(
        copies, ones(copies), [g for g in singles(values) for _ in range(7)], 500
    )
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))


def test_interval_reaches_as_far_as_students_and_as_the_studentised_bootstrap():
    values = np.random.default_rng(3).gamma(2.0, size=60)
    student = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    error = values.std(ddof=1) / 60**0.5
    drawn = np.random.default_rng(8).choice(values, (20_000, 60))
    scores = (drawn.mean(axis=1) - values.mean()) / (drawn.std(axis=1, ddof=1) / 60**0.5)
    low, high = values.mean() - error * np.quantile(scores, [0.975, 0.025])
    interval = ratio_interval(values, ones(values), singles(values))
    assert (interval.low, interval.high) == pytest.approx(
        (min(low, student.low), max(high, student.high)), abs=0.02
    )
    assert high > student.high + 0.03  # these items are skewed, and only the bootstrap knows it


def test_a_ratio_weighs_items_by_their_denominator():
    interval = ratio_interval([4.0, 8.0], [2, 8], ["a", "b"], transform=np.exp)
    assert interval.value == pytest.approx(3.3201, abs=5e-5)


def test_interval_is_the_same_for_the_same_seed_only():
    values = np.random.default_rng(0).normal(size=30)
    first, again, other = (
        ratio_interval(values, ones(values), singles(values), 300, seed) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_one_group_has_a_value_and_no_interval():
    interval = ratio_interval([1.0, 0.0], [1, 1], ["same", "same"])
    assert (interval.value, interval.low, interval.high) == (0.5, None, None)
    difference = paired_difference(([1, 0], [1, 1]), ([1, 1], [1, 1]), ["same", "same"])
    assert (difference.value, difference.low, difference.p) == (0.5, None, None)


def test_items_with_nothing_to_divide_by_leave_the_interval_finite():
    # An empty answer has no words: a resample of such answers alone divides nothing by nothing.
    tops, bottoms = [1.0, 0.0, 0.0, 2.0, 0.0] * 4, [10, 0, 0, 10, 0] * 4
    groups = singles(tops)
    interval = ratio_interval(tops, bottoms, groups)
    assert 0.1 < interval.low < interval.value < interval.high < 0.2
    difference = paired_difference((tops, bottoms), ([0.0] * 20, bottoms), groups)
    assert np.isfinite([difference.low, difference.high, difference.p]).all()


def test_a_figure_that_hangs_on_one_group_has_no_interval():
    interval = ratio_interval([1.0, 0.0, 0.0], [10, 0, 0], singles(range(3)))
    assert (interval.value, interval.low, interval.high) == (0.1, None, None)


# Paired differences


def consistent_difference():
    rng = np.random.default_rng(5)
    before = rng.normal(3, 1, 80)
    return before, before - 0.05 + rng.normal(0, 0.05, 80)


def test_paired_test_sees_a_small_steady_difference_that_unpaired_intervals_hide():
    before, after = consistent_difference()
    groups = singles(before)
    found = paired_difference((before, ones(before)), (after, ones(after)), groups)
    assert found.high < 0
    assert found.p < 0.01
    apart_before, apart_after = (
        ratio_interval(side, ones(side), groups) for side in (before, after)
    )
    assert apart_before.low < apart_after.high
    assert stats.ttest_ind(before, after).pvalue > 0.5


def test_paired_interval_agrees_with_the_paired_t_interval():
    before, after = consistent_difference()
    found = paired_difference((before, ones(before)), (after, ones(after)), singles(before))
    expected = stats.ttest_rel(after, before).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.003)


def test_swapping_the_sides_turns_the_sign_and_keeps_p():
    rng = np.random.default_rng(2)
    before, after = (
        (rng.normal(size=25), ones(range(25))),
        (rng.normal(0.3, size=25), ones(range(25))),
    )
    groups = singles(range(25))
    there, back = paired_difference(before, after, groups), paired_difference(after, before, groups)
    assert (back.value, back.low, back.high) == pytest.approx(
        (-there.value, -there.high, -there.low)
    )
    assert back.p == pytest.approx(there.p)


def test_p_is_never_zero_and_one_for_equal_sides():
    sure = paired_difference(
        ([5.0] * 9, [1] * 9), ([1.0] * 9, [1] * 9), singles(range(9)), resamples=99
    )
    assert sure.p == 2.0**-8
    assert paired_difference(([5, 2], [1, 1]), ([5, 2], [1, 1]), ["a", "b"], 99).p == 1.0


def test_no_difference_is_called_real_about_one_time_in_twenty():
    rng = np.random.default_rng(11)
    hits = 0
    for seed in range(200):
        before, after = rng.normal(size=50), rng.normal(size=50)
        found = paired_difference(
            (before, ones(before)), (after, ones(after)), singles(before), 400, seed
        )
        hits += found.p < 0.05
    assert 2 <= hits <= 24


def test_groups_widen_the_paired_interval_of_copies():
    rng = np.random.default_rng(4)
    before, shift = rng.normal(size=12), rng.normal(0.1, 0.5, size=12)
    many_before, many_after = np.repeat(before, 10), np.repeat(before + shift, 10)
    sides = (many_before, ones(many_before)), (many_after, ones(many_after))
    grouped = paired_difference(*sides, [f"g{i}" for i in range(12) for _ in range(10)])
    ignored = paired_difference(*sides, singles(many_before))
    assert grouped.high - grouped.low > 2.5 * (ignored.high - ignored.low)
    assert grouped.p > ignored.p


@pytest.mark.parametrize("groups", [2, 3, 5, 8])
def test_few_groups_cannot_prove_more_than_their_signs(groups):
    ones = [1.0] * groups
    found = paired_difference(
        ([2.0] * groups, ones), ([1.999] * groups, ones), [str(i) for i in range(groups)], 2000
    )
    assert found.p >= 2.0 ** (1 - groups)


# Figures of several sums, and shares of right answers


def test_a_figure_of_many_sums_is_inferred_whole():
    rng = np.random.default_rng(6)
    parts = rng.integers(0, 2, size=(400, 2)).astype(float)

    def product(sums):
        return sums[..., 0] * sums[..., 1] / 400

    interval = cluster_interval(parts, singles(parts), product, 2000)
    drawn = product(parts[rng.integers(400, size=(4000, 400))].sum(axis=1))
    assert interval.value == product(parts.sum(axis=0))
    assert (interval.low, interval.high) == pytest.approx(
        tuple(np.quantile(drawn, [0.025, 0.975])), abs=1.5
    )


@given(st.lists(st.sampled_from([-2.0, -0.5, 0.0, 0.0, 0.25, 1.0]), min_size=3, max_size=30))
@settings(max_examples=60, deadline=None)
def test_the_interval_holds_zero_exactly_where_p_is_above_a_twentieth(changes):
    zeros = [0.0] * len(changes)
    change = paired_difference(
        (zeros, ones(changes)), (changes, ones(changes)), singles(changes), 400
    )
    if change.p is None:  # so few of them differ that resamples hold none
        assert change.low is change.high is None
        return
    assert (change.low <= 0 <= change.high) == (change.p > 0.05)


def test_groups_of_unequal_weight_count_for_fewer():
    assert effective_groups([1.0] * 12, singles(range(12))) == pytest.approx(12)
    assert effective_groups([1.0] * 12, ["a", "b"] * 6) == pytest.approx(2)
    assert effective_groups([99.0, 1.0], ["a", "b"]) == pytest.approx(1.0202, abs=1e-3)
    assert effective_groups([0.0], ["a"]) == 0


def test_resamples_draw_every_group_as_often_as_scipy_would():
    totals = resampled_sums(np.eye(5), 4000, 0)
    assert (totals.sum(axis=1) == 5).all()
    assert totals.mean(axis=0) == pytest.approx(np.ones(5), abs=0.07)
    assert totals.var(axis=0) == pytest.approx(
        np.full(5, 0.8), abs=0.08
    )  # binomial: 5 draws of 1/5


def test_shares_of_single_items_have_wilsons_interval():
    found = proportion_interval([1] * 15 + [0] * 10, singles(range(25)), 100, 0)
    assert (found.low, found.high) == pytest.approx(
        proportion.proportion_confint(15, 25, method="wilson")
    )


@pytest.mark.parametrize("value", [0, 1])
def test_shares_without_spread_are_as_sure_as_their_groups_are_many(value):
    found = proportion_interval([value] * 30, [f"g{i // 10}" for i in range(30)], 100, 0)
    assert (found.low, found.high) == pytest.approx(wilson(3 * value, 3))


def test_shares_of_ties_and_of_groups_go_by_groups():
    tied = proportion_interval([0.5] * 10 + [1.0] * 10, singles(range(20)), 500, 0)
    assert tied == ratio_interval(
        [0.5] * 10 + [1.0] * 10, [1] * 20, singles(range(20)), 500, 0, bounds=OF_SHARES
    )
    grouped = proportion_interval(TEN_COPIES, COPY_GROUPS, 500, 0)
    assert grouped == ratio_interval(
        TEN_COPIES, ones(TEN_COPIES), COPY_GROUPS, 500, 0, bounds=OF_SHARES
    )


SHARE = Metric("accuracy", "Accuracy", lambda s: (s["score"], 1), "higher", right_or_wrong=True)


def compared(changes, groups):
    """The comparison of items that were half right before, and changed so."""
    sides = [
        [
            {"id": str(i), "group": group, "reference": None, "score": float(value)}
            for i, (group, value) in enumerate(zip(groups, values, strict=True))
        ]
        for values in (np.maximum(0, -np.array(changes)), np.maximum(0, np.array(changes)))
    ]
    return compare_metric(SHARE, *sides, 400, 0)


@pytest.mark.parametrize("sizes", [[8] * 20, [10] * 4 + [1] * 40])
def test_no_change_is_called_real_about_one_time_in_twenty_whatever_the_sizes_of_groups(sizes):
    """Groups flip together, by chance, with a mean change of 0."""
    rng, hits = np.random.default_rng(3), 0
    groups = [f"g{i}" for i, size in enumerate(sizes) for _ in range(size)]
    for _ in range(120):
        hits += compared(np.repeat(rng.integers(-1, 2, len(sizes)), sizes), groups).p < 0.05
    assert hits <= 14


def test_one_large_group_against_many_small_ones_decides_nothing():
    """One group of 50 gains and twelve single items lose: the mean rises, and one group is one
    witness.
    """
    changes = [1] * 50 + [-1] * 12 + [0] * 40
    found = compared(changes, ["big"] * 50 + [f"g{i}" for i in range(52)])
    assert found.value > 0.3
    assert found.p > 0.05


def test_where_nothing_changed_the_interval_is_not_nothing():
    found = compared([0] * 60, [f"g{i // 2}" for i in range(60)])
    assert (found.low, found.high) == pytest.approx((-0.1, 0.1))  # the rule of three of 30 groups
    assert found.p == 1
    alone = compared([0] * 60, singles(range(60)))
    assert (alone.low, alone.high) == pytest.approx(
        (-wilson(0, 60)[1], wilson(0, 60)[1])
    )  # Newcombe's


# Margins, and differences that are rounding

HIGHER = Metric("score", "Score", lambda s: (s["score"], 1), "higher")
LOSS = bits_per_byte("Bits per byte")


def moved(differences, start=3.0, metric=HIGHER, margin=0.02, groups=None):
    """The change of a mean by so much in each item."""
    differences = np.asarray(differences, dtype=float)
    sides = [np.stack([start + d, np.ones(len(d))], axis=1) for d in (0 * differences, differences)]
    return change_of(metric, *sides, groups or singles(differences), 4999, 0, margin)


def test_the_interval_of_a_margin_is_students_of_90_percent_where_items_are_normal():
    differences = np.random.default_rng(0).normal(0, 0.05, 60)
    found = moved(differences)
    expected = stats.ttest_1samp(differences, 0).confidence_interval(0.90)
    assert (found.margin.low, found.margin.high) == pytest.approx(tuple(expected), abs=1e-3)
    assert found.low < found.margin.low < found.margin.high < found.high


def test_of_right_and_wrong_the_interval_of_a_margin_is_newcombes():
    before = np.repeat([1.0, 1.0, 0.0, 0.0], [60, 2, 3, 35])
    after = np.repeat([1.0, 0.0, 1.0, 0.0], [60, 2, 3, 35])
    sides = [np.stack([side, np.ones(100)], axis=1) for side in (before, after)]
    found = change_of(SHARE, *sides, singles(before), 400, 0, 0.06)
    low, high = [proportion.proportion_confint(k, 100, 0.1, method="wilson") for k in (62, 63)]
    apart = (60 * 35 - 2 * 3 - 50) / (62 * 38 * 63 * 37) ** 0.5

    def joined(one, other):
        return (one**2 - 2 * apart * one * other + other**2) ** 0.5

    expected = (
        0.01 - joined(0.63 - high[0], low[1] - 0.62),
        0.01 + joined(high[1] - 0.63, 0.62 - low[0]),
    )
    assert (found.margin.low, found.margin.high) == pytest.approx(expected)
    assert found.low < found.margin.low < found.margin.high < found.high
    assert found.margin.equivalent == "shown"


def test_a_share_that_hardly_any_group_changed_leaves_a_margin_open():
    """One of 60 groups changed: 4.74 in 60 may, so 0.07 is not shown and 0.08 is."""
    sides = [np.repeat([[0.0, 1.0]], 120, axis=0) for _ in range(2)]
    sides[1][0, 0] = 1.0
    groups = [f"g{i // 2}" for i in range(120)]
    for margin, shown in ((0.07, "not shown"), (0.08, "shown")):
        assert change_of(HIGHER, *sides, groups, 999, 0, margin).margin.equivalent == shown


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(
    ("metric", "size"), [(HIGHER, 5e-8), (HIGHER, 2.9e-6), (LOSS, 5e-8), (LOSS, 1e-3)]
)
def test_a_difference_that_rounding_makes_is_none_however_alike_all_items_moved(metric, size, sign):
    noise = np.random.default_rng(1).uniform(0.9, 1.0, 40)
    found = moved(sign * size * noise, metric=metric)
    assert found.p == 1
    assert found.low < 0 < found.high
    assert corrected([found])[0].decision == "undecided"
    real = moved(sign * 20 * size * noise + 0.01 * sign, metric=metric)
    assert corrected([real])[0].decision in ("better", "worse")


def test_rounding_is_measured_by_the_size_of_the_items_not_of_their_sum():
    """Cosines of both signs cancel; what each is known to does not."""
    start = np.array([1.0, -1.0] * 20)
    assert moved(np.full(40, 5e-7), start).p == 1
    assert moved(np.full(40, 5e-4), start).p < 0.05


def test_nothing_is_detectable_with_too_few_groups_or_beyond_what_a_share_can_be():
    differences = np.random.default_rng(0).normal(0, 0.1, 12)
    assert moved(differences).detectable > 0.05
    assert moved(differences[:9]).detectable is None
    assert moved(differences[:3]).detectable is None
    assert moved(differences, groups=["one"] * 11 + ["other"]).detectable is None
    opposite = compared([1, -1] * 10, [f"g{i // 2}" for i in range(0, 40, 2)][:20])
    assert opposite.detectable is None or opposite.detectable <= 1
