"""Log-likelihoods from a service: its completions route says a text back ("echo"), each token
with its log-probability.
"""

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtune.files import sha256_json
from medtune.models.cache import JsonlCache
from medtune.models.interface import Likelihood, Messages, Progress
from medtune.models.open import EndpointRef
from medtune.models.openai_client import (
    ask_missing,
    echo_unsupported,
    translate_echo_errors,
    translate_errors,
)
from medtune.recipe.schema import Endpoint
from medtune.tokens.lengths import wrap_questions
from medtune.tokens.render import EndpointTemplate


@dataclass(frozen=True)
class TokenLogprobs:
    """The tokens of a text as the server writes them, its BOS among them, and log-probabilities
    of all but the first.
    """

    tokens: tuple[str, ...]
    logprobs: tuple[float, ...]

    def since(self, first: int) -> float:
        """Log-likelihood of the tokens from ``first`` (1 or more) on."""
        return math.fsum(self.logprobs[first - 1 :])


def parse_echo(endpoint: Endpoint, answer: object) -> TokenLogprobs:
    """The prompt's part of an answer; what was generated after it goes.

    Raises ``ModelError`` where something is missing.
    """
    tokens = _field(endpoint, answer, "choices", 0, "logprobs", "tokens")
    values = _field(endpoint, answer, "choices", 0, "logprobs", "token_logprobs")
    count = _field(endpoint, answer, "usage", "prompt_tokens")
    if not isinstance(tokens, list) or not isinstance(values, list) or not isinstance(count, int):
        raise echo_unsupported(
            endpoint,
            "tokens, token_logprobs or prompt_tokens are of another kind than lists and a number",
        )
    if count < 1 or len(tokens) < count or len(values) != len(tokens):
        raise echo_unsupported(
            endpoint,
            f"{len(tokens)} tokens and {len(values)} log-probabilities came "
            f"for a prompt of {count} tokens",
        )
    for number, (token, value) in enumerate(zip(tokens[:count], values[:count], strict=True)):
        if not isinstance(token, str) or (number and not _is_logprob(value)):
            raise echo_unsupported(
                endpoint, f"token {number + 1} of {count} has no text or no log-probability"
            )
    return TokenLogprobs(tuple(tokens[:count]), tuple(map(float, values[1:count])))


