"""The one interchange type: a conversation with its identity, its group, where it came from, and
what is known of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any, Literal

from medtune.files import whole_file

if TYPE_CHECKING:
    import pyarrow as pa

Role = Literal["system", "user", "assistant"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant")


@dataclass(frozen=True)
class Message:
    """One turn of a conversation, by its role."""

    role: Role
    content: str

    def as_dict(self) -> dict[str, str]:
        """The form that chat templates take."""
        return {"role": self.role, "content": self.content}


def options_block(options: Sequence[str]) -> str:
    """The options of a question as they stand below it: a blank line, then lines ``A. …``."""
    lettered = zip(ascii_uppercase, options, strict=False)
    return "\n".join(["\n", *(f"{letter}. {option}" for letter, option in lettered)])


def bare_question(question: str, options: Sequence[str] | None) -> str:
    """A question without its options, where just these stand below it.

    Nothing else is cut off: a line "A. …" may belong to the question.
    """
    return question.removesuffix(options_block(options)) if options else question


@dataclass(frozen=True)
class Conversation:
    """One item of data. ``group`` never lies in two splits; the rest where it applies.

    ``labels`` is the whole set of a text with several labels; ``answer`` the letter of the right
    one of ``options``.
    """

    id: str
    group: str
    source: str
    messages: tuple[Message, ...]
    label: str | None = None
    options: tuple[str, ...] | None = None
    answer: str | None = None
    labels: tuple[str, ...] | None = None

    @property
    def prompt(self) -> tuple[Message, ...]:
        """Everything before the last assistant turn."""
        last = max(
            (i for i, m in enumerate(self.messages) if m.role == "assistant"),
            default=len(self.messages),
        )
        return self.messages[:last]

    @property
    def question(self) -> str:
        """The last user turn before the answer."""
        return next((m.content for m in reversed(self.prompt) if m.role == "user"), "")

    @property
    def stem(self) -> str:
        """The question without its options."""
        return bare_question(self.question, self.options)

    @property
    def reference(self) -> str:
        """The last assistant turn: the answer to learn or to compare with."""
        return next((m.content for m in reversed(self.messages) if m.role == "assistant"), "")

    def as_dict(self) -> dict[str, object]:
        """Plain values, as they stand in Parquet and JSON."""
        return {
            "id": self.id,
            "group": self.group,
            "source": self.source,
            "messages": [m.as_dict() for m in self.messages],
            "label": self.label,
            "options": None if self.options is None else list(self.options),
            "answer": self.answer,
            "labels": None if self.labels is None else list(self.labels),
        }

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> "Conversation":
        """From plain values, as ``as_dict`` gives them."""
        messages = tuple(Message(m["role"], m["content"]) for m in row["messages"])
        options, labels = row.get("options"), row.get("labels")
        return cls(
            id=row["id"],
            group=row["group"],
            source=row["source"],
            messages=messages,
            label=row.get("label"),
            options=None if options is None else tuple(options),
            answer=row.get("answer"),
            labels=None if labels is None else tuple(labels),
        )


def user_asks(question: str, system: str | None = None) -> tuple[Message, ...]:
    """The messages of a single question."""
    head = (Message("system", system),) if system else ()
    return (*head, Message("user", question))


def conversation_schema() -> "pa.Schema":
    """The columns of a split's Parquet file."""
    import pyarrow as pa

    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    return pa.schema(
        [
            ("id", pa.string()),
            ("group", pa.string()),
            ("source", pa.string()),
            ("messages", pa.list_(message)),
            ("label", pa.string()),
            ("options", pa.list_(pa.string())),
            ("answer", pa.string()),
            ("labels", pa.list_(pa.string())),
        ]
    )


def write_conversations(path: Path, conversations: Iterable[Conversation]) -> None:
    """Write Parquet, whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([c.as_dict() for c in conversations], schema=conversation_schema())
    with whole_file(path) as temporary:
        pq.write_table(table, temporary)


def read_conversations(path: Path) -> Sequence[Conversation]:
    """The rows that ``write_conversations`` wrote, in order."""
    import pyarrow.parquet as pq

    return [Conversation.from_dict(row) for row in pq.read_table(path).to_pylist()]


def iter_conversations(path: Path, size: int = 1_000) -> Iterator[list[Conversation]]:
    """The same in lists of at most ``size``, so that a large file never lies in memory whole."""
    import pyarrow.parquet as pq

    # Read ahead, Arrow would keep every part of the file that was read until the file is closed.
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(size):
            yield [Conversation.from_dict(row) for row in batch.to_pylist()]
