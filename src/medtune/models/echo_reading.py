"""What a completions route says back of a text, checked, and which of its tokens are an answer's.

Where the answer begins is read from the tokens' texts. ``text_offset`` is not relied on: vLLM counts BOS in it and what
it lost in writing tokens out, SGLang writes -1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from medtune.models.service import no_echo
from medtune.recipe.schema import Endpoint


@dataclass(frozen=True)
class Echoed:
    """The tokens of a text as the server writes them, its BOS among them, and log-probabilities of all but the first."""

    tokens: tuple[str, ...]
    logprobs: tuple[float, ...]

    def since(self, first: int) -> float:
        """Log-likelihood of the tokens from ``first`` (1 or more) on."""
        return math.fsum(self.logprobs[first - 1 :])


def read_echo(endpoint: Endpoint, answer: object) -> Echoed:
    """The prompt's part of an answer; what was generated after it goes. Raises ``ModelError`` where something is missing."""
    tokens = _field(endpoint, answer, "choices", 0, "logprobs", "tokens")
    values = _field(endpoint, answer, "choices", 0, "logprobs", "token_logprobs")
    count = _field(endpoint, answer, "usage", "prompt_tokens")
    if not isinstance(tokens, list) or not isinstance(values, list) or not isinstance(count, int):
        raise no_echo(endpoint, "tokens, token_logprobs or prompt_tokens are of another kind than lists and a number")
    if count < 1 or len(tokens) < count or len(values) != len(tokens):
        raise no_echo(
            endpoint, f"{len(tokens)} tokens and {len(values)} log-probabilities came for a prompt of {count} tokens"
        )
    for number, (token, value) in enumerate(zip(tokens[:count], values[:count], strict=True)):
        if not isinstance(token, str) or (number and not _is_logprob(value)):
            raise no_echo(endpoint, f"token {number + 1} of {count} has no text or no log-probability")
    return Echoed(tuple(tokens[:count]), tuple(map(float, values[1:count])))


def joined_start(tokens: Sequence[str], sent: str, border: int) -> int | None:
    """The first token of what follows ``sent[:border]``; None where the tokens do not join to ``sent`` (BOS aside).

    The token that holds the first letter counts for what follows, and so do tokens without a text of their own before it
    (bytes of one letter).
    """
    text = "".join(tokens)
    lead = 0 if text == sent else len(tokens[0])
    if text[lead:] != sent:
        return None
    first, end = 0, -lead
    for number, token in enumerate(tokens):
        end += len(token)
        if token and end <= border:
            first = number + 1
    return max(1, first)


def parted_start(endpoint: Endpoint, tokens: Sequence[str], prompt: Sequence[str], text: str) -> int:
    """The first token of ``text`` after a prompt whose own tokens are known: where both part.

    Raises ``ModelError`` where the tokens from there on are not those of ``text``, judged by its ASCII letters.
    """
    pairs = enumerate(zip(tokens, prompt, strict=False))
    first = max(1, next((i for i, (one, other) in pairs if one != other), min(len(tokens), len(prompt))))
    if first >= len(tokens):
        raise no_echo(endpoint, "a prompt has as many tokens with its answer as without")
    scored, wanted = _letters("".join(tokens[first:])), _letters(text)
    extra = len(scored) - len(wanted)
    if not scored.endswith(wanted) or (extra and extra >= len(_letters(tokens[first]))):
        raise no_echo(endpoint, f"its tokens are not those of what was sent: {''.join(tokens[first:])[:40]!r}")
    return first


def check_whole(endpoint: Endpoint, tokens: Sequence[str], text: str) -> None:
    """Raises ``ModelError`` where the tokens are not those of ``text``, judged by its ASCII letters."""
    if not _letters("".join(tokens)).endswith(_letters(text)):
        raise no_echo(endpoint, f"its tokens are not those of what was sent: {''.join(tokens)[:40]!r}")


def _letters(text: str) -> str:
    """What every server writes alike: no blanks, and nothing that may have been split into bytes."""
    return "".join(c for c in text if "!" <= c <= "~")


def _is_logprob(value: object) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and value <= 1e-3  # type: ignore[operator,arg-type]


def _field(endpoint: Endpoint, value: Any, *path: str | int) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            value = None
        if value is None:
            raise no_echo(endpoint, f"{'.'.join(map(str, path))} is missing")
    return value
