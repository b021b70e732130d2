"""Questions with options in a file of one's own: recognised by its columns, for training and for
measuring alike.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from string import ascii_uppercase

from medtune.data.column_names import ANSWER, MESSAGES, QUESTION, shown_columns
from medtune.data.columns import Layout, find_layout, text_of
from medtune.data.formats.delimited import TableRow
from medtune.data.formats.tables import Table
from medtune.data.rows import Row
from medtune.data.sources.choice_forms import choice_row
from medtune.data.sources.forms import Fields
from medtune.data.sources.option_columns import (
    AS_PLAIN,
    AnswerOptions,
    OptionColumns,
    find_options,
    plain_name,
)
from medtune.errors import DataError, described
from medtune.recipe.schema import Columns

MISSING = ("", "-1")  # a test set without answers writes -1 where it counts them
_LETTER = re.compile(r"[(\[]?\s*([A-Z])\s*[)\].:]*")
_LINE = re.compile(r"[(\[]?([A-Z])[)\].:]+\s+(.*)", re.DOTALL)
_LETTERS = "Write letters (A is the first option) instead of numbers."

LETTER, TEXT, NUMBER = "a letter", "an option's text", "a number"


def readings(answer: str, options: AnswerOptions) -> dict[str, int]:
    """What an answer may be, with the place of its option.

    Of a number the number as it stands, whatever it counts from.
    """
    kinds = {}
    position = _lettered(answer, options)
    texts = [text.strip() for text in options.texts]
    number = answer.removesuffix(".0")
    if position is not None:
        kinds[LETTER] = position
    if texts.count(answer) == 1:
        kinds[TEXT] = texts.index(answer)
    # An object's names may be numbers themselves: then these are meant.
    if position is None and re.fullmatch(r"[0-9]{1,2}", number) and int(number) <= len(texts):
        kinds[NUMBER] = int(number)
    return kinds


def answers_differ(row: Row, values: TableRow) -> bool:
    """Whether the column ``answer`` of a question whose key stands elsewhere names no option, or
    another one than the key.
    """
    if not row.options or not row.answer_key:
        return False
    other = text_of(values, "answer", row.location).strip()
    options = AnswerOptions(list(ascii_uppercase[: len(row.options)]), row.options)
    position = ascii_uppercase.index(row.answer_key)
    return other not in MISSING and position not in readings(other, options).values()


def is_letter(answer: str) -> bool:
    """Whether an answer is a letter alone, in the spellings that are read."""
    return _LETTER.fullmatch(answer.upper()) is not None


def _lettered(answer: str, options: AnswerOptions) -> int | None:
    """The place that a letter, a whole line ``A. …`` or the option's own name in the file gives."""
    names = [name.strip().lower() for name in options.names]
    if answer.lower() in names:
        return names.index(answer.lower())
    letter, line = _LETTER.fullmatch(answer.upper()), _LINE.fullmatch(answer)
    given = letter or line
    position = ord(given[1]) - ord("A") if given else len(names)
    if position >= len(names) or (
        not letter and line and options.texts[position].strip() != line[2].strip()
    ):
        return None
    return position


@dataclass(frozen=True)
class Meaning:
    """What is meant by a file's answers: the kinds that some row shows beyond doubt, and from
    where numbers count.
    """

    column: str
    shown: frozenset[str]
    base: int | None

    def position(self, fields: Fields, answer: str, options: AnswerOptions) -> int:
        """The place of the right option.

        Raises ``DataError`` where the answer names none, or one or another.
        """
        kinds = readings(answer, options)
        positions = self._positions(kinds, options)
        if len(positions) > 1:
            positions = (
                self._positions({kind: kinds[kind] for kind in self.shown & set(kinds)}, options)
                or positions
            )
        if len(positions) == 1:
            return positions.pop()
        given = f"the answer in the column {self.column!r} is {described(answer)}"
        if positions:
            fix = 'Write the right option\'s letter and text, as in "A. …".'
            raise fields.fault(
                f"{given}: {' or '.join(sorted(kinds))}, which name different options", fix
            )
        last = chr(ord("A") + len(options.texts) - 1)
        what = (
            f"{given}: no letter from A to {last}, not the text of one option, and no "
            "option's number"
        )
        raise fields.fault(
            what, f"Write the right option's letter, its text, or its number. {AS_PLAIN}"
        )

    def _positions(self, kinds: dict[str, int], options: AnswerOptions) -> set[int]:
        """All options that an answer may name."""
        bases = (0, 1) if self.base is None else (self.base,)
        numbers = {kinds[NUMBER] - base for base in bases} if NUMBER in kinds else set()
        named = {position for kind, position in kinds.items() if kind != NUMBER}
        return named | {position for position in numbers if 0 <= position < len(options.texts)}


