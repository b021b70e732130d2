"""The scan of a long text finds what the scan of a short one does, in bounded memory."""

import tracemalloc
from collections import Counter

import pytest

from medtune.text.identifiers import Span, find_all, find_identifiers, mask_spans, scan, spans
from medtune.text.identifiers.known import _folded
from medtune.text.identifiers.scan import IDENTIFIER_RULES
from medtune.text.identifiers.spans import TakenSpans, held_words

NOTES = [
    "MRN: 00482913, DOB 03/14/1962. Dr. Anna van der Berg called Mrs. O'Brien's son Tom.",
    "hi logan , how are you ? logan is tired. Charts 88213470 and 88213471.",
    "Pt lives at 12 High St, Springfield, IL 62704; tel. 555-123-4567, a@x.org",
    "a 92-year-old man, formerly 89 years old; on May 3 kofi told me; T" + "a" * 90,
    "three one two, five five five, zero one nine nine is the phone number",
    "no names here, only rest and water, 20 mg twice daily",
]


@pytest.mark.parametrize("first", range(len(NOTES)))
def test_words_seen_in_parts_decide_the_same_rules(monkeypatch, first):
    text = " ".join([*NOTES[first:], *NOTES[:first]][: first % 3 + 1])
    whole, held = find_all([text])[0], held_words(IDENTIFIER_RULES, text)
    monkeypatch.setattr(spans, "PART", 16)
    seen = held_words(IDENTIFIER_RULES, text)
    assert seen <= held
    assert [rule.worth_trying(seen, True) for rule in IDENTIFIER_RULES] == [
        rule.worth_trying(held, True) for rule in IDENTIFIER_RULES
    ]
    assert list(find_all([text])[0]) == list(whole)


def test_words_of_a_long_text_are_never_all_in_memory():
    text = "the patient takes 20 mg twice daily, with food; " * 25_000  # 1.2 MB
    tracemalloc.start()
    try:
        held_words(IDENTIFIER_RULES, text)
        assert tracemalloc.get_traced_memory()[1] < len(text)
    finally:
        tracemalloc.stop()


def test_spans_are_kept_as_numbers_in_the_order_of_the_text():
    taken = TakenSpans(100_000)
    for start in range(99_990, 0, -10):
        taken.add(Span("name" if start % 20 else "date", start, start + 5))
        taken.add(Span("zip", start + 4, start + 6))  # overlaps
    ordered = taken.ordered()
    assert len(ordered) == 9_999
    assert ordered[0] == Span("name", 10, 15)
    assert ordered[-1].end == 99_995
    assert ordered[1:3] == [Span("date", 20, 25), Span("name", 30, 35)]
    assert ordered.counts() == Counter(name=5_000, date=4_999)
    assert next(ordered.of_kind("date")) == (20, 25)
    assert list(ordered.of_kind("fax")) == []


def test_a_text_is_masked_the_same_some_spans_at_a_time(monkeypatch):
    text = " ".join(NOTES)
    found = find_all([text])
    masked = mask_spans([text], found)
    monkeypatch.setattr(scan, "SPANS_AT_ONCE", 2)
    assert mask_spans([text], found) == masked
    assert find_identifiers(text) == Counter(span.kind for span in found[0])


def test_accents_are_taken_off_part_by_part(monkeypatch):
    from medtune.text.identifiers import known

    text = "Zoë Müller, e\u0301clair, ΟΔΟΣ, Łódź, a\u0323\u0307 " * 3
    whole = _folded(text)
    for part in (1, 2, 5):
        monkeypatch.setattr(known, "PART", part)
        assert _folded(text) == whole
