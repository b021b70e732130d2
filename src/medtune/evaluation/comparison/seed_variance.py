"""Trainings or decodings that differ in their seed alone, on the same items: the mean change,
and how far it is luck.
"""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from medtune.evaluation.comparison.paired import paired_samples
from medtune.evaluation.decisions import decide, too_few_groups
from medtune.evaluation.results import Decision, Estimate, Result, Score
from medtune.evaluation.statistics import cluster_sums
from medtune.evaluation.studentized import resampled_sums
from medtune.evaluation.tasks import Metric, Sample


class PooledChange(Estimate):
    """A mean change over trainings; ``between_sd`` is None where there is one training."""

    changes: list[float] = Field(default_factory=list, exclude=True)  # of each training
    p: float | None
    between_sd: float | None
    items_sd: float
    seeds: int
    n: int
    groups: int
    effective_groups: float | None = None
    decision: Decision


class SeedRow(Result):
    """One training: its figure, and the change from the untouched model."""

    seed: int
    value: float
    change: float


class SeedVariance(Result):
    """Trainings with several seeds, by one metric."""

    task: str
    metric: str
    rows: list[SeedRow]
    pooled: PooledChange
    sentence: str


class CurvePoint(Score):
    """A figure after training on a part of the training rows."""

    fraction: float
    rows: int


class LearningCurve(Result):
    """A figure over nested parts of train; ``last_step`` is the change from the last but one."""

    task: str
    metric: str
    title: str
    unit: str
    before: Score
    points: list[CurvePoint]
    last_step: PooledChange
    sentence: str


class DecodingSide(Result):
    """A figure of each round of sampled answers."""

    values: list[float]
    between_sd: float


class DecodingSpread(Result):
    """Rounds of sampled answers on both sides."""

    seeds: int
    before: DecodingSide
    after: DecodingSide


def pooled_change(
    before: Sequence[Sample],
    after: Sequence[Sequence[Sample]],
    metric: Metric,
    resamples: int,
    seed: int,
    luck: float = 0.0,
) -> PooledChange:
    """The change of ``metric`` over trainings: ``after`` holds the samples of each on the items
    of ``before``.

    The variance of the mean is that of the items, shared by all trainings (a paired cluster
    bootstrap of the mean change), and the one between the k trainings divided by k. More seeds do
    not make up for few items, nor the other way round. ``luck`` is a variance of training that is
    known from elsewhere.
    """
    groups = [sample["group"] for sample in before]
    left = metric.columns(before)
    rights = [metric.columns(paired_samples(before, samples)[1]) for samples in after]
    width, k = left.shape[1], len(rights)
    sums = cluster_sums(np.concatenate([left, *rights], axis=1), groups)
    changes = _changes(sums.sum(axis=0), metric, width, k)
    drawn = _changes(resampled_sums(sums, resamples, seed), metric, width, k).mean(axis=-1)
    items, between = float(np.nanvar(drawn)), float(changes.var(ddof=1)) if k > 1 else 0.0
    value = float(changes.mean())
    low, high, p = mean_interval(value, items + luck, between / k, len(sums) - 1, k - 1)
    effective = metric.effective_groups(groups, left, *rights)
    noise = metric.resolution(left, *rights)
    if low is not None and high is not None and 0 < abs(value) <= noise:
        p, low, high = 1.0, min(low, -noise), max(high, noise)  # rounding, so none
    return PooledChange(
        changes=changes.tolist(),
        value=value,
        low=low,
        high=high,
        p=p,
        between_sd=between**0.5 if k > 1 else None,
        items_sd=items**0.5,
        seeds=k,
        n=len(before),
        groups=len(sums),
        effective_groups=effective,
        decision=decide(value, metric.better, p, len(sums), effective, noise),
    )


def seed_variance(
    key: str, metric: Metric, seeds: Sequence[int], values: Sequence[float], pooled: PooledChange
) -> SeedVariance:
    """Trainings with ``seeds``, whose figures are ``values``, with their mean in a sentence."""
    span = "" if pooled.low is None else f" (95 % {pooled.low:.3g} to {pooled.high:.3g})"
    words = too_few_groups(pooled) if pooled.groups > 1 else None
    few = f"; {words} are too few to tell it from chance" if words else ""
    sentence = (
        f"Over {len(seeds)} trainings with different seeds, {metric.title.lower()} changed by "
        f"{pooled.value:.3g} on average{span}; standard deviation between them "
        f"{pooled.between_sd or 0.0:.2g}{few}."
    )
    rows = [
        SeedRow(seed=seed, value=value, change=change)
        for seed, value, change in zip(seeds, values, pooled.changes, strict=True)
    ]
    return SeedVariance(task=key, metric=metric.name, rows=rows, pooled=pooled, sentence=sentence)


