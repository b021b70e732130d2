"""Which fields of a source its reader uses: the others are counted by name, and those that change
what a row means are refused.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

from medtune.data.column_names import reads_as_data, shown_column
from medtune.data.formats.delimited import TableRow
from medtune.data.formats.json import nested_value
from medtune.data.learning_flags import says_learnt, unlearnt
from medtune.errors import DataError

# Texts that belong to the question, whatever they hold.
CONTEXTS = ("context", "contexts", "passage", "system", "system_prompt")
# The same where they hold a sentence: else they may be a number of a case, or an address.
CASES = frozenset(
    """
    passages vignette vignettes casevignette clinicalvignette abstract abstracts document documents
    docs article articles paragraph paragraphs case casetext casereport casedescription clinicalcase
    patientcase scenario clinicalscenario background evidence evidences supportingevidence snippet
    snippets excerpt excerpts sourcetext referencetext retrieved retrieveddocuments
    retrievedcontext knowledge premise presentation clinicalnote patientnote dischargesummary
    transcript story hpi presentillness clinicalhistory patienthistory supportingfacts
    casedetails patientinformation patientinfo contextabstract contextdocuments
    """.split()
)
HISTORY = ("history", "chat_history")
MEDIA = "image images image_url image_path video videos audio audios pixel_values".split()
TOOLS = "tools functions tool_calls function_call".split()
REASONING = "reasoning reasoning_content thinking".split()
TURN_FIELDS = ("role", "from", "content", "value")
UNUSUAL = "columns whose name reads as data"
_OBJECTS = "meta metadata extra extra_info info additional_kwargs".split()
_ASKING = ("user", "human", "system", "patient")
_SENTENCE = 4  # words; of scripts without blanks, 12 characters
_WHY = {
    **dict.fromkeys(CONTEXTS, "a text that belongs to the question"),
    **dict.fromkeys(HISTORY, "earlier turns of the conversation"),
    **dict.fromkeys(MEDIA, "images or sounds, which no model here sees"),
    **dict.fromkeys(TOOLS, "tools or their calls, which are not learnt"),
    **dict.fromkeys(REASONING, "reasoning before the answer, which is not learnt"),
}


def plain_field(name: str) -> str:
    """A field's name without its case and the blanks around it."""
    return name.strip().lower()


def changes_meaning(name: str) -> bool:
    """Whether a column of this name changes what a question or an answer means."""
    return plain_field(name) in _WHY or is_case(name)


def is_case(name: str) -> bool:
    """Whether a column is named like a text that a question is about."""
    return re.sub(r"[\W_]+", "", name).lower() in CASES


def holds_sentence(value: Any) -> bool:
    """Whether a text, or one within a list or object, is longer than a number or an address."""
    if isinstance(value, list | tuple | dict):
        return any(map(holds_sentence, value.values() if isinstance(value, dict) else value))
    if not isinstance(value, str):
        return False
    return len(value.split()) >= _SENTENCE or (not value.isascii() and len(value) >= 12)


def is_empty(value: Any) -> bool:
    """Whether a field holds nothing: missing, not-a-number, or an empty text, list or object."""
    if value is None or (isinstance(value, float) and value != value):
        return True
    return not value.strip() if isinstance(value, str) else value in ([], {}, ())


# What programs write where a value is missing. "None." or "nil" may be an answer.
_MISSING = frozenset(
    (
        *"nan none null n/a n.a. #n/a <na> nat #null! #value! #ref! (null) \\n".split(),
        "undefined",
        "tbd",
        "not available",
        "not applicable",
        "see above",
        "siehe oben",
    )
)
_DASHES = frozenset("-–—?…._ ")


def is_missing(text: str) -> bool:
    """Whether a text is empty, dashes or question marks alone, or what programs and people write
    for a missing value (nan, None, N/A, TBD, see above).
    """
    return set(text.strip()) <= _DASHES or text.strip().casefold() in _MISSING


def unused_fields_text(unused: Mapping[str, int]) -> str:
    """Fields that are not used, each with the rows in which it holds something."""
    return ", ".join(f"{name} ({rows:,})" for name, rows in unused.items())


def refuse_doubled(names: Collection[str], chosen: Collection[str], where: str) -> None:
    """Names that differ in case or blanks alone are one name twice: one would be lost.

    ``chosen`` are the names that a person gave as they stand. Raises ``DataError``.
    """
    by_name: dict[str, list[str]] = {}
    for name in names:
        by_name.setdefault(plain_field(name), []).append(name)
    for spellings in by_name.values():
        if len(spellings) > 1 and not set(spellings) & set(chosen):
            first, second = (shown_column(name, list(names)) for name in sorted(spellings)[:2])
            raise DataError(
                f"the {first} and the {second} differ in case or blanks alone",
                where=where,
                fix="Rename or remove one of them, or say with data.columns which is meant.",
            )


