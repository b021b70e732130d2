"""A figure source by source: whether all of the data, or one part of it alone, got better."""

from collections.abc import Mapping, Sequence
from typing import Any

from medtune.evaluation.comparison.paired import compare_metric, paired_samples
from medtune.evaluation.evaluate import score
from medtune.evaluation.tasks import Sample, Task

Samples = Mapping[str, Sequence[Sample]]


def by_source(
    before: Samples, after: Samples, tasks: Mapping[str, Task], resamples: int, seed: int
) -> dict[str, Any]:
    """Task → metric, title and a row a source, for tasks whose items come from several.

    The first tested metric alone; described, with intervals and without p-values, so that the
    family stays small.
    """
    found = {}
    for key in before:
        sources = sorted({sample["source"] for sample in before[key] if sample.get("source")})
        metric = next((metric for metric in tasks[key].metrics if metric.better), None)
        if len(sources) < 2 or metric is None:
            continue
        left, right = paired_samples(before[key], after[key])
        rows = []
        for source in sources:
            pair = [(a, b) for a, b in zip(left, right, strict=True) if a.get("source") == source]
            own, other = [a for a, _ in pair], [b for _, b in pair]
            scores = [
                score(tasks[key], side, resamples, seed).get(metric.name) for side in (own, other)
            ]
            change = compare_metric(metric, own, other, resamples, seed)
            if change is None or None in scores:
                continue
            span = {name: change[name] for name in ("value", "low", "high")}
            rows.append(
                {
                    "source": source,
                    "n": len(pair),
                    "before": scores[0],
                    "after": scores[1],
                    "change": span,
                }
            )
        found[key] = {
            "metric": metric.name,
            "title": metric.title,
            "unit": metric.unit,
            "rows": rows,
        }
    return found