def learning_curve(
    key: str,
    metric: Metric,
    before: Score,
    points: Sequence[CurvePoint],
    last_step: PooledChange,
) -> LearningCurve:
    """The curve with what its last step says; a curve says nothing certain beyond its end.

    ``last_step.between_sd`` is None where the luck of training is not known.
    """
    return LearningCurve(
        task=key,
        metric=metric.name,
        title=metric.title,
        unit=metric.unit,
        before=before,
        points=list(points),
        last_step=last_step,
        sentence=_worth_of_more(metric, points, last_step),
    )


def _worth_of_more(metric: Metric, points: Sequence[CurvePoint], last: PooledChange) -> str:
    start = (
        f"From {points[-2].rows:,} to {points[-1].rows:,} training rows, {metric.title.lower()} "
        f"changed by {last.value:.3g}"
    )
    if last.p is None:
        return f"{start}: one group says nothing about chance."
    luck = "without" if last.between_sd is None else "with"
    start += f" (95 % {last.low:.3g} to {last.high:.3g}, {luck} the luck of training)"
    if few := too_few_groups(last):
        return f"{start}: {few} are too few to tell it from chance."
    ends = {
        "better": "it still gains, so more data of this kind would likely help",
        "worse": "more rows made it worse",
    }
    shown = ends.get(last.decision, "this test shows no further gain from the last rows")
    return f"{start}: {shown}."


def decoding_spread(before: Sequence[Sample], after: Sequence[Sample]) -> DecodingSpread | None:
    """ROUGE-L of each round of sampled answers, on both sides, and their standard deviation.

    None without two rounds. The pooled figure is the metric ``sampled_rouge_l``: a mean over rounds
    within each item, so that its interval over items holds the luck of decoding, too.
    """
    sides = [_rounds(samples) for samples in (before, after)]
    if sides[0] is None or sides[1] is None:
        return None
    return DecodingSpread(seeds=len(sides[1].values), before=sides[0], after=sides[1])


def _rounds(samples: Sequence[Sample]) -> DecodingSide | None:
    rounds = np.array([s["score"].get("sampled_rouge_l") or () for s in samples], dtype=float)
    if rounds.ndim != 2 or rounds.shape[1] < 2:
        return None
    values = rounds.mean(axis=0)
    return DecodingSide(values=values.tolist(), between_sd=float(values.std(ddof=1)))


def _changes(sums: np.ndarray, metric: Metric, width: int, k: int) -> np.ndarray:
    """Each training's figure less the one before: [..., k]."""
    start = metric.value(sums[..., :width])
    ends = [metric.value(sums[..., width * i : width * (i + 1)]) for i in range(1, k + 1)]
    return np.stack([end - start for end in ends], axis=-1)


def mean_interval(
    mean: float, items: float, seeds: float, item_freedom: int, seed_freedom: int
) -> tuple[float, float, float] | tuple[None, None, None]:
    """Ends and p-value; ``items`` and ``seeds`` are variances.

    The reach is the mean of both t quantiles, weighted by their variances (Cochran and Cox 1957,
    section 4.14): Satterthwaite's degrees of freedom take the variance between two trainings for
    known too often (``benchmarks/nulls.py``).
    """
    from scipy.optimize import brentq
    from scipy.stats import t

    total = items + seeds
    if item_freedom < 1 or total == 0:
        return None, None, None
    share = seeds / total if seed_freedom else 0.0

    def quantile(p: float) -> float:
        at_seeds = share * float(t.isf(p / 2, seed_freedom)) if share else 0.0
        return (1 - share) * float(t.isf(p / 2, item_freedom)) + at_seeds

    reach, score = quantile(0.05) * total**0.5, abs(mean) / total**0.5
    least = 1e-12
    p = least if quantile(least) <= score else brentq(lambda p: quantile(p) - score, least, 1.0)
    return mean - reach, mean + reach, float(p)
