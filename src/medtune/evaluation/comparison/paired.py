"""Two measurements of the same items, paired: what changed, by how much, how sure that is; over
all items, and source by source.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medtune.errors import RunError
from medtune.evaluation.decisions import corrected
from medtune.evaluation.evaluate import score
from medtune.evaluation.results import Change, Changes, Estimate, Result, Score
from medtune.evaluation.statistics import (
    FEWEST_SWITCHES,
    RULE_OF_THREE,
    UNBOUNDED,
    PairedCounts,
    PairedDifference,
    effective_groups,
    paired_change,
)
from medtune.evaluation.tasks import TASKS, Metric, Sample, Task

TEST = "studentised bootstrap and t over groups"
MCNEMAR = "exact McNemar"
NOT_TESTED = "not tested (a description)"


def item_of(sample: Sample) -> tuple[Any, ...]:
    """What makes an item the same one; the rendered prompt differs between models."""
    options = tuple(sample.get("options") or ())
    return sample["id"], sample["group"], sample.get("question"), sample["reference"], options


def same_items(left: Sequence[Sample], right: Sequence[Sample]) -> bool:
    """Whether two evaluations hold the same items, in whatever order."""
    return len(left) == len(right) and {*map(item_of, left)} == {*map(item_of, right)}


def paired_samples(
    before: Sequence[Sample], after: Sequence[Sample]
) -> tuple[list[Sample], list[Sample]]:
    """Both sides in the order of the first.

    Raises ``RunError`` where they do not hold the same items.
    """
    by_id = {sample["id"]: sample for sample in after}
    if len(by_id) < len(after) or len({sample["id"] for sample in before}) < len(before):
        raise RunError(
            "two items have one id", fix="Evaluate again; if it stays, please report it."
        )
    if not same_items(before, after):
        raise RunError(
            "the two evaluations hold different items", fix="Evaluate both models on the same data."
        )
    return list(before), [by_id[sample["id"]] for sample in before]


def compare_metric(
    metric: Metric, before: Sequence[Sample], after: Sequence[Sample], resamples: int, seed: int
) -> Change | None:
    """Difference of one metric, not yet corrected nor decided.

    None where a side has nothing to divide by.
    """
    left, right = metric.columns(before), metric.columns(after)
    groups = np.array([sample["group"] for sample in before], dtype=object)
    if metric.paired_only and len(left):
        both = metric.speaks(left) & metric.speaks(right)
        left, right, groups = left[both], right[both], groups[both]
    if not len(left) or not all(
        np.isfinite(metric.value(side.sum(axis=0))) for side in (left, right)
    ):
        return None
    # An item of which the figure speaks on neither side (a denominator of 0) is none of its n.
    spoken = metric.speaks(left) | metric.speaks(right)
    left, right, groups = left[spoken], right[spoken], groups[spoken]
    return _change(metric, left, right, groups.tolist(), resamples, seed)


def _change(
    metric: Metric,
    left: np.ndarray,
    right: np.ndarray,
    groups: list[str],
    resamples: int,
    seed: int,
) -> Change:
    """Value, interval, p-value and its test, and the smallest difference that could have been
    shown.
    """
    shares = metric.is_share(left) and metric.is_share(right)
    bounds = (-1.0, 1.0) if shares else UNBOUNDED
    difference = paired_change(left, right, groups, metric.value, resamples, seed, bounds)
    low, high = _interval(difference, len(set(groups)), shares)
    # Nothing is detectable where the groups have no spread.
    p, test, detectable = difference.p, TEST, difference.detectable or None
    items = _are_items(metric, left, right)
    if counts := PairedCounts.of(left[:, 0], right[:, 0], groups) if items else None:
        (low, high), p, test = counts.interval(), counts.p, MCNEMAR
        detectable = max(difference.detectable or 0.0, min(1.0, FEWEST_SWITCHES / len(groups)))
    if metric.better is None:
        p, test, detectable = None, NOT_TESTED, None
    weights = np.ones(len(left)) if metric.figure else left[:, -1] + right[:, -1]
    return Change(
        value=difference.value,
        low=low,
        high=high,
        p=p,
        detectable=detectable,
        test=test,
        p_corrected=None,
        better=metric.better,
        title=metric.title,
        unit=metric.unit,
        n=len(left),
        groups=len(set(groups)),
        effective_groups=effective_groups(weights, groups),
    )


def _are_items(metric: Metric, left: np.ndarray, right: np.ndarray) -> bool:
    """Whether the figure is a mean of shares, one an item."""
    return all(metric.is_share(side) and bool((side[:, 1] == 1).all()) for side in (left, right))


def _interval(
    difference: PairedDifference, groups: int, shares: bool
) -> tuple[float | None, float | None]:
    """Of a share that changed alike in all groups, what the rule of three leaves open."""
    low, high = difference.low, difference.high
    if low is None or high is None or low != high or not shares:
        return low, high
    reach = RULE_OF_THREE / groups
    return max(-1.0, low - reach), min(1.0, high + reach)


def compare(
    before: Mapping[str, Sequence[Sample]],
    after: Mapping[str, Sequence[Sample]],
    resamples: int,
    seed: int,
    tasks: Mapping[str, Task] = TASKS,
) -> Changes:
    """Task (by its key in ``tasks``) → metric → difference, decided with p-values corrected by
    Holm over all tested metrics of all tasks.
    """
    names, family = [], []
    for key in before:
        left, right = paired_samples(before[key], after[key])
        for metric in tasks[key].metrics:
            change = compare_metric(metric, left, right, resamples, seed)
            if change:
                names.append((key, metric.name))
                family.append(change.model_copy(update={"kind": tasks[key].name}))
    changes: Changes = {key: {} for key in before}
    for (key, name), change in zip(names, corrected(family), strict=True):
        changes[key][name] = change
    return changes


Samples = Mapping[str, Sequence[Sample]]


class SourceRow(Result):
    """A figure on the ``n`` items of one source; the change is described, without a test."""

    source: str
    n: int
    before: Score
    after: Score
    change: Estimate


class BySource(Result):
    """A task's first tested metric, a row a source."""

    metric: str
    title: str
    unit: str
    rows: list[SourceRow]


