"""``Row``, what a source yields: a conversation not yet grouped, what it is about and where it
stands; and ``RowStore``, which keeps rows on disk between two passes.

The store is Arrow batches in a file, so that memory stays bounded as data grow.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from string import ascii_uppercase
from types import TracebackType

import pyarrow as pa

from medtune.conversation import Message, bare_question, options_block
from medtune.data.clinical.document import RecordErrors
from medtune.data.field_use import FieldUse


@dataclass(frozen=True)
class Row:
    """One row of a source. ``location`` is for messages to people (``my.csv, row 7``).

    ``labels`` holds the whole set where a text has several (``label`` is its first). ``options``
    are the texts of a multiple-choice question and ``answer_key`` the letter of the right one (A is
    the first). ``identifiers`` are kind and value of those that the file's structure names.
    ``shared_request`` says that the user's turn asks for nothing of its own (write a note): it ties
    no rows and contradicts none.
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
    identifiers: tuple[tuple[str, str], ...] = ()
    shared_request: bool = False

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
    def stem(self) -> str:
        """The question without its options."""
        return bare_question(self.question, self.options)

    @property
    def answer(self) -> str:
        """The last assistant turn; empty where there is none."""
        return next((m.content for m in reversed(self.messages) if m.role == "assistant"), "")

    @property
    def bare_messages(self) -> tuple[Message, ...]:
        """The turns, the question without its options below it."""
        last = self._asking if self.stem != self.question else -1
        return tuple(
            Message(m.role, self.stem) if i == last else m for i, m in enumerate(self.messages)
        )

    @property
    def _asking(self) -> int:
        return max((i for i, m in enumerate(self.messages) if m.role == "user"), default=-1)

    def rewritten(self, bare: Sequence[Message], options: Sequence[str] | None) -> "Row":
        """The row with other texts: its ``bare_messages`` and its options.

        These stand below the question, and in an answer that repeats one, just as they did.
        """
        messages, repeats = list(bare), self._repeats(options or ())
        for i, old in enumerate(self.messages):
            if old.role == "assistant" and old.content.strip() in repeats:
                messages[i] = Message(old.role, repeats[old.content.strip()])
        if options and self.stem != self.question:
            asked = messages[self._asking]
            messages[self._asking] = Message(asked.role, asked.content + options_block(options))
        return replace(self, messages=tuple(messages), options=tuple(options) if options else None)

    def _repeats(self, options: Sequence[str]) -> dict[str, str]:
        """What an answer that is an option, or its letter and text, becomes with other texts."""
        pairs = list(zip(ascii_uppercase, self.options or (), options, strict=False))
        lettered = {f"{letter}. {old}".strip(): f"{letter}. {new}" for letter, old, new in pairs}
        return {old.strip(): new for _, old, new in pairs} | lettered


@dataclass(frozen=True)
class Source:
    """One opened source: what it is, and its rows, read as a stream each time ``read`` is called.

    ``read`` raises ``DataError`` naming file and line where a row cannot be read. ``columns`` says
    which column of the file was taken for which part, ``use`` which were not read so far,
    ``errors`` which records of a clinical file were not, ``file_part`` the part that a row without
    one of its own was published in.
    """

    name: str
    read: Callable[[], Iterator[Row]]
    files: tuple[Path, ...]
    licence: str = "as stated by its owner"
    published: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    use: FieldUse = field(default_factory=FieldUse)
    file_part: str | None = None
    errors: RecordErrors = field(default_factory=RecordErrors)


CHUNK = 1_000  # rows in a batch

_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
_TEXTS = ("source", "location", "entity", "label", "id", "answer_key", "published_split")
SCHEMA = pa.schema(
    [
        ("messages", pa.list_(_MESSAGE)),
        *((name, pa.string()) for name in _TEXTS),
        ("labels", pa.list_(pa.string())),
        ("options", pa.list_(pa.string())),
        ("identifiers", pa.list_(pa.list_(pa.string()))),
        ("shared_request", pa.bool_()),
    ]
)


def chunks(rows: Iterable[Row], size: int = CHUNK) -> Iterator[list[Row]]:
    """Rows in lists of at most ``size``."""
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def to_batch(rows: Sequence[Row]) -> pa.RecordBatch:
    """Rows as one Arrow batch."""
    values = [
        {name: getattr(row, name) for name in _TEXTS}
        | {
            "messages": [m.as_dict() for m in row.messages],
            "labels": row.labels,
            "options": row.options,
            "identifiers": [list(pair) for pair in row.identifiers],
            "shared_request": row.shared_request,
        }
        for row in rows
    ]
    return pa.RecordBatch.from_pylist(values, schema=SCHEMA)


def from_batch(batch: pa.RecordBatch) -> list[Row]:
    """The rows of a batch that ``to_batch`` made."""
    return [_row(value) for value in batch.to_pylist()]


def _row(value: dict) -> Row:  # type: ignore[type-arg]
    labels, options = value["labels"], value["options"]
    return Row(
        messages=tuple(Message(m["role"], m["content"]) for m in value["messages"]),
        labels=None if labels is None else tuple(labels),
        options=None if options is None else tuple(options),
        identifiers=tuple((kind, text) for kind, text in value["identifiers"]),
        shared_request=value["shared_request"],
        **{name: value[name] for name in _TEXTS},
    )


class RowStore:
    """A file of batches: written once from front to back, then read as often as wanted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer = pa.ipc.new_file(path, SCHEMA)
        self.rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch to the file."""
        self._writer.write_batch(batch)
        self.rows += batch.num_rows

    def __enter__(self) -> "RowStore":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All batches in order, after the block in which they were written."""
        # Read, not mapped: pages of a mapped file count as memory of this process until the end of
        # the pass.
        with pa.OSFile(str(self.path)) as handle, pa.ipc.open_file(handle) as reader:
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)

    def positioned(self) -> Iterator[tuple[int, pa.RecordBatch]]:
        """All batches with the position of their first row."""
        start = 0
        for batch in self.batches():
            yield start, batch
            start += batch.num_rows

    def rows_at(self, positions: Iterable[int]) -> dict[int, Row]:
        """Some rows by their positions."""
        ordered, rows = sorted(set(positions)), dict[int, Row]()
        for start, batch in self.positioned():
            inside = [p - start for p in ordered if start <= p < start + batch.num_rows]
            if inside:
                taken = from_batch(batch.take(pa.array(inside)))
                rows |= {start + p: row for p, row in zip(inside, taken, strict=True)}
        return rows

    def remove(self) -> None:
        """Give the disk space back."""
        self.path.unlink(missing_ok=True)