def learn_meaning(
    column: str, where: str, answers: Iterable[tuple[str, str, AnswerOptions]]
) -> Meaning:
    """What the answers of a whole file mean, from (place, answer, options) of its rows.

    A number may count from 0 or from 1: a 0 shows the one, a number as high as there are options
    the other. Raises ``DataError`` where nothing or both is shown: a guess would teach and measure
    wrong answers.
    """
    shown: dict[str, str] = {}
    bases: dict[int, str] = {}
    for location, answer, options in answers:
        kinds = readings(answer, options)
        if len(kinds) > 1:
            continue
        for kind, number in kinds.items():
            shown.setdefault(kind, location)
            if kind == NUMBER and number in (0, len(options.texts)):
                bases.setdefault(int(number > 0), location)
    if len(bases) > 1:
        what = (
            f"the column {column!r} counts the options from 0 ({bases[0]}) and from 1 ({bases[1]})"
        )
        raise DataError(what, where=where, fix=_LETTERS)
    if NUMBER in shown and not bases:
        what = (
            f"cannot tell whether {column!r} counts the options from 0 or from 1: no row "
            "answers 0 or the number of its options"
        )
        raise DataError(what, where=where, fix=_LETTERS)
    return Meaning(column, frozenset(shown), next(iter(bases), None))


# The most telling first: what stands beside them in "answer" may be an explanation.
_KEYS = """
    answerkey answerletter correctoption correctanswer correctchoice correctletter correct
    rightanswer rightoption answer answeridx answerindex correctidx correctindex cop gold
""".split()
_PLACES = """
    answerletter answeridx answerindex correctletter correctidx correctindex correctoption
""".split()
_LABEL = "label"  # the last: it may be the answer, or a class beside it


@dataclass(frozen=True, kw_only=True)
class ChoiceLayout(Layout):
    """The layout of a table of questions with options: that of its other columns, and how
    options and answers are read.

    ``checked`` is a second column of answers, held against the one that is taken. A label is left
    out: beside options it would be taken for the class that they are.
    """

    options: OptionColumns
    meaning: Meaning
    checked: str | None = None

    def disagrees(self, row: TableRow, source: str, location: str) -> bool:
        """Whether the column ``checked`` names no option, or another one than the answer."""
        fields = Fields(row, source, location)
        answer = text_of(row, self.columns.answer, location).strip()
        other = text_of(row, self.checked, location).strip()
        options = self.options.of(fields)
        if not options.texts or other in MISSING or answer in MISSING:
            return False
        position = self.meaning.position(fields, answer, options)
        return position not in readings(other, options).values()

    def taken(self) -> dict[str, str]:
        """Part to column, for saying so."""
        return super().taken() | {"options": " ".join(self.options.columns)}

    def row(self, row: TableRow, source: str, location: str) -> Row:
        """One row of the table. Without options it is a plain question, unless a letter answers."""
        fields, plain = Fields(row, source, location), super().row(row, source, location)
        options, answer = self.options.of(fields), plain.answer.strip()
        if not options.texts:
            if is_letter(answer):
                raise fields.fault(
                    "the answer is a letter and there are no options", f"Give them. {AS_PLAIN}"
                )
            return plain
        choice = choice_row(
            fields, plain.question, list(options.texts), self._key(fields, answer, options)
        )
        messages = (*plain.messages[:-2], *choice.messages)  # a system message, earlier turns
        return replace(
            choice,
            messages=messages,
            entity=plain.entity,
            id=plain.id,
            published_split=plain.published_split,
        )

    def _key(self, fields: Fields, answer: str, options: AnswerOptions) -> str:
        if answer in MISSING and answer not in options.texts:
            return ""
        position = self.meaning.position(fields, answer, options)
        return ascii_uppercase[position : position + 1]