def by_source(
    before: Samples, after: Samples, tasks: Mapping[str, Task], resamples: int, seed: int
) -> dict[str, BySource]:
    """Task → its first tested metric by source, for tasks whose items come from several.

    That metric alone, with intervals and without p-values, so that the family stays small.
    """
    parts = {}
    for key in before:
        sources = sorted({sample["source"] for sample in before[key] if sample.get("source")})
        metric = next((metric for metric in tasks[key].metrics if metric.better), None)
        if len(sources) < 2 or metric is None:
            continue
        pairs = list(zip(*paired_samples(before[key], after[key]), strict=True))
        rows = []
        for source in sources:
            source_pairs = [pair for pair in pairs if pair[0].get("source") == source]
            row = _row(source, source_pairs, tasks[key], metric, resamples, seed)
            rows += [row] if row else []
        parts[key] = BySource(metric=metric.name, title=metric.title, unit=metric.unit, rows=rows)
    return parts


def _row(
    source: str,
    pairs: Sequence[tuple[Sample, Sample]],
    task: Task,
    metric: Metric,
    resamples: int,
    seed: int,
) -> SourceRow | None:
    """None where the metric says nothing of these items."""
    left, right = ([pair[side] for pair in pairs] for side in (0, 1))
    before, after = (score(task, side, resamples, seed).get(metric.name) for side in (left, right))
    change = compare_metric(metric, left, right, resamples, seed)
    if change is None or before is None or after is None:
        return None
    span = Estimate(value=change.value, low=change.low, high=change.high)
    return SourceRow(source=source, n=len(pairs), before=before, after=after, change=span)
