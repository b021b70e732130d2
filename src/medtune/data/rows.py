"""What a source yields: a conversation not yet grouped, what it is about, and where it stands."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_uppercase

from medtune.conversation import Message


@dataclass(frozen=True)
class Row:
    """One row of a source. ``location`` is for messages to people (``my.csv, row 7``).

    ``labels`` holds the whole set where a text has several (``label`` is its first). ``options``
    are the texts of a multiple-choice question and ``answer_key`` the letter of the right one (A is
    the first).
    """

    messages: tuple[Message, ...]
    source: str
    location: str
    entity: str | None = None
    label: str | None = None
    id: str | None = None
    labels: tuple[str, ...] | None = None
    options: tuple[str, ...] | None = None
    answer_key: str | None = None
    published_split: str | None = None

    def turns(self, role: str) -> list[str]:
        """All texts of a role.

        What a user says after the last answer is no question that was learnt.
        """
        last = max(
            (i for i, m in enumerate(self.messages) if m.role == "assistant"),
            default=len(self.messages),
        )
        return [m.content for m in self.messages[: last + 1] if m.role == role]

    @property
    def is_choice(self) -> bool:
        """Whether the answer is a label or an option: no prose, and the same for many questions."""
        answer = self.answer.strip()
        if self.label is not None and answer == self.label.strip():
            return True
        letters = zip(ascii_uppercase, self.options or (), strict=False)
        return any(
            answer in (option.strip(), f"{letter}. {option}".strip()) for letter, option in letters
        )

    @property
    def question(self) -> str:
        """The last user turn; empty where there is none."""
        return next((m.content for m in reversed(self.messages) if m.role == "user"), "")

    @property
    def answer(self) -> str:
        """The last assistant turn; empty where there is none."""
        return next((m.content for m in reversed(self.messages) if m.role == "assistant"), "")


OPTIONS = "\n\nA. "  # where the options of a multiple-choice question begin


def bare_question(text: str) -> str:
    """A question without the options written below it."""
    return text.split(OPTIONS)[0]


@dataclass(frozen=True)
class Source:
    """One opened source: what it is, and its rows, read as a stream each time ``read`` is called.

    ``read`` raises ``DataError`` naming file and line where a row cannot be read. ``columns`` says
    which column of the file was taken for which part.
    """

    name: str
    read: Callable[[], Iterator[Row]]
    files: tuple[Path, ...]
    licence: str = "as stated by its owner"
    published: str = ""
    columns: dict[str, str] = field(default_factory=dict)
