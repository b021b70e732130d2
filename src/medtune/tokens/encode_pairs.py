"""Conversations into pairs for an encoder-decoder: what the encoder reads, and the answer that
the decoder learns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from medtune.conversation import Conversation, Message
from medtune.errors import DataError, RecipeError
from medtune.tokens.chat_templates import special_tokens
from medtune.tokens.lengths import Length
from medtune.tokens.long_text import LongTexts, batches
from medtune.tokens.render import ChatTemplate
from medtune.tokens.token_view import TokenView, make_view, token_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

HEAD = 16  # of a shortened source's first tokens, which name the task, so many stay


@dataclass(frozen=True)
class EncodedPair:
    """One conversation as ``source`` and ``target`` ids, both with their terminator.

    ``cut`` tokens were over the limits.
    """

    id: str
    source: np.ndarray
    target: np.ndarray
    cut: int = 0

    @property
    def tokens(self) -> int:
        """Tokens of source and target together."""
        return len(self.source) + len(self.target)


def keep_source(length: int, limit: int) -> np.ndarray:
    """Positions of a source that stay within ``limit``: the middle goes.

    The beginning names the task, the question stands at the end, and the last token is the
    terminator.
    """
    if length <= limit:
        return np.arange(length)
    head = min(HEAD, limit // 4)
    return np.concatenate([np.arange(head), np.arange(length - limit + head, length)])


def keep_target(length: int, limit: int) -> np.ndarray:
    """Positions of a target that stay within ``limit``: the end goes, but the last token, the
    terminator, stays.
    """
    return np.arange(length) if length <= limit else np.append(np.arange(limit - 1), length - 1)


class PairEncoder:
    """Everything before the last answer is the source, rendered by the chat template.

    That answer is the target.

    Earlier answers of a conversation are context: they are read, not learnt. ``max_length`` is what
    both may hold together.
    """

    def __init__(
        self, tokenizer: "PreTrainedTokenizerBase", max_source: int, max_target: int
    ) -> None:
        for limit, field in (
            (max_source, "train.max_length"),
            (max_target, "train.max_target_length"),
        ):
            if limit < 2:
                raise RecipeError("a text needs room for two tokens", where=field, fix="Raise it.")
        if tokenizer.eos_token_id is None:
            raise RecipeError(
                "the tokenizer has no end-of-text token", where="model.name", fix="Use a T5 kind."
            )
        self.tokenizer, self.max_source, self.max_target = tokenizer, max_source, max_target
        self.max_length = max_source + max_target
        self.template = ChatTemplate(tokenizer)
        self.long_texts = LongTexts(self.template.control, max(max_source, max_target))

    def source_text(self, messages: Sequence[Message]) -> str:
        """The text that the encoder reads, with control tokens of the data masked."""
        return self.template.prompt(messages)

    def target_text(self, answer: str) -> str:
        """The text that the decoder learns, with control tokens of the data masked."""
        return self.template.control.mask(answer.strip())

    def ids(self, text: str) -> np.ndarray:
        """A text's tokens, ended by the terminator, as T5 kinds have it in sources and targets."""
        ids = self.template.control.id_array(text)
        return np.append(ids, np.array(self.tokenizer.eos_token_id, dtype=ids.dtype))

    def _texts(self, conversation: Conversation) -> tuple[str, str]:
        answer = self.target_text(conversation.reference)
        if not answer or not conversation.prompt:
            raise DataError(
                "no token of this row would be learnt",
                where=conversation.id,
                fix="It needs a question and a non-empty assistant turn after it.",
            )
        return self.source_text(conversation.prompt), answer

    def _shortened(self, conversation: Conversation) -> tuple[Conversation, int, int]:
        """The conversation without the middles of long texts, and what they have of tokens in the
        source and in the target.
        """
        short = self.long_texts.shorten(conversation)
        prompt = len(conversation.prompt)
        return short.conversation, sum(short.omitted[:prompt]), sum(short.omitted[prompt:][:1])

    def _over(self, source: int, target: int) -> int:
        return max(0, source - self.max_source) + max(0, target - self.max_target)

    def encode(self, conversation: Conversation) -> EncodedPair:
        """Source and target within their limits (``keep_source``, ``keep_target``).

        Raises ``DataError`` naming the row where nothing would be learnt.
        """
        conversation, more_source, more_target = self._shortened(conversation)
        source, target = (self.ids(text) for text in self._texts(conversation))
        return EncodedPair(
            conversation.id,
            source[keep_source(len(source), self.max_source)],
            target[keep_target(len(target), self.max_target)],
            self._over(len(source) + more_source, len(target) + more_target),
        )

    def length(self, conversation: Conversation) -> Length:
        """Tokens of both and of the target, before cutting. Raises like ``encode``."""
        return self.lengths([conversation])[0]

    def lengths(self, conversations: Sequence[Conversation]) -> list[Length]:
        """``length`` of each conversation, tokenized in batches."""
        shortened = map(self._shortened, conversations)
        return [row for batch in batches(shortened, _characters) for row in self._batch(batch)]

    def _batch(self, shortened: Sequence[tuple[Conversation, int, int]]) -> list[Length]:
        texts = [text for conversation, _, _ in shortened for text in self._texts(conversation)]
        if all(map(self.template.control.is_plain, texts)):
            encoded: Any = self.tokenizer(
                texts, add_special_tokens=False, verbose=False, truncation=False
            )["input_ids"]
            sizes = [len(ids) + 1 for ids in encoded]
        else:
            sizes = [len(self.ids(text)) for text in texts]
        rows = []
        for (conversation, more_source, more_target), first, second in zip(
            shortened, sizes[::2], sizes[1::2], strict=True
        ):
            source, target = first + more_source, second + more_target
            over = self._over(source, target)
            rows.append(Length(conversation.id, source + target, target, over))
        return rows

    def view(self, conversation: Conversation) -> TokenView:
        """The pair token by token: the source is context, the target is learnt, and what ``encode``
        would cut; the middle of a long text is counted only.
        """
        conversation, *omitted = self._shortened(conversation)
        source, target = self._texts(conversation)
        ids, texts = self._pieces(source)
        target_ids, target_texts = self._pieces(target)
        supervised = np.arange(len(ids) + len(target_ids)) >= len(ids)
        kept = [
            keep_source(len(ids), self.max_source),
            keep_target(len(target_ids), self.max_target) + len(ids),
        ]
        special = set(special_tokens(self.tokenizer).values())
        pieces, both = [*texts, *target_texts], [*ids, *target_ids]
        return make_view(
            conversation.id,
            both,
            pieces,
            supervised,
            np.concatenate(kept),
            special,
            self.template.control.unknown_id,
            sum(omitted),
        )

    def _pieces(self, text: str) -> tuple[list[int], list[tuple[str, str]]]:
        """Ids and their texts, the terminator, which no text shows, last."""
        encoded, offsets = self.template.control.encode(text)
        if offsets is not None:
            texts = token_texts(self.template.control.unmask(text), offsets)
        else:
            texts = [("", str(self.tokenizer.decode([i]))) for i in encoded]
        ids = [*encoded.tolist(), int(self.tokenizer.eos_token_id)]
        return ids, [*texts, ("", str(self.tokenizer.eos_token))]


def _characters(shortened: tuple[Conversation, int, int]) -> int:
    return sum(len(message.content) for message in shortened[0].messages)
