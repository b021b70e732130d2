"""A model behind an endpoint that speaks the OpenAI interface: chat completions, several at
once, answers kept on disk.
"""

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtune.errors import ModelError
from medtune.models.cache import CachedAnswer, answer_cache, answer_key
from medtune.models.endpoint_logprobs import LogprobClient
from medtune.models.interface import (
    ChoiceLikelihoods,
    ChoiceRequest,
    DecodingSettings,
    Generated,
    Likelihood,
    Messages,
    Progress,
    choices_in_portions,
)
from medtune.models.open import EndpointRef, refused_decoding
from medtune.models.openai_client import (
    ask_missing,
    malformed_answer,
    open_client,
    translate_errors,
)
from medtune.progress import say
from medtune.tokens.lengths import wrap_questions

if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletion


CACHE_FILE = "answers-of-service.jsonl"
PROMPTS_A_WORKER = 8  # between two signs of progress


class EndpointModel:
    """Asks a service.

    As ``LanguageModel``; likelihoods only where ``endpoint.likelihoods`` says how.

    With ``cache``, a directory, answers are kept there and not asked for again.
    """

    def __init__(self, remote: EndpointRef, cache: Path | None = None) -> None:
        self.remote, self._cache_directory = remote, cache
        self.name, self.fingerprint = remote.name, remote.measured_fingerprint()
        self._cache = answer_cache(cache / CACHE_FILE if cache else None)

    @cached_property
    def client(self) -> "openai.OpenAI":
        """The client, made when something is to be sent: answers from the cache need neither key
        nor network.
        """
        return open_client(self.remote.endpoint)

    def generate(
        self,
        prompts: Sequence[Messages],
        decoding: DecodingSettings,
        progress: Progress | None = None,
    ) -> list[Generated]:
        """One answer to each conversation.

        ``prompt`` of an answer is the JSON text of the messages sent.

        Raises ``ModelError`` where the service refuses (key, model, parameter) or its answers lack
        fields, ``RunError`` where it stays out of reach; what was answered until then is kept.
        """
        self._check(decoding)
        sent = [self._sent(messages) for messages in prompts]
        keys = [answer_key(self.remote.fingerprint(), messages, decoding) for messages in sent]
        answers = ask_missing(
            self._cache,
            keys,
            lambda index: self._ask(sent[index], decoding),
            self.remote.endpoint.concurrency,
            progress,
            prepare=lambda: self.client,
        )
        return [
            Generated(
                json.dumps(messages, ensure_ascii=False),
                answer.text,
                answer.tokens,
                answer.finished,
            )
            for messages, answer in zip(sent, answers, strict=True)
        ]

    def _sent(self, messages: Messages) -> list[dict[str, str]]:
        return [message.as_dict() for message in wrap_questions(messages, self.remote.prompt)]

    def _check(self, decoding: DecodingSettings) -> None:
        fault = refused_decoding(decoding.beams, decoding.no_repeat_ngram)
        if fault:
            raise ModelError(
                f"a chat endpoint has no {fault}", where=self.name, fix="Leave it out."
            )

    def _request(
        self, messages: list[dict[str, str]], decoding: DecodingSettings
    ) -> dict[str, Any]:
        """Every parameter written out, so that no default of a service sneaks in."""
        return {
            "model": self.name,
            "messages": messages,
            "max_tokens": decoding.max_new_tokens,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "seed": decoding.seed,
            "n": 1,
        }

    def _ask(self, messages: list[dict[str, str]], decoding: DecodingSettings) -> CachedAnswer:
        with translate_errors(self.remote.endpoint, f"model {self.name}"):
            completion = self.client.chat.completions.create(**self._request(messages, decoding))
        return self._read(completion)

    def _read(self, completion: "ChatCompletion") -> CachedAnswer:
        endpoint = self.remote.endpoint
        if not completion.choices:
            raise malformed_answer(endpoint, "choices is empty")
        choice = completion.choices[0]
        if "content" not in choice.message.model_fields_set:
            raise malformed_answer(endpoint, "choices.0.message.content is missing")
        if completion.usage is None:
            raise malformed_answer(endpoint, "usage is missing")
        if choice.finish_reason == "content_filter":
            say("the service's content filter withheld an answer: it counts as it came")
        text = choice.message.content or choice.message.refusal or ""
        return CachedAnswer(
            text.strip(), completion.usage.completion_tokens, choice.finish_reason == "stop"
        )

    def stream(
        self, messages: Messages, decoding: DecodingSettings, on_text: Callable[[str], None]
    ) -> Generated:
        """One answer, handed out piece by piece while it comes.

        It is not kept: nothing of a talk is written.
        """
        self._check(decoding)
        sent = self._sent(messages)
        pieces: list[str] = []
        tokens, reason = 0, None
        with translate_errors(self.remote.endpoint, f"model {self.name}"):
            chunks = self.client.chat.completions.create(
                **self._request(sent, decoding), stream=True, stream_options={"include_usage": True}
            )
            for chunk in chunks:
                tokens = chunk.usage.completion_tokens if chunk.usage else tokens
                for choice in chunk.choices:
                    reason = choice.finish_reason or reason
                    text = choice.delta.content or choice.delta.refusal or ""
                    text = text if pieces else text.lstrip()
                    if text:
                        pieces.append(text)
                        on_text(text)
        if reason is None:
            raise malformed_answer(
                self.remote.endpoint, "the answer broke off without a finish_reason"
            )
        answer = "".join(pieces).strip()
        return Generated(json.dumps(sent, ensure_ascii=False), answer, tokens, reason == "stop")

    # Likelihoods, where the endpoint gives any

    @cached_property
    def _logprobs(self) -> LogprobClient:
        """What asks for likelihoods.

        Raises ``ModelError`` where the recipe does not say that the endpoint gives them.
        """
        if self.remote.endpoint.likelihoods == "none":
            raise ModelError(
                "a chat endpoint gives no likelihoods",
                where=self.name,
                fix="Choose tasks that read generated answers, or set "
                "model.endpoint.likelihoods: echo where it can.",
            )
        return LogprobClient(self.remote, lambda: self.client, self._cache_directory)

    def loglikelihoods(
        self, pairs: Sequence[tuple[Messages, str]], progress: Progress | None = None
    ) -> list[Likelihood]:
        """As in ``LanguageModel``, where the endpoint echoes log-probabilities.

        Else raises ``ModelError``.
        """
        return self._logprobs.answers(pairs, progress)

    def choice_loglikelihoods(
        self, requests: Sequence[ChoiceRequest], progress: Progress | None = None
    ) -> list[ChoiceLikelihoods]:
        """As in ``ChoiceScorer``: every answer is asked for with its whole prompt."""
        size = PROMPTS_A_WORKER * self.remote.endpoint.concurrency
        return choices_in_portions(self, requests, size, progress)

    def text_loglikelihoods(
        self, texts: Sequence[str], progress: Progress | None = None
    ) -> list[Likelihood]:
        """As in ``LanguageModel``.

        A text longer than the server's context raises ``ModelError``.
        """
        return self._logprobs.texts(texts, progress)
