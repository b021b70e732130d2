"""Conversations into token ids with a mask of what is learnt: by character span, never by
searching for tokens.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from medtune.conversation import Conversation
from medtune.errors import DataError, ModelError, RecipeError
from medtune.tokens.chat_templates import special_tokens
from medtune.tokens.lengths import (
    Length,
    overlong_error,
    truncation_counts,
)
from medtune.tokens.long_text import LongTexts, Shortened, batches
from medtune.tokens.render import ChatTemplate, Rendered
from medtune.tokens.token_view import TokenView, make_view, token_texts

MINIMUM_PROMPT = 32


def supervised_mask(offsets: np.ndarray, spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """Which tokens belong to an answer: those that end inside it.

    One that begins with the blank before the answer still predicts the answer's first letters.
    """
    supervised = np.zeros(len(offsets), dtype=bool)
    for start, end in spans:
        supervised |= (
            (offsets[:, 1] > start) & (offsets[:, 1] <= end) & (offsets[:, 0] >= start - 1)
        )
    return supervised


def count_supervised(encoding: Any, start: int, end: int, length: int) -> int | None:
    """``supervised_mask`` for one span, counted by two look-ups instead of all offsets.

    None where that cannot tell.

    Offsets never step back, so the tokens inside lie between the first that covers ``start`` and
    the first that covers ``end``.
    """
    first = next(
        (token for token in map(encoding.char_to_token, range(start, end)) if token is not None),
        None,
    )
    if first is None or encoding.token_to_chars(first)[0] < start - 1:
        return None
    covering = map(encoding.char_to_token, range(end, length))
    return int(next((token for token in covering if token is not None), len(encoding)) - first)


def common_prefix_length(ids: Sequence[int], whole: np.ndarray) -> int:
    """How many ids two sequences begin with alike."""
    size = min(len(ids), len(whole))
    differs = np.flatnonzero(np.array(ids[:size]) != whole[:size])
    return int(differs[0]) if len(differs) else size


def keep_positions(supervised: np.ndarray, limit: int) -> np.ndarray:
    """Which positions stay when a row is cut to ``limit`` ≥ 2 tokens.

    Tokens go first from the prompt, from its second on (the first is BOS), down to
    ``MINIMUM_PROMPT`` of its last tokens; then from the answer's end, but the last supervised
    token, the terminator, stays.
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


if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Encoded:
    """One conversation as ``ids`` [tokens] and ``supervised`` [tokens] of bool.

    ``cut`` tokens were over the limit.
    """

    id: str
    ids: np.ndarray
    supervised: np.ndarray
    cut: int = 0

    @property
    def tokens(self) -> int:
        """How many tokens it has."""
        return len(self.ids)


@dataclass(frozen=True)
class _Marked:
    """A rendered text as tokens: ``ids``, ``supervised`` and ``offsets`` (none from a slow
    tokenizer).
    """

    ids: np.ndarray
    supervised: np.ndarray
    offsets: np.ndarray | None


