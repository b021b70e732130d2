"""What selection needs to know of each row, as numbers: about a hundred bytes a row in place of
its texts.

Signatures for near-duplicates, half a kilobyte a row, lie in a file.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from string import ascii_uppercase
from types import TracebackType

import numpy as np

from medtune.conversation import Message
from medtune.data.dedup import (
    PERMUTATIONS,
    normalize,
    normalized_word_hashes,
    signatures,
    text_hash,
)
from medtune.data.demonstrations import rows_on_subject
from medtune.data.published_split import part_number
from medtune.data.rows import Row
from medtune.data.splits import Keys, row_keys
from medtune.text.pieces import count_words

_MASK = re.compile(r"\[[A-Z]+-\d+\]")  # as text/identifiers writes them
NEAR_PARTS = ("question", "answer")


@dataclass(frozen=True)
class Near:
    """Texts long enough to be compared: their row, their part (index into NEAR_PARTS), hash and
    signature [n, 128].
    """

    rows: np.ndarray
    parts: np.ndarray
    texts: np.ndarray
    signatures: np.ndarray


@dataclass(frozen=True)
class Index:
    """Arrays over rows: hashes of the whole conversation, of what is asked, of the answer.

    Words; flags; and names.

    ``choice``: the answer is a label or an option; ``labelled``: the label is what is asked for,
    not only a topic; ``left_open``: the last turn is a user's, which nobody answers; ``position``:
    of the right one among ``options`` options, counted from 0, −1 where there are none;
    ``published``: the number of the part it was published in (``published_split.part_number``).
    """

    conversation: np.ndarray
    prompt: np.ndarray
    answer: np.ndarray
    question_words: np.ndarray
    answer_words: np.ndarray
    on_subject: np.ndarray
    choice: np.ndarray
    labelled: np.ndarray
    has_entity: np.ndarray
    left_open: np.ndarray
    position: np.ndarray
    options: np.ndarray
    published: np.ndarray
    source: np.ndarray
    label: np.ndarray
    keys: Keys
    near: Near

    def __len__(self) -> int:
        return len(self.conversation)


def conversation_hash(row: Row) -> int:
    """Of all that is said and the label; a row's id in the splits ends with it."""
    text = "\x1f".join(f"{m.role}\x1e{m.content}" for m in row.messages)
    return text_hash(f"{text}\x1f{row.label}")


def prompt_text(messages: Sequence[Message]) -> str:
    """All that is said before the last answer, system messages aside, in normal form."""
    last = max((i for i, m in enumerate(messages) if m.role == "assistant"), default=len(messages))
    return "\n".join(normalize(m.content) for m in messages[:last] if m.role != "system")


def _prompt_hash(row: Row) -> int:
    return conversation_hash(row) if row.shared_request else text_hash(prompt_text(row.messages))


def _position(row: Row) -> int:
    return ascii_uppercase.find(row.answer_key) if row.options and row.answer_key else -1


def _near(rows: Sequence[Row], min_words: int) -> Near:
    texts = [
        (number, part, normalize(text))
        for number, row in enumerate(rows)
        for part, text in (
            (0, "" if row.shared_request else row.question),
            (1, "" if row.is_choice else row.answer),
        )
    ]
    texts = [entry for entry in texts if entry[2].count(" ") >= min_words - 1]
    words, starts = normalized_word_hashes([text for _, _, text in texts])
    return Near(
        np.array([number for number, _, _ in texts], np.int64),
        np.array([part for _, part, _ in texts], np.int8),
        np.array([text_hash(text) for _, _, text in texts], np.uint64),
        signatures(words, starts),
    )


