"""The HTTP client below the official one: pauses that a service asks for, errors in answers of 200.

Imported only where something is to be sent, for it loads the official client.
"""

import email.utils
import json
import math
import time
from collections.abc import Mapping
from typing import Any

import httpx2
import openai

from medtune.progress import duration, say

LONGEST_WAIT = 600.0  # seconds of one wait; the official client gives up above 120
TOLD_FROM = 5.0
PASSING = (408, 409, 429)  # and 500 or above
COMPLETIONS = (None, "error", "chat.completion", "text_completion")  # kinds of answers
# Status of an error object by words of its code or type, where no number says it.
STATUS_OF_WORDS = (
    (401, ("invalid_api_key", "authentication", "unauthorized")),
    (403, ("permission", "forbidden")),
    (404, ("not_found", "notfound")),
    (429, ("rate_limit", "ratelimit", "too_many", "quota", "throttl")),
    (503, ("overload", "unavailable", "capacity", "timeout", "busy")),
    (500, ("server_error", "internal")),
)


def is_passing(status: int) -> bool:
    """Whether a request that got this status may be sent again."""
    return status in PASSING or status >= 500


def seconds_to_wait(headers: Mapping[str, str]) -> float | None:
    """What ``retry-after-ms`` or ``Retry-After`` asks for, as seconds or as an HTTP date.

    None without either, and where it is no number or date, or lies in the past.
    """
    for name, divisor in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        try:
            seconds = float(text) / divisor
        except ValueError:
            moment = email.utils.parsedate_tz(text)
            if moment is None:
                continue
            seconds = email.utils.mktime_tz(moment) - time.time()
        if math.isfinite(seconds) and seconds > 0:
            return seconds
    return None


class ServiceClient(openai.DefaultHttpxClient):
    """Sends again what is refused for a time, after the pause that the service names.

    At most ``retries`` times and ``LONGEST_WAIT`` seconds each; where it names none, the official
    client decides. Requests whose body can be read only once are sent once.
    """

    def __init__(self, retries: int, **options: Any) -> None:
        super().__init__(**options)
        self.retries = retries

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """As httpx's; an error object in an answer of status 200 comes with a status of its own."""
        repeatable = isinstance(request.stream, httpx2.ByteStream)
        for attempt in range(self.retries + 1):
            response = with_own_status(super().send(request, **options))
            pause = seconds_to_wait(response.headers) if is_passing(response.status_code) else None
            if pause is None or pause > LONGEST_WAIT or not repeatable:
                return response
            if attempt == self.retries:
                response.headers["x-should-retry"] = "false"  # the official client's own retries
                return response
            response.close()
            if pause >= TOLD_FROM:
                say(
                    f"{request.url.host} answers {response.status_code} and asks to wait: "
                    f"going on in {duration(pause)}"
                )
            time.sleep(pause)
        raise AssertionError("the last attempt returns")


def with_own_status(response: httpx2.Response) -> httpx2.Response:
    """The answer; one of status 200 that holds an error object as the error that it is."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip()
    if response.status_code != 200 or not kind.endswith("json"):
        return response
    response.read()
    try:
        error = error_object(response.json())
    except ValueError:
        return response
    if error is None:
        return response
    kept = {k: v for k, v in response.headers.items() if k.startswith(("retry-after", "x-"))}
    return httpx2.Response(
        status_of(error),
        headers=kept | {"content-type": "application/json"},
        content=json.dumps({"error": error}).encode(),
        request=response.request,
    )


def error_object(answer: object) -> dict[str, Any] | None:
    """The error that an answer holds: ``error`` (an object or a text), an object that calls itself
    one (older vLLM), the first choice's (OpenRouter), or the ``detail`` of an answer without
    choices; None without one. A failed job has an ``error``, too, and is a proper answer.
    """
    if not isinstance(answer, dict) or answer.get("object") not in COMPLETIONS:
        return None
    error = answer.get("error")
    choices = answer.get("choices")
    if not error and isinstance(choices, list) and choices and isinstance(choices[0], dict):
        error = choices[0].get("error")
    if not error and answer.get("object") == "error":
        error = {name: answer.get(name) for name in ("message", "type", "code", "param")}
    if not error and set(answer) == {"detail"}:
        error = str(answer["detail"])
    if isinstance(error, str):
        error = {"message": error}
    return error if isinstance(error, dict) and error else None


def status_of(error: Mapping[str, Any]) -> int:
    """The HTTP status that an error object means; 400 where neither code nor type says it."""
    values = [error.get(name) for name in ("status", "code", "type")]
    for value in values:
        number = str(value)
        if number.isascii() and number.isdigit() and 400 <= int(number) < 600:
            return int(number)
    words = " ".join(str(value) for value in values).lower().replace(" ", "_").replace("-", "_")
    return next((code for code, parts in STATUS_OF_WORDS if any(p in words for p in parts)), 400)
