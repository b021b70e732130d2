"""Figures of judgements: the score of an item, and how far a judge agrees with given labels."""

from collections.abc import Sequence

import numpy as np

from medtune.evaluation.statistics import Array


def item_score(points: Sequence[float], met: Sequence[bool | None]) -> float | None:
    """Points of what is met over the positive points (Arora et al.

    2025, HealthBench, section 3); below 0 stays below 0.

    A missing judgement of positive points counts on neither side. None where a penalty was not
    judged, for it would be taken for none, and where no criterion with positive points was.
    """
    if any(value < 0 and found is None for value, found in zip(points, met, strict=True)):
        return None
    judged = [(value, found) for value, found in zip(points, met, strict=True) if found is not None]
    reachable = sum(value for value, _ in judged if value > 0)
    return sum(value for value, found in judged if found) / reachable if reachable else None


def clipped(values: Array) -> Array:
    """The mean of item scores between 0 and 1; single items are not clipped."""
    return np.asarray(np.clip(values, 0.0, 1.0))


def crossing(pairs: Sequence[tuple[bool, bool]]) -> list[int]:
    """Of (label, verdict) how many are both true, true and false, false and true, both false."""
    return [
        sum(pair == wanted for pair in pairs)
        for wanted in ((True, True), (True, False), (False, True), (False, False))
    ]


def kappa(sums: Array) -> Array:
    """Cohen's kappa (Cohen 1960) of crossings [..., 4].

    NaN where there are none, or chance alone would agree wholly.
    """
    sums = np.asarray(sums, dtype=float)
    n = sums.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        both, first, second, neither = (sums[..., i] / n for i in range(4))
        chance = (both + first) * (both + second) + (second + neither) * (first + neither)
        return np.asarray(np.where(chance < 1, (both + neither - chance) / (1 - chance), np.nan))
