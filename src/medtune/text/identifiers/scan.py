"""Find and mask the identifiers of one text, or of all texts of one record together."""

from collections import Counter
from collections.abc import Iterator, Sequence

from medtune.text.identifiers.addresses import ADDRESS_RULES, ZIP_RULES
from medtune.text.identifiers.ages import AGE_RULES
from medtune.text.identifiers.bare_names import BARE_NAME_RULES
from medtune.text.identifiers.contacts import CONTACT_RULES, PHONE_RULES
from medtune.text.identifiers.dates import DATE_RULES
from medtune.text.identifiers.known import known_patterns
from medtune.text.identifiers.labelled_numbers import SPOKEN_NUMBER_RULES
from medtune.text.identifiers.names import NAME_RULES
from medtune.text.identifiers.personal_numbers import NUMBER_RULES
from medtune.text.identifiers.persons import repeated_names
from medtune.text.identifiers.roles import ROLE_RULES
from medtune.text.identifiers.spans import Span, SpanList, TakenSpans, apply

# The most specific first: what a rule has taken, no later one can have.
IDENTIFIER_RULES = (
    *CONTACT_RULES,
    *SPOKEN_NUMBER_RULES,
    *NUMBER_RULES,
    *PHONE_RULES,
    *DATE_RULES,
    *AGE_RULES,
    *ADDRESS_RULES,
    *ZIP_RULES,
    *NAME_RULES,
    *ROLE_RULES,
    *BARE_NAME_RULES,
)

SPANS_AT_ONCE = 2**13  # whose texts are in a list


def find_spans(text: str) -> list[Span]:
    """The identifiers of a text, sorted, without overlap."""
    return list(find_all([text])[0])


def find_all(texts: Sequence[str], known: Sequence[tuple[str, str]] = ()) -> list[SpanList]:
    """The identifiers of each text of one record.

    A name that is found once is found wherever the record repeats it. ``known`` are kind and value
    of identifiers that are taken wherever they stand, before all rules.
    """
    taken_spans = [TakenSpans(len(text)) for text in texts]
    patterns = known_patterns(known, texts)
    for text, taken in zip(texts, taken_spans, strict=True):
        for kind, pattern in patterns:
            for match in pattern.finditer(text):
                taken.add(Span(kind, *match.span()))
        apply(IDENTIFIER_RULES, text, taken)
    names = {
        text[start:end]
        for text, taken in zip(texts, taken_spans, strict=True)
        for start, end in taken.ordered().of_kind("name")
    }
    again = repeated_names(names)
    if again is not None:
        for text, taken in zip(texts, taken_spans, strict=True):
            for match in again.finditer(text):
                taken.add(Span("name", *match.span()))
    return [taken.ordered() for taken in taken_spans]


def find_identifiers(text: str) -> Counter[str]:
    """The number of identifiers of each kind in a text."""
    return find_all([text])[0].counts()


def mask(text: str) -> str:
    """The text with typed placeholders ([NAME-1])."""
    return mask_texts([text])[0]


def mask_texts(texts: Sequence[str]) -> list[str]:
    """The texts of one record with typed placeholders; the same value has the same number."""
    return mask_spans(texts, find_all(texts))


def mask_spans(texts: Sequence[str], spans: Sequence[Sequence[Span]]) -> list[str]:
    """The texts of one record with placeholders for the spans that ``find_all`` gave."""
    numbers: dict[str, dict[str, int]] = {}
    return [
        "".join(_masked_parts(text, each, numbers)) for text, each in zip(texts, spans, strict=True)
    ]


def _masked_parts(
    text: str, spans: Sequence[Span], numbers: dict[str, dict[str, int]]
) -> Iterator[str]:
    """A masked text in parts of several thousand spans."""
    for first in range(0, len(spans), SPANS_AT_ONCE):
        parts = []
        end = spans[first - 1].end if first else 0
        for span in spans[first : first + SPANS_AT_ONCE]:
            values = numbers.setdefault(span.kind, {})
            value = " ".join(text[span.start : span.end].casefold().split())
            parts += [
                text[end : span.start],
                f"[{span.kind.upper()}-{values.setdefault(value, len(values) + 1)}]",
            ]
            end = span.end
        yield "".join(parts)
    yield text[spans[-1].end :] if spans else text
