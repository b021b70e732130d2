"""What cleaning did: for each rule the rows and texts changed, the characters, and a few
examples.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from medtune.conversation import Message
from medtune.data.cleaning.boilerplate import Boilerplate
from medtune.data.cleaning.meaning import telling
from medtune.data.cleaning.repairs import text_rules
from medtune.data.field_use import is_missing
from medtune.data.rows import Row
from medtune.data.template_marks import MarkTally, count_marks
from medtune.recipe.schema import Clean
from medtune.text.identifiers import mask_texts

EXAMPLES = 3
AROUND = 70  # characters shown on either side of a change
MASKED = 400  # characters masked on either side
LONG = 200_000  # characters of a text that is named: a book, or a file that was not parted


@dataclass
class RuleTally:
    """Rows, texts and characters that one rule changed, with examples."""

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
    answers: Counter[str] = field(default_factory=Counter)
    """Source → rows with an answer."""
    changing: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Source and rule → answers that say other figures, units, signs or denials after it."""
    longest: list[tuple[int, str]] = field(default_factory=list)
    marks: dict[str, MarkTally] = field(default_factory=dict)

    def changed(self, rule: str, location: str, before: str, after: str) -> None:
        """One text changed by one rule."""
        entry = self.rules.setdefault(rule, RuleTally())
        entry.texts += 1
        entry.characters += abs(len(before) - len(after))
        if len(entry.examples) < EXAMPLES:
            entry.examples.append(_example(location, before, after))

    def measured(self, row: Row) -> None:
        """Count a row with a long text, the longest kept by characters and place; and marks."""
        count_marks(row.messages, row.location, self.marks)
        size = max((len(message.content) for message in row.messages), default=0)
        if size > LONG:
            self.counted["long"] += 1
            self.longest = sorted([*self.longest, (size, row.location)], reverse=True)[:EXAMPLES]

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
        self.answers += other.answers
        self.changing += other.changing
        for mark, of_mark in other.marks.items():
            self.marks.setdefault(mark, MarkTally()).add(of_mark)
        self.longest = sorted(self.longest + other.longest, reverse=True)[:EXAMPLES]


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


_ENDED = re.compile(r"[.!?:;)\]\"'”’…*|%]\s*$")
_LAST_STOP = re.compile(r".*[.!?](?=\s)", re.S)
PROSE_WORDS = 8  # shorter answers are terms and lists, which need no full stop


def has_words(text: str, number: int) -> bool:
    """Whether a text has at least so many words; no longer list of them is built."""
    return len(text.split(maxsplit=number)) >= number


def cut_off(answer: str) -> bool:
    """Whether prose ends without a full stop (a last line that is a list item may)."""
    last = answer.rsplit("\n", 1)[-1].lstrip()
    return (
        has_words(answer, PROSE_WORDS)
        and not last.startswith(("-", "•", "*"))
        and not _ENDED.search(answer)
    )


class Cleaner:
    """The rules of a recipe, applied to rows.

    ``undone`` are the rules that are not applied to the texts of a source.
    """

    def __init__(
        self, settings: Clean, undone: Mapping[str, Collection[str]] | None = None
    ) -> None:
        self.settings = settings
        self.rules = text_rules(settings)
        self.undone = undone or {}

    def text(self, text: str, row: Row, tally: Tally, touched: set[str]) -> str:
        """One text of a row through all rules."""
        undone = self.undone.get(row.source, ())
        for name, rule in self.rules:
            if name in undone:
                continue
            repaired = rule(text)
            if repaired != text:
                tally.changed(name, row.location, text, repaired)
                touched.add(name)
                text = repaired
        return text

    def _answer(self, text: str, row: Row, tally: Tally, touched: set[str]) -> str:
        """An answer through all rules; which of them change what it says is counted."""
        changed: set[str] = set()
        repaired = self.text(text, row, tally, changed)
        touched |= changed
        if changed and telling(text) != telling(repaired):
            undone = self.undone.get(row.source, ())
            for name, rule in self.rules:
                before, text = text, text if name in undone else rule(text)
                if before != text and telling(before) != telling(text):
                    tally.changing[row.source, name] += 1
        return repaired

    def repair(self, row: Row, tally: Tally) -> Row:
        """The row with its texts, options and label repaired.

        An answer that is the label stays the label.
        """
        touched: set[str] = set()
        tally.answers[row.source] += bool(row.answer.strip())
        tally.measured(row)
        named = (
            self.settings.labels
            and row.label is not None
            and row.answer.strip() == row.label.strip()
        )
        label = row.label
        if label is not None and self.settings.labels:
            label = self._label(label, row, tally, touched)
        messages = [
            Message(
                m.role,
                label
                if named and m.role == "assistant" and label
                else (self._answer if m.role == "assistant" else self.text)(
                    m.content, row, tally, touched
                ),
            )
            for m in row.bare_messages
        ]
        options = row.options and tuple(self.text(o, row, tally, touched) for o in row.options)
        entity = row.entity and " ".join(row.entity.split())
        tally.row(touched)
        if not touched and entity == row.entity:
            return row
        return replace(row.rewritten(messages, options), label=label or None, entity=entity or None)

    def _label(self, label: str, row: Row, tally: Tally, touched: set[str]) -> str:
        repaired = " ".join(self.text(label, row, Tally(), set()).split())
        if repaired != label:
            tally.changed("labels", row.location, label, repaired)
            touched.add("labels")
        return repaired

    def strip_boilerplate(self, row: Row, learned: Mapping[str, Boilerplate], tally: Tally) -> Row:
        """The row with its source's boilerplate taken from the edges of its answers."""
        habits = learned.get(row.source)
        if habits is None or row.is_choice:
            return row
        messages = tuple(
            Message(m.role, habits.strip(m.content)) if m.role == "assistant" else m
            for m in row.messages
        )
        return self._changed("boilerplate", row, messages, tally)

    def judge(self, row: Row, tally: Tally, terse: Collection[str] = ()) -> Row | None:
        """The row, or None where its answer is missing, too short, or cut off and not wanted so.

        ``terse`` are sources whose answers are short by habit: there a short answer is none too
        short.
        """
        if is_missing(row.question):
            tally.dropped["empty_question"] += 1
            return None
        if not row.answer.strip() or (not row.is_choice and is_missing(row.answer)):
            tally.dropped["empty_answer"] += 1
            return None
        if row.is_choice:
            return row
        if row.source not in terse and not has_words(row.answer, self.settings.min_answer_words):
            tally.dropped["too_short"] += 1
            return None
        if not cut_off(row.answer):
            return row
        tally.counted["cut_off"] += 1
        return self._unfinished(row, tally)

    def _unfinished(self, row: Row, tally: Tally) -> Row | None:
        if self.settings.cut_off == "drop":
            tally.dropped["cut_off"] += 1
            return None
        whole = _LAST_STOP.match(row.answer) if self.settings.cut_off == "trim" else None
        if not whole or not has_words(whole[0], self.settings.min_answer_words):
            return row
        last = max(i for i, m in enumerate(row.messages) if m.role == "assistant")
        messages = tuple(
            Message(m.role, whole[0]) if i == last else m for i, m in enumerate(row.messages)
        )
        return self._changed("cut_off", row, messages, tally)

    @staticmethod
    def _changed(rule: str, row: Row, messages: tuple[Message, ...], tally: Tally) -> Row:
        pairs = [
            (a.content, b.content) for a, b in zip(row.messages, messages, strict=True) if a != b
        ]
        for before, after in pairs:
            tally.changed(rule, row.location, before, after)
        if pairs:
            tally.row({rule})
        return replace(row, messages=messages) if pairs else row
