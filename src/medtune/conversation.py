"""The one interchange type: a conversation with its identity, its group, where it came from, and what is known of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from medtune.files import whole_file

if TYPE_CHECKING:
    import pyarrow as pa

Role = Literal["system", "user", "assistant"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant")


@dataclass(frozen=True)
class Message:
    """One turn."""

    role: Role
    content: str

    def as_dict(self) -> dict[str, str]:
        """The form that chat templates take."""
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True)
class Conversation:
    """One item of data. ``group`` never lies in two splits; ``label``, ``options``, ``answer`` where they apply."""

    id: str
    group: str
    source: str
    messages: tuple[Message, ...]
    label: str | None = None
    options: tuple[str, ...] | None = None
    answer: str | None = None

    @property
    def prompt(self) -> tuple[Message, ...]:
        """Everything before the last assistant turn."""
        last = max((i for i, m in enumerate(self.messages) if m.role == "assistant"), default=len(self.messages))
        return self.messages[:last]

    @property
    def question(self) -> str:
        """The last user turn before the answer."""
        return next((m.content for m in reversed(self.prompt) if m.role == "user"), "")

    @property
    def reference(self) -> str:
        """The last assistant turn: the answer to learn or to compare with."""
        return next((m.content for m in reversed(self.messages) if m.role == "assistant"), "")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in Parquet and JSON."""
        return {
            "id": self.id,
            "group": self.group,
            "source": self.source,
            "messages": [m.as_dict() for m in self.messages],
            "label": self.label,
            "options": None if self.options is None else list(self.options),
            "answer": self.answer,
        }

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> "Conversation":
        """The inverse of ``as_dict``."""
        messages = tuple(Message(m["role"], m["content"]) for m in row["messages"])
        options = row.get("options")
        return cls(
            id=row["id"],
            group=row["group"],
            source=row["source"],
            messages=messages,
            label=row.get("label"),
            options=None if options is None else tuple(options),
            answer=row.get("answer"),
        )


def user_asks(question: str, system: str | None = None) -> tuple[Message, ...]:
    """The messages of a single question."""
    head = (Message("system", system),) if system else ()
    return (*head, Message("user", question))


def _schema() -> "pa.Schema":
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
        ]
    )


def write_conversations(path: Path, conversations: Iterable[Conversation]) -> None:
    """Write Parquet, whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([c.as_dict() for c in conversations], schema=_schema())
    with whole_file(path) as temporary:
        pq.write_table(table, temporary)


def read_conversations(path: Path) -> Sequence[Conversation]:
    """Read what ``write_conversations`` wrote."""
    import pyarrow.parquet as pq

    return [Conversation.from_dict(row) for row in pq.read_table(path).to_pylist()]
