"""How long conversations are for a hosted service: counted offline with the encoding that it
bills by.
"""

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from medtune.conversation import Conversation, Message
from medtune.errors import RecipeError
from medtune.tokens.lengths import Length

# Tokens of one training example at most, by encoding: gpt-3.5-turbo and the gpt-4o family (the
# service's own guide).
EXAMPLE_LIMITS = {"cl100k_base": 16_385, "o200k_base": 65_536}
PER_MESSAGE, PER_NAME, REPLY = 3, 1, 3


@cache
def token_counter(encoding: str) -> Callable[[str], int] | None:
    """Counts the tokens of a text in ``cl100k_base`` or ``o200k_base``.

    None where `bpe-openai` is not installed.
    """
    if encoding not in EXAMPLE_LIMITS:
        raise RecipeError(
            f"no such encoding: {encoding}", fix=f"Known: {', '.join(EXAMPLE_LIMITS)}."
        )
    try:
        package = import_module("bpe_openai")
    except ImportError:
        return None
    ordinary = package.get_encoding(
        encoding
    ).encode_ordinary  # special tokens that stand in a text are text
    return lambda text: len(ordinary(text))


def chat_tokens(messages: Sequence[dict[str, Any]], count: Callable[[str], int]) -> int:
    """Tokens of one example: of every value, 3 a message, 1 a name, and 3 that prime the reply.

    Source: OpenAI Cookbook, "How to count tokens with tiktoken", num_tokens_from_messages, whose
    example of 129 (cl100k_base) and 124 (o200k_base) tokens the tests hold.
    """
    total = REPLY
    for message in messages:
        total += PER_MESSAGE + count(message["role"]) + count(message["content"])
        if "name" in message:
            total += PER_NAME + count(message["name"])
    return total


def automatic_epochs(examples: int) -> int:
    """Passes that the service chooses: 3, more for fewer than 34 examples, fewer for more than
    8,333.
    """
    if examples * 3 < 100:
        return min(25, 100 // max(1, examples))
    if examples * 3 > 25_000:
        return max(1, 25_000 // examples)
    return 3


def cost_in_dollars(tokens: int, epochs: int, price_per_million: float) -> float:
    """What training costs: every token of an example is billed in every pass."""
    return tokens * epochs * price_per_million / 1e6


def required_counter(encoding: str) -> Callable[[str], int]:
    """The counter of an encoding. Raises ``RecipeError`` where it is not installed."""
    count = token_counter(encoding)
    if count is None:
        raise RecipeError(
            "the tokens of a hosted service cannot be counted",
            fix="pip install 'medtune[hosted]' brings the counter.",
        )
    return count


def wrap_questions(messages: Sequence[Message], prompt: str | None) -> tuple[Message, ...]:
    """The messages with ``prompt`` put around every question, as they are sent."""
    if prompt is None:
        return tuple(messages)
    return tuple(
        Message(m.role, prompt.replace("{question}", m.content)) if m.role == "user" else m
        for m in messages
    )


class ChatCounter:
    """Counts tokens where an encoder would, without a tokenizer.

    ``max_length`` is the service's limit of an example.
    """

    def __init__(self, encoding: str, prompt: str | None = None) -> None:
        self._count, self._prompt = required_counter(encoding), prompt
        self.max_length = EXAMPLE_LIMITS[encoding]

    def lengths(self, conversations: Sequence[Conversation]) -> list[Length]:
        """Tokens billed, and those of the assistant's texts, which are learnt."""
        return [self._length(conversation) for conversation in conversations]

    def _length(self, conversation: Conversation) -> Length:
        messages = wrap_questions(conversation.messages, self._prompt)
        learnt = sum(self._count(m.content) for m in messages if m.role == "assistant")
        return Length(
            conversation.id, chat_tokens([m.as_dict() for m in messages], self._count), learnt
        )
