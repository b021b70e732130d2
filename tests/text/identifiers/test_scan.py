"""What is masked of what the scan finds, and that no text makes it slow."""

import time
from collections import Counter
from itertools import pairwise

import pytest

from medtune.text.identifiers import Span, find_identifiers, find_spans, mask, mask_texts


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("MRN: 00482913, DOB 03/14/1962.", "MRN: [RECORD-1], DOB [DATE-1]."),
        ("Patient name: SMITH, JOHN A.", "Patient name: [NAME-1]"),
        ("Mrs. O'Brien's son Tom", "Mrs. [NAME-1]'s son [NAME-2]"),
        ("Seen by Dr. F. He was well.", "Seen by Dr. [NAME-1] He was well."),
        ("Dr. Anna van der Berg May call", "Dr. [NAME-1] May call"),
        ("a 92-year-old man, formerly 89 years old", "a [AGE-1] man, formerly 89 years old"),
        ("12 High St, Springfield, IL 62704", "[ADDRESS-1], IL [ZIP-1]"),
        ("Tel. 555-123-4567, fax 555-123-4568", "Tel. [PHONE-1], fax [FAX-1]"),
        ("See www.example.org/a, or (http://x.org/b).", "See [URL-1], or ([URL-2])."),
        (
            "hi logan , how are you ? logan is tired",
            "hi [NAME-1] , how are you ? [NAME-1] is tired",
        ),
        (
            "Mrs. Graves has Graves' disease. Graves came.",
            "Mrs. [NAME-1] has Graves' disease. [NAME-1] came.",
        ),
        ("a@x.org wrote b@x.org; A@X.org again", "[EMAIL-1] wrote [EMAIL-2]; [EMAIL-1] again"),
        ("Anna  Kowalska, MD; ANNA KOWALSKA, MD; Anna Kowalska, MD", None),
        (
            "SSN 123-45-6789, DEA AB1234563, NPI 1234567893",
            "SSN [SSN-1], DEA [LICENCE-1], NPI [LICENCE-2]",
        ),
        ("IBAN DE89 3704 0044 0532 0130 00 and 12 more", "IBAN [ACCOUNT-1] and 12 more"),
    ],
)
def test_only_the_value_is_masked(text, masked):
    if masked is None:
        assert mask(text).startswith("[NAME-1], MD;")
        assert mask(text).endswith("; [NAME-1], MD")
    else:
        assert mask(text) == masked


def test_wrong_check_digits_are_no_identifiers():
    assert not find_identifiers("1HGCM82633A004353")  # a vehicle
    assert not find_identifiers("AB1234562")  # DEA
    assert not find_identifiers("4111 1111 1111 1112")  # a card
    assert not find_identifiers("DE88 3704 0044 0532 0130 00")  # a bank account
    assert not find_identifiers("000-12-3456 and 666-12-3456 and 912-12-3456")  # social security
    assert not find_identifiers("300.1.2.3 and 1.2.3.4")  # a network


def test_the_anonymous_stay_anonymous():
    assert not find_identifiers("Dr. X saw Mr. ABC with Dr. XYZ and Ms. XXXX.")


def test_spans_are_ordered_apart_and_exact():
    text = "Seen by Anna Kowalska on 03/14/2019 (anna@x.org, 555-123-4567). Anna was well."
    spans = find_spans(text)
    assert spans[0] == Span("name", 8, 21)
    assert [text[s.start : s.end] for s in spans] == [
        "Anna Kowalska",
        "03/14/2019",
        "anna@x.org",
        "555-123-4567",
        "Anna",
    ]
    assert all(a.end <= b.start for a, b in pairwise(spans))


def test_one_value_has_one_number_in_all_texts_of_a_record():
    texts = [
        "My name is Jane Doe, born 3/4/1960.",
        "Dear Ms. Doe, on 3/4/1960 and 5/4/1960.",
        "Jane  Doe",
    ]
    assert mask_texts(texts)[:2] == [
        "My name is [NAME-1], born [DATE-1].",
        "Dear Ms. [NAME-2], on [DATE-1] and [DATE-2].",
    ]
    assert "Jane" not in mask_texts(texts)[2]


HOSTILE = [
    "1", " ", "\n", "-", "(", "'", "A", "a.", "A.", "A ", "Aa ", "Ab", "12-", "1 ", "0 ", "1/1 ",
    "a@", "@a.", ".com", "[at]", "::", "a:", "http://", "www.", "name: ", "Name: Aa Bb ", "hi ",
    "hi , a", "Dr. ", "Mr. Aa Bb, MD ", "thanks ", "my son ", "May 1 ", "on 1/1/", "123 Main ",
    "call 555 ", "5550142 phone ", "0123 4567 890 ", "DE00 ", "1234567890123456 ", "ssn ", "MRN ",
    "MRN: A-", "so aa is a ", "one ", "one two ", "b two ", "O1/", "l2-", "( 610 ) ", "Maria ",
    "Maria, ", "MARIA LOPEZ ", "S. ", "nurse Aa ", "kofi ", "maria is ", "A \"Bo\" ", "RN 712 ",
    "npi ", "NPI, we ", "plate AB 1", "van AB-12 ", "aged 9", "ninety ", "(95) ", "12 rue de ",
    "x dot ", "j @ x . ",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_no_text_of_100_000_characters_takes_long(unit):
    text = (unit * (100_000 // len(unit) + 1))[:100_000]
    start = time.process_time()
    find_spans(text)
    assert time.process_time() - start < 2


def _answers(place, name, *columns):
    import pyarrow.parquet as pq

    table = pq.read_table(place / f"{name}.parquet", columns=list(columns))
    return [text for column in columns for text in table.column(column).to_pylist() if text]


def test_public_patient_information_holds_next_to_none(real_data):
    texts = _answers(real_data, "medquad", "answer")[::20]
    words = sum(len(text.split()) for text in texts)
    found = sum((find_identifiers(text) for text in texts), Counter())
    assert found["url"] > 5  # they are there
    assert found["name"] / words < 0.15 / 1000
    assert all(found[kind] / words < 0.1 / 1000 for kind in found.keys() - {"name", "url"})


def test_names_of_real_notes_are_found(real_data):
    """In ACI-Bench's notes a usual given name before a usual surname is a person."""
    import re

    from medtune.text.identifiers.lexicon import COMMON_GIVEN_NAMES, COMMON_SURNAMES

    people = covered = 0
    for text in _answers(real_data, "aci_bench", "note"):
        spans = [s for s in find_spans(text) if s.kind == "name"]
        for match in re.finditer(r"\b([A-Z][a-z]+) ([A-Z][a-z]+)\b", text):
            if match[1].lower() in COMMON_GIVEN_NAMES and match[2].lower() in COMMON_SURNAMES:
                people += 1
                covered += any(s.start <= match.start() and match.end() <= s.end for s in spans)
    assert people > 100
    assert covered / people > 0.95
