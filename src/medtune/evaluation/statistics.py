"""Intervals and tests for figures measured on items that come in groups.

Every figure is a function of sums over items (a mean: of a sum and a count; macro-F1: of three
counts a class), so one bootstrap serves all. Groups, not items, are drawn: items of one group are
not independent.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95
DETECTABLE = 1.959964 + 0.841621  # quantiles of the normal distribution at 97.5 % and 80 %
RULE_OF_THREE = (
    3  # none among n: at most 3 / n, with 95 % confidence (Hanley and Lippman-Hand 1983)
)
Array = np.ndarray
Transform = Callable[[Array], Array]
Figure = Callable[
    [Array], Array
]  # sums [..., k] to figures [...]; NaN where there is nothing to divide by


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval.

    ``low`` and ``high`` are None where there are fewer than two groups.
    """

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PairedDifference:
    """After minus before on the same items, with its 95 % interval and two-sided p-value.

    ``detectable`` is the smallest difference that these items would show four times in five: 2.80
    standard errors (1.96 for a two-sided test at 5 %, 0.84 for a power of 80 %; Cohen 1988, section
    2.2), of this very pair of sides.
    """

    value: float
    low: float | None
    high: float | None
    p: float | None
    detectable: float | None = None


def _identity(values: Array) -> Array:
    return values


def cluster_sums(values: Sequence[float] | Array, groups: Sequence[str]) -> Array:
    """Sums of ``values`` ([items] or [items, k]) within each group, in order of first
    appearance.
    """
    numbers: dict[str, int] = {}
    owners = np.array([numbers.setdefault(group, len(numbers)) for group in groups])
    array = np.asarray(values, dtype=float)
    sums = np.zeros((len(numbers), *array.shape[1:]))
    np.add.at(sums, owners, array)
    return sums


def resampled_sums(sums: Array, resamples: int, seed: int) -> Array:
    """Totals of the group sums [groups, k] in every bootstrap resample of the groups:
    [resamples, k].
    """
    count = len(sums)
    rng = np.random.default_rng(seed)
    totals = np.empty((resamples, sums.shape[1]))
    step = max(1, 4_000_000 // count)
    for start in range(0, resamples, step):
        drawn = rng.integers(count, size=(min(step, resamples - start), count))
        rows = drawn + count * np.arange(len(drawn))[:, None]
        times = np.bincount(rows.ravel(), minlength=count * len(drawn)).reshape(len(drawn), count)
        totals[start : start + len(drawn)] = times @ sums
    return totals


def ratio(transform: Transform = _identity) -> Figure:
    """The figure ``transform(first sum / second sum)``.

    NaN where the second is 0 (such as empty answers alone).
    """

    def figure(sums: Array) -> Array:
        top, bottom = sums[..., 0], sums[..., 1]
        return transform(
            np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom != 0)
        )

    return figure


def bootstrap_interval(
    parts: Array, groups: Sequence[str], figure: Figure, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """``figure`` of the summed ``parts`` [items, k] with a percentile interval of the cluster
    bootstrap.

    Efron and Tibshirani 1993, chapter 13; groups drawn as in Field and Welsh 2007.
    """
    sums = cluster_sums(parts, groups)
    value = float(figure(sums.sum(axis=0)))
    if len(sums) < 2:
        return Interval(value, None, None)
    figures = figure(resampled_sums(sums, resamples, seed))
    low, high = np.nanquantile(figures, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))


