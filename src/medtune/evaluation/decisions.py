"""The one rule by which a difference is called better, worse, undecided or a description."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from medtune.evaluation.results import Better, Change, Decision, MarginTest, Shown
from medtune.evaluation.statistics import holm

SIGNIFICANCE = 0.05  # a corrected p-value below it shows a difference
FEWEST_GROUPS = 10  # below, "significant" is said too often,
RESAMPLES_PER_TEST = 100  # of a family: Holm multiplies the smallest p-value by its size
FEWEST_EFFECTIVE = 8  # and where a few large groups decide alone (benchmarks/nulls.py)


def decide(
    value: float,
    better: Better | None,
    p_corrected: float | None,
    groups: int,
    effective: float | None = None,
    resolution: float | None = None,
) -> Decision:
    """What a paired difference ``value`` shows.

    ``described`` where the figure is neither good nor bad (``better`` is None), ``undecided`` where
    nothing was tested, the groups are too few (or tell no more than ``effective`` groups of equal
    weight), rounding moves the figure as far (``resolution``), or chance would do as well.
    """
    if better is None:
        return "described"
    if (
        p_corrected is None
        or p_corrected >= SIGNIFICANCE
        or too_few(groups, effective)
        or abs(value) <= (resolution or 0.0)
    ):
        return "undecided"
    return "better" if (value < 0) == (better == "lower") else "worse"


def corrected(changes: Sequence[Change]) -> list[Change]:
    """The changes of one family, each with its p-value corrected by Holm and its decision."""
    tested = [change.p for change in changes if change.p is not None]
    p_values = iter(holm(tested))
    return [_decided(c, None if c.p is None else next(p_values), len(tested)) for c in changes]


def _decided(change: Change, p_corrected: float | None, tests: int) -> Change:
    decision = decide(
        change.value,
        change.better,
        p_corrected,
        change.groups,
        change.effective_groups,
        change.resolution,
    )
    could = can_show(change.groups, change.effective_groups, tests)
    update = {"p_corrected": p_corrected, "decision": decision}
    return change.model_copy(update=update if could else update | {"detectable": None})


def can_show(groups: int, effective: float | None = None, tests: int = 1) -> bool:
    """Whether so many groups can show a difference at all, in a family of so many tests.

    They have 2^groups patterns of signs, so no p-value is below 2^(1 - groups).
    """
    return not too_few(groups, effective) and 2.0 ** (1 - groups) * tests < SIGNIFICANCE


def margin_test(
    better: Better | None, margin: float, low: float | None, high: float | None, *, enough: bool
) -> MarginTest:
    """A change whose 90 % interval is ``low`` to ``high`` (None: not known) against a margin.

    ``enough``: whether its groups are enough to decide anything.
    """

    def shown(inside: bool) -> Shown:
        return "shown" if inside else "not shown"

    not_worse: Shown = "cannot be told"
    equivalent: Shown = "cannot be told"
    if low is not None and high is not None and better and enough:
        above, below = low > -margin, high < margin
        not_worse = shown(above if better == "higher" else below)
        equivalent = shown(above and below)
    return MarginTest(margin=margin, low=low, high=high, not_worse=not_worse, equivalent=equivalent)


def unresolved(change: Change) -> bool:
    """Whether a tested change is none, since rounding alone moves the figure as far."""
    tested = change.p is not None and change.resolution is not None
    return tested and 0 < abs(change.value) <= (change.resolution or 0.0)


def decision_notes(change: Change) -> list[str]:
    """What stands beside a decision: a change too small to be one, and the test of a margin."""
    notes = margin_notes(change.margin)
    if not unresolved(change):
        return notes
    return [f"below what this arithmetic can resolve ({change.resolution:.1g})", *notes]


def margin_notes(test: MarginTest | None) -> list[str]:
    """What a test of a margin says, in words; nothing where no margin was set."""
    if test is None:
        return []
    if test.not_worse == "cannot be told":
        return [f"not worse by more than {test.margin:g}: cannot be told with these items"]
    return [
        f"not worse by more than {test.margin:g}: {test.not_worse} "
        f"(90 % {test.low:.3g} to {test.high:.3g})",
        f"equivalent within {test.margin:g}: {test.equivalent}",
    ]


def too_few(groups: int, effective: float | None = None) -> bool:
    """Whether so many groups decide nothing, however clear the figures look."""
    return groups < FEWEST_GROUPS or (effective is not None and effective < FEWEST_EFFECTIVE)


class Grouped(Protocol):
    """What rests on groups of items."""

    @property
    def groups(self) -> int:
        """Number of groups that the items come in."""

    @property
    def effective_groups(self) -> float | None:
        """How many groups of equal weight tell as much; None where that is not known."""


def too_few_groups(change: Grouped) -> str | None:
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