class Encoder:
    """Renders, tokenizes once, and marks the assistant turns (terminators included)."""

    def __init__(
        self, tokenizer: "PreTrainedTokenizerBase", max_length: int, loss_on: str = "answer"
    ) -> None:
        if max_length < 2:
            raise RecipeError(
                "a row needs room for two tokens", where="train.max_length", fix="Raise it."
            )
        self.tokenizer, self.max_length, self.loss_on = tokenizer, max_length, loss_on
        self.template = ChatTemplate(tokenizer)
        self._long = LongTexts(self.template.control, max_length)

    def _mark(self, rendered: Rendered) -> _Marked:
        ids, offsets = self.template.control.encode(rendered.text)
        if self.loss_on == "all":
            supervised = np.ones(len(ids), dtype=bool)
            supervised[:1] = False  # nothing stands before the first token
        elif offsets is not None:
            supervised = supervised_mask(offsets, rendered.answers)
        else:
            supervised = self._inside_by_prefix(rendered, ids)
        return _Marked(ids, supervised, offsets)

    def _inside_by_prefix(self, rendered: Rendered, ids: np.ndarray) -> np.ndarray:
        """For tokenizers without offsets: an answer begins where the tokens of what stands
        before it end.
        """
        supervised = np.zeros(len(ids), dtype=bool)
        for start, end in rendered.answers:
            first, last = (
                common_prefix_length(self.template.control.ids(rendered.text[:position]), ids)
                for position in (start, end)
            )
            supervised[first:last] = True
        return supervised

    def _rendered(self, conversation: Conversation) -> Rendered:
        with row_errors(conversation.id):
            return self.template.conversation(conversation.messages)

    def _shortened(self, conversation: Conversation) -> Shortened:
        with row_errors(conversation.id):
            return self._long.shorten(conversation)

    def _marked(self, conversation: Conversation) -> tuple[Rendered, _Marked]:
        rendered = self._rendered(conversation)
        with row_errors(conversation.id):
            marked = self._mark(rendered)
        if not marked.supervised.any():
            raise _nothing_learnt(conversation.id)
        return rendered, marked

    def encode(self, conversation: Conversation) -> Encoded:
        """Ids and mask, cut to ``max_length``: the prompt is shortened before the answer, the
        terminator stays.

        Raises ``DataError`` naming the row where nothing would be learnt.
        """
        short = self._shortened(conversation)
        _, marked = self._marked(short.conversation)
        ids, supervised = marked.ids, marked.supervised
        cut = max(0, len(ids) + short.total - self.max_length)
        if cut:
            kept = keep_positions(supervised, self.max_length)
            ids, supervised = ids[kept], supervised[kept]
        return Encoded(conversation.id, ids, supervised, cut)

    def view(self, conversation: Conversation) -> TokenView:
        """The row token by token: what is learnt, what is context, and what ``encode`` would cut;
        the middle of a long text is counted only.
        """
        short = self._shortened(conversation)
        rendered, marked = self._marked(short.conversation)
        total = len(marked.ids)
        kept = (
            keep_positions(marked.supervised, self.max_length)
            if total > self.max_length
            else np.arange(total)
        )
        if marked.offsets is None:
            texts = [("", str(self.tokenizer.decode([i]))) for i in marked.ids]
        else:
            texts = token_texts(self.template.control.unmask(rendered.text), marked.offsets)
        special = set(special_tokens(self.tokenizer).values())
        return make_view(
            conversation.id,
            marked.ids.tolist(),
            texts,
            marked.supervised,
            kept,
            special,
            self.template.control.unknown_id,
            short.total,
        )

    def length(self, conversation: Conversation) -> Length:
        """Tokens in all and supervised, before cutting. Raises like ``encode``."""
        return self._length(self._shortened(conversation))

    def _length(self, short: Shortened) -> Length:
        _, marked = self._marked(short.conversation)
        return self._with_omitted(short, len(marked.ids), int(marked.supervised.sum()))

    def _with_omitted(self, short: Shortened, tokens: int, supervised: int) -> Length:
        learnt = short.total if self.loss_on == "all" else short.of_answers
        return Length(short.conversation.id, tokens + short.total, supervised + learnt)

    def lengths(self, conversations: Sequence[Conversation]) -> list[Length]:
        """``length`` of each conversation, tokenized in batches on all cores.

        Raises like ``encode``.
        """
        shortened = map(self._shortened, conversations)
        return [row for batch in batches(shortened, _characters) for row in self._batch(batch)]

    def _batch(self, shortened: Sequence[Shortened]) -> list[Length]:
        rendered = [self._rendered(short.conversation) for short in shortened]
        plain = all(self.template.control.is_plain(text.text) for text in rendered)
        if not self.tokenizer.is_fast or not plain:
            return [self._length(short) for short in shortened]
        batch = self.tokenizer(
            [text.text for text in rendered],
            add_special_tokens=False,
            verbose=False,
            truncation=False,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        triples = zip(shortened, rendered, batch.encodings, strict=True)
        return [self._measured(*triple) for triple in triples]

    def _measured(self, short: Shortened, rendered: Rendered, encoding: Any) -> Length:
        tokens = len(encoding)
        if self.loss_on == "all":
            supervised = max(0, tokens - 1)
        else:
            counts = [
                count_supervised(encoding, *span, len(rendered.text)) for span in rendered.answers
            ]
            if (
                None in counts
            ):  # a token that reaches far into what stands before the answer: look at all offsets
                return self._length(short)
            supervised = sum(count or 0 for count in counts)
        if not supervised:
            raise _nothing_learnt(short.conversation.id)
        return self._with_omitted(short, tokens, supervised)


def _characters(short: Shortened) -> int:
    return sum(len(message.content) for message in short.conversation.messages)


@contextmanager
def row_errors(row: str) -> Iterator[None]:
    """What a model cannot do with a row is an error of this row."""
    try:
        yield
    except ModelError as error:
        raise DataError(
            error.what, where=row, fix=error.fix or "Mend or leave out this row."
        ) from error


def _nothing_learnt(row: str) -> DataError:
    return DataError(
        "no token of this row would be learnt",
        where=row,
        fix="It needs a non-empty assistant turn.",
    )


class RowEncoder(Protocol):
    """One conversation to one row of a training: ``Encoder`` here, ``PairEncoder`` for
    encoder-decoders.
    """

    max_length: int

    def encode(self, conversation: Conversation) -> Any:
        """The row, with the number of tokens that were ``cut``."""


def encode_all(
    encoder: RowEncoder, conversations: Sequence[Conversation], overlong: str
) -> tuple[list[Any], dict[str, int]]:
    """All rows under the policy for overlong ones, and what it cost (see ``truncation_counts``)."""
    encoded, facts = [], truncation_counts([], encoder.max_length, overlong)
    for conversation in conversations:
        row = encoder.encode(conversation)
        if row.cut and overlong == "error":
            raise overlong_error(row.id, encoder.max_length + row.cut, encoder.max_length)
        if row.cut and overlong == "drop":
            facts["overlong_dropped"] += 1
            continue
        facts["truncated_rows"] += bool(row.cut)
        facts["truncated_tokens"] += row.cut
        encoded.append(row)
    return encoded, facts
