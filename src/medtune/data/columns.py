"""Tables into conversations: which column plays which part, by mapping or by the usual names,
and common chat layouts.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from medtune.conversation import Message, Role
from medtune.data.column_names import (
    ANSWER,
    CONTEXT,
    ENTITY,
    LABEL,
    MESSAGES,
    QUESTION,
    SYSTEM,
    TEXT,
    shown_columns,
)
from medtune.data.field_use import HISTORY, FieldUse, holds_sentence, is_empty, is_missing
from medtune.data.formats.delimited import TableRow
from medtune.data.formats.json import nested_value
from medtune.data.formats.tables import Table
from medtune.data.published_split import split_column
from medtune.data.rows import Row
from medtune.errors import DataError, described
from medtune.recipe.schema import Columns

ROLE_NAMES: dict[str, Role] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "patient": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "doctor": "assistant",
}


def _find(names: list[str], candidates: list[str]) -> str | None:
    lowered = {re.sub(r"[\s-]+", "_", name.lower().strip()): name for name in names}
    return next((lowered[c] for c in candidates if c in lowered), None)


# Columns of what people say, or of who they are.
_PEOPLE = ("patient", "user", "human")
_LOOK = 100  # rows


def _people_columns(table: Table) -> frozenset[str]:
    """Columns such as ``patient`` that hold numbers or names, and no question in the first rows."""
    named = [name for name in table.names if name.lower().strip() in _PEOPLE]
    return frozenset(
        name for name in named if not any(map(_asks, islice(table.column(name), _LOOK)))
    )


def _asks(value: Any) -> bool:
    return holds_sentence(value) or (
        isinstance(value, str) and value.rstrip().endswith(("?", "？"))
    )


def resolve_columns(
    names: list[str], explicit: Columns, where: str, people: Collection[str] = ()
) -> Columns:
    """The columns to use: those of the recipe, checked; the rest by their usual names.

    ``people`` are columns that say who it is, which is no question. Unsure is an error.
    """
    for part, name in explicit.model_dump(exclude_none=True).items():
        if name not in names:
            raise DataError(
                f"no column {name!r}",
                where=where,
                fix=f"data.columns.{part} must be one of: {shown_columns(names)}.",
            )
    parts = explicit.model_dump()
    if not parts["messages"] and not (parts["question"] or parts["answer"]):
        parts["messages"] = _find(names, MESSAGES) if not _find(names, ANSWER) else None
    if not parts["messages"]:
        # A table of texts and labels: the label is the answer.
        parts["answer"] = (
            parts["answer"] or _find(names, ANSWER) or parts["label"] or _find(names, LABEL)
        )
        no_question = (parts["answer"], parts["context"], *people)
        rest = [name for name in names if name not in no_question]
        labelled = parts["answer"] is not None and parts["answer"].lower().strip() in LABEL
        if labelled or parts["label"] == parts["answer"]:
            parts["label"] = parts["label"] or parts["answer"]
            parts["question"] = parts["question"] or _find(rest, TEXT)
        parts["question"] = parts["question"] or _find(rest, QUESTION)
        if not parts["question"] or not parts["answer"]:
            missing = "question" if not parts["question"] else "answer"
            raise DataError(
                f"cannot tell which column holds the {missing}",
                where=where,
                fix=f"{_columns_here(names)} Give --set data.columns.question=… and "
                "data.columns.answer=…",
            )
    taken = {value for value in parts.values() if value}
    for part, candidates in (
        ("entity", ENTITY),
        ("label", LABEL),
        ("system", SYSTEM),
        ("context", CONTEXT),
    ):
        rest = [name for name in names if name not in taken]
        parts[part] = parts[part] or _find(rest, candidates)
    return Columns(**parts)


def _columns_here(names: list[str]) -> str:
    alone = (
        " (one only: is the file's delimiter a comma, semicolon, tab or bar?)"
        if len(names) == 1
        else ""
    )
    return f"Columns here: {shown_columns(names)}{alone}."


def alpaca_instruction(names: list[str], columns: Columns, explicit: Columns) -> str | None:
    """The instruction column of an alpaca table (instruction, input, output), if this is one."""
    if explicit.question or columns.messages:
        return None
    instruction = _find(names, ["instruction"])
    return (
        instruction
        if instruction and columns.question and columns.question.lower() == "input"
        else None
    )


def text_of(row: TableRow, column: str | None, location: str) -> str:
    """A field as text, as it stands: cleaning counts what it takes off.

    Empty where there is none; a list is an error.
    """
    value = row.get(column) if column is not None else None
    if isinstance(value, str):
        return value
    if value is None or (
        isinstance(value, float) and value != value
    ):  # Parquet writes a missing text as not-a-number
        return ""
    if isinstance(value, list | dict | bytes):
        kind = {list: "a list", dict: "an object", bytes: "bytes"}[type(value)]
        raise DataError(
            f"the column {column!r} holds {kind}, not a text",
            where=location,
            fix="Name a text column, or data.columns.messages for whole conversations.",
        )
    return str(value)


def nested_field(row: TableRow, column: str, location: str) -> Any:
    """A field's value, with a list or object that was saved as text read back."""
    value = row.get(column)
    try:
        return value if not isinstance(value, str) else nested_value(value) or value
    except ValueError as error:
        raise DataError(
            f"the column {column!r} holds {error}",
            where=location,
            fix="Save the table as JSON lines or Parquet, which keep lists and objects.",
        ) from error


