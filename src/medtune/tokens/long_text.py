"""Texts far longer than a row may be: only their ends are encoded, and the tokens between are
counted piece by piece, so that memory does not grow with one text.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from medtune.conversation import Conversation, Message
from medtune.text.pieces import blank_before, text_pieces
from medtune.tokens.control_tokens import ControlTokens
from medtune.tokens.joined_pieces import LONG

PER_TOKEN = 16  # characters of an end, for each token of the limit: more than a token has as a rule
SMALLEST_END = 2**13


@dataclass(frozen=True)
class Shortened:
    """A conversation without the middles of its long texts, and of each message the tokens that
    are ``omitted`` so.
    """

    conversation: Conversation
    omitted: tuple[int, ...]

    @property
    def total(self) -> int:
        """Omitted tokens of all messages."""
        return sum(self.omitted)

    @property
    def of_answers(self) -> int:
        """Omitted tokens of the assistant's messages."""
        messages = self.conversation.messages
        pairs = zip(messages, self.omitted, strict=True)
        return sum(omitted for message, omitted in pairs if message.role == "assistant")


def count_tokens(text: str, control: ControlTokens) -> int:
    """Tokens of a text of the data, in pieces: a tokenizer that adds a blank to the beginning of
    what it reads may count one more for each piece.
    """
    return sum(len(control.ids(control.mask(piece))) for piece in text_pieces(text))


class LongTexts:
    """Shortens texts so that a row cut to ``limit`` tokens is the same: both ends that stay have
    more tokens than that.
    """

    def __init__(self, control: ControlTokens, limit: int) -> None:
        self._control, self._limit = control, limit
        self._end = max(SMALLEST_END, PER_TOKEN * limit)

    def shorten(self, conversation: Conversation) -> Shortened:
        """The conversation as it is where no text is long."""
        if all(len(message.content) <= 4 * self._end for message in conversation.messages):
            return Shortened(conversation, (0,) * len(conversation.messages))
        pairs = [self._message(message) for message in conversation.messages]
        messages = tuple(message for message, _ in pairs)
        return Shortened(
            replace(conversation, messages=messages), tuple(omitted for _, omitted in pairs)
        )

    def shorten_prompt(self, messages: Sequence[Message]) -> tuple[tuple[Message, ...], int]:
        """A prompt without the middles of texts that are longer than any row should be, and how
        many tokens these have: no more than ``limit`` of its ends is read.
        """
        pairs = [
            self._message(message) if len(message.content) > LONG else (message, 0)
            for message in messages
        ]
        return tuple(message for message, _ in pairs), sum(omitted for _, omitted in pairs)

    def _message(self, message: Message) -> tuple[Message, int]:
        text = message.content
        size = self._end
        while len(text) > 4 * size:
            start = blank_before(text, size, size // 2)
            end = blank_before(text, len(text) - size, len(text) - 2 * size)
            ends = text[:start], text[end:]
            if all(count_tokens(part, self._control) > self._limit for part in ends):
                return replace(message, content="".join(ends)), count_tokens(
                    text[start:end], self._control
                )
            size *= 2  # tokens of many characters: blanks, rules
        return message, 0


Item = TypeVar("Item")


def batches(
    items: Iterable[Item], size: Callable[[Item], int], most: int = 2**20
) -> Iterator[list[Item]]:
    """Items in lists of at most ``most`` characters together, or of a single one."""
    batch: list[Item] = []
    total = 0
    for item in items:
        total += size(item)
        if batch and total > most:
            yield batch
            batch, total = [], size(item)
        batch.append(item)
    if batch:
        yield batch
