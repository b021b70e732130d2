"""Right or wrong before and after, on the same items: exact tests, and an interval that holds for few items too."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medtune.evaluation.statistics import wilson

FEWEST_SWITCHES = 6  # items that must change, all one way, before McNemar's exact test falls below 5 %
Array = np.ndarray


@dataclass(frozen=True)
class Fourfold:
    """How many items are right on both sides, before alone, after alone, and on neither."""

    both: int
    only_before: int
    only_after: int
    neither: int

    @classmethod
    def of(cls, before: Array, after: Array, groups: Sequence[str]) -> "Fourfold | None":
        """From values by item [n]; None unless each item is its own group, and right (1) or wrong (0)."""
        alone = 1 < len(before) == len(set(groups))
        if not alone or not np.isin(before, (0, 1)).all() or not np.isin(after, (0, 1)).all():
            return None
        left, right = before == 1, after == 1
        counts = (left & right, left & ~right, ~left & right, ~left & ~right)
        return cls(*(int(count.sum()) for count in counts))

    @property
    def n(self) -> int:
        """Items."""
        return self.both + self.only_before + self.only_after + self.neither

    @property
    def p(self) -> float:
        """Of McNemar's exact test."""
        return mcnemar_exact(self.only_before, self.only_after)

    def interval(self) -> tuple[float, float]:
        """95 % interval of the share right after minus that before, from Wilson's intervals of both.

        Method 10 of Newcombe 1998 (Statistics in Medicine 17, 2635): it stays within -1 and 1, and is none too short
        where few items changed, as a bootstrap is.
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
        """How alike both sides are, item by item (phi, with Newcombe's correction for continuity)."""
        before, after = self.both + self.only_before, self.both + self.only_after
        margins = before * (self.n - before) * after * (self.n - after)
        if not margins:
            return 0.0
        crossed = self.both * self.neither - self.only_before * self.only_after
        return (max(crossed - self.n / 2, 0.0) if crossed > 0 else crossed) / math.sqrt(margins)


def _joined(one: float, other: float, apart: float) -> float:
    return math.sqrt(max(0.0, one**2 - 2 * apart * one * other + other**2))


def mcnemar_exact(only_before: int, only_after: int) -> float:
    """Two-sided exact McNemar test: ``only_before`` items right before alone, ``only_after`` right after alone."""
    from scipy.stats import binomtest

    n = only_before + only_after
    return 1.0 if n == 0 else float(binomtest(only_before, n, 0.5).pvalue)


def sign_flips(differences: Array, resamples: int, seed: int) -> float:
    """Two-sided p-value of a mean difference where an item may be right by half (a tie): its sign flipped at random.

    Fisher's randomization test (1935, section 21), with as many draws as ``resamples``; where every change is a whole
    one it is McNemar's exact test. Each item must be its own group.
    """
    changed = differences[differences != 0]
    if not len(changed):
        return 1.0
    signs = np.random.default_rng(seed).integers(0, 2, size=(resamples, len(changed))) * 2 - 1
    reached = np.abs(signs @ changed) >= abs(float(changed.sum())) - 1e-9
    return float((reached.sum() + 1) / (resamples + 1))