def context_of(row: TableRow, column: str | None, location: str) -> str:
    """The context of a question: a text, a list of texts, or an object that holds such a list
    under ``contexts`` as PubMedQA's does.
    """
    if column is None:
        return ""
    return _nested_text(nested_field(row, column, location), column, location)


# Where an object keeps its text, in the forms of published sets and of retrieval.
_TEXT_FIELDS = ("contexts", "context", "text", "content", "page_content", "passage", "abstract")


def _nested_text(value: Any, column: str, location: str) -> str:
    """The texts of a list or object below one another; a title stands above its text."""
    if isinstance(value, list):
        return "\n\n".join(_nested_text(part, column, location) for part in value)
    if isinstance(value, dict):
        held = [
            name for name in value if name.lower() in _TEXT_FIELDS and not is_empty(value[name])
        ]
        if len(held) == 1:
            text = _nested_text(value[held[0]], column, location)
            title = text_of(value, "title", location).strip()
            return f"{title}\n{text}" if title and title not in text else text
    return text_of({column: value}, column, location)


_ARRAY = re.compile(r"\s*[\[{].*\barray\(\s*\[", re.DOTALL)


def _printed_by_none(text: str, column: str | None, location: str) -> str:
    """A text as it stands; what NumPy printed is no text that anybody wrote."""
    if _ARRAY.match(text):
        raise DataError(
            f"the column {column!r} holds an array that was saved as text",
            where=location,
            fix="Save the table as JSON lines or Parquet, and name a column of texts.",
        )
    return text


def _earlier_turns(row: TableRow, location: str) -> tuple[Message, ...]:
    """Alpaca's ``history``: pairs of a question and its answer, or turns.

    A text of that name is not asked for: it is a patient's history, or anything.
    """
    turns: list[Message] = []
    for column in (name for name in HISTORY if name in row):
        past = nested_field(dict(row), column, location)
        if not isinstance(past, list):
            continue
        row.get(column)
        if past and isinstance(past[0], dict):
            turns.extend(parse_messages(past, location))
            continue
        for pair in past:
            if not isinstance(pair, list) or len(pair) != 2:
                raise DataError(
                    f"the column {column!r} holds no pairs of question and answer",
                    where=location,
                    fix='Write [["question", "answer"], …].',
                )
            asked, answered = (text_of({column: text}, column, location) for text in pair)
            turns += [Message("user", asked), Message("assistant", answered)]
    return tuple(turns)


def _stated(text: str) -> str:
    """A text beside the question as it stands; nothing where it says that there is none."""
    return "" if is_missing(text) else text


def _known(text: str) -> str | None:
    return None if is_missing(text) else text.strip()


def _or_none(text: str) -> str | None:
    return text if text.strip() else None


def _content(turn: TableRow, field: str, location: str) -> str:
    """What is said in a turn: a text, or OpenAI's list of parts where all of them are texts."""
    parts = turn.get(field)
    if not isinstance(parts, list):
        return text_of(turn, field, location)
    if not all(isinstance(part, dict) and part.get("type") == "text" for part in parts):
        raise DataError(
            "a turn's content is a list of parts that are not all texts",
            where=location,
            fix='Write {"type": "text", "text": …}: images and sounds are not read.',
        )
    return "\n".join(text_of(part, "text", location) for part in parts)


def parse_messages(value: Any, location: str) -> tuple[Message, ...]:
    """A list of {role, content} or {from, value} as messages.

    Nothing at all is an empty conversation.
    """
    if isinstance(value, str):
        value = nested_field({"conversation": value}, "conversation", location) if value else None
    if value is None:
        return ()
    if not isinstance(value, list):
        raise DataError(
            "the conversation is not a list of messages",
            where=location,
            fix='Write [{"role": "user", "content": …}, …].',
        )
    messages = []
    for turn in value:
        if not isinstance(turn, dict):
            raise DataError(
                "a turn is not an object",
                where=location,
                fix='Write {"role": "user", "content": …}.',
            )
        # A table that holds both spellings has an empty value under the other one.
        name = text_of(turn, "role" if turn.get("role") else "from", location).strip().lower()
        if name not in ROLE_NAMES:
            raise DataError(
                f"unknown role ({described(name)})",
                where=location,
                fix=f"Roles: {', '.join(ROLE_NAMES)}.",
            )
        messages.append(
            Message(
                ROLE_NAMES[name],
                _content(turn, "value" if turn.get("content") is None else "content", location),
            )
        )
    return tuple(messages)


