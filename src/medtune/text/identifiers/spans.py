"""Spans, the result of a scan, and rules, which find them."""

import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

_DIGIT = re.compile(r"\d")
_TOKEN = re.compile(r"[A-Za-z]+|[@:=#/+(\[,]")
_NO_LETTER = re.compile(r"[^A-Za-z]|$")
PART = 2**16  # characters whose words are in a list at once


@dataclass(frozen=True, slots=True)
class Span:
    """An identifier: its kind, and its offsets in the text."""

    kind: str
    start: int
    end: int


Offsets = tuple[int, int]
# A check narrows a match or refuses it; one that tells kinds apart by their context yields a span
# of the kind it found.
Check = Callable[[re.Match[str]], Offsets | Span | None]


def whole(match: re.Match[str]) -> Offsets | None:
    """The offsets of group ``v`` if a pattern has one (the rest is context), else of the whole
    match.
    """
    return match.span("v") if "v" in match.re.groupindex else match.span()


def before(match: re.Match[str], count: int) -> str:
    """At most ``count`` characters before a match, or before its group ``v`` if it has one."""
    start = match.start("v") if "v" in match.re.groupindex else match.start()
    return match.string[max(0, start - count) : start]


@dataclass(frozen=True, slots=True)
class IdentifierRule:
    """A pattern for one kind of identifier.

    It is tried only on a text that holds a word (or sign) of ``needs``, one of ``also``, a digit
    (if ``digits``) and a word that satisfies ``word``. ``check`` narrows or refuses a match.
    """

    kind: str
    pattern: re.Pattern[str]
    needs: frozenset[str] = frozenset()
    also: frozenset[str] = frozenset()
    digits: bool = True
    check: Check = whole
    word: Callable[[str], bool] | None = None

    def worth_trying(self, held: frozenset[str], digits: bool) -> bool:
        """Whether a text with these words can match."""
        return (
            (digits or not self.digits)
            and not (self.needs and self.needs.isdisjoint(held))
            and not (self.also and self.also.isdisjoint(held))
            and (self.word is None or any(map(self.word, held)))
        )


def rule(
    kind: str,
    pattern: str,
    *,
    needs: str | frozenset[str] = frozenset(),
    also: str | frozenset[str] = frozenset(),
    digits: bool = True,
    check: Check = whole,
    word: Callable[[str], bool] | None = None,
    flags: int = 0,
) -> IdentifierRule:
    """A rule from the text of a pattern; ``needs`` and ``also`` may be words divided by blanks."""
    needs, also = (
        frozenset(words.split()) if isinstance(words, str) else words for words in (needs, also)
    )
    return IdentifierRule(kind, re.compile(pattern, flags), needs, also, digits, check, word)


class SpanList(Sequence[Span]):
    """Spans in the order of a text, in 17 bytes each: a long text may hold millions."""

    def __init__(
        self,
        kinds: Sequence[str],
        numbers: "array[int]",
        starts: "array[int]",
        ends: "array[int]",
    ) -> None:
        self._kinds, self._numbers, self._starts, self._ends = kinds, numbers, starts, ends

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> Span: ...
    @overload
    def __getitem__(self, index: slice) -> list[Span]: ...
    def __getitem__(self, index: int | slice) -> Span | list[Span]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return Span(self._kinds[self._numbers[index]], self._starts[index], self._ends[index])

    def of_kind(self, kind: str) -> Iterator[Offsets]:
        """The offsets of the spans of one kind."""
        number = self._kinds.index(kind) if kind in self._kinds else -1
        for other, start, end in zip(self._numbers, self._starts, self._ends, strict=True):
            if other == number:
                yield start, end

    def counts(self) -> Counter[str]:
        """How many spans there are of each kind."""
        counts = Counter(self._numbers)
        return Counter({self._kinds[number]: count for number, count in counts.items()})


class TakenSpans:
    """The spans found so far; one that overlaps an earlier one is refused."""

    def __init__(self, length: int) -> None:
        self._cover = bytearray(length)
        self._kinds: list[str] = []
        self._numbers, self._starts, self._ends = array("B"), array("q"), array("q")

    def add(self, span: Span) -> None:
        """Keep a span unless it overlaps one that is kept already."""
        if span.start < span.end and 1 not in self._cover[span.start : span.end]:
            self._cover[span.start : span.end] = b"\1" * (span.end - span.start)
            if span.kind not in self._kinds:
                self._kinds.append(span.kind)
            self._numbers.append(self._kinds.index(span.kind))
            self._starts.append(span.start)
            self._ends.append(span.end)

    def ordered(self) -> SpanList:
        """The spans so far, in the order of the text."""
        order = np.argsort(np.array(self._starts))
        columns = (
            array(values.typecode, np.array(values)[order].tobytes())
            for values in (self._numbers, self._starts, self._ends)
        )
        return SpanList(tuple(self._kinds), *columns)


def apply(rules: Sequence[IdentifierRule], text: str, taken: TakenSpans) -> None:
    """Add the spans that the rules find in a text."""
    held = held_words(rules, text)
    digits = _DIGIT.search(text) is not None
    for rule in rules:
        if not rule.worth_trying(held, digits):
            continue
        for match in rule.pattern.finditer(text):
            if result := rule.check(match):
                taken.add(result if isinstance(result, Span) else Span(rule.kind, *result))


def held_words(rules: Sequence[IdentifierRule], text: str) -> frozenset[str]:
    """The words and signs of a text, as they stand and in lower case; of a long one those alone
    that decide which rules are worth trying.
    """
    if len(text) <= PART:
        return frozenset(_words(text))
    asked = frozenset[str]().union(*(rule.needs | rule.also for rule in rules))
    tests = {rule.word for rule in rules if rule.word}
    held: set[str] = set()
    for part in _parts(text):
        words = _words(part)
        held |= words & asked
        for test in tuple(tests):
            if passing := next(filter(test, words), None):
                held.add(passing)
                tests.discard(test)
    return frozenset(held)


def _words(text: str) -> set[str]:
    tokens = set(_TOKEN.findall(text))
    return tokens | {token.lower() for token in tokens}


def _parts(text: str) -> Iterator[str]:
    """A text in parts, none of which ends within a word."""
    start = 0
    while len(text) - start > PART:
        border = _NO_LETTER.search(text, start + PART)
        end = border.start() if border else len(text)
        yield text[start:end]
        start = end
    yield text[start:]
