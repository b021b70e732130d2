"""The one rule by which a difference is called better, worse, undecided or a description."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from medtune.evaluation.results import Better, Change, Decision
from medtune.evaluation.statistics import holm

SIGNIFICANCE = 0.05  # a corrected p-value below it shows a difference
FEWEST_GROUPS = 10  # below, "significant" is said too often,
FEWEST_EFFECTIVE = 8  # and where a few large groups decide alone (benchmarks/nulls.py)


def decide(
    value: float,
    better: Better | None,
    p_corrected: float | None,
    groups: int,
    effective: float | None = None,
) -> Decision:
    """What a paired difference ``value`` shows.

    ``described`` where the figure is neither good nor bad (``better`` is None), ``undecided`` where
    nothing was tested, the groups are too few (or tell no more than ``effective`` groups of equal
    weight), or chance would do as well.
    """
    if better is None:
        return "described"
    if (
        p_corrected is None
        or p_corrected >= SIGNIFICANCE
        or too_few(groups, effective)
        or value == 0
    ):
        return "undecided"
    return "better" if (value < 0) == (better == "lower") else "worse"


def corrected(changes: Sequence[Change]) -> list[Change]:
    """The changes of one family, each with its p-value corrected by Holm and its decision."""
    tested = [change.p for change in changes if change.p is not None]
    p_values = iter(holm(tested))
    return [_decided(c, None if c.p is None else next(p_values)) for c in changes]


def _decided(change: Change, p_corrected: float | None) -> Change:
    decision = decide(
        change.value, change.better, p_corrected, change.groups, change.effective_groups
    )
    return change.model_copy(update={"p_corrected": p_corrected, "decision": decision})


def too_few(groups: int, effective: float | None = None) -> bool:
    """Whether so many groups decide nothing, however clear the figures look."""
    return groups < FEWEST_GROUPS or (effective is not None and effective < FEWEST_EFFECTIVE)


def too_few_groups(change: Change) -> str | None:
    """The groups of a change in words where they are too few; None where they are enough."""
    if not too_few(change.groups, change.effective_groups):
        return None
    if too_few(change.groups) or change.effective_groups is None:
        return f"{change.groups} groups"
    equal = f"{change.effective_groups:.1f}"
    return f"{change.groups} groups, of such unequal weight that they tell as much as {equal},"


class MetricName(NamedTuple):
    """A metric that may be better or worse, and whether training was for it (``benefit``).

    Harm and general text stand beside the benefit, not in its place.
    """

    task: str
    metric: str
    benefit: bool


def main_metric(metrics: Iterable[MetricName]) -> MetricName | None:
    """The metric that a verdict speaks of and trainings are compared by.

    Bits per byte of the answers where they are measured, else the first one that training was for,
    else the first one; None where nothing is tested.
    """
    tested = list(metrics)
    benefits = [metric for metric in tested if metric.benefit]
    likelihoods = [metric for metric in benefits if metric.metric == "bits_per_byte"]
    return next(iter(likelihoods or benefits or tested), None)
