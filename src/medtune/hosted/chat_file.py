"""The training file of hosted services: one chat a line as JSON, written and checked line by
line.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from medtune.conversation import ROLES, Conversation
from medtune.data.column_names import reads_as_data
from medtune.errors import DataError, described
from medtune.files import whole_file
from medtune.tokens.lengths import (
    EXAMPLE_LIMITS,
    chat_tokens,
    token_counter,
)

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
        return None, Fault(
            "not_utf8", "line", f"byte 0x{raw[error.start]:02x} at {error.start + 1} is not UTF-8"
        )
    if not text.strip():
        return None, Fault("empty_line", "line", "holds nothing")
    try:
        value = json.loads(text, parse_constant=_refuse)
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is no text
        return value, None
    except (ValueError, RecursionError) as error:
        return None, Fault(
            "not_json", "line", f"is not valid JSON ({getattr(error, 'msg', None) or error})"
        )


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
        yield Fault(
            "no_assistant", "messages", "every assistant message has weight 0: nothing is learnt"
        )


def _message_faults(message: Any, field: str) -> Iterator[Fault]:
    if not isinstance(message, dict):
        yield Fault("not_an_object", field, f"is {_kind(message)}, not an object")
        return
    yield from (
        Fault("missing_key", f"{field}.{key}", "is missing") for key in NEEDED if key not in message
    )
    yield from _unknown_keys(message, MESSAGE_KEYS, f"{field}.")
    role, content, weight = message.get("role"), message.get("content"), message.get("weight")
    if "role" in message and role not in ROLES:
        yield Fault(
            "unknown_role", f"{field}.role", f"{described(role)} is none of {', '.join(ROLES)}"
        )
    if "content" in message and (not isinstance(content, str) or not content.strip()):
        yield Fault(
            "no_content",
            f"{field}.content",
            "is empty" if content in ("", None) else "is no text, or blanks",
        )
    if "name" in message and not isinstance(message["name"], str):
        yield Fault("bad_name", f"{field}.name", f"is {_kind(message['name'])}, not a text")
    if "weight" in message:
        if not (_is_number(weight, 0) or _is_number(weight, 1)):
            yield Fault("bad_weight", f"{field}.weight", f"{described(weight)} is neither 0 nor 1")
        elif role != "assistant":
            yield Fault("bad_weight", f"{field}.weight", "stands on a message that is never learnt")


def _unknown_keys(keys: Iterable[str], known: frozenset[str], prefix: str) -> Iterator[Fault]:
    for key in sorted(set(keys) - known):
        yield Fault(
            "unknown_key", f"{prefix}{_shown(key)}", f"is none of {', '.join(sorted(known))}"
        )


def _is_number(value: Any, number: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value == number


def _kind(value: Any) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        type(None): "null",
    }
    return names.get(type(value), "a number")


def _shown(key: str) -> str:
    """A key that reads as a name; any other may be a patient's text."""
    return f"a key of {len(key)} characters" if reads_as_data(key) else key


LISTED = 100
MIN_EXAMPLES = 10


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a file, at a line (none where it is the whole file) and a field."""

    line: int | None
    kind: str
    field: str
    what: str

    def __str__(self) -> str:
        location = f"line {self.line}" if self.line else "the file"
        return f"{location}, {self.field}: {self.what}"


@dataclass(frozen=True)
class ChatTokens:
    """Tokens of the sound examples.

    ``billed`` counts each up to ``limit``; ``learnt`` the assistants' texts.
    """

    encoding: str
    limit: int
    total: int
    median: float
    longest: int
    billed: int
    learnt: int


@dataclass
class ChatReport:
    """What a file holds and what is wrong with it.

    ``problems`` are the first hundred; ``counts`` has all by kind.

    ``tokens`` is None where no counter is installed, ``cost`` (US dollars) also where no price was
    given.
    """

    path: str
    examples: int = 0
    problems: list[Problem] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    tokens: ChatTokens | None = None
    epochs: int = 0
    cost: float | None = None

    def add(self, line: int | None, fault: Fault) -> None:
        """Count a problem, and list it while there is room."""
        self.counts[fault.kind] += 1
        if len(self.problems) < LISTED:
            self.problems.append(Problem(line, *fault))

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON, counts of findings by kind among them."""
        return asdict(self) | {"counts": dict(self.counts)}


def write_chat_lines(path: Path, conversations: Iterable[Conversation]) -> int:
    """Write one ``{"messages": […]}`` a line, whole or not at all; returns the lines written."""
    lines = 0
    with (
        whole_file(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="\n") as handle,
    ):
        for conversation in conversations:
            messages = [message.as_dict() for message in conversation.messages]
            handle.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
            lines += 1
    return lines


def check_chat_lines(
    path: Path,
    encoding: str = "cl100k_base",
    *,
    limit: int | None = None,
    price: float | None = None,
    epochs: int | None = None,
    least: int = MIN_EXAMPLES,
) -> ChatReport:
    """Check a training file as the service will, before money is spent: every problem with its
    line and field.

    ``limit`` is in tokens an example (default: the encoding's models'), ``price`` in US dollars a
    million tokens, ``epochs`` the passes (default: as the service chooses them). Raises
    ``DataError`` where there is no such file.
    """
    report, seen = ChatReport(str(path)), dict[bytes, int]()
    count, limit = token_counter(encoding), limit or EXAMPLE_LIMITS[encoding]
    sizes, learnt = list[int](), 0
    for number, raw in _lines(path):
        value, fault = parse_line(raw)
        faults = [fault] if fault else list(line_faults(value))
        report.examples += not (fault and fault.kind == "empty_line")
        first = seen.setdefault(hashlib.blake2b(raw.strip(), digest_size=16).digest(), number)
        if first != number and raw.strip():
            report.add(number, Fault("duplicate_line", "line", f"is line {first} again"))
        for each in faults:
            report.add(number, each)
        if count and not faults:
            sizes.append(chat_tokens(value["messages"], count))
            learnt += sum(count(m["content"]) for m in value["messages"] if _is_learnt(m))
            if sizes[-1] > limit:
                what = f"{sizes[-1]:,} tokens, more than {limit:,}: the service would cut it"
                report.add(number, Fault("over_limit", "messages", what))
    if report.examples < least:
        report.add(
            None,
            Fault("too_few_examples", "file", f"{report.examples} examples, fewer than {least}"),
        )
    report.epochs = epochs or automatic_epochs(report.examples)
    if count:
        billed = sum(min(size, limit) for size in sizes)
        middle = float(median(sizes)) if sizes else 0.0
        report.tokens = ChatTokens(
            encoding, limit, sum(sizes), middle, max(sizes, default=0), billed, learnt
        )
        report.cost = None if price is None else cost_in_dollars(billed, report.epochs, price)
    return report


def _is_learnt(message: Mapping[str, object]) -> bool:
    return bool(message["role"] == "assistant" and message.get("weight", 1))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with open(path, "rb") as handle:
            yield from enumerate(handle, 1)
    except OSError as error:
        raise DataError(
            f"cannot be read ({error.strerror})", where=str(path), fix="Check the path."
        ) from error


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
