"""What a scan yields (spans of a kind), and the rules that yield them, in order of how specific
they are.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_DIGIT = re.compile(r"\d")
_TOKEN = re.compile(r"[A-Za-z]+|[@:=#/+(\[,]")


@dataclass(frozen=True, slots=True)
class Span:
    """Where a text holds an identifier."""

    kind: str
    start: int
    end: int


Offsets = tuple[int, int]
# A check narrows a match or refuses it; one that tells kinds apart by their context yields a span
# of the kind it found.
Check = Callable[[re.Match[str]], Offsets | Span | None]


def whole(match: re.Match[str]) -> Offsets | None:
    """The named group ``v`` where a pattern has one (what stands before it is context), else all
    that matched.
    """
    return match.span("v") if "v" in match.re.groupindex else match.span()


def before(match: re.Match[str], count: int) -> str:
    """What stands before a match (before its group ``v``, where it has one), at most so many
    characters.
    """
    start = match.start("v") if "v" in match.re.groupindex else match.start()
    return match.string[max(0, start - count) : start]


@dataclass(frozen=True, slots=True)
class IdentifierRule:
    """A pattern of one kind.

    A cheap look at the text comes first: it must hold one word (or sign) of ``needs``, one of
    ``also``, and, if ``digits``, a digit, and one word for which ``word`` is true. ``check``
    narrows or refuses a match.
    """

    kind: str
    pattern: re.Pattern[str]
    needs: frozenset[str] = frozenset()
    also: frozenset[str] = frozenset()
    digits: bool = True
    check: Check = whole
    word: Callable[[str], bool] | None = None

    def worth_trying(self, held: frozenset[str], digits: bool) -> bool:
        """Whether a text with these words can match at all."""
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
    """The spans found so far; a later one that overlaps an earlier one is refused."""

    def __init__(self, length: int) -> None:
        self._cover = bytearray(length)
        self.spans: list[Span] = []

    def add(self, span: Span) -> None:
        """Keep a span, unless something more specific is there."""
        if span.start < span.end and 1 not in self._cover[span.start : span.end]:
            self._cover[span.start : span.end] = b"\1" * (span.end - span.start)
            self.spans.append(span)


def apply(rules: Iterable[IdentifierRule], text: str, taken: TakenSpans) -> None:
    """Add what the rules find."""
    tokens = frozenset(_TOKEN.findall(text))
    held = tokens | {token.lower() for token in tokens}
    digits = _DIGIT.search(text) is not None
    for rule in rules:
        if not rule.worth_trying(held, digits):
            continue
        for match in rule.pattern.finditer(text):
            if result := rule.check(match):
                taken.add(result if isinstance(result, Span) else Span(rule.kind, *result))
