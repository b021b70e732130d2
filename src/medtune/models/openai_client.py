"""Requests to a service through the official client, several at once, and its failures as
sentences.

The key comes from the environment. Nothing that the service says back is repeated where it may hold
the key: errors name the key's variable. The client's own errors are not chained to ours, for they
hold requests and answers.
"""

import json
import os
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from medtune.errors import MedtuneError, ModelError, RunError
from medtune.models.cache import JsonlCache
from medtune.models.interface import Progress
from medtune.progress import duration
from medtune.recipe.schema import Endpoint

if TYPE_CHECKING:
    import httpx2
    import openai

SHOWN = 300  # characters of a service's message
GOES_ON = "What was answered is kept: the same command goes on."


def api_key(endpoint: Endpoint) -> str:
    """The key. Raises ``ModelError`` where its variable is not set."""
    key = os.environ.get(endpoint.api_key_env, "").strip()
    if not key:
        raise ModelError(
            f"the environment variable {endpoint.api_key_env} holds no key for {endpoint.base_url}",
            where="model.endpoint.api_key_env",
            fix=f"export {endpoint.api_key_env}=…  (any text where the server asks for none)",
        )
    return key


def open_client(endpoint: Endpoint) -> "openai.OpenAI":
    """The client.

    It retries 408, 409, 429 and 5xx with growing pauses or those that the service asks for, and
    follows no redirection with our texts.

    Raises ``ModelError`` where the key or the client is missing.
    """
    key = api_key(endpoint)
    try:
        import openai
    except ImportError as error:
        raise ModelError(
            "a model behind an endpoint needs the openai client",
            fix="pip install 'medtune[hosted]'",
        ) from error
    from medtune.models.http_client import ServiceClient

    return openai.OpenAI(
        api_key=key,
        base_url=endpoint.base_url,
        timeout=endpoint.timeout,
        max_retries=endpoint.max_retries,
        http_client=ServiceClient(endpoint.max_retries, follow_redirects=False),
        _strict_response_validation=True,
    )


@contextmanager
def translate_errors(endpoint: Endpoint, subject: str) -> Iterator[None]:
    """Failures of the client within the block as ``ModelError`` or ``RunError``.

    ``subject``: a model, a file, a job.
    """
    import httpx2
    import openai

    try:
        yield
    except openai.APIStatusError as error:
        raise _refused(error, endpoint, subject) from None
    except openai.APIResponseValidationError as error:
        raise malformed_answer(endpoint, _field_of(error)) from None
    except openai.APITimeoutError:
        raise RunError(
            f"no answer within {endpoint.timeout:g} s, {endpoint.max_retries + 1} times",
            where=endpoint.base_url,
            fix=f"Raise model.endpoint.timeout, or try later. {GOES_ON}",
        ) from None
    except (openai.APIConnectionError, httpx2.HTTPError) as error:
        reason = type(error.__cause__ or error).__name__
        raise RunError(
            f"the service is out of reach, or broke off in mid-answer ({reason})",
            where=endpoint.base_url,
            fix=f"Is the address right, is the network there? {GOES_ON}",
        ) from None
    except openai.APIError as error:  # in the middle of a stream
        raise RunError(
            f"the service broke off with an error ({message_of(error, endpoint)})",
            where=endpoint.base_url,
            fix=f"Try again. {GOES_ON}",
        ) from None
    except (openai.OpenAIError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise malformed_answer(endpoint, type(error).__name__) from None


@contextmanager
def translate_echo_errors(endpoint: Endpoint, model: str) -> Iterator[None]:
    """Within ``translate_errors``: a completions route that is not there, or knows no echo of
    log-probabilities, is said to be so.
    """
    import openai

    try:
        yield
    except openai.APIStatusError as error:
        message = message_of(error, endpoint)
        unknown = error.status_code == 404 and (error.code == "model_not_found" or model in message)
        # llama.cpp refuses an echo with 500, as if it were a failure.
        if not unknown and (error.status_code in (400, 404, 405, 422, 501) or "echo" in message):
            raise echo_unsupported(
                endpoint, f"its completions route answers {error.status_code}: {message}"
            ) from None
        raise


def echo_unsupported(endpoint: Endpoint, what: str) -> ModelError:
    """The error of a server that does not give the log-probabilities of a text as needed."""
    return ModelError(
        f"the server does not give the log-probabilities of a text ({what})",
        where=endpoint.base_url,
        fix="Set model.endpoint.likelihoods to none and choose tasks that read generated answers; "
        "vLLM's server gives them.",
    )


def malformed_answer(endpoint: Endpoint, what: str) -> ModelError:
    """The error of an answer that lacks a field, or holds a wrong one."""
    return ModelError(
        f"the service's answer is not of the OpenAI form ({what})",
        where=endpoint.base_url,
        fix="Does the address end in /v1, and does the server speak this interface?",
    )


def _field_of(error: "openai.APIResponseValidationError") -> str:
    """Which field is missing or wrong, without its value."""
    from pydantic import ValidationError

    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return error.message.splitlines()[0][:SHOWN]
    first = cause.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _refused(error: "openai.APIStatusError", endpoint: Endpoint, subject: str) -> MedtuneError:
    status, where = error.status_code, endpoint.base_url
    message = message_of(error, endpoint)
    if status == 401:
        what = f"the service does not accept the key in {endpoint.api_key_env}"
        return ModelError(
            what,
            where=where,
            fix=f"Check {endpoint.api_key_env}, and that the key is for this service.",
        )
    if status == 403:
        return ModelError(
            f"the key in {endpoint.api_key_env} gives no access to {subject}", where=where
        )
    if status == 404:
        what = f"the service knows no {subject} ({message})"
        return ModelError(
            what, where=where, fix="Check the name and the address: it ends in /v1 as a rule."
        )
    if status == 429 and error.code == "insufficient_quota":
        return RunError(
            "the account's credit is used up", where=where, fix=f"Add credit. {GOES_ON}"
        )
    if status in (408, 409, 429) or status >= 500:
        from medtune.models.http_client import LONGEST_WAIT, seconds_to_wait

        pause = seconds_to_wait(error.response.headers)
        wait = f", wait {pause:.0f} s" if pause else ""
        what = (
            f"the service answers {status} and asks to wait {duration(pause)}, "
            f"longer than {duration(LONGEST_WAIT)} ({message})"
            if pause and pause > LONGEST_WAIT
            else f"the service still answers {status} after {endpoint.max_retries} retries at most "
            f"({message}{wait})"
        )
        return RunError(
            what, where=where, fix=f"Try later, or lower model.endpoint.concurrency. {GOES_ON}"
        )
    if 300 <= status < 400:
        return ModelError(
            "the service redirects to another address", where=where, fix="Name that address itself."
        )
    field = f"{error.param}: " if error.param else ""
    return ModelError(f"the service refused the request: {field}{message}", where=where)


def message_of(error: "openai.APIError", endpoint: Endpoint) -> str:
    """The first line of what the service said, shortened, without the key and our texts."""
    body = error.body if isinstance(error.body, dict) else {}
    status = getattr(error, "status_code", None)
    text = str(
        body.get("message")
        or body.get("detail")
        or body.get("code")
        or (f"status {status}" if status else error.message)
    )
    text = without_sent_text(text, error.request)
    key = os.environ.get(endpoint.api_key_env, "").strip()
    line = (text.replace(key, "***") if key else text).splitlines()[0]
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}…"


