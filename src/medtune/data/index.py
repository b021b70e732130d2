"""What selection needs to know of each row, as numbers: a few dozen bytes a row in place of its texts."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from medtune.conversation import Message
from medtune.data.fingerprints import normalized_word_hashes, signatures, text_hash
from medtune.data.held_out import rows_on_subject
from medtune.data.normalize import normalize
from medtune.data.rows import Row
from medtune.data.splits import Keys, row_keys

NEAR_PARTS = ("question", "answer")


@dataclass(frozen=True)
class Near:
    """Texts long enough to be compared: their row, their part (index into NEAR_PARTS), hash and signature [n, 128]."""

    rows: np.ndarray
    parts: np.ndarray
    texts: np.ndarray
    signatures: np.ndarray


@dataclass(frozen=True)
class Index:
    """Arrays over rows: hashes of the whole conversation, of what is asked, of the answer; words; flags; and names.

    ``choice``: the answer is a label or an option; ``labelled``: the label is what is asked for, not only a topic.
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
    source: np.ndarray
    label: np.ndarray
    keys: Keys
    near: Near

    def __len__(self) -> int:
        return len(self.conversation)


def _conversation_hash(row: Row) -> int:
    text = "\x1f".join(f"{m.role}\x1e{m.content}" for m in row.messages)
    return text_hash(f"{text}\x1f{row.label}")


def prompt_text(messages: Sequence[Message]) -> str:
    """All that is said before the last answer, system messages aside, in normal form."""
    last = max((i for i, m in enumerate(messages) if m.role == "assistant"), default=len(messages))
    return "\n".join(normalize(m.content) for m in messages[:last] if m.role != "system")


def _near(rows: Sequence[Row], min_words: int) -> Near:
    texts = [
        (number, part, normalize(text))
        for number, row in enumerate(rows)
        for part, text in ((0, row.question), (1, "" if row.is_choice else row.answer))
    ]
    texts = [entry for entry in texts if entry[2].count(" ") >= min_words - 1]
    words, starts = normalized_word_hashes([text for _, _, text in texts])
    return Near(
        np.array([number for number, _, _ in texts], np.int64),
        np.array([part for _, part, _ in texts], np.int8),
        np.array([text_hash(text) for _, _, text in texts], np.uint64),
        signatures(words, starts),
    )


def index_rows(rows: Sequence[Row], demonstrations: Sequence[str], min_words: int | None) -> Index:
    """The index of a chunk. ``min_words`` of a text to be compared for near-duplicates; None: none is."""
    return Index(
        np.array([_conversation_hash(row) for row in rows], np.uint64),
        np.array([text_hash(prompt_text(row.messages)) for row in rows], np.uint64),
        np.array([text_hash(normalize(row.answer)) for row in rows], np.uint64),
        np.array([len(row.question.split()) for row in rows], np.int32),
        np.array([len(row.answer.split()) for row in rows], np.int32),
        np.array(rows_on_subject(rows, demonstrations), bool),
        np.array([row.is_choice for row in rows], bool),
        np.array([row.label is not None and (row.is_choice or row.options is not None) for row in rows], bool),
        np.array([bool(row.entity) for row in rows], bool),
        np.array([row.source for row in rows], object),
        np.array([row.label for row in rows], object),
        Keys.of((number, part, value) for number, row in enumerate(rows) for part, value in row_keys(row)),
        _near(rows if min_words is not None else [], min_words or 0),
    )


def join(parts: Sequence[Index]) -> Index:
    """The indexes of consecutive chunks as one."""
    offsets = np.cumsum([0, *(len(part) for part in parts)])
    plain = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Index)
        if field.name not in ("keys", "near")
    }
    keys = Keys(
        np.concatenate([part.keys.rows + start for part, start in zip(parts, offsets, strict=False)]),
        np.concatenate([part.keys.parts for part in parts]),
        np.concatenate([part.keys.values for part in parts]),
    )
    near = Near(
        np.concatenate([part.near.rows + start for part, start in zip(parts, offsets, strict=False)]),
        np.concatenate([part.near.parts for part in parts]),
        np.concatenate([part.near.texts for part in parts]),
        np.concatenate([part.near.signatures for part in parts]),
    )
    return Index(**plain, keys=keys, near=near)
