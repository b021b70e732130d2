"""Spans, the result of a scan, and rules, which find them."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_DIGIT = re.compile(r"\d")
_TOKEN = re.compile(r"[A-Za-z]+|[@:=#/+(\[,]")


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


class TakenSpans:
    """The spans found so far; one that overlaps an earlier one is refused."""

    def __init__(self, length: int) -> None:
        self._cover = bytearray(length)
        self.spans: list[Span] = []

    def add(self, span: Span) -> None:
        """Keep a span unless it overlaps one that is kept already."""
        if span.start < span.end and 1 not in self._cover[span.start : span.end]:
            self._cover[span.start : span.end] = b"\1" * (span.end - span.start)
            self.spans.append(span)


def apply(rules: Iterable[IdentifierRule], text: str, taken: TakenSpans) -> None:
    """Add the spans that the rules find in a text."""
    tokens = frozenset(_TOKEN.findall(text))
    held = tokens | {token.lower() for token in tokens}
    digits = _DIGIT.search(text) is not None
    for rule in rules:
        if not rule.worth_trying(held, digits):
            continue
        for match in rule.pattern.finditer(text):
            if result := rule.check(match):
                taken.add(result if isinstance(result, Span) else Span(rule.kind, *result))
