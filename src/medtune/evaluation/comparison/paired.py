"""Two measurements of the same items, paired: what changed, by how much, how sure that is."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medtune.errors import RunError
from medtune.evaluation.statistics import (
    FEWEST_SWITCHES,
    RULE_OF_THREE,
    PairedCounts,
    PairedDifference,
    holm,
    paired_bootstrap,
    sign_flips,
)
from medtune.evaluation.tasks import TASKS, Metric, Sample, Task

TEST = "paired bootstrap"
MCNEMAR = "exact McNemar"
SIGNS = "sign flips"


def paired_samples(
    before: Sequence[Sample], after: Sequence[Sample]
) -> tuple[list[Sample], list[Sample]]:
    """Both sides in the same order; they must hold the same items."""
    by_id = {sample["id"]: sample for sample in after}
    if len(by_id) < len(after) or len({sample["id"] for sample in before}) < len(before):
        raise RunError(
            "two items have one id", fix="Evaluate again; if it stays, please report it."
        )
    if [s["id"] for s in before] != [s["id"] for s in after] and set(by_id) != {
        s["id"] for s in before
    }:
        raise RunError(
            "the two evaluations hold different items", fix="Evaluate both models on the same data."
        )
    if any(_item(sample) != _item(by_id[sample["id"]]) for sample in before):
        raise RunError(
            "the two evaluations hold different items", fix="Evaluate both models on the same data."
        )
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
    if not len(left) or not all(
        np.isfinite(metric.value(side.sum(axis=0))) for side in (left, right)
    ):
        return None
    # An item of which the figure does not speak on either side (a denominator of 0) is none of its
    # n.
    spoken = metric.speaks(left) | metric.speaks(right)
    left, right = left[spoken], right[spoken]
    groups = [sample["group"] for sample, there in zip(before, spoken, strict=True) if there]
    found = paired_bootstrap(left, right, groups, metric.value, resamples, seed)
    return {
        "value": found.value,
        **_uncertainty(metric, found, left, right, groups, (resamples, seed)),
        "p_corrected": None,
        "better": metric.better,
        "title": metric.title,
        "unit": metric.unit,
        "n": len(left),
        "groups": len(set(groups)),
    }


def _uncertainty(
    metric: Metric,
    found: PairedDifference,
    left: np.ndarray,
    right: np.ndarray,
    groups: list[str],
    draws: tuple[int, int],
) -> dict[str, Any]:
    """Interval, p-value and its test, and the smallest difference that could have been shown."""
    low, high = _spread(metric, found, left, right, len(set(groups)))
    p, test, detectable = (
        found.p,
        TEST,
        found.detectable or None,
    )  # none where the bootstrap knows no spread
    items = _are_items(metric, left, right)
    if fourfold := PairedCounts.of(left[:, 0], right[:, 0], groups) if items else None:
        (low, high), p, test = fourfold.interval(), fourfold.p, MCNEMAR
    elif items and metric.right_or_wrong and p is not None and len(set(groups)) == len(groups):
        p, test = sign_flips(right[:, 0] - left[:, 0], *draws), SIGNS
    if test != TEST:
        detectable = max(found.detectable or 0.0, min(1.0, FEWEST_SWITCHES / len(groups)))
    if metric.better is None:
        p, test, detectable = None, "not tested (a description)", None
    return {"low": low, "high": high, "p": p, "detectable": detectable, "test": test}


def _are_items(metric: Metric, left: np.ndarray, right: np.ndarray) -> bool:
    """Whether the figure is a mean of shares, one an item."""
    return all(metric.is_share(side) and bool((side[:, 1] == 1).all()) for side in (left, right))


def _spread(
    metric: Metric, found: PairedDifference, left: np.ndarray, right: np.ndarray, groups: int
) -> tuple[float | None, float | None]:
    """The bootstrap's interval.

    Of a share that changed alike in all groups, what the rule of three leaves open.
    """
    if (
        found.low is None
        or found.low != found.high
        or not (metric.is_share(left) and metric.is_share(right))
    ):
        return found.low, found.high
    reach = RULE_OF_THREE / groups
    return max(-1.0, found.value - reach), min(1.0, found.value + reach)


def compare(
    before: dict[str, list[Sample]],
    after: dict[str, list[Sample]],
    resamples: int,
    seed: int,
    tasks: Mapping[str, Task] = TASKS,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Task (by its key in ``tasks``) → metric → difference, with p-values corrected by Holm over
    all tested metrics of all tasks.
    """
    change: dict[str, dict[str, dict[str, Any]]] = {}
    for name in before:
        left, right = paired_samples(before[name], after[name])
        compared = {
            m.name: compare_metric(m, left, right, resamples, seed) for m in tasks[name].metrics
        }
        kind = {"kind": tasks[name].name}
        change[name] = {metric: found | kind for metric, found in compared.items() if found}
    family = [
        entry for metrics in change.values() for entry in metrics.values() if entry["p"] is not None
    ]
    for entry, corrected in zip(family, holm([entry["p"] for entry in family]), strict=True):
        entry["p_corrected"] = corrected
    return change
