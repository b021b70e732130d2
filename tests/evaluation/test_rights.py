"""Right or wrong before and after: exact tests and Newcombe's interval, against published values
and other libraries.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats import contingency_tables

from medtune.evaluation.comparison.paired import TEST, compare_metric
from medtune.evaluation.statistics import FEWEST_SWITCHES, PairedCounts, mcnemar_exact
from medtune.evaluation.tasks import Metric


def singles(values):
    return [f"g{i}" for i in range(len(values))]


@pytest.mark.parametrize(
    ("b", "c", "p"), [(60, 30, 0.00206), (5, 0, 0.0625), (10, 2, 0.038574), (0, 0, 1.0)]
)
def test_mcnemar_has_the_published_values(b, c, p):
    assert mcnemar_exact(b, c) == pytest.approx(p, abs=5e-6)
    assert mcnemar_exact(c, b) == pytest.approx(p, abs=5e-6)


@given(st.integers(0, 80), st.integers(0, 80))
@settings(max_examples=40, deadline=None)
def test_mcnemar_agrees_with_statsmodels(b, c):
    expected = contingency_tables.mcnemar([[3, b], [c, 4]], exact=True).pvalue
    assert mcnemar_exact(b, c) == pytest.approx(min(1.0, expected))


COUNTS = st.builds(PairedCounts, *[st.integers(0, 60)] * 4).filter(lambda table: table.n > 1)
# The worked examples of Newcombe 1998, table II, method 10: before minus after there.
NEWCOMBE = [
    ((36, 12, 2, 0), (0.0569, 0.3404)),
    ((36, 14, 0, 0), (0.1528, 0.4167)),
]


@pytest.mark.parametrize(("counts", "interval"), NEWCOMBE)
def test_newcombes_interval_has_the_published_values(counts, interval):
    low, high = PairedCounts(*counts).interval()
    assert (-high, -low) == pytest.approx(interval, abs=6e-5)


def wilson_by_hand(successes, n, z=1.959964):
    centre, half = successes + z**2 / 2, z * math.sqrt(successes * (1 - successes / n) + z**2 / 4)
    return (centre - half) / (n + z**2), (centre + half) / (n + z**2)


@pytest.mark.parametrize(
    ("counts", "phi"),
    [
        # both sides alike, as before and after of one model are: less n / 2 for continuity
        ((20, 4, 10, 6), (20 * 6 - 4 * 10 - 20) / math.sqrt(24 * 16 * 30 * 10)),
        ((60, 5, 15, 40), (60 * 40 - 5 * 15 - 60) / math.sqrt(65 * 55 * 75 * 45)),
        ((20, 10, 9, 5), 0),  # alike by less than the correction
        ((4, 10, 12, 6), (4 * 6 - 10 * 12) / math.sqrt(14 * 18 * 16 * 16)),  # unlike: none
    ],
)
def test_newcombes_interval_is_narrower_the_more_both_sides_are_alike(counts, phi):
    both, only_before, only_after, _ = counts
    n, before, after = sum(counts), both + only_before, both + only_after
    (low_1, high_1), (low_2, high_2) = wilson_by_hand(before, n), wilson_by_hand(after, n)
    difference = (after - before) / n
    down, up = (after / n - low_2, high_1 - before / n), (high_2 - after / n, before / n - low_1)
    expected = [
        difference + sign * math.sqrt(a**2 - 2 * phi * a * b + b**2)
        for sign, (a, b) in ((-1, down), (1, up))
    ]
    assert PairedCounts(*counts).interval() == pytest.approx(expected, abs=1e-6)


@given(COUNTS)
@settings(max_examples=200, deadline=None)
def test_newcombes_interval_holds_the_difference_and_stays_possible(table):
    low, high = table.interval()
    difference = (table.only_after - table.only_before) / table.n
    assert -1 - 1e-9 <= low <= difference + 1e-9
    assert difference - 1e-9 <= high <= 1 + 1e-9
    swapped = PairedCounts(
        table.both, table.only_after, table.only_before, table.neither
    ).interval()
    assert swapped == pytest.approx((-high, -low), abs=1e-9)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    shares = np.array([0.15, 0.05, 0.15, 0.65])  # truly +0.10
    held = 0
    for counts in rng.multinomial(40, shares, size=2000):
        low, high = PairedCounts(*map(int, counts)).interval()
        held += low <= 0.10 <= high
    assert 0.935 < held / 2000 < 0.985


def test_items_in_groups_ties_and_one_item_have_no_fourfold_table():
    before, after = np.array([1, 0, 0, 1]), np.array([0, 1, 1, 1])
    assert PairedCounts.of(before, after, singles(before)) == PairedCounts(1, 1, 2, 0)
    assert PairedCounts.of(before, after, ["a", "a", "b", "b"]) is None
    assert PairedCounts.of(before, after / 2, singles(before)) is None
    assert PairedCounts.of(before[:1], after[:1], ["a"]) is None


@given(st.tuples(*[st.integers(0, 12)] * 4).filter(lambda counts: sum(counts) > 1))
@settings(max_examples=60, deadline=None)
def test_newcombes_interval_holds_zero_exactly_where_p_is_above_a_twentieth(counts):
    pairs = PairedCounts(*counts)
    low, high = pairs.interval()
    assert (low <= 0 <= high) == (pairs.p > 0.05)
    assert pairs.p >= mcnemar_exact(pairs.only_before, pairs.only_after)


SHARE = Metric("accuracy", "Accuracy", lambda s: (s["score"], 1), "higher", right_or_wrong=True)
PLAIN = Metric("finished", "Finished", lambda s: (s["score"], 1), "higher")
PART = Metric("urgent", "Urgent", lambda s: (s["score"], s["counts"]), "higher")


def samples(scores, groups=None, counts=None):
    groups, counts = groups or singles(scores), counts or [1] * len(scores)
    return [
        {"score": s, "group": g, "counts": c}
        for s, g, c in zip(scores, groups, counts, strict=True)
    ]


def change(metric, before, after, **kind):
    return compare_metric(metric, samples(before, **kind), samples(after, **kind), 2000, 0)


@pytest.mark.parametrize("metric", [SHARE, PLAIN])
def test_every_figure_of_zeros_and_ones_is_tested_exactly(metric):
    found = change(metric, [0] * 46, [1] * 4 + [0] * 42)
    assert (found.test, found.p) == ("exact McNemar", 0.125)
    assert found.low < 0 < found.high  # the bootstrap's would begin at 0.02
    assert found.detectable >= FEWEST_SWITCHES / 46


def test_items_of_which_a_figure_does_not_speak_neither_count_nor_prove():
    counts = [1] * 10 + [0] * 90
    found = change(PART, [0] * 100, [1] * 6 + [0] * 94, counts=counts)
    assert (found.n, found.groups, found.test, found.p) == (
        10,
        10,
        "exact McNemar",
        0.03125,
    )
    assert found.detectable == pytest.approx(max(0.6, found.detectable))


def test_one_tie_that_changes_does_not_make_the_test_laxer():
    whole = change(SHARE, [0] * 20, [1] * 6 + [0] * 14)
    tied = change(SHARE, [0.25] + [0] * 19, [1] * 6 + [0] * 14)
    assert (whole.test, tied.test) == ("exact McNemar", TEST)
    assert whole.p == 0.03125
    assert tied.p >= whole.p


def test_what_could_have_been_shown_where_nothing_changed_and_in_groups():
    none = change(SHARE, [0] * 46, [0] * 46)
    assert none.detectable == pytest.approx(6 / 46)
    rng = np.random.default_rng(0)
    groups = [f"g{i // 10}" for i in range(100)]
    before, after = rng.integers(0, 2, 100).tolist(), rng.integers(0, 2, 100).tolist()
    grouped = change(SHARE, before, after, groups=groups)
    assert grouped.test == TEST
    assert 0 < grouped.detectable < 0.5  # not six switches of ten groups
    still = change(SHARE, before, before, groups=groups)
    assert still.detectable is None  # no spread, so nothing is known of it


def test_all_that_changed_stays_within_what_is_possible():
    found = change(SHARE, [0] * 20, [1] * 20)
    assert 0.7 < found.low < 1 == pytest.approx(found.high)
    grouped = change(SHARE, [0] * 20, [1] * 20, groups=[f"g{i // 2}" for i in range(20)])
    assert (grouped.low, grouped.high) == pytest.approx((0.7, 1.0))
