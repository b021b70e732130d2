"""What a hosted fine-tuning service asks of one line of a training file: plain chats as JSON objects.

The rules are those that the service states for supervised chats (roles system, user and assistant, text contents, an
assistant ``weight`` of 0 or 1) and that its published check of a training file looks for
(OpenAI Cookbook, "Data preparation and analysis for chat model fine-tuning"). Calls of tools are not known here.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from medtune.conversation import ROLES

LINE_KEYS = frozenset({"messages"})
NEEDED = ("role", "content")
MESSAGE_KEYS = frozenset({*NEEDED, "name", "weight"})


class Fault(NamedTuple):
    """One thing wrong with a line: a word for counting, the field, and a sentence."""

    kind: str
    field: str
    what: str


def parse_line(raw: bytes) -> tuple[Any, Fault | None]:
    """The JSON value of a line, or what keeps it from being one."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return None, Fault("not_utf8", "line", f"byte 0x{raw[error.start]:02x} at {error.start + 1} is not UTF-8")
    if not text.strip():
        return None, Fault("empty_line", "line", "holds nothing")
    try:
        value = json.loads(text, parse_constant=_refuse)
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is no text
        return value, None
    except (ValueError, RecursionError) as error:
        return None, Fault("not_json", "line", f"is not valid JSON ({getattr(error, 'msg', None) or error})")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def line_faults(value: Any) -> Iterator[Fault]:
    """Everything wrong with one parsed line."""
    if not isinstance(value, dict):
        yield Fault("not_an_object", "line", f"is {_kind(value)}, not an object")
        return
    yield from _unknown_keys(value, LINE_KEYS, "")
    messages = value.get("messages")
    if not isinstance(messages, list) or not messages:
        yield Fault("no_messages", "messages", "is missing, empty or not a list")
        return
    for number, message in enumerate(messages):
        yield from _message_faults(message, f"messages[{number}]")
    answers = [m for m in messages if isinstance(m, dict) and m.get("role") == "assistant"]
    if not answers:
        yield Fault("no_assistant", "messages", "holds no assistant message to learn")
    elif all(_is_number(m.get("weight"), 0) for m in answers):
        yield Fault("no_assistant", "messages", "every assistant message has weight 0: nothing is learnt")


def _message_faults(message: Any, field: str) -> Iterator[Fault]:
    if not isinstance(message, dict):
        yield Fault("not_an_object", field, f"is {_kind(message)}, not an object")
        return
    yield from (Fault("missing_key", f"{field}.{key}", "is missing") for key in NEEDED if key not in message)
    yield from _unknown_keys(message, MESSAGE_KEYS, f"{field}.")
    role, content, weight = message.get("role"), message.get("content"), message.get("weight")
    if "role" in message and role not in ROLES:
        yield Fault("unknown_role", f"{field}.role", f"{_short(role)} is none of {', '.join(ROLES)}")
    if "content" in message and (not isinstance(content, str) or not content.strip()):
        yield Fault("no_content", f"{field}.content", "is empty" if content in ("", None) else "is no text, or blanks")
    if "name" in message and not isinstance(message["name"], str):
        yield Fault("bad_name", f"{field}.name", f"is {_kind(message['name'])}, not a text")
    if "weight" in message:
        if not (_is_number(weight, 0) or _is_number(weight, 1)):
            yield Fault("bad_weight", f"{field}.weight", f"{_short(weight)} is neither 0 nor 1")
        elif role != "assistant":
            yield Fault("bad_weight", f"{field}.weight", "stands on a message that is never learnt")


def _unknown_keys(value: dict[str, Any], known: frozenset[str], prefix: str) -> Iterator[Fault]:
    for key in sorted(set(value) - known):
        yield Fault("unknown_key", f"{prefix}{_short(key)}", f"is none of {', '.join(sorted(known))}")


def _is_number(value: Any, wanted: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value == wanted


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _short(value: Any) -> str:
    """A value of at most thirty characters for a message; long ones may be patients' texts."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 30 else f"{text[:12]}… ({len(text)} characters)"
