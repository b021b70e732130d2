"""What an item of a reporting checklist is, and the rule by which it counts as filled, drafted,
stated or open.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from pydantic import Field

from medtune.evaluation.results import Estimate, Result
from medtune.recipe.schema import Recipe
from medtune.report.figures import Figures, MetricRow

RUN, DRAFT, STATED = "from the run", "drafted, to be confirmed", "stated by a person"
NOT_STATED, NOT_MEASURED = "not stated", "not measured"
STATES = {
    RUN: "run",
    DRAFT: "draft",
    STATED: "run",
    NOT_STATED: "missing",
    NOT_MEASURED: "missing",
}  # with their classes on the page
COUNTED = {
    RUN: "filled from the run",
    DRAFT: "drafted",
    STATED: "stated by a person",
}  # as a coverage says it
Who = Literal["A", "H", "P"]


class EstimateInterval(Result):
    """A figure as the applied model card wants it; no bound where nothing is known of chance."""

    estimate: float
    lower: float | None
    upper: float | None
    level: float = 0.95
    unit: str


class LabelledEstimate(Result):
    """A figure with its name."""

    label: str
    estimate_ci: EstimateInterval


class FilledItem(Result):
    """An item as filled; ``results`` where there are any."""

    id: str
    title: str
    who: Who
    state: str
    text: str
    results: list[LabelledEstimate] = Field(default_factory=list)


class FilledChecklist(Result):
    """Every item of a list with its state, and how many are in which."""

    title: str
    source: str
    coverage: str
    counts: dict[str, int]
    items: list[FilledItem]


@dataclass(frozen=True)
class Filled:
    """Text for an item, with figures; ``state`` where it is not what the kind of item says."""

    text: str
    state: str | None = None
    results: Sequence[LabelledEstimate] = ()


def unmeasured(text: str) -> Filled:
    """Something that did not run, in words."""
    return Filled(text, NOT_MEASURED)


@dataclass(frozen=True)
class Facts:
    """A run, as the items ask about it."""

    figures: Figures

    @property
    def recipe(self) -> Recipe:
        """The recipe that the run was resolved to."""
        return self.figures.recipe

    @property
    def rows(self) -> list[MetricRow]:
        """Every metric before and after."""
        return self.figures.rows

    @cached_property
    def tested(self) -> list[MetricRow]:
        """The metrics that are good or bad."""
        return [row for row in self.rows if row.tested]

    def stated(self, topics: Sequence[str]) -> str:
        """What the recipe's ``statement`` says on topics; empty where it says nothing."""
        texts = (getattr(self.recipe.statement, topic) for topic in topics)
        return "\n".join(text for text in texts if text)


Fill = Callable[[Facts], "str | Filled | None"]


@dataclass(frozen=True)
class Item:
    """One item. ``who`` fills it: A the run, H a draft that a person confirms, P only a person.

    ``topics`` of the recipe's ``statement`` go first; they are all there is for P. ``fill`` is
    None, or gives None, where there is nothing to say.
    """

    id: str
    title: str
    who: Who
    fill: Fill | None = None
    topics: tuple[str, ...] = field(default=())

    def filled(self, facts: Facts) -> FilledItem:
        """The item for a run."""
        draft = self.fill(facts) if self.fill else None
        filled = Filled(draft) if isinstance(draft, str) else draft
        if stated := facts.stated(self.topics):
            text = "\n".join(filter(None, [stated, filled.text if filled else ""]))
            filled = Filled(text, STATED, filled.results if filled else ())
        if filled is None:
            nothing = Filled("Not stated.", NOT_STATED)
            filled = unmeasured("Not measured.") if self.who == "A" else nothing
        state = filled.state or (RUN if self.who == "A" else DRAFT)
        item = FilledItem(id=self.id, title=self.title, who=self.who, state=state, text=filled.text)
        results = {"results": list(filled.results)}
        return item.model_copy(update=results) if filled.results else item


@dataclass(frozen=True)
class Checklist:
    """A published list: its items in order."""

    title: str
    source: str
    items: tuple[Item, ...]

    def filled(self, facts: Facts) -> FilledChecklist:
        """The list for a run."""
        items = [item.filled(facts) for item in self.items]
        counts = Counter(item.state for item in items)
        return FilledChecklist(
            title=self.title,
            source=self.source,
            coverage=coverage(counts),
            counts={state: counts[state] for state in STATES},
            items=items,
        )


def coverage(counts: Counter[str]) -> str:
    """Such as "31 of 49 filled from the run, 6 drafted, 12 not stated"."""
    others = [
        f"{counts[state]} {COUNTED.get(state, state)}"
        for state in STATES
        if counts[state] and state != RUN
    ]
    return ", ".join([f"{counts[RUN]} of {counts.total()} {COUNTED[RUN]}", *others])


def estimate_ci(label: str, figure: Estimate, unit: str) -> LabelledEstimate:
    """A figure with its interval."""
    interval = EstimateInterval(
        estimate=figure.value, lower=figure.low, upper=figure.high, level=0.95, unit=unit
    )
    return LabelledEstimate(label=label, estimate_ci=interval)