def paired_bootstrap(
    before: Array,
    after: Array,
    groups: Sequence[str],
    figure: Figure,
    resamples: int = 10_000,
    seed: int = 0,
) -> PairedDifference:
    """Difference of ``figure`` between two sides of the same items (parts [items, k] each), by a
    bootstrap over groups.

    The p-value is twice the smaller share of resamples on the other side of 0, counting one more on
    either side, so it is never 0 (Davison and Hinkley 1997, section 4.2).
    """
    width = before.shape[1]
    sums = cluster_sums(np.concatenate([before, after], axis=1), groups)
    totals = sums.sum(axis=0)
    value = float(figure(totals[width:]) - figure(totals[:width]))
    if len(sums) < 2:
        return PairedDifference(value, None, None, None)
    drawn = resampled_sums(sums, resamples, seed)
    differences = figure(drawn[:, width:]) - figure(drawn[:, :width])
    differences = differences[np.isfinite(differences)]
    if not len(differences):
        return PairedDifference(value, None, None, None)
    low, high = np.quantile(differences, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    tail = min(np.sum(differences <= 0), np.sum(differences >= 0))
    # Few groups cannot prove much, however alike they are: k of them have 2^k patterns of signs (a
    # sign-flip test's floor).
    p = min(1.0, max(2 * (tail + 1) / (len(differences) + 1), 2.0 ** (1 - len(sums))))
    return PairedDifference(
        value, float(low), float(high), float(p), DETECTABLE * float(differences.std())
    )


def ratio_interval(
    numerators: Sequence[float],
    denominators: Sequence[float],
    groups: Sequence[str],
    resamples: int = 10_000,
    seed: int = 0,
    transform: Transform = _identity,
) -> Interval:
    """``bootstrap_interval`` of ``transform(sum of numerators / sum of denominators)``."""
    return bootstrap_interval(
        np.stack([numerators, denominators], axis=1), groups, ratio(transform), resamples, seed
    )


def paired_difference(
    before: tuple[Sequence[float], Sequence[float]],
    after: tuple[Sequence[float], Sequence[float]],
    groups: Sequence[str],
    resamples: int = 10_000,
    seed: int = 0,
    transform: Transform = _identity,
) -> PairedDifference:
    """``paired_bootstrap`` of two ratios, each side given as (numerators, denominators), item by
    item.
    """
    sides = [np.stack(side, axis=1).astype(float) for side in (before, after)]
    return paired_bootstrap(sides[0], sides[1], groups, ratio(transform), resamples, seed)


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


def proportion_interval(
    rights: Sequence[float] | Array, groups: Sequence[str], resamples: int, seed: int
) -> Interval:
    """A share of right items with its interval: Wilson's where every item is its own group and
    right or wrong.

    Otherwise the cluster bootstrap; where that knows no spread (all right, or all wrong), Wilson's
    for so many groups.
    """
    values = np.asarray(rights, dtype=float)
    value, count = float(values.mean()), len(set(groups))
    if count == len(values) and count > 1 and np.isin(values, (0, 1)).all():
        return Interval(value, *wilson(int(values.sum()), count))
    if count > 1 and value in (0, 1):  # a bootstrap knows no spread here
        return Interval(value, *wilson(int(value) * count, count))
    return ratio_interval(list(values), [1] * len(values), groups, resamples, seed)


def clustered_standard_error(values: Sequence[float], groups: Sequence[str]) -> float:
    """Standard error of a mean whose items come in groups (Liang and Zeger 1986, with the factor
    C / (C - 1)).
    """
    array = np.asarray(values, dtype=float)
    sums = cluster_sums(array - array.mean(), groups)
    count = len(sums)
    return math.sqrt(count / (count - 1) * float((sums**2).sum())) / len(array)


FEWEST_SWITCHES = (
    6  # items that must change, all one way, before McNemar's exact test falls below 5 %
)


@dataclass(frozen=True)
class PairedCounts:
    """How many items are right on both sides, before alone, after alone, and on neither."""

    both: int
    only_before: int
    only_after: int
    neither: int

    @classmethod
    def of(cls, before: Array, after: Array, groups: Sequence[str]) -> "PairedCounts | None":
        """From values by item [n].

        None unless each item is its own group, and right (1) or wrong (0).
        """
        alone = 1 < len(before) == len(set(groups))
        if not alone or not np.isin(before, (0, 1)).all() or not np.isin(after, (0, 1)).all():
            return None
        left, right = before == 1, after == 1
        counts = (left & right, left & ~right, ~left & right, ~left & ~right)
        return cls(*(int(count.sum()) for count in counts))

    @property
    def n(self) -> int:
        """Number of items in all four cells."""
        return self.both + self.only_before + self.only_after + self.neither

    @property
    def p(self) -> float:
        """Two-sided p-value of McNemar's exact test."""
        return mcnemar_exact(self.only_before, self.only_after)

    def interval(self) -> tuple[float, float]:
        """95 % interval of the share right after minus that before, from Wilson's intervals of
        both.

        Method 10 of Newcombe 1998 (Statistics in Medicine 17, 2635): it stays within -1 and 1, and
        is none too short where few items changed, as a bootstrap is.
        """
        n, before, after = self.n, self.both + self.only_before, self.both + self.only_after
        low_before, high_before = wilson(before, n)
        low_after, high_after = wilson(after, n)
        apart = self._apart()
        below = _joined(after / n - low_after, high_before - before / n, apart)
        above = _joined(high_after - after / n, before / n - low_before, apart)
        difference = (after - before) / n
        return difference - below, difference + above

    def _apart(self) -> float:
        """How alike both sides are, item by item (phi, with Newcombe's correction for
        continuity).
        """
        before, after = self.both + self.only_before, self.both + self.only_after
        margins = before * (self.n - before) * after * (self.n - after)
        if not margins:
            return 0.0
        crossed = self.both * self.neither - self.only_before * self.only_after
        return (max(crossed - self.n / 2, 0.0) if crossed > 0 else crossed) / math.sqrt(margins)


def _joined(one: float, other: float, apart: float) -> float:
    return math.sqrt(max(0.0, one**2 - 2 * apart * one * other + other**2))


def mcnemar_exact(only_before: int, only_after: int) -> float:
    """Two-sided exact McNemar test: ``only_before`` items right before alone, ``only_after``
    right after alone.
    """
    from scipy.stats import binomtest

    n = only_before + only_after
    return 1.0 if n == 0 else float(binomtest(only_before, n, 0.5).pvalue)


def sign_flips(differences: Array, resamples: int, seed: int) -> float:
    """Two-sided p-value of a mean difference where an item may be right by half (a tie): its
    sign flipped at random.

    Fisher's randomization test (1935, section 21), with as many draws as ``resamples``; where every
    change is a whole one it is McNemar's exact test. Each item must be its own group.
    """
    changed = differences[differences != 0]
    if not len(changed):
        return 1.0
    signs = np.random.default_rng(seed).integers(0, 2, size=(resamples, len(changed))) * 2 - 1
    reached = np.abs(signs @ changed) >= abs(float(changed.sum())) - 1e-9
    return float((reached.sum() + 1) / (resamples + 1))