def answer_start_by_text(tokens: Sequence[str], sent: str, border: int) -> int | None:
    """The first token of what follows ``sent[:border]``.

    None where the tokens do not join to ``sent`` (BOS aside).

    The token that holds the first letter counts for what follows, and so do tokens without a text
    of their own before it (bytes of one letter).
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


def answer_start_by_prompt(
    endpoint: Endpoint, tokens: Sequence[str], prompt: Sequence[str], text: str
) -> int:
    """The first token of ``text`` after a prompt whose own tokens are known: where both part.

    Raises ``ModelError`` where the tokens from there on are not those of ``text``, judged by its
    ASCII letters.
    """
    pairs = enumerate(zip(tokens, prompt, strict=False))
    first = max(
        1, next((i for i, (one, other) in pairs if one != other), min(len(tokens), len(prompt)))
    )
    if first >= len(tokens):
        raise echo_unsupported(endpoint, "a prompt has as many tokens with its answer as without")
    scored, sent = _letters("".join(tokens[first:])), _letters(text)
    extra = len(scored) - len(sent)
    if not scored.endswith(sent) or (extra and extra >= len(_letters(tokens[first]))):
        raise echo_unsupported(
            endpoint, f"its tokens are not those of what was sent ({len(tokens) - first} of them)"
        )
    return first


def check_whole(endpoint: Endpoint, tokens: Sequence[str], text: str) -> None:
    """Raises ``ModelError`` where the tokens are not those of ``text``, judged by its ASCII
    letters.
    """
    if not _letters("".join(tokens)).endswith(_letters(text)):
        raise echo_unsupported(
            endpoint, f"its tokens are not those of what was sent ({len(tokens)} of them)"
        )


def _letters(text: str) -> str:
    """What every server writes alike: no blanks, and nothing that may have been split into
    bytes.
    """
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
            raise echo_unsupported(endpoint, f"{'.'.join(map(str, path))} is missing")
    return value


if TYPE_CHECKING:
    import openai

CACHE_FILE = "likelihoods-of-service.jsonl"


@dataclass(frozen=True)
class TextScore:
    """Log-likelihood over ``tokens``.

    ``unscored`` bytes of the text had nothing before them to be predicted from.
    """

    loglikelihood: float
    tokens: int
    unscored: int = 0


class LogprobClient:
    """Asks for the likelihoods of texts.

    With ``cache``, a directory, scores are kept there and not asked for again.

    Raises ``ModelError`` where the server cannot do it or its answer does not allow it,
    ``RunError`` where it stays out of reach; what was answered until then is kept.
    """

    def __init__(
        self, remote: EndpointRef, client: "Callable[[], openai.OpenAI]", cache: Path | None
    ) -> None:
        self.remote, self._client = remote, client
        self._cache = JsonlCache(cache / CACHE_FILE if cache else None, _decode_score, "scores")
        self._prompts: dict[str, TokenLogprobs] = {}
        self._locks: dict[str, threading.Lock] = {}

    @cached_property
    def template(self) -> EndpointTemplate:
        """Raises ``RecipeError`` where the recipe names none."""
        return EndpointTemplate(self.remote.chat_template)

    def answers(
        self, pairs: Sequence[tuple[Messages, str]], progress: Progress | None = None
    ) -> list[Likelihood]:
        """As ``CausalModel.loglikelihoods``: prompt and answer are one text, divided where the
        answer's first letter is.
        """
        rendered = [
            self.template.answered(wrap_questions(messages, self.remote.prompt), answer)
            for messages, answer in pairs
        ]
        scores = self._scores(rendered, progress)
        sizes = [len(answer.strip().encode()) for _, answer in pairs]
        return [
            Likelihood(prompt, text, score.loglikelihood, score.tokens, size)
            for (prompt, text), score, size in zip(rendered, scores, sizes, strict=True)
        ]

    def texts(self, texts: Sequence[str], progress: Progress | None = None) -> list[Likelihood]:
        """As ``CausalModel.text_loglikelihoods``: from the first token after BOS, or from the
        second where there is none.
        """
        scores = self._scores([("", text) for text in texts], progress)
        return [
            Likelihood(
                "", text, score.loglikelihood, score.tokens, len(text.encode()) - score.unscored
            )
            for text, score in zip(texts, scores, strict=True)
        ]

    def _scores(
        self, rendered: Sequence[tuple[str, str]], progress: Progress | None
    ) -> list[TextScore]:
        """Scores of (prompt, text) in their order, the unknown ones asked for."""
        keys = [sha256_json([self.remote.fingerprint(), "echo", *pair]) for pair in rendered]
        scores = ask_missing(
            self._cache,
            keys,
            lambda index: self._score(*rendered[index]),
            self.remote.endpoint.concurrency,
            progress,
            prepare=self._client,
        )
        self._prompts.clear()
        self._locks.clear()
        return scores

    def _score(self, prompt: str, text: str) -> TextScore:
        if not text:
            return TextScore(0.0, 0)
        echoed = self._ask(prompt + text)
        if not prompt:
            check_whole(self.remote.endpoint, echoed.tokens, text)
            head = echoed.tokens[0] if text.startswith(echoed.tokens[0]) else ""
            return TextScore(echoed.since(1), len(echoed.logprobs), len(head.encode()))
        first = answer_start_by_text(echoed.tokens, prompt + text, len(prompt))
        if first is None:
            first = answer_start_by_prompt(
                self.remote.endpoint, echoed.tokens, self._alone(prompt).tokens, text
            )
        return TextScore(echoed.since(first), len(echoed.tokens) - first)

    def _alone(self, prompt: str) -> TokenLogprobs:
        """The prompt by itself, asked once for all its answers."""
        with self._locks.setdefault(prompt, threading.Lock()):
            if prompt not in self._prompts:
                self._prompts[prompt] = self._ask(prompt)
            return self._prompts[prompt]

    def _ask(self, text: str) -> TokenLogprobs:
        """One token is generated beside: to some servers, 0 means no limit."""
        remote = self.remote
        request = {
            "model": remote.name,
            "prompt": text,
            "max_tokens": 1,
            "echo": True,
            "logprobs": 1,
            "temperature": 0,
        }
        with (
            translate_errors(remote.endpoint, f"model {remote.name}"),
            translate_echo_errors(remote.endpoint, remote.name),
        ):
            # As plain JSON: the client's own type knows no null among log-probabilities, and the
            # first is one.
            answer = self._client().post("/completions", cast_to=object, body=request)
        return parse_echo(remote.endpoint, answer)


def _decode_score(row: dict[str, Any]) -> TextScore:
    return TextScore(float(row["loglikelihood"]), int(row["tokens"]), int(row["unscored"]))
