"""The one rule by which a difference is called better, worse, undecided or a description."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from medtune.evaluation.results import Better, Change, Decision
from medtune.evaluation.statistics import holm

SIGNIFICANCE = 0.05  # a corrected p-value below it shows a difference
FEWEST_GROUPS = 10  # below, a bootstrap over groups says "significant" too often


def decide(value: float, better: Better | None, p_corrected: float | None, groups: int) -> Decision:
    """What a paired difference ``value`` shows.

    ``described`` where the figure is neither good nor bad (``better`` is None), ``undecided`` where
    nothing was tested, the groups are too few, or chance would do as well.
    """
    if better is None:
        return "described"
    if p_corrected is None or p_corrected >= SIGNIFICANCE or groups < FEWEST_GROUPS or value == 0:
        return "undecided"
    return "better" if (value < 0) == (better == "lower") else "worse"


def corrected(changes: Sequence[Change]) -> list[Change]:
    """The changes of one family, each with its p-value corrected by Holm and its decision."""
    tested = [change.p for change in changes if change.p is not None]
    p_values = iter(holm(tested))
    return [_decided(c, None if c.p is None else next(p_values)) for c in changes]


def _decided(change: Change, p_corrected: float | None) -> Change:
    decision = decide(change.value, change.better, p_corrected, change.groups)
    return change.model_copy(update={"p_corrected": p_corrected, "decision": decision})


def too_few(groups: int) -> bool:
    """Whether so many groups decide nothing, however clear the figures look."""
    return groups < FEWEST_GROUPS


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