class WatchedRow(TableRow):
    """A row that notes which of its fields are asked for."""

    def __init__(self, values: TableRow, asked: set[str]) -> None:
        super().__init__(values)
        self._asked = asked

    def get(self, key: str, default: Any = None) -> Any:
        """The field's value or ``default``; the field counts as asked for."""
        self._asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self._asked.add(key)
        return super().__getitem__(key)


@dataclass
class FieldUse:
    """What the reader of one source has used so far.

    ``chosen`` are the columns that a person named. Where question or answer is among them they are
    read ``alone``: what is not read is that person's choice, but for weights. ``nested`` are fields
    that hold lists or objects, ``disagreeing`` the rows in which two columns name different
    answers.
    """

    chosen: frozenset[str] = frozenset()
    alone: bool = False
    asked: set[str] = field(default_factory=set)
    filled: Counter[str] = field(default_factory=Counter)
    nested: set[str] = field(default_factory=set)
    disagreeing: int = 0

    def begin(self) -> None:
        """Count anew: the source is read from its start."""
        self.filled.clear()
        self.disagreeing = 0

    def watch(self, row: TableRow) -> WatchedRow:
        """A row to give to the reader."""
        return WatchedRow(row, self.asked)

    def unused(self) -> dict[str, int]:
        """Field → rows in which it holds something that was not read, most frequent first."""
        unused: Counter[str] = Counter()
        for name, rows in self.filled.most_common():
            if name not in self.asked:
                unused[UNUSUAL if reads_as_data(name) else name] += rows
        return dict(unused)

    def check(self, row: TableRow, location: str) -> None:
        """Count what was not read of a row.

        Raises ``DataError`` where that changes what the row means.
        """
        seen: set[str] = set()
        for name, held in row.items():
            value = _turns(held) if name in self.asked else held
            if name in self.asked and not value:
                continue
            if name in self.asked:
                seen.update(f"{name}.{part}" for part in _check_turns(name, value, location))
            elif not is_empty(value):
                seen.add(name)
                if isinstance(value, list | dict):
                    self.nested.add(name)
                _check_learnt(name, value, "the row", location)
                if not self.alone:
                    _check_meaning(name, value, f"the column {name!r}", location)
        self.filled.update(seen)
        read = {plain_field(name): name for name in self.asked}
        for name in seen:  # a JSON row may have columns that the first rows did not have
            if plain_field(name) in read:
                refuse_doubled([name, read[plain_field(name)]], self.chosen, location)


def _turns(value: Any) -> list[Any]:
    """The turns that a field holds, also where they were saved as text."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        with suppress(ValueError):
            value = nested_value(value)
    return value if isinstance(value, list) and value and isinstance(value[0], dict) else []


def _check_turns(column: str, turns: Sequence[Any], location: str) -> Iterator[str]:
    """The fields of a conversation's turns that hold something and are not read."""
    for number, turn in enumerate(turns, 1):
        if not isinstance(turn, dict) or not ("role" in turn or "from" in turn):
            continue
        what = f"turn {number} of the column {column!r}"
        role = turn.get("role") or turn.get("from")
        for name, value in turn.items():
            if name in TURN_FIELDS or is_empty(value):
                continue
            if isinstance(role, str) and plain_field(role) in _ASKING:
                # What a user says is never learnt, whatever its weight; to learn it is refused.
                if says_learnt(name, value):
                    raise _unlearnt(f"{what} is a user's and says {name!r}: true", location)
            else:
                _check_learnt(name, value, what, location)
            _check_meaning(name, value, f"{name!r} in {what}", location)
            yield name


def _check_learnt(name: str, value: Any, what: str, location: str) -> None:
    """Every row and every answer is learnt alike: another weight is refused, not passed over."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        with suppress(ValueError):
            value = nested_value(value)
    if says := unlearnt(name, value):
        raise _unlearnt(f"{name!r} of {what} {says}", location)
    if isinstance(value, dict) and plain_field(name) in _OBJECTS:
        for inner, held in value.items():
            _check_learnt(str(inner), held, f"{name!r} of {what}", location)


def _unlearnt(what: str, location: str) -> DataError:
    return DataError(
        f"{what}, and all answers are learnt alike",
        where=location,
        fix="Leave out what is not to be learnt; rename a column that says nothing of learning.",
    )


def _check_meaning(name: str, value: Any, what: str, location: str) -> None:
    plain = plain_field(name)
    if is_case(name) and holds_sentence(value):
        raise DataError(
            f"{what} holds {_WHY[CONTEXTS[0]]}, and is not read",
            where=location,
            fix=f"--set data.columns.context={quote(name)} reads it; data.columns.question and "
            "answer, both named, read these alone.",
        )
    if plain not in _WHY or (plain in HISTORY and isinstance(value, str)):
        return
    raise DataError(
        f"{what} holds {_WHY[plain]}, and is not read",
        where=location,
        fix="Say with data.columns which columns are read, or remove it.",
    )
