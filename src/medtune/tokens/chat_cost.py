"""Tokens and cost of chats at a hosted service, counted offline. Prices change: the user gives them."""

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from medtune.errors import RecipeError

# Tokens of one training example at most, by encoding: gpt-3.5-turbo and the gpt-4o family (the service's own guide).
EXAMPLE_LIMITS = {"cl100k_base": 16_385, "o200k_base": 65_536}
PER_MESSAGE, PER_NAME, REPLY = 3, 1, 3


@cache
def token_counter(encoding: str) -> Callable[[str], int] | None:
    """Counts the tokens of a text in ``cl100k_base`` or ``o200k_base``; None where `bpe-openai` is not installed."""
    if encoding not in EXAMPLE_LIMITS:
        raise RecipeError(f"no such encoding: {encoding}", fix=f"Known: {', '.join(EXAMPLE_LIMITS)}.")
    try:
        package = import_module("bpe_openai")
    except ImportError:
        return None
    ordinary = package.get_encoding(encoding).encode_ordinary  # special tokens that stand in a text are text
    return lambda text: len(ordinary(text))


def chat_tokens(messages: Sequence[dict[str, Any]], count: Callable[[str], int]) -> int:
    """Tokens of one example: of every value, 3 a message, 1 a name, and 3 that prime the reply.

    Source: OpenAI Cookbook, "How to count tokens with tiktoken", num_tokens_from_messages, whose example of 129
    (cl100k_base) and 124 (o200k_base) tokens the tests hold.
    """
    total = REPLY
    for message in messages:
        total += PER_MESSAGE + count(message["role"]) + count(message["content"])
        if "name" in message:
            total += PER_NAME + count(message["name"])
    return total


def automatic_epochs(examples: int) -> int:
    """Passes that the service chooses: 3, more for fewer than 34 examples, fewer for more than 8,333."""
    if examples * 3 < 100:
        return min(25, 100 // max(1, examples))
    if examples * 3 > 25_000:
        return max(1, 25_000 // examples)
    return 3


def cost_in_dollars(tokens: int, epochs: int, price_per_million: float) -> float:
    """What training costs: every token of an example is billed in every pass."""
    return tokens * epochs * price_per_million / 1e6
