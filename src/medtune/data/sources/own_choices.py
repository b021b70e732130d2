"""Questions with options in a file of one's own: recognised by its columns, for training and for measuring alike."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from string import ascii_uppercase
from typing import Any

from medtune.data.layouts import ANSWER, MESSAGES, QUESTION, Layout, find_layout, text_of
from medtune.data.rows import Row
from medtune.data.sources.answer_keys import MISSING, Meaning, is_letter, learn_meaning
from medtune.data.sources.forms import Fields
from medtune.data.sources.multiple_choice import choice_row
from medtune.data.sources.options import AS_PLAIN, OptionColumns, Options, find_options, plain_name
from medtune.data.tables import Table
from medtune.errors import DataError
from medtune.recipe.schema import Columns

# The most telling first: what stands beside them in "answer" may be an explanation.
_KEYS = """answerkey answerletter correctoption correctanswer correctchoice correctletter correct rightanswer rightoption
    answer answeridx answerindex correctidx correctindex cop gold""".split()
_LABEL = "label"  # the last: it may be the answer, or a class beside it


@dataclass(frozen=True, kw_only=True)
class ChoiceLayout(Layout):
    """The layout of a table of questions with options: that of its other columns, and how options and answers are read.

    A label is left out: beside options it would be taken for the class that they are.
    """

    options: OptionColumns
    meaning: Meaning
    split: str | None

    def taken(self) -> dict[str, str]:
        """Part to column, for saying so."""
        return super().taken() | {"options": " ".join(self.options.columns)}

    def row(self, row: dict[str, Any], source: str, place: str) -> Row:
        """One row of the table. Without options it is a plain question, unless a letter answers."""
        fields, plain = Fields(row, source, place), super().row(row, source, place)
        part = text_of(row, self.split, place).strip().lower() or None
        options, answer = self.options.of(fields), plain.answer.strip()
        if not options.texts:
            if is_letter(answer):
                raise fields.fault(f"the answer is {answer!r} and there are no options", f"Give them. {AS_PLAIN}")
            return replace(plain, published_split=part)
        made = choice_row(fields, plain.question, list(options.texts), self._key(fields, answer, options))
        told = tuple(message for message in plain.messages if message.role == "system")
        messages = (*told, *made.messages)
        return replace(made, messages=messages, entity=plain.entity, id=plain.id, published_split=part)

    def _key(self, fields: Fields, answer: str, options: Options) -> str:
        if answer in MISSING and answer not in options.texts:
            return ""
        place = self.meaning.place(fields, answer, options)
        return ascii_uppercase[place : place + 1]


def find_choices(table: Table) -> ChoiceLayout | None:
    """The layout of a table of questions with options, if it is one. What its answers mean is read from all rows.

    Raises ``DataError`` where there are options, and a column that they need is not there or not to be understood.
    """
    asked, said = _named(table.names, QUESTION), _key_column(table.names)
    if said is None and (asked is None or _named(table.names, MESSAGES)):
        return None
    options = find_options(table)
    if options is None:
        return None
    question, key = _needed("question", asked, table, options), _needed("answer", said, table, options)
    layout, split = _beside(table, question, key), _named(table.names, ["split"])
    meaning = learn_meaning(key, str(table.path), _answers(table, options, key))
    return ChoiceLayout(
        layout.columns, layout.instruction, layout.constant, options=options, meaning=meaning, split=split
    )


def _needed(part: str, column: str | None, table: Table, options: OptionColumns) -> str:
    """The column of a part without which options are of no use."""
    if column is None:
        raise DataError(
            f"there are options ({', '.join(options.columns)}), but no column that holds the {part}",
            where=str(table.path),
            fix=f"Columns here: {', '.join(table.names)}. Name the one that holds it {part!r}. {AS_PLAIN}",
        )
    return column


def _beside(table: Table, question: str, key: str) -> Layout:
    """The layout of the columns beside the options."""
    by_label = plain_name(key) == _LABEL  # the usual reading would take it for a text and its class
    wanted = Columns(answer=key, question=question if by_label else None, id=_named(table.names, ["id"]))
    layout = find_layout(table, wanted)
    return replace(layout, columns=layout.columns.model_copy(update={"label": None}))


def _named(names: list[str], candidates: list[str]) -> str | None:
    plain = {name.strip().lower(): name for name in names}
    return next((plain[name] for name in candidates if name in plain), None)


def _key_column(names: list[str]) -> str | None:
    """The column that says which option is right."""
    plain = {plain_name(name): name for name in names}
    return next((plain[name] for name in (*_KEYS, *ANSWER, _LABEL) if name in plain), None)


def _answers(table: Table, options: OptionColumns, key: str) -> Iterator[tuple[str, str, Options]]:
    """Place, answer and options of each row that has both."""
    for number, row in enumerate(table.rows(), 1):
        place = f"{table.path.name}, row {number}"
        found, answer = options.of(Fields(row, table.path.stem, place)), text_of(row, key, place).strip()
        if found.texts and answer:
            yield place, answer, found
