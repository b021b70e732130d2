"""How long conversations are in tokens: what a limit would cost, and how lengths are spread.

``ChatCounter`` counts as a hosted service does, offline, with the encoding that it bills by.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import islice, repeat
from typing import TYPE_CHECKING, Protocol

from medtune.conversation import Conversation, Message
from medtune.data.audit import Histogram, TokenLengths
from medtune.errors import DataError, RecipeError
from medtune.text.pieces import text_pieces

if TYPE_CHECKING:
    import numpy as np

CHUNK = 256
MOST_BINS = 23  # one more where the limit falls inside a bin


@dataclass(frozen=True, slots=True)
class Length:
    """Tokens of one conversation before any cutting.

    ``over``: those above the limits, where source and target have one each; None: ``tokens`` has
    one limit.
    """

    id: str
    tokens: int
    supervised: int
    over: int | None = None


class MeasuresLengths(Protocol):
    """What a tally asks of an encoder."""

    max_length: int

    def lengths(self, conversations: Sequence[Conversation]) -> list[Length]:
        """Tokens in all and supervised, conversation by conversation."""


def overlong_error(row: str, tokens: int, limit: int, over: int | None = None) -> DataError:
    """The error of the policy ``error`` for a row of more tokens than the limit, or ``over``
    those of its two parts.
    """
    if over is not None:
        return DataError(
            f"{over} tokens more than train.max_length (the question) and "
            "train.max_target_length (the answer) allow",
            where=row,
            fix="Set data.overlong to truncate or drop, or raise these limits.",
        )
    return DataError(
        f"{tokens} tokens, more than the {limit} that train.max_length and the model allow",
        where=row,
        fix="Set data.overlong to truncate or drop, or raise train.max_length.",
    )


def truncation_counts(lengths: Iterable[Length], max_length: int, overlong: str) -> dict[str, int]:
    """What the policy for overlong rows costs: the figures of ``encode_all`` from the lengths
    alone.

    ``lost_terminators`` counts cut rows whose last supervised token went: none, since cutting keeps
    it. Raises ``DataError`` at the first overlong row where the policy is ``error``.
    """
    facts = {
        "truncated_rows": 0,
        "truncated_tokens": 0,
        "overlong_dropped": 0,
        "lost_terminators": 0,
    }
    for row in lengths:
        count_row(facts, row, max_length, overlong)
    return facts


def count_row(facts: dict[str, int], row: Length, max_length: int, overlong: str) -> None:
    """Add one row to the figures of ``truncation_counts``."""
    excess = row.tokens - max_length if row.over is None else row.over
    if excess <= 0:
        return
    if overlong == "error":
        raise overlong_error(row.id, row.tokens, max_length, row.over)
    if overlong == "drop":
        facts["overlong_dropped"] += 1
    else:
        facts["truncated_rows"] += 1
        facts["truncated_tokens"] += excess


class LengthTally:
    """Lengths of a stream of conversations, in sixteen bytes a row: names are not kept.

    Raises ``DataError`` as soon as a row is added that is overlong under the policy ``error``, or
    teaches nothing.
    """

    def __init__(self, encoder: MeasuresLengths, overlong: str) -> None:
        self._encoder, self._overlong = encoder, overlong
        self._tokens, self._supervised = array("q"), array("q")
        self._facts = truncation_counts([], encoder.max_length, overlong)

    def add(self, conversations: Iterable[Conversation]) -> None:
        """Measure conversations, after those of earlier calls."""
        stream = iter(conversations)
        while chunk := list(islice(stream, CHUNK)):
            for row in self._encoder.lengths(chunk):
                count_row(self._facts, row, self._encoder.max_length, self._overlong)
                self._tokens.append(row.tokens)
                self._supervised.append(row.supervised)

    def facts(self) -> dict[str, int]:
        """What the policy for overlong rows costs so far (see ``truncation_counts``)."""
        return dict(self._facts)

    def lengths(self) -> Iterator[Length]:
        """The rows so far, in the order in which they came, without their names."""
        return map(Length, repeat(""), self._tokens, self._supervised)


def length_summary(lengths: Iterable[Length], limit: int | None = None) -> TokenLengths:
    """Median, 95th percentile and maximum of the rows' tokens, the supervised share of all
    tokens, and a histogram.
    """
    import numpy as np

    tokens, supervised = array("q"), 0
    for row in lengths:
        tokens.append(row.tokens)
        supervised += row.supervised
    totals = np.array(tokens if tokens else [0])
    return TokenLengths(
        rows=len(tokens),
        median=float(np.median(totals)),
        p95=float(np.percentile(totals, 95)),
        max=int(totals.max()),
        tokens=int(totals.sum()),
        supervised_share=supervised / max(1, int(totals.sum())),
        histogram=histogram(totals if tokens else totals[:0], limit),
    )


def histogram(totals: "np.ndarray", limit: int | None = None) -> Histogram:
    """Counts of rows by tokens: bin i holds ``edges[i]`` < tokens ≤ ``edges[i + 1]``, at most 24
    of them.

    Bins are fine where the rows are (1st to 99th percentile); the first and the last take the
    tails. A ``limit`` within the range is an edge, so that ``over_limit`` is the sum of the bins
    above it.
    """
    import numpy as np

    if not len(totals):
        return Histogram(edges=[0, 1], counts=[0], limit=limit, over_limit=0)
    shortest, longest = int(totals.min()), int(totals.max())
    low, high = (int(np.percentile(totals, share)) for share in (1, 99))
    inner = _inner_edges(low, high)
    marks = inner if limit is None else [*inner, limit]
    start = max((mark for mark in marks if mark < shortest), default=0)
    uppers = sorted({start, longest, *(mark for mark in marks if start < mark < longest)})
    counts = np.histogram(totals, bins=np.array(uppers) + 0.5)[0]
    over = 0 if limit is None else int((totals > limit).sum())
    return Histogram(edges=uppers, counts=[int(c) for c in counts], limit=limit, over_limit=over)


def _inner_edges(low: int, high: int) -> list[int]:
    """Round edges around [low, high]: octaves cut into 8, 4, 2 or 1 equal parts, as fine as the
    number allows.
    """
    for parts in (8, 4, 2, 1):
        octaves = range(high.bit_length() + 1)
        fine = sorted(
            {2**octave + part * 2**octave // parts for octave in octaves for part in range(parts)}
        )
        below = [edge for edge in fine if edge < low][-1:]
        above = [edge for edge in fine if edge >= high][:1]
        edges = [*below, *(edge for edge in fine if low <= edge < high), *above]
        if len(edges) < MOST_BINS - 1 or parts == 1:
            break
    return edges[: MOST_BINS - 2]


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
    return lambda text: sum(len(ordinary(piece)) for piece in text_pieces(text))


def chat_tokens(messages: Sequence[Mapping[str, str]], count: Callable[[str], int]) -> int:
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
