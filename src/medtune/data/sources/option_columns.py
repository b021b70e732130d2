"""Where the options of questions stand in a file of one's own: in columns by letter or number,
or in one list or object.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from medtune.data.columns import text_of
from medtune.data.formats.json import nested_value
from medtune.data.formats.tables import Table
from medtune.data.sources.forms import Fields
from medtune.errors import DataError, described

LISTS = ("options", "choices", "answeroptions", "answerchoices")
AS_PLAIN = (
    "To read it as plain questions and answers, name data.columns.question and data.columns.answer."
)
_NAME = re.compile(r"(option|opt|op|choice|)([a-z]|\d{1,2})")
_FIRST = 4  # two of the first so many options are there where columns are meant as options
_WRITE = 'Write ["…", "…"] or {"A": "…", "B": "…"}.'


@dataclass(frozen=True)
class AnswerOptions:
    """The options of one question.

    ``names`` are the file's own for them, which an answer may give for the letter.
    """

    names: Sequence[str] = ()
    texts: Sequence[str] = ()


@dataclass(frozen=True)
class OptionColumns:
    """The columns that hold the options, and how those of a row are read."""

    columns: Sequence[str]
    read: Callable[[Fields], AnswerOptions]

    def of(self, fields: Fields) -> AnswerOptions:
        """The options of a row without the empty ones at its end: some questions have fewer.

        None at all is allowed.
        """
        options = self.read(fields)
        count = max(
            (number for number, text in enumerate(options.texts, 1) if text.strip()), default=0
        )
        if count == 1:
            raise fields.fault("the question has one option only", "Give it two or more, or none.")
        empty = next(
            (number for number, text in enumerate(options.texts[:count]) if not text.strip()), None
        )
        if empty is not None:
            raise fields.fault(
                f"option {ascii_uppercase[empty]} is empty", "Give it a text, or leave the row out."
            )
        return AnswerOptions(options.names[:count], options.texts[:count])


def plain_name(name: str) -> str:
    """A column's name as it is compared: ``Option A``, ``option_a`` and ``OptionA`` are one."""
    return re.sub(r"[\W_]+", "", name).lower()


def find_options(table: Table) -> OptionColumns | None:
    """The columns of a table that hold options, if it has any.

    Raises ``DataError`` where they cannot be used.
    """
    columns = option_columns(table.names, str(table.path))
    if columns:
        return OptionColumns(
            columns, lambda fields: AnswerOptions(columns, [fields.text(name) for name in columns])
        )
    column = next((name for name in table.names if plain_name(name) in LISTS), None)
    first = (
        next((value for value in table.column(column) if not _is_empty(value)), None)
        if column
        else None
    )
    if column is None or first is None:
        return None
    if _parsed(first) is None:
        what = f"the column {column!r} holds neither lists nor objects of options"
        raise DataError(what, where=str(table.path), fix=f"{_WRITE} {AS_PLAIN}")
    return OptionColumns([column], lambda fields: _listed(fields, column))


def option_columns(names: Sequence[str], where: str) -> list[str]:
    """The columns that hold an option each, in their order.

    One alone (``A``) may be anything and is none.
    """
    for (prefix, numbered), names_at in _families(names).items():
        meant = sum(number < _FIRST + numbered for number in names_at) > 1 and (
            prefix or not numbered
        )
        if not meant:
            continue
        ordered = _ordered(names_at, numbered)
        if not ordered:
            spelt = ", ".join(name for number in sorted(names_at) for name in names_at[number])
            raise DataError(
                f"the options' columns are {spelt}: one is missing between or before them, or "
                "there twice",
                where=where,
                fix="Name them A, B, C, … without a gap, and a column that is no option "
                f"otherwise. {AS_PLAIN}",
            )
        return ordered
    return []


def _families(names: Iterable[str]) -> dict[tuple[str, bool], dict[int, list[str]]]:
    """Names that look like options, by their spelling (``option``, numbered or lettered) and
    then by their place.
    """
    families: dict[tuple[str, bool], dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name in names:
        if match := _NAME.fullmatch(plain_name(name)):
            numbered = match[2].isdecimal()
            number = int(match[2]) if numbered else ascii_lowercase.index(match[2])
            families[match[1], numbered][number].append(name)
    return families


def _ordered(names_at: dict[int, list[str]], numbered: bool) -> list[str]:
    """The names in their order; nothing where one is missing or there twice.

    Numbers begin with 0 or with 1.
    """
    first = min(names_at)
    whole = all(len(names_at.get(first + step, ())) == 1 for step in range(len(names_at)))
    return (
        [names_at[number][0] for number in sorted(names_at)] if whole and first <= numbered else []
    )


def _is_empty(value: Any) -> bool:
    return value is None or value != value or (isinstance(value, str | list | dict) and not value)


def _parsed(value: Any) -> list[Any] | dict[Any, Any] | None:
    """A list or an object.

    In a CSV the text of one, as JSON or as Python (and so pandas) writes it.
    """
    if isinstance(value, str):
        with suppress(ValueError):
            value = nested_value(value)
    return value if isinstance(value, list | dict) else None


def _listed(fields: Fields, column: str) -> AnswerOptions:
    value = fields.row.get(column)
    if _is_empty(value):
        return AnswerOptions()
    options = _parsed(value)
    if options is None:
        raise fields.fault(
            f"the column {column!r} holds neither a list nor an object of options", _WRITE
        )
    by_name = _by_name(fields, column, options) if isinstance(options, dict) else None
    names = list(by_name) if by_name else list(ascii_uppercase[: len(options)])
    return AnswerOptions(
        names, [_text(fields, column, item) for item in (by_name.values() if by_name else options)]
    )


def _by_name(fields: Fields, column: str, options: dict[Any, Any]) -> dict[str, object]:
    """An object of options in the order of its names: A, B, … or 1, 2, ….

    ARC writes the names and the texts as lists.
    """
    label, text = options.get("label"), options.get("text")
    if isinstance(label, list) and isinstance(text, list) and len(label) == len(text):
        options = dict(zip(label, text, strict=True))
    named = {str(name): item for name, item in options.items()}
    families = _families(named)
    ordered = [_ordered(names_at, numbered) for (_, numbered), names_at in families.items()]
    if len(ordered) != 1 or len(ordered[0]) != len(named):
        raise fields.fault(
            f"the column {column!r} holds {described(named)}, not of A, B, C, …", _WRITE
        )
    return {name: named[name] for name in ordered[0]}


def _text(fields: Fields, column: str, item: Any) -> str:
    if isinstance(item, list | dict | tuple | bytes):
        raise fields.fault(f"an option in the column {column!r} is no text", _WRITE)
    return text_of({column: item}, column, fields.location)
