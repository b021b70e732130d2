"""What cleaning did: for each rule the rows and texts changed, the characters, and a few
examples.
"""

from collections import Counter
from dataclasses import dataclass, field

from medtune.text.identifiers import mask_texts

EXAMPLES = 3
AROUND = 70  # characters shown on either side of a change
MASKED = 400  # characters masked on either side


@dataclass
class RuleTally:
    """One rule's counts."""

    rows: int = 0
    texts: int = 0
    characters: int = 0
    examples: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Tally:
    """All rules' counts. Tallies of parts add up to the tally of the whole."""

    rules: dict[str, RuleTally] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)

    def changed(self, rule: str, location: str, before: str, after: str) -> None:
        """One text changed by one rule."""
        entry = self.rules.setdefault(rule, RuleTally())
        entry.texts += 1
        entry.characters += abs(len(before) - len(after))
        if len(entry.examples) < EXAMPLES:
            entry.examples.append(_example(location, before, after))

    def row(self, rules: set[str]) -> None:
        """One row changed by these rules."""
        for rule in rules:
            self.rules[rule].rows += 1

    def add(self, other: "Tally") -> None:
        """Take over the counts of another part."""
        for rule, entry in other.rules.items():
            mine = self.rules.setdefault(rule, RuleTally())
            mine.rows += entry.rows
            mine.texts += entry.texts
            mine.characters += entry.characters
            mine.examples = (mine.examples + entry.examples)[:EXAMPLES]
        self.dropped += other.dropped
        self.counted += other.counted


def _first_difference(left: str, right: str) -> int:
    return next(
        (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b),
        min(len(left), len(right)),
    )


def _example(location: str, before: str, after: str) -> dict[str, str]:
    """Both texts around the first difference, identifiers masked: an audit is passed around.

    A wide window is masked before a narrow one is cut from it, so that no half of an identifier
    shows.
    """
    start = max(0, _first_difference(before, after) - MASKED)
    old, new = mask_texts([before[start : start + 2 * MASKED], after[start : start + 2 * MASKED]])
    first = _first_difference(old, new)
    shown = slice(max(0, first - AROUND // 2), first + AROUND)
    return {"place": location, "before": old[shown], "after": new[shown]}
