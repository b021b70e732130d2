"""Two measurements of the same items, paired: what changed, by how much, how sure that is; over
all items, and source by source.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from medtune.errors import RunError
from medtune.evaluation.decisions import (
    RESAMPLES_PER_TEST,
    can_show,
    corrected,
    margin_test,
    too_few,
)
from medtune.evaluation.evaluate import score
from medtune.evaluation.results import Change, Changes, Estimate, Result, Score
from medtune.evaluation.statistics import (
    FEWEST_SWITCHES,
    RULE_OF_THREE,
    UNBOUNDED,
    PairedCounts,
    PairedDifference,
    paired_change,
)
from medtune.evaluation.studentized import LEVEL
from medtune.evaluation.tasks import TASKS, Metric, Sample, Task

TEST = "studentised bootstrap and t over groups"
MCNEMAR = "exact McNemar"
NOT_TESTED = "not tested (a description)"
Margins = Callable[[str, str], float | None]  # of a task's key and a metric's name


def no_margins(task: str, metric: str) -> None:
    """No margin for any figure: nothing can be called not worse."""


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
    metric: Metric,
    before: Sequence[Sample],
    after: Sequence[Sample],
    resamples: int,
    seed: int,
    margin: float | None = None,
) -> Change | None:
    """Difference of one metric, not yet corrected nor decided, and its test against a ``margin``.

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
    return change_of(metric, left, right, groups.tolist(), resamples, seed, margin)


def change_of(
    metric: Metric,
    left: np.ndarray,
    right: np.ndarray,
    groups: Sequence[str],
    resamples: int,
    seed: int,
    margin: float | None = None,
) -> Change:
    """The change between columns [items, k] of the same items, all of which the metric speaks of:
    value, interval, p-value and its test, and the smallest difference that could have been shown.
    """
    shares = metric.is_share(left) and metric.is_share(right)
    ends = (-1.0, 1.0) if shares else UNBOUNDED
    difference = paired_change(left, right, groups, metric.value, resamples, seed, ends)
    count, noise = len(set(groups)), metric.resolution(left, right)
    left_open = RULE_OF_THREE / count if shares else 0.0
    low, high = difference.low, difference.high
    if low is not None and high is not None and low == high:  # all groups changed alike
        low, high = max(ends[0], low - left_open), min(ends[1], high + left_open)
    effective = metric.effective_groups(groups, left, right)
    moved = {group for group, row in zip(groups, left != right, strict=True) if row.any()}
    bounds = _bounds(difference, shares, len(moved), effective)
    p, test, detectable = difference.p, TEST, difference.detectable
    items = _are_items(metric, left, right)
    if counts := PairedCounts.of(left[:, 0], right[:, 0], groups) if items else None:
        (low, high), bounds, p, test = counts.interval(), counts.bounds(), counts.p, MCNEMAR
        detectable = max(difference.detectable or 0.0, FEWEST_SWITCHES / len(groups))
    if low is not None and high is not None and 0 < abs(difference.value) <= noise:
        p, low, high = 1.0, min(low, -noise), max(high, noise)  # rounding, so none
    if metric.better is None:
        p, test, detectable = None, NOT_TESTED, None
    return Change(
        value=difference.value,
        low=low,
        high=high,
        p=p,
        detectable=_detectable(detectable, noise, shares) if can_show(count, effective) else None,
        test=test,
        p_corrected=None,
        better=metric.better,
        title=metric.title,
        unit=metric.unit,
        n=len(left),
        groups=count,
        effective_groups=effective,
        resolution=noise,
        margin=margin
        and margin_test(metric.better, margin, *bounds, enough=not too_few(count, effective)),
    )


def _detectable(difference: float | None, noise: float, shares: bool) -> float | None:
    """None where the groups have no spread, or no share could differ so much."""
    if not difference or (shares and difference > 1):
        return None
    return max(difference, noise)


def _are_items(metric: Metric, left: np.ndarray, right: np.ndarray) -> bool:
    """Whether the figure is a mean of shares, one an item."""
    return all(metric.is_share(side) and bool((side[:, 1] == 1).all()) for side in (left, right))


def _bounds(
    difference: PairedDifference, shares: bool, changed: int, effective: float
) -> tuple[float, float] | tuple[None, None]:
    """90 % interval of the difference.

    Of shares of which fewer than six groups changed, the bootstrap knows nothing: at most so many
    in ``effective`` groups change, each by all of itself, as a Poisson count leaves open at 95 %
    (Garwood 1936; 3 / n where none did).
    """
    from scipy.stats import chi2

    if shares and changed < FEWEST_SWITCHES:
        reach = min(1.0, float(chi2.ppf(LEVEL, 2 * changed + 2)) / 2 / effective)
        return -reach, reach
    if difference.lower is None or difference.upper is None:
        return None, None
    return difference.lower, difference.upper


def compare(
    before: Mapping[str, Sequence[Sample]],
    after: Mapping[str, Sequence[Sample]],
    resamples: int,
    seed: int,
    tasks: Mapping[str, Task] = TASKS,
    margins: Margins = no_margins,
) -> Changes:
    """Task (by its key in ``tasks``) → metric → difference, decided with p-values corrected by
    Holm over all tested metrics of all tasks.

    The bootstrap draws at least ``resamples`` times, more where the family is large.
    """
    names, family = [], []
    tested = sum(metric.better is not None for key in before for metric in tasks[key].metrics)
    draws = max(resamples, RESAMPLES_PER_TEST * tested)
    for key in before:
        left, right = paired_samples(before[key], after[key])
        for metric in tasks[key].metrics:
            margin = margins(key, metric.name)
            change = compare_metric(metric, left, right, draws, seed, margin)
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
