"""What an item of a reporting checklist is, and the rule by which it counts as filled, drafted,
stated or open.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from medtune.report.figures import Figures

RUN, DRAFT, STATED = "from the run", "drafted, to be confirmed", "stated by a person"
NOT_STATED, NOT_MEASURED = "not stated", "not measured"
STATES = {
    RUN: "run",
    DRAFT: "draft",
    STATED: "run",
    NOT_STATED: "missing",
    NOT_MEASURED: "missing",
}  # with looks
COUNTED = {
    RUN: "filled from the run",
    DRAFT: "drafted",
    STATED: "stated by a person",
}  # as a coverage says it


@dataclass(frozen=True)
class Filled:
    """Text for an item, with figures of its own.

    ``state`` where it is not what the kind of item says.
    """

    text: str
    state: str | None = None
    results: Sequence[dict[str, Any]] = ()


def unmeasured(text: str) -> Filled:
    """Something that did not run, in words."""
    return Filled(text, NOT_MEASURED)


@dataclass(frozen=True)
class Facts:
    """A run, as the items ask about it."""

    figures: Figures

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """The resolved recipe."""
        return self.figures.recipe

    @cached_property
    def changes(self) -> list[dict[str, Any]]:
        """Every figure before and after."""
        return self.figures.changes()

    @cached_property
    def tested(self) -> list[dict[str, Any]]:
        """The figures that are good or bad."""
        return [row for row in self.changes if row["better"] is not None]

    def stated(self, topics: Sequence[str]) -> str:
        """What the recipe's ``statement`` says on topics; empty where it says nothing."""
        said = self.recipe.get("statement") or {}
        return "\n".join(said[topic] for topic in topics if said.get(topic))


Fill = Callable[[Facts], "str | Filled | None"]


@dataclass(frozen=True)
class Item:
    """One item. ``who`` fills it: A the run, H a draft that a person confirms, P only a person.

    ``topics`` of the recipe's ``statement`` go first; they are all there is for P. ``fill`` is
    None, or gives None, where there is nothing to say.
    """

    id: str
    title: str
    who: Literal["A", "H", "P"]
    fill: Fill | None = None
    topics: tuple[str, ...] = field(default=())

    def filled(self, facts: Facts) -> dict[str, Any]:
        """``id``, ``title``, ``who``, ``state``, ``text``, and ``results`` where there are any."""
        own = self.fill(facts) if self.fill else None
        found = Filled(own) if isinstance(own, str) else own
        stated = facts.stated(self.topics)
        if stated:
            text = "\n".join(filter(None, [stated, found.text if found else ""]))
            found = Filled(text, STATED, found.results if found else ())
        if found is None:
            found = (
                unmeasured("Not measured.")
                if self.who == "A"
                else Filled("Not stated.", NOT_STATED)
            )
        state = found.state or (RUN if self.who == "A" else DRAFT)
        entry = {
            "id": self.id,
            "title": self.title,
            "who": self.who,
            "state": state,
            "text": found.text,
        }
        return entry | ({"results": list(found.results)} if found.results else {})


@dataclass(frozen=True)
class Checklist:
    """A published list: its items in order."""

    title: str
    source: str
    items: tuple[Item, ...]

    def filled(self, facts: Facts) -> dict[str, Any]:
        """Every item with its state, and how many are in which."""
        items = [item.filled(facts) for item in self.items]
        counts = Counter(item["state"] for item in items)
        return {
            "title": self.title,
            "source": self.source,
            "coverage": coverage(counts),
            "counts": {state: counts[state] for state in STATES},
            "items": items,
        }


def coverage(counts: Counter[str]) -> str:
    """Such as "31 of 49 filled from the run, 6 drafted, 12 not stated"."""
    said = [
        f"{counts[state]} {COUNTED.get(state, state)}"
        for state in STATES
        if counts[state] and state != RUN
    ]
    return ", ".join([f"{counts[RUN]} of {counts.total()} {COUNTED[RUN]}", *said])


def estimate(label: str, interval: dict[str, Any], unit: str) -> dict[str, Any]:
    """A figure as the applied model card wants it; no bound where nothing is known of chance."""
    bounds = {"estimate": interval["value"], "lower": interval["low"], "upper": interval["high"]}
    return {"label": label, "estimate_ci": {**bounds, "level": 0.95, "unit": unit}}