SHORTEST_QUOTE = 12  # characters in common that count as a quotation of a text


def without_sent_text(message: str, request: "httpx2.Request") -> str:
    """A service's message without what it quotes of the texts in the request's JSON body."""
    try:
        body = json.loads(request.content)
        messages = [m.get("content") for m in body.get("messages") or []]
        prompts = body.get("prompt")
        prompts = prompts if isinstance(prompts, list) else [prompts]
        texts = [text for text in (*messages, *prompts) if isinstance(text, str)]
    except (ValueError, AttributeError, RuntimeError):  # no JSON, or not kept: a file
        return message
    message = message[:2000]
    for text in sorted(filter(None, map(str.strip, texts)), key=len, reverse=True):
        message = message.replace(text, "…") if len(text) > 2 else message
        message = _without_quotes(message, text)
    return message


def _without_quotes(message: str, text: str) -> str:
    """The message with each run of ``SHORTEST_QUOTE`` or more characters of the text cut, in any
    order.
    """
    kept, start = [], 0
    while start < len(message):
        end = start + SHORTEST_QUOTE
        if end > len(message) or message[start:end] not in text:
            kept.append(message[start])
            start += 1
            continue
        while end < len(message) and message[start : end + 1] in text:
            end += 1
        kept.append("…")
        start = end
    return "".join(kept)


if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Item = TypeVar("Item")
Value = TypeVar("Value", bound="DataclassInstance")


def run_concurrently(
    work: Callable[[Item], None], items: Sequence[Item], workers: int
) -> Iterator[Item]:
    """Do ``work`` on every item, ``workers`` at once; yield each item when it is done.

    After the first error nothing new is begun, what is under way ends, and the error is raised.
    Ctrl-C does not wait: the threads are daemons, for a slow service must not keep a program from
    ending.
    """
    todo: queue.SimpleQueue[Item] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[Item, Exception | None]] = queue.SimpleQueue()
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


def ask_missing(
    cache: JsonlCache[Value],
    keys: Sequence[str],
    ask: Callable[[int], Value],
    workers: int,
    progress: Progress | None,
    prepare: Callable[[], object],
) -> list[Value]:
    """The values of all ``keys`` in their order; ``ask`` gives that of an index which the cache
    does not know, ``workers`` at once.

    ``prepare`` is called first where anything is missing: a key that is not set is noticed before
    any thread starts.
    """
    missing, counts = cache.missing(keys), Counter(keys)
    if progress:
        progress(sum(key not in missing for key in keys))

    if missing:
        prepare()

    def keep(key: str) -> None:
        cache.put({key: ask(missing[key])})

    for key in run_concurrently(keep, list(missing), workers):
        if progress:
            progress(counts[key])
    return [cache[key] for key in keys]
