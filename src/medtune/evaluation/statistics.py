"""Intervals and tests for figures measured on items that come in groups.

Every figure is a ratio of sums over items (a mean has denominator 1 an item), so one bootstrap serves all. Groups, not
items, are drawn: items of one group are not independent.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95
Array = np.ndarray
Transform = Callable[[Array], Array]


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval; ``low`` and ``high`` are None where there are fewer than two groups."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PairedDifference:
    """After minus before on the same items, with its 95 % interval and two-sided p-value."""

    value: float
    low: float | None
    high: float | None
    p: float | None


def _identity(values: Array) -> Array:
    return values


def cluster_sums(values: Sequence[float], groups: Sequence[str]) -> Array:
    """Sums of ``values`` within each group, in order of first appearance."""
    numbers: dict[str, int] = {}
    owners = np.array([numbers.setdefault(group, len(numbers)) for group in groups])
    sums = np.zeros(len(numbers))
    np.add.at(sums, owners, np.asarray(values, dtype=float))
    return sums


def resampled_sums(columns: Sequence[Array], resamples: int, seed: int) -> list[Array]:
    """For each column of group sums, its total in every bootstrap resample of the groups: arrays [resamples]."""
    count = len(columns[0])
    rng = np.random.default_rng(seed)
    totals = [np.empty(resamples) for _ in columns]
    step = max(1, 4_000_000 // count)
    for start in range(0, resamples, step):
        drawn = rng.integers(count, size=(min(step, resamples - start), count))
        for total, column in zip(totals, columns, strict=True):
            total[start : start + len(drawn)] = column[drawn].sum(axis=1)
    return totals


def _ratios(top: Array, bottom: Array, transform: Transform) -> Array:
    """Transformed ratios; NaN for a resample with nothing to divide by (such as empty answers alone)."""
    return transform(np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom != 0))


def ratio_interval(
    numerators: Sequence[float],
    denominators: Sequence[float],
    groups: Sequence[str],
    resamples: int = 10_000,
    seed: int = 0,
    transform: Transform = _identity,
) -> Interval:
    """``transform(sum of numerators / sum of denominators)`` with a percentile interval of the cluster bootstrap.

    Efron and Tibshirani 1993, chapter 13; groups drawn as in Field and Welsh 2007.
    """
    top, bottom = cluster_sums(numerators, groups), cluster_sums(denominators, groups)
    value = float(transform(np.array(top.sum() / bottom.sum())))
    if len(top) < 2:
        return Interval(value, None, None)
    above, below = resampled_sums([top, bottom], resamples, seed)
    ratios = _ratios(above, below, transform)
    low, high = np.nanquantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))


def paired_difference(
    before: tuple[Sequence[float], Sequence[float]],
    after: tuple[Sequence[float], Sequence[float]],
    groups: Sequence[str],
    resamples: int = 10_000,
    seed: int = 0,
    transform: Transform = _identity,
) -> PairedDifference:
    """Difference of two ratios over the same items, by a paired bootstrap over groups.

    ``before`` and ``after`` are (numerators, denominators), item by item in the same order. The p-value is twice the
    smaller share of resamples on the other side of 0, counting one more on either side, so it is never 0
    (Davison and Hinkley 1997, section 4.2).
    """
    columns = [cluster_sums(values, groups) for values in (*before, *after)]
    top_b, bottom_b, top_a, bottom_a = (column.sum() for column in columns)
    value = float(transform(np.array(top_a / bottom_a)) - transform(np.array(top_b / bottom_b)))
    if len(columns[0]) < 2:
        return PairedDifference(value, None, None, None)
    b_top, b_bottom, a_top, a_bottom = resampled_sums(columns, resamples, seed)
    differences = _ratios(a_top, a_bottom, transform) - _ratios(b_top, b_bottom, transform)
    differences = differences[np.isfinite(differences)]
    if not len(differences):
        return PairedDifference(value, None, None, None)
    low, high = np.quantile(differences, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    tail = min(np.sum(differences <= 0), np.sum(differences >= 0))
    # Few groups cannot prove much, however alike they are: k of them have 2^k patterns of signs (a sign-flip test's floor).
    p = min(1.0, max(2 * (tail + 1) / (len(differences) + 1), 2.0 ** (1 - len(columns[0]))))
    return PairedDifference(value, float(low), float(high), float(p))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Holm 1979): the corrected p-values in the order given."""
    order = np.argsort(p_values, kind="stable")
    corrected = np.empty(len(p_values))
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, (len(p_values) - rank) * p_values[index])
        corrected[index] = min(1.0, running)
    return [float(p) for p in corrected]


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson 1927)."""
    from scipy.stats import binomtest  # half a second that only this test needs

    interval = binomtest(successes, n).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def mcnemar_exact(only_before: int, only_after: int) -> float:
    """Two-sided exact McNemar test: ``only_before`` items right before alone, ``only_after`` right after alone."""
    from scipy.stats import binomtest

    n = only_before + only_after
    return 1.0 if n == 0 else float(binomtest(only_before, n, 0.5).pvalue)


def clustered_standard_error(values: Sequence[float], groups: Sequence[str]) -> float:
    """Standard error of a mean whose items come in groups (Liang and Zeger 1986, with the factor C / (C - 1))."""
    array = np.asarray(values, dtype=float)
    sums = cluster_sums(array - array.mean(), groups)
    count = len(sums)
    return math.sqrt(count / (count - 1) * float((sums**2).sum())) / len(array)
