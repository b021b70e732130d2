"""A figure source by source: whether all of the data, or one part of it alone, got better."""

from collections.abc import Mapping, Sequence

from medtune.evaluation.comparison.paired import compare_metric, paired_samples
from medtune.evaluation.evaluate import score
from medtune.evaluation.results import Estimate, Result, Score
from medtune.evaluation.tasks import Metric, Sample, Task

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
            own = [pair for pair in pairs if pair[0].get("source") == source]
            row = _row(source, own, tasks[key], metric, resamples, seed)
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
