"""What a source yields: a conversation not yet grouped, what it is about, and where it stands."""

from dataclasses import dataclass, field

from medtune.conversation import Message


@dataclass(frozen=True)
class Row:
    """One row of a source. ``place`` is for messages to people (``my.csv, row 7``)."""

    messages: tuple[Message, ...]
    source: str
    place: str
    entity: str | None = None
    label: str | None = None
    id: str | None = None

    def turns(self, role: str) -> list[str]:
        """All texts of a role; what a user says after the last answer is no question that was learnt."""
        last = max((i for i, m in enumerate(self.messages) if m.role == "assistant"), default=len(self.messages))
        return [m.content for m in self.messages[: last + 1] if m.role == role]

    @property
    def question(self) -> str:
        """The last user turn."""
        return next((m.content for m in reversed(self.messages) if m.role == "user"), "")

    @property
    def answer(self) -> str:
        """The last assistant turn."""
        return next((m.content for m in reversed(self.messages) if m.role == "assistant"), "")


@dataclass
class Loaded:
    """Rows of one source, and what the audit says about where they came from."""

    name: str
    rows: list[Row]
    files: list[dict[str, str | int]] = field(default_factory=list)
    licence: str = "as stated by its owner"
    columns: dict[str, str] = field(default_factory=dict)
