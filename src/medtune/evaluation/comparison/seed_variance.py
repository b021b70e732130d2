"""Trainings or decodings that differ in their seed alone, on the same items: the mean change,
and how far it is luck.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from medtune.evaluation.comparison.paired import paired_samples
from medtune.evaluation.statistics import cluster_sums, resampled_sums
from medtune.evaluation.tasks import Metric, Sample


def pooled_change(
    before: Sequence[Sample],
    after: Sequence[Sequence[Sample]],
    metric: Metric,
    resamples: int,
    seed: int,
    luck: float = 0.0,
) -> dict[str, Any]:
    """The change of ``metric`` over trainings: ``after`` holds the samples of each on the items
    of ``before``.

    The variance of the mean is that of the items, shared by all trainings (a paired cluster
    bootstrap of the mean change), and the one between the k trainings divided by k; the interval
    takes Student's t with the degrees of freedom of Satterthwaite (1946). More seeds do not make up
    for few items, nor the other way round. ``luck`` is a variance of training that is known from
    elsewhere; of a single training ``between_sd`` is None: not measured.
    """
    groups = [sample["group"] for sample in before]
    left = metric.columns(before)
    rights = [metric.columns(paired_samples(before, some)[1]) for some in after]
    width, k = left.shape[1], len(rights)
    sums = cluster_sums(np.concatenate([left, *rights], axis=1), groups)
    changes = _changes(sums.sum(axis=0), metric, width, k)
    drawn = _changes(resampled_sums(sums, resamples, seed), metric, width, k).mean(axis=-1)
    items, between = float(np.nanvar(drawn)), float(changes.var(ddof=1)) if k > 1 else 0.0
    low, high, p = _interval(float(changes.mean()), items + luck, between / k, len(sums) - 1, k - 1)
    return {
        "changes": changes.tolist(),
        "value": float(changes.mean()),
        "low": low,
        "high": high,
        "p": p,
        "between_sd": between**0.5 if k > 1 else None,
        "items_sd": items**0.5,
        "seeds": k,
        "n": len(before),
        "groups": len(sums),
    }


def decoding_spread(before: Sequence[Sample], after: Sequence[Sample]) -> dict[str, Any] | None:
    """ROUGE-L of each round of sampled answers, on both sides, and their standard deviation.

    None without two rounds.

    The pooled figure is the metric ``sampled_rouge_l``: a mean over rounds within each item, so
    that its interval over items holds the luck of decoding, too.
    """
    sides = {}
    for side, samples in (("before", before), ("after", after)):
        rounds = np.array(
            [sample["score"].get("sampled_rouge_l", ()) for sample in samples], dtype=float
        )
        if rounds.ndim != 2 or rounds.shape[1] < 2:
            return None
        values = rounds.mean(axis=0)
        sides[side] = {"values": values.tolist(), "between_sd": float(values.std(ddof=1))}
    return {"seeds": len(values), **sides}


def _changes(sums: np.ndarray, metric: Metric, width: int, k: int) -> np.ndarray:
    """Each training's figure less the one before: [..., k]."""
    start = metric.value(sums[..., :width])
    ends = [metric.value(sums[..., width * i : width * (i + 1)]) for i in range(1, k + 1)]
    return np.stack([end - start for end in ends], axis=-1)


def _interval(
    mean: float, items: float, seeds: float, item_freedom: int, seed_freedom: int
) -> tuple[Any, Any, Any]:
    from scipy.stats import t

    total = items + seeds
    if item_freedom < 1 or total == 0:
        return None, None, None
    parts = items**2 / item_freedom + (seeds**2 / seed_freedom if seed_freedom else 0.0)
    freedom, error = total**2 / parts, total**0.5
    reach = float(t.ppf(0.975, freedom)) * error
    return mean - reach, mean + reach, float(2 * t.sf(abs(mean) / error, freedom))
