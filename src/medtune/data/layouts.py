"""Tables into conversations: which column plays which part, by mapping or by the usual names, and common chat layouts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from medtune.conversation import Message, Role
from medtune.data.rows import Row
from medtune.errors import DataError
from medtune.recipe.schema import Columns

# Usual names, the most telling first. The first name of a list that the table has is taken.
QUESTION = ["question", "query", "prompt", "input", "instruction", "patient", "user", "human", "problem"]
ANSWER = ["answer", "response", "completion", "output", "reply", "doctor", "assistant", "chosen", "target"]
MESSAGES = ["messages", "conversations", "conversation", "dialogue"]
ENTITY = ["focus", "focus_area", "entity", "topic", "disease", "condition"]
LABEL = ["label", "class", "category", "specialty", "medical_specialty"]
SYSTEM = ["system", "system_prompt"]
CONTEXT = ["context", "passage"]
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
    lowered = {name.lower().strip(): name for name in names}
    return next((lowered[c] for c in candidates if c in lowered), None)


def resolve_columns(names: list[str], wanted: Columns, where: str) -> Columns:
    """The columns to use: those of the recipe, checked; the rest by their usual names. Unsure is an error."""
    for part, name in wanted.model_dump(exclude_none=True).items():
        if name not in names:
            raise DataError(
                f"no column {name!r}", where=where, fix=f"data.columns.{part} must be one of: {', '.join(names)}."
            )
    found = wanted.model_dump()
    if not found["messages"] and not (found["question"] or found["answer"]):
        found["messages"] = _find(names, MESSAGES) if not _find(names, ANSWER) else None
    if not found["messages"]:
        found["answer"] = found["answer"] or _find(names, ANSWER)
        rest = [name for name in names if name not in (found["answer"], found["context"])]
        found["question"] = found["question"] or _find(rest, QUESTION)
        if not found["question"] or not found["answer"]:
            missing = "question" if not found["question"] else "answer"
            raise DataError(
                f"cannot tell which column holds the {missing}",
                where=where,
                fix=f"Columns here: {', '.join(names) or 'none'}. Give --set data.columns.question=… and data.columns.answer=…",
            )
    taken = {value for value in found.values() if value}
    for part, candidates in (("entity", ENTITY), ("label", LABEL), ("system", SYSTEM), ("context", CONTEXT)):
        rest = [name for name in names if name not in taken]
        found[part] = found[part] or _find(rest, candidates)
    return Columns(**found)


def alpaca_instruction(names: list[str], columns: Columns, explicit: Columns) -> str | None:
    """The instruction column of an alpaca table (instruction, input, output), if this is one."""
    if explicit.question or columns.messages:
        return None
    instruction = _find(names, ["instruction"])
    return instruction if instruction and columns.question and columns.question.lower() == "input" else None


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def parse_messages(value: Any, place: str) -> tuple[Message, ...]:
    """A list of {role, content} or {from, value} as messages; nothing at all is an empty conversation."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise DataError(
            "the conversation is not a list of messages", where=place, fix='Write [{"role": "user", "content": …}, …].'
        )
    messages = []
    for turn in value:
        if not isinstance(turn, dict):
            raise DataError("a turn is not an object", where=place, fix='Write {"role": "user", "content": …}.')
        # A table that holds both spellings has an empty value under the other one.
        name = _text(turn.get("role") or turn.get("from")).lower()
        content = turn.get("content") if turn.get("content") is not None else turn.get("value")
        if name not in ROLE_NAMES:
            raise DataError(f"unknown role {name!r}", where=place, fix=f"Roles: {', '.join(ROLE_NAMES)}.")
        messages.append(Message(ROLE_NAMES[name], _text(content)))
    return tuple(messages)


@dataclass(frozen=True)
class _Pairs:
    """Question and answer columns of a table; ``constant`` is an instruction that every row shares."""

    columns: Columns
    instruction: str | None
    constant: str | None

    def messages(self, row: dict[str, Any], place: str) -> tuple[Message, ...]:
        """One row as a conversation. Lists of turns in both columns (TRL's conversational pairs) are joined."""
        columns = self.columns
        asked, answered = row[columns.question or ""], row[columns.answer or ""]
        if isinstance(asked, list) and isinstance(answered, list):
            return parse_messages(asked, place) + parse_messages(answered, place)
        for name, value in ((columns.question, asked), (columns.answer, answered)):
            if isinstance(value, list | dict):
                raise DataError(
                    f"the column {name!r} holds a {type(value).__name__}, not a text",
                    where=place,
                    fix="Name a text column, or data.columns.messages for whole conversations.",
                )
        parts = [_text(row[columns.context])] if columns.context else []
        if self.instruction and self.constant is None:
            parts.insert(0, _text(row[self.instruction]))
        system = (_text(row[columns.system]) if columns.system else "") or self.constant or ""
        head = (Message("system", system),) if system else ()
        # A context without a question asks nothing; an instruction without an input does.
        askable = _text(asked) or (self.instruction and self.constant is None)
        question = "\n\n".join(part for part in (*parts, _text(asked)) if part) if askable else ""
        return (*head, Message("user", question), Message("assistant", _text(answered)))


def table_rows(
    rows: list[dict[str, Any]], names: list[str], explicit: Columns, source: str, where: str
) -> tuple[Iterator[Row], dict[str, str]]:
    """Rows of a table as ``Row``, with the columns taken (for saying so)."""
    columns = resolve_columns(names, explicit, where)
    taken = columns.model_dump(exclude_none=True)
    instruction = alpaca_instruction(names, columns, explicit)
    constant = None
    if instruction:
        values = {_text(row[instruction]) for row in rows}
        constant = next(iter(values)) if len(values) == 1 and len(rows) > 1 else None
        taken["system" if constant is not None else "instruction"] = instruction
    pairs = _Pairs(columns, instruction, constant)

    def generate() -> Iterator[Row]:
        for number, row in enumerate(rows, 1):
            place = f"{where}, row {number}"
            yield Row(
                messages=parse_messages(row[columns.messages], place)
                if columns.messages
                else pairs.messages(row, place),
                source=source,
                place=place,
                entity=_text(row[columns.entity]) or None if columns.entity else None,
                label=_text(row[columns.label]) or None if columns.label else None,
                id=_text(row[columns.id]) or None if columns.id else None,
            )

    return generate(), taken
