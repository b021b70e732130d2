"""Two measurements of the same items, paired: what changed, by how much, how sure that is."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medtune.errors import RunError
from medtune.evaluation.statistics import (
    FEWEST_SWITCHES,
    RULE_OF_THREE,
    PairedDifference,
    holm,
    mcnemar_exact,
    paired_bootstrap,
    switches,
)
from medtune.evaluation.tasks import TASKS, Metric, Sample, Task

TEST = "paired bootstrap"
MCNEMAR = "exact McNemar"


def paired_samples(before: Sequence[Sample], after: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """Both sides in the same order; they must hold the same items."""
    by_id = {sample["id"]: sample for sample in after}
    if len(by_id) < len(after) or len({sample["id"] for sample in before}) < len(before):
        raise RunError("two items have one id", fix="Evaluate again; if it stays, please report it.")
    if [s["id"] for s in before] != [s["id"] for s in after] and set(by_id) != {s["id"] for s in before}:
        raise RunError("the two evaluations hold different items", fix="Evaluate both models on the same data.")
    if any(_item(sample) != _item(by_id[sample["id"]]) for sample in before):
        raise RunError("the two evaluations hold different items", fix="Evaluate both models on the same data.")
    return list(before), [by_id[sample["id"]] for sample in before]


def _item(sample: Sample) -> tuple[Any, ...]:
    """What makes an item the same one; the rendered prompt differs between models."""
    return sample["group"], sample.get("question"), sample["reference"], sample.get("options")


def compare_metric(
    metric: Metric, before: Sequence[Sample], after: Sequence[Sample], resamples: int, seed: int
) -> dict[str, Any] | None:
    """Difference of one metric; None where a side has nothing to divide by."""
    left, right = metric.columns(before), metric.columns(after)
    if metric.paired_only and len(left):
        both = metric.speaks(left) & metric.speaks(right)
        left, right = left[both], right[both]
        before = [sample for sample, there in zip(before, both, strict=True) if there]
    if not len(left) or not all(np.isfinite(metric.value(side.sum(axis=0))) for side in (left, right)):
        return None
    groups = [sample["group"] for sample in before]
    # An item of which the figure does not speak on either side (a denominator of 0) is none of its n.
    spoken = [bool(a or b) for a, b in zip(metric.speaks(left), metric.speaks(right), strict=True)]
    found = paired_bootstrap(left, right, groups, metric.value, resamples, seed)
    tested = metric.better is not None
    p, test = (found.p, TEST) if tested else (None, "not tested (a description)")
    if tested and metric.right_or_wrong and p is not None:
        changed = switches(right[:, 0] - left[:, 0], groups)
        if changed:
            p, test = mcnemar_exact(*changed), MCNEMAR
    low, high = _spread(metric, found, left, right, len(set(groups)))
    return {
        "value": found.value,
        "low": low,
        "high": high,
        "p": p,
        "p_corrected": None,
        "detectable": _detectable(metric, found, len(set(groups))),
        "test": test,
        "better": metric.better,
        "title": metric.title,
        "unit": metric.unit,
        "n": sum(spoken),
        "groups": len({group for group, counts in zip(groups, spoken, strict=True) if counts}),
    }


def _spread(
    metric: Metric, found: PairedDifference, left: np.ndarray, right: np.ndarray, groups: int
) -> tuple[float | None, float | None]:
    """The interval; of a share of which no item changed at all, what the rule of three leaves open."""
    if found.low is None or found.low != found.high or not (metric.is_share(left) and metric.is_share(right)):
        return found.low, found.high
    reach = min(1.0, RULE_OF_THREE / groups)
    return found.value - reach, found.value + reach


def _detectable(metric: Metric, found: PairedDifference, groups: int) -> float | None:
    """The smallest difference that these items could have shown; of right answers at least what McNemar's test needs."""
    if metric.better is None or found.detectable is None:
        return None
    return max(found.detectable, FEWEST_SWITCHES / groups) if metric.right_or_wrong else found.detectable


def compare(
    before: dict[str, list[Sample]],
    after: dict[str, list[Sample]],
    resamples: int,
    seed: int,
    tasks: Mapping[str, Task] = TASKS,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Task (by its key in ``tasks``) → metric → difference, with p-values corrected by Holm over all tested metrics of all tasks."""
    change: dict[str, dict[str, dict[str, Any]]] = {}
    for name in before:
        left, right = paired_samples(before[name], after[name])
        compared = {m.name: compare_metric(m, left, right, resamples, seed) for m in tasks[name].metrics}
        kind = {"kind": tasks[name].name}
        change[name] = {metric: found | kind for metric, found in compared.items() if found}
    family = [entry for metrics in change.values() for entry in metrics.values() if entry["p"] is not None]
    for entry, corrected in zip(family, holm([entry["p"] for entry in family]), strict=True):
        entry["p_corrected"] = corrected
    return change
