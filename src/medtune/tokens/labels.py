"""Conversations into token ids with a mask of what is learnt: by character span, never by searching for tokens."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medtune.conversation import Conversation
from medtune.errors import DataError, ModelError
from medtune.tokens.templates import ChatTemplate, Rendered

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Encoded:
    """One conversation as ``ids`` [tokens] and ``supervised`` [tokens] of bool; ``cut`` tokens were left out."""

    id: str
    ids: np.ndarray
    supervised: np.ndarray
    cut: int = 0


@dataclass(frozen=True)
class Length:
    """Tokens of one conversation before any cutting."""

    id: str
    tokens: int
    supervised: int


class Encoder:
    """Renders, tokenizes once, and marks the assistant turns (terminators included)."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", max_length: int, loss_on: str = "answer") -> None:
        self.tokenizer, self.max_length, self.loss_on = tokenizer, max_length, loss_on
        self.template = ChatTemplate(tokenizer)

    def _tokenize(self, rendered: Rendered) -> tuple[np.ndarray, np.ndarray]:
        encoding = self.tokenizer(
            rendered.text, add_special_tokens=False, return_offsets_mapping=True, verbose=False, truncation=False
        )
        ids = np.array(encoding["input_ids"], dtype=np.int64)
        offsets = np.array(encoding["offset_mapping"], dtype=np.int64).reshape(-1, 2)
        if self.loss_on == "all":
            supervised = np.ones(len(ids), dtype=bool)
            supervised[:1] = False  # nothing stands before the first token
            return ids, supervised
        supervised = np.zeros(len(ids), dtype=bool)
        for start, end in rendered.answers:
            # A token belongs to the answer if it ends inside it: one that begins with the blank before the answer
            # still predicts the answer's first letters.
            supervised |= (offsets[:, 1] > start) & (offsets[:, 1] <= end) & (offsets[:, 0] >= start - 1)
        return ids, supervised

    def _rendered(self, conversation: Conversation) -> Rendered:
        try:
            return self.template.conversation(conversation.messages)
        except ModelError as error:
            raise DataError(
                error.what, where=conversation.id, fix=error.fix or "Mend or leave out this row."
            ) from error

    def encode(self, conversation: Conversation) -> Encoded:
        """Ids and mask, cut to ``max_length``: the prompt is shortened before the answer, the terminator stays.

        Raises ``DataError`` naming the row where nothing would be learnt.
        """
        ids, supervised = self._tokenize(self._rendered(conversation))
        if not supervised.any():
            raise DataError(
                "no token of this row would be learnt",
                where=conversation.id,
                fix="It needs a non-empty assistant turn.",
            )
        cut = max(0, len(ids) - self.max_length)
        if cut:
            kept = keep_positions(supervised, self.max_length)
            ids, supervised = ids[kept], supervised[kept]
        return Encoded(conversation.id, ids, supervised, cut)

    def length(self, conversation: Conversation) -> Length:
        """Tokens in all and supervised, before cutting."""
        ids, supervised = self._tokenize(self._rendered(conversation))
        return Length(conversation.id, len(ids), int(supervised.sum()))


MINIMUM_PROMPT = 32


def keep_positions(supervised: np.ndarray, limit: int) -> np.ndarray:
    """Which positions stay when a row is cut to ``limit`` tokens.

    Tokens go first from the prompt, from its second on (the first is BOS), down to ``MINIMUM_PROMPT`` of its last
    tokens; then from the answer's end, but the last supervised token, the terminator, stays.
    """
    first = int(supervised.argmax())
    last = len(supervised) - 1 - int(supervised[::-1].argmax())
    positions = np.arange(last + 1)
    excess = len(positions) - limit
    if excess <= 0:
        return positions
    floor = min(first, MINIMUM_PROMPT, max(1, limit // 4))
    from_prompt = min(excess, first - floor)
    prompt = positions[:first]
    prompt = np.concatenate([prompt[:1], prompt[1 + from_prompt :]]) if from_prompt else prompt
    answer = positions[first:]
    rest = limit - len(prompt)
    answer = np.concatenate([answer[: rest - 1], answer[-1:]]) if len(answer) > rest else answer
    return np.concatenate([prompt, answer])


def encode_all(
    encoder: Encoder, conversations: Sequence[Conversation], overlong: str
) -> tuple[list[Encoded], dict[str, int]]:
    """All rows under the policy for overlong ones, and what it cost: rows, tokens, and rows left out."""
    encoded, facts = [], {"truncated_rows": 0, "truncated_tokens": 0, "overlong_dropped": 0}
    for conversation in conversations:
        row = encoder.encode(conversation)
        if row.cut and overlong == "error":
            raise DataError(
                f"{len(row.ids) + row.cut} tokens, more than the {encoder.max_length} that train.max_length and the model allow",
                where=conversation.id,
                fix="Set data.overlong to truncate or drop, or raise train.max_length.",
            )
        if row.cut and overlong == "drop":
            facts["overlong_dropped"] += 1
            continue
        facts["truncated_rows"] += bool(row.cut)
        facts["truncated_tokens"] += row.cut
        encoded.append(row)
    return encoded, facts


def length_facts(lengths: Iterable[Length]) -> dict[str, float]:
    """Median, 95th percentile and maximum of the rows' tokens, and the supervised share of all tokens."""
    rows = list(lengths)
    totals = np.array([row.tokens for row in rows] or [0])
    supervised = sum(row.supervised for row in rows)
    return {
        "median": float(np.median(totals)),
        "p95": float(np.percentile(totals, 95)),
        "max": int(totals.max()),
        "supervised_share": supervised / max(1, int(totals.sum())),
    }
