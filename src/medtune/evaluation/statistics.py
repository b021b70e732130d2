"""Intervals and tests for figures measured on items that come in groups.

Every figure is a function of sums over items (a mean: of a sum and a count; macro-F1: of three
counts a class), so one procedure serves all. Groups, not items, are its units: items of one group
are not independent.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from medtune.evaluation.studentized import LEVEL, infer, pseudo_values

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

    ``low`` and ``high`` are None where the groups say nothing of chance, such as a single one.
    """

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PairedDifference:
    """After minus before on the same items, with its 95 % interval and two-sided p-value.

    ``detectable`` is the smallest difference that these items would show four times in five: so
    many standard errors as Student's t has at 97.5 % and 80 % together (Cohen 1988, section 2.2).
    ``lower`` and ``upper`` are its 90 % interval, for tests against a margin.
    """

    value: float
    low: float | None
    high: float | None
    p: float | None
    detectable: float | None = None
    lower: float | None = None
    upper: float | None = None


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


UNBOUNDED = (-math.inf, math.inf)
SHARE = (0.0, 1.0)


def cluster_interval(
    parts: Array,
    groups: Sequence[str],
    figure: Figure,
    resamples: int = 10_000,
    seed: int = 0,
    bounds: tuple[float, float] = UNBOUNDED,
) -> Interval:
    """``figure`` of the summed ``parts`` [items, k] with the interval of ``studentized.infer``.

    ``bounds`` are the least and the most that the figure can be.
    """
    sums = cluster_sums(parts, groups)
    value = float(figure(sums.sum(axis=0)))
    inference = infer(value, pseudo_values(figure, sums), resamples, seed)
    if inference is None or not np.isfinite(inference.within(*bounds)).all():
        return Interval(value, None, None)
    inference = inference.within(*bounds)
    return Interval(value, inference.low, inference.high)


def paired_change(
    before: Array,
    after: Array,
    groups: Sequence[str],
    figure: Figure,
    resamples: int = 10_000,
    seed: int = 0,
    bounds: tuple[float, float] = UNBOUNDED,
) -> PairedDifference:
    """Difference of ``figure`` between two sides of the same items (parts [items, k] each).

    ``bounds`` are the least and the most that the difference can be. Interval and p-value come from
    ``studentized.infer``; fewer than six groups that changed show nothing.
    """
    width = before.shape[1]
    sums = cluster_sums(np.concatenate([before, after], axis=1), groups)

    def difference(pairs: Array) -> Array:
        return np.asarray(figure(pairs[..., width:]) - figure(pairs[..., :width]))

    value = float(difference(sums.sum(axis=0)))
    inference = infer(value, pseudo_values(difference, sums), resamples, seed)
    if inference is None or not np.isfinite(inference.within(*bounds)).all():
        return PairedDifference(value, None, None, None)
    changed = int((sums[:, :width] != sums[:, width:]).any(axis=1).sum())
    return PairedDifference(value, *inference.within(*bounds).tested(changed))


def effective_groups(weights: Sequence[float] | Array, groups: Sequence[str]) -> float:
    """How many groups of equal weight tell as much as these (Kish 1965, section 8.2).

    ``weights`` [items] is what an item counts for in a figure, such as the bytes of its answer: one
    long answer among short ones decides their sum.
    """
    sums = cluster_sums(weights, groups)
    return float(sums.sum() ** 2 / (sums**2).sum()) if sums.any() else 0.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Holm 1979): the corrected p-values in the order given."""
    order = np.argsort(p_values, kind="stable")
    corrected = np.empty(len(p_values))
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, (len(p_values) - rank) * p_values[index])
        corrected[index] = min(1.0, running)
    return [float(p) for p in corrected]


def wilson(successes: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Interval of a proportion (Wilson 1927)."""
    # By hand: Newcombe's p-value takes a hundred of them, and scipy's checks take a hundred times
    # as long as the formula.
    z2, share = NormalDist().inv_cdf((1 + level) / 2) ** 2, successes / n
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    low, high = max(0.0, middle - reach), min(1.0, middle + reach)
    return low if successes else 0.0, high if successes < n else 1.0


def proportion_interval(
    rights: Sequence[float] | Array, groups: Sequence[str], resamples: int, seed: int
) -> Interval:
    """A share of right items with its interval: Wilson's where every item is its own group and
    right or wrong.

    Otherwise by groups; where these have no spread (all right, or all wrong), Wilson's
    for so many groups.
    """
    values = np.asarray(rights, dtype=float)
    value, count = float(values.mean()), len(set(groups))
    if count == len(values) and count > 1 and np.isin(values, (0, 1)).all():
        return Interval(value, *wilson(int(values.sum()), count))
    if count > 1 and value in (0, 1):  # no spread between groups
        return Interval(value, *wilson(int(value) * count, count))
    parts = np.stack([values, np.ones(len(values))], axis=1)
    return cluster_interval(parts, groups, ratio(), resamples, seed, SHARE)


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
        """Of McNemar's exact test, or where Newcombe's interval just holds 0, if that is more."""
        exact = mcnemar_exact(self.only_before, self.only_after)
        return max(exact, self._p_of_interval()) if exact < 1 else 1.0

    def interval(self) -> tuple[float, float]:
        """95 % interval of the share right after minus that before, from Wilson's intervals of
        both.

        Method 10 of Newcombe 1998 (Statistics in Medicine 17, 2635): it stays within -1 and 1, and
        is none too short where few items changed, as a bootstrap is. It holds 0 wherever the exact
        test does not exclude it.
        """
        low, high = self._interval(LEVEL)
        if self.p > 1 - LEVEL:
            return min(low, 0.0), max(high, 0.0)
        return low, high

    def bounds(self) -> tuple[float, float]:
        """90 % interval of the same difference: a one-sided bound of 95 % at either end."""
        return self._interval(2 * LEVEL - 1)

    def _interval(self, level: float) -> tuple[float, float]:
        n, before, after = self.n, self.both + self.only_before, self.both + self.only_after
        low_before, high_before = wilson(before, n, level)
        low_after, high_after = wilson(after, n, level)
        apart = self._apart()
        below = _joined(after / n - low_after, high_before - before / n, apart)
        above = _joined(high_after - after / n, before / n - low_before, apart)
        difference = (after - before) / n
        return difference - below, difference + above

    def _p_of_interval(self) -> float:
        """One less the level at which an end of the interval is 0, found by halving."""
        low, high = self._interval(LEVEL)
        if low > 0 or high < 0:
            return 0.0  # below 0.05, where the exact test decides
        least, most = 1 - LEVEL, 1.0
        for _ in range(40):
            p = (least + most) / 2
            low, high = self._interval(1 - p)
            least, most = (p, most) if low <= 0 <= high else (least, p)
        return most

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
