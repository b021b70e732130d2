"""Interval and p-value of a figure whose items come in groups, both from one procedure.

The jackknife gives each group a pseudo-value (Tukey 1958; their mean is the figure, their spread
its error). Two intervals are made of them: Student's t with groups − 1 degrees of freedom, and the
studentised bootstrap (Efron and Tibshirani 1993, section 12.5). The interval reported reaches from
the lower of the two lower ends to the higher of the two higher ends, and the p-value is the greater
of the two, so that the interval holds 0 exactly where p > 0.05. Either alone raises too many false
alarms somewhere: t where groups are skewed, the bootstrap where most groups do not change at all
(``benchmarks/nulls.py`` measures both).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

LEVEL = 0.95
POWER = 0.80
FEWEST_RESAMPLES = 199  # below, the ends of an interval lie on a score or two
Array = np.ndarray


class Inference(NamedTuple):
    """95 % interval, p-value of 0, and the difference that would be shown 4 times in 5.

    ``lower`` and ``upper`` are one-sided bounds of 95 % each: together a 90 % interval. An end is
    infinite where too many resamples have no spread.
    """

    low: float
    high: float
    p: float
    detectable: float
    lower: float
    upper: float

    def within(self, least: float, most: float) -> "Inference":
        """Of a figure that has bounds."""
        return self._replace(
            low=max(least, self.low),
            high=min(most, self.high),
            lower=max(least, self.lower),
            upper=min(most, self.upper),
        )

    def tested(self, changed: int) -> "Inference":
        """As a test of 0 where so many groups changed: they have 2^changed patterns of signs.

        Where fewer than six changed nothing can be shown, and the interval holds 0.
        """
        least = min(1.0, 2.0 ** (1 - changed))
        if least <= 1 - LEVEL:
            return self._replace(p=max(self.p, least))
        return self._replace(p=max(self.p, least), low=min(self.low, 0), high=max(self.high, 0))


def pseudo_values(figure: Callable[[Array], Array], sums: Array) -> Array:
    """Jackknife pseudo-values [groups] of ``figure``, a function of summed parts [..., k].

    ``sums`` holds the parts of each group [groups, k].
    """
    total, count = sums.sum(axis=0), len(sums)
    return np.asarray(count * figure(total) - (count - 1) * figure(total - sums))


def infer(value: float, pseudo: Array, resamples: int, seed: int) -> Inference | None:
    """95 % interval of ``value`` and two-sided p-value of 0, from its pseudo-values [groups].

    None where the groups say nothing of chance: fewer than two of them, or a figure that hangs on
    one group alone.
    """
    from scipy.stats import t as student

    count = len(pseudo)
    if count < 2 or not np.isfinite(pseudo).all():
        return None
    error = float(pseudo.std(ddof=1)) / count**0.5
    if error <= 1e-12 * max(abs(value), float(np.abs(pseudo).max()), 1e-300):
        return _all_alike(value, count)
    score, freedom = value / error, count - 1
    resamples = max(resamples, FEWEST_RESAMPLES)
    drawn = _resampled_scores(pseudo - pseudo.mean(), error, resamples, seed)

    def ends(beyond: float) -> tuple[float, float]:
        """Of the interval that leaves out so much on either side."""
        edge = int(beyond * (resamples + 1) + 1e-9)
        least = float(student.ppf(1 - beyond, freedom))
        reaches = max(least, float(drawn[-edge])), max(least, -float(drawn[edge - 1]))
        return value - error * reaches[0], value + error * reaches[1]

    (low, high), (lower, upper) = ends((1 - LEVEL) / 2), ends(1 - LEVEL)
    tail = min(int((drawn >= score).sum()), int((drawn <= score).sum()))
    p_bootstrap = min(1.0, 2 * (tail + 1) / (resamples + 1))
    p_student = 2 * float(student.sf(abs(score), freedom))
    return Inference(
        low=low,
        high=high,
        p=max(p_student, p_bootstrap),
        detectable=error * sum(student.ppf([(1 + LEVEL) / 2, POWER], freedom)),
        lower=lower,
        upper=upper,
    )


def _all_alike(value: float, count: int) -> Inference:
    """Groups without any spread: as sure as so many signs can be (p of a sign-flip test)."""
    p = 1.0 if value == 0 else 2.0 ** (1 - count)
    return Inference(value, value, p, 0.0, value, value)


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


def _resampled_scores(centred: Array, error: float, resamples: int, seed: int) -> Array:
    """Studentised means of ``resamples`` draws of the centred pseudo-values, sorted.

    Infinite where a draw has no spread.
    """
    count = len(centred)
    totals = resampled_sums(np.stack([centred, centred**2], axis=1), resamples, seed)
    means = totals[:, 0] / count
    variances = np.maximum(totals[:, 1] / count - means**2, 0.0) / (count - 1)
    flat = variances <= (1e-9 * error) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = means / np.sqrt(variances)
    away = np.abs(means[flat]) > 1e-9 * error
    scores[flat] = np.where(away, np.copysign(np.inf, means[flat]), 0.0)
    return np.sort(scores)