def index_rows(
    rows: Sequence[Row],
    demonstrations: Sequence[str],
    min_words: int | None,
    unmasked: Sequence[Row] | None = None,
) -> Index:
    """The index of a chunk.

    ``min_words`` of a text to be compared for near-duplicates; None: none is. ``unmasked`` are the
    same rows before identifiers were masked: by these they are grouped, for all patients have the
    same mask.
    """
    unmasked = rows if unmasked is None else unmasked
    return Index(
        np.array([conversation_hash(row) for row in rows], np.uint64),
        np.array([_prompt_hash(row) for row in rows], np.uint64),
        np.array([text_hash(normalize(row.answer)) for row in rows], np.uint64),
        np.array([count_words(row.question) for row in rows], np.int32),
        np.array([count_words(row.answer) for row in rows], np.int32),
        np.array(rows_on_subject(unmasked, demonstrations), bool),
        np.array([row.is_choice for row in rows], bool),
        np.array(
            [row.label is not None and (row.is_choice or row.options is not None) for row in rows],
            bool,
        ),
        np.array([bool(row.entity) for row in rows], bool),
        np.array([row.messages[-1].role == "user" for row in rows], bool),
        np.array([_position(row) for row in rows], np.int8),
        np.array([len(row.options or ()) for row in rows], np.int8),
        np.array([part_number(row.published_split) for row in rows], np.int8),
        np.array([sys.intern(row.source) for row in rows], object),
        np.array([row.label and sys.intern(row.label) for row in rows], object),
        Keys.of(
            (number, part, value)
            for number, (row, before) in enumerate(zip(rows, unmasked, strict=True))
            for part, value in _keys(row, before)
        ),
        _near(rows if min_words is not None else [], min_words or 0),
    )


def _keys(row: Row, unmasked: Row) -> list[tuple[str, int]]:
    """What ties a row: what it said before masking, and the same text once it is masked."""
    if row is unmasked or row.messages == unmasked.messages:
        return row_keys(unmasked)
    messages = tuple(m for m in row.messages if any(map(str.isalnum, _MASK.sub("", m.content))))
    masked = row_keys(replace(row, messages=messages, entity=None))
    return list(dict.fromkeys([*row_keys(unmasked), *masked]))


class IndexFile:
    """Gathers the indexes of consecutive chunks.

    Signatures are appended to the file ``path``, the rest stays in memory.
    """

    def __init__(self, path: Path) -> None:
        self._handle = path.open("wb")
        self._path, self._rows = path, 0
        empty = index_rows([], [], None)
        self._columns: dict[str, list[np.ndarray]] = {
            name: [values] for name, values in _columns(empty, 0).items()
        }

    def add(self, part: Index) -> None:
        """Append the next chunk; its rows are numbered on."""
        part.near.signatures.tofile(self._handle)
        for name, values in _columns(part, self._rows).items():
            self._columns[name].append(values)
        self._rows += len(part)

    def whole(self) -> Index:
        """All chunks as one, once, after the block in which they were added.

        Its signatures are read from the file.
        """
        one = {name: np.concatenate(self._columns.pop(name)) for name in list(self._columns)}
        shape = (len(one["near.rows"]), PERMUTATIONS)
        signed = (
            np.memmap(self._path, np.uint16, "r", shape=shape)
            if shape[0]
            else np.zeros(shape, np.uint16)
        )
        inner = {
            part: {name: one.pop(f"{part}.{name}") for name in names}
            for part, names in _INNER.items()
        }
        return Index(
            **one, keys=Keys(**inner["keys"]), near=Near(**inner["near"], signatures=signed)
        )

    def __enter__(self) -> "IndexFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._handle.close()


_INNER = {"keys": ("rows", "parts", "values"), "near": ("rows", "parts", "texts")}


def _columns(part: Index, start: int) -> dict[str, np.ndarray]:
    """All arrays of a chunk whose first row is the row ``start``, signatures aside."""
    columns = {
        field.name: getattr(part, field.name) for field in fields(Index) if field.name not in _INNER
    }
    inner = {
        f"{name}.{key}": getattr(getattr(part, name), key)
        for name, keys in _INNER.items()
        for key in keys
    }
    return columns | inner | {f"{name}.rows": inner[f"{name}.rows"] + start for name in _INNER}