def find_choices(table: Table, explicit: Columns) -> ChoiceLayout | None:
    """The layout of a table of questions with options, if it is one.

    What its answers mean is read from all rows. ``explicit`` names columns beside question and
    answer.

    Raises ``DataError`` where there are options, and a column that they need is not there or not to
    be understood.
    """
    asked, key_column = _named(table.names, QUESTION), _key_column(table.names)
    if key_column is None and (asked is None or _named(table.names, MESSAGES)):
        return None
    options = find_options(table)
    if options is None:
        return None
    question, key = (
        _needed("question", asked, table, options),
        _needed("answer", key_column, table, options),
    )
    meaning, checked = _meaning(table, options, key)
    layout = _beside(table, question, meaning.column, explicit)
    return ChoiceLayout(
        layout.columns,
        layout.instruction,
        layout.constant,
        options=options,
        meaning=meaning,
        checked=checked,
    )


def _meaning(table: Table, options: OptionColumns, key: str) -> tuple[Meaning, str | None]:
    """What the answers mean, and the column to hold them against.

    Where one column gives the right option's text and another its letter or number, the latter is
    taken: a text may be misspelt. Unless its numbers do not say from where they count.
    """
    plain = {plain_name(name): name for name in table.names}
    places = [plain[name] for name in _PLACES if name in plain and plain[name] != key]
    if places and plain_name(key) in ("answer", "correctanswer", "rightanswer"):
        with suppress(DataError):
            meaning = learn_meaning(places[0], str(table.path), _answers(table, options, places[0]))
            if meaning.shown and TEXT not in meaning.shown:
                return meaning, key
    return learn_meaning(key, str(table.path), _answers(table, options, key)), None


def _needed(part: str, column: str | None, table: Table, options: OptionColumns) -> str:
    """The column of a part without which options are of no use."""
    if column is None:
        raise DataError(
            f"there are options ({', '.join(options.columns)}), but no column that holds the "
            f"{part}",
            where=str(table.path),
            fix=f"Columns here: {shown_columns(table.names)}. Name the one that holds it {part!r}. "
            f"{AS_PLAIN}",
        )
    return column


def _beside(table: Table, question: str, key: str, explicit: Columns) -> Layout:
    """The layout of the columns beside the options."""
    by_label = plain_name(key) == _LABEL  # the usual reading would take it for a text and its class
    named = explicit.model_copy(
        update={
            "answer": key,
            "question": question if by_label else None,
            "id": explicit.id or _named(table.names, ["id"]),
        }
    )
    layout = find_layout(table, named)
    return replace(layout, columns=layout.columns.model_copy(update={"label": None}))


def _named(names: list[str], candidates: list[str]) -> str | None:
    plain = {name.strip().lower(): name for name in names}
    return next((plain[name] for name in candidates if name in plain), None)


def _key_column(names: list[str]) -> str | None:
    """The column that says which option is right."""
    plain = {plain_name(name): name for name in names}
    return next((plain[name] for name in (*_KEYS, *ANSWER, _LABEL) if name in plain), None)


def _answers(
    table: Table, options: OptionColumns, key: str
) -> Iterator[tuple[str, str, AnswerOptions]]:
    """Place, answer and options of each row that has both."""
    for number, row in enumerate(table.rows(), 1):
        location = f"{table.path.name}, row {number}"
        row_options, answer = (
            options.of(Fields(row, table.path.stem, location)),
            text_of(row, key, location).strip(),
        )
        if row_options.texts and answer:
            yield location, answer, row_options