@dataclass(frozen=True)
class Layout:
    """The parts that a table's columns play.

    ``constant`` is an instruction that every row shares: the system message.
    """

    columns: Columns
    instruction: str | None = None
    constant: str | None = None

    def taken(self) -> dict[str, str]:
        """Part to column, for saying so."""
        parts: dict[str, str] = self.columns.model_dump(exclude_none=True)
        if self.instruction:
            parts["instruction" if self.constant is None else "system"] = self.instruction
        return parts

    def row(self, row: TableRow, source: str, location: str) -> Row:
        """One row of the table."""
        columns = self.columns
        talk = columns.messages
        self._refuse_undesired(row, location)
        return Row(
            messages=self._talk(row, talk, location) if talk else self._pair(row, location),
            source=source,
            location=location,
            entity=_known(text_of(row, columns.entity, location)),
            label=_or_none(text_of(row, columns.label, location)),
            id=_known(text_of(row, columns.id, location)),
            published_split=_known(text_of(row, columns.split, location).lower()),
        )

    def _refuse_undesired(self, row: TableRow, location: str) -> None:
        """Unpaired preferences (prompt, completion, label: false) mark answers not to be learnt."""
        label = self.columns.label
        if label is None or label in (self.columns.answer, self.columns.question):
            return
        if str(row.get(label)).strip().lower() == "false":
            raise DataError(
                f"the column {label!r} says false of an answer, which would be learnt all the same",
                where=location,
                fix="Leave out answers that are not to be learnt; rename the column if it says "
                "something else.",
            )

    def disagrees(self, row: TableRow, source: str, location: str) -> bool:
        """Whether two columns of a row name different answers."""
        return False

    def _talk(self, row: TableRow, column: str, location: str) -> tuple[Message, ...]:
        """A whole conversation, after the system message of its row, where that has one."""
        messages = parse_messages(row.get(column), location)
        system = _stated(text_of(row, self.columns.system, location))
        systems = [message.content for message in messages if message.role == "system"]
        if not system.strip() or system in systems or not messages:
            return messages
        if systems:
            raise DataError(
                f"a system message in the conversation and another in {self.columns.system!r}",
                where=location,
                fix="Keep one of them.",
            )
        return (Message("system", system), *messages)

    def _pair(self, row: TableRow, location: str) -> tuple[Message, ...]:
        """Question and answer as a conversation.

        Lists of turns in both columns (TRL's conversational pairs) are joined.
        """
        columns = self.columns
        asked, answered = row.get(columns.question or ""), row.get(columns.answer or "")
        if isinstance(asked, list) and isinstance(answered, list):
            return parse_messages(asked, location) + parse_messages(answered, location)
        question, answer = (
            _printed_by_none(text_of(row, name, location), name, location)
            for name in (columns.question, columns.answer)
        )
        instruction = (
            _stated(text_of(row, self.instruction, location)) if self.constant is None else ""
        )
        system = _stated(text_of(row, columns.system, location)) or self.constant or ""
        # A context without a question asks nothing; an instruction without an input does.
        context = _stated(context_of(row, columns.context, location))
        asks_something = (question + instruction).strip()
        parts = [instruction, context, question] if asks_something else []
        asks = Message("user", "\n\n".join(part for part in parts if part.strip()))
        return (
            *([Message("system", system)] if system.strip() else []),
            *_earlier_turns(row, location),
            asks,
            Message("assistant", answer),
        )


def find_layout(table: Table, explicit: Columns) -> Layout:
    """The layout of a table, from its column names and, of an alpaca table, from the instruction
    column.

    Whether all rows share one instruction is seen by reading that column until a second one comes,
    so that a table whose rows do share one is read twice.
    """
    people = _people_columns(table)
    columns = resolve_columns(table.names, explicit, table.path.name, people)
    if columns.split is None:
        taken = columns.model_dump(exclude_none=True).values()
        columns = columns.model_copy(update={"split": split_column(table, taken)})
    instruction = alpaca_instruction(table.names, columns, explicit)
    return Layout(columns, instruction, _constant(table, instruction) if instruction else None)


def _constant(table: Table, column: str) -> str | None:
    """The one text of a column of several rows; nothing where there are two."""
    texts: set[str] = set()
    rows = 0
    for rows, value in enumerate(table.column(column), 1):
        texts.add(text_of({column: value}, column, f"{table.path.name}, row {rows}"))
        if len(texts) > 1:
            return None
    return texts.pop() if rows > 1 else None


def layout_rows(
    table: Table, layout: Layout, source: str, use: FieldUse, part: str | None = None
) -> Callable[[], Iterator[Row]]:
    """All rows of a table, as a stream each time it is called; ``use`` counts what is not read.

    ``part`` is the one in which rows without one of their own were published.
    """

    def read() -> Iterator[Row]:
        for number, row in enumerate(table.rows(), 1):
            location = f"{table.path.name}, row {number}"
            watched = use.watch(row)
            read_row = layout.row(watched, source, location)
            use.disagreeing += layout.disagrees(watched, source, location)
            use.check(row, location)
            given = read_row.published_split or part
            yield replace(read_row, published_split=given) if given else read_row

    return read
