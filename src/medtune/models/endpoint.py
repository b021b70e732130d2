"""A model behind an endpoint that speaks the OpenAI interface: chat completions, several at
once, answers kept on disk.
"""

import json
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from medtune.errors import ModelError
from medtune.models.cache import CachedAnswer, answer_cache, answer_key
from medtune.models.interface import (
    ChoiceLikelihoods,
    ChoiceRequest,
    DecodingSettings,
    Generated,
    Likelihood,
    Messages,
    Progress,
    choices_from_pairs,
)
from medtune.models.open import EndpointRef, refused_decoding
from medtune.models.openai_client import malformed_answer, open_client, translate_errors
from medtune.progress import say
from medtune.tokens.chat_counter import wrap_questions

T = TypeVar("T")


def run_concurrently(work: Callable[[T], None], items: Sequence[T], workers: int) -> Iterator[T]:
    """Do ``work`` on every item, ``workers`` at once; yield each item when it is done.

    After the first error nothing new is begun, what is under way ends, and the error is raised.
    Ctrl-C does not wait: the threads are daemons, for a slow service must not keep a program from
    ending.
    """
    todo: queue.SimpleQueue[T] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[T, Exception | None]] = queue.SimpleQueue()
    stop = threading.Event()
    for item in items:
        todo.put(item)

    def worker() -> None:
        while not stop.is_set():
            try:
                item = todo.get_nowait()
            except queue.Empty:
                return
            try:
                work(item)
                done.put((item, None))
            except Exception as error:
                stop.set()
                done.put((item, error))

    threads = [
        threading.Thread(target=worker, daemon=True) for _ in range(min(workers, len(items)))
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in items:
            item, error = done.get()
            if error:
                for thread in threads:
                    thread.join()
                raise error
            yield item
    finally:
        stop.set()


if TYPE_CHECKING:
    import openai
    from openai.types.chat import ChatCompletion

    from medtune.models.endpoint_logprobs import LogprobClient


CACHE_FILE = "answers-of-service.jsonl"
PROMPTS_A_WORKER = 8  # between two signs of progress


class EndpointModel:
    """Asks a service.

    As ``LanguageModel``; likelihoods only where ``endpoint.likelihoods`` says how.

    With ``cache``, a directory, answers are kept there and not asked for again.
    """

    def __init__(self, remote: EndpointRef, cache: Path | None = None) -> None:
        self.remote, self._place = remote, cache
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
        asked = {
            key: messages
            for key, messages in zip(keys, sent, strict=True)
            if self._cache.get(key) is None
        }
        tell, wanted = progress or (lambda done: None), Counter(keys)
        tell(sum(key not in asked for key in keys))
        for key in self._ask_all(asked, decoding):
            tell(wanted[key])
        return [self._generated(messages, key) for messages, key in zip(sent, keys, strict=True)]

    def _ask_all(
        self, asked: dict[str, list[dict[str, str]]], decoding: DecodingSettings
    ) -> Iterator[str]:
        def ask(key: str) -> None:
            self._cache.put(key, self._ask(asked[key], decoding))

        if asked:
            _ = self.client  # made here, once: a missing key is found before any thread starts
        return run_concurrently(ask, list(asked), self.remote.endpoint.concurrency)

    def _generated(self, messages: list[dict[str, str]], key: str) -> Generated:
        answer = self._cache.get(key)
        assert answer is not None
        return Generated(
            json.dumps(messages, ensure_ascii=False), answer.text, answer.tokens, answer.finished
        )

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
    def _echo(self) -> "LogprobClient":
        """What asks for likelihoods.

        Raises ``ModelError`` where the recipe does not say that the endpoint gives them.
        """
        if self.remote.endpoint.likelihoods == "none":
            raise ModelError(
                "a chat endpoint gives no likelihoods",
                where=self.name,
                fix="Choose tasks that read generated answers, or set model.endpoint.likelihoods: echo where it can.",
            )
        from medtune.models.endpoint_logprobs import LogprobClient

        return LogprobClient(self.remote, lambda: self.client, self._place)

    def loglikelihoods(
        self, pairs: Sequence[tuple[Messages, str]], progress: Progress | None = None
    ) -> list[Likelihood]:
        """As in ``LanguageModel``, where the endpoint echoes log-probabilities.

        Else raises ``ModelError``.
        """
        return self._echo.answers(pairs, progress)

    def choice_loglikelihoods(
        self, asked: Sequence[ChoiceRequest], progress: Progress | None = None
    ) -> list[ChoiceLikelihoods]:
        """As in ``ChoiceScorer``: every answer is asked for with its whole prompt."""
        size = PROMPTS_A_WORKER * self.remote.endpoint.concurrency
        length_batches = [asked[start : start + size] for start in range(0, len(asked), size)]
        return [
            choices
            for portion in length_batches
            for choices in choices_from_pairs(self, portion, progress)
        ]

    def text_loglikelihoods(
        self, texts: Sequence[str], progress: Progress | None = None
    ) -> list[Likelihood]:
        """As in ``LanguageModel``.

        A text longer than the server's context raises ``ModelError``.
        """
        return self._echo.texts(texts, progress)
