"""What a repair must not change without being asked: figures, units, signs and denials of a text;
and which repairs would, in how many answers of a source.
"""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from medtune.text.words import lists_beside

_LISTS = lists_beside(__file__)
_DENIALS = _LISTS.one_of("denials")
# What says nothing by itself: comments, citations, addresses, tags, lines drawn with signs.
_ASIDE = re.compile(
    r"<!--.{0,2000}?-->|<(ref|script|style)\b[^<>]*>[^<]*</\1>|https?://\S+|\{\{[^{}]*\}\}"
    r"|</?[a-zA-Z][\w-]*(?:\s+[\w:-]+=[^<>]*)?\s*/?>|<!--|-+>|~~|={2,}|[\u2190-\u21ff]",
    re.S | re.I,
)
_TELLING = re.compile(
    rf"\d+(?:[.,]\d+)*(?:\s{{0,9}}(?:{_LISTS.one_of('units')})(?![^\W\d_]))?|[<>≤≥=±≠%‰+]|[-−](?=\d)"
    rf"|(?<!\w)(?:{_DENIALS})(?!\w)|[不没沒無无未非]",
    re.I,
)
_RESTORES = ("encoding", "line_endings")  # what stood there before: never a change of meaning
SHARE = 0.03  # of a source's answers, from which on a repair is proposed


def telling(text: str) -> Counter[str]:
    """The figures with their units, the signs and the denials of a text, each with its count."""
    plain = _ASIDE.sub(" ", html.unescape(html.unescape(text)))
    plain = unicodedata.normalize("NFKC", _ASIDE.sub(" ", plain))
    return Counter("".join(match[0].split()).lower() for match in _TELLING.finditer(plain))


@dataclass(frozen=True)
class Undone:
    """A repair of a source that would change what ``answers`` of its ``of`` answers say."""

    source: str
    rule: str
    answers: int
    of: int


def undone_repairs(
    changing: Counter[tuple[str, str]], answers: Counter[str], approved: Collection[str]
) -> Iterator[Undone]:
    """The repairs to propose; ``changing`` counts answers by source and rule."""
    for (source, rule), count in changing.items():
        if rule not in (*approved, *_RESTORES) and count > SHARE * answers[source]:
            yield Undone(source, rule, count, answers[source])


def rules_by_source(undone: Collection[Undone]) -> dict[str, frozenset[str]]:
    """Source → the rules that are left undone for it."""
    return {
        repair.source: frozenset(other.rule for other in undone if other.source == repair.source)
        for repair in undone
    }
