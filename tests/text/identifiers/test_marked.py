"""What the scan finds and where, in the words of nurses, patients, lawyers, forms and scans."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from medtune.text.identifiers import Span, find_identifiers, find_spans, mask

FOLDER = Path(__file__).parent
MARKED = tomllib.loads((FOLDER / "marked.toml").read_text(encoding="utf-8"))
CLINICAL = (FOLDER / "clinical.txt").read_text(encoding="utf-8").splitlines()


def unmarked(kind, marked):
    """A text without its braces, and the spans that they marked."""
    pieces = re.split(r"[{}]", marked)
    offsets = [0]
    for piece in pieces:
        offsets.append(offsets[-1] + len(piece))
    spans = [Span(kind, offsets[i], offsets[i + 1]) for i in range(1, len(pieces), 2)]
    return "".join(pieces), spans


@pytest.mark.parametrize("kind", MARKED["alone"])
def test_each_identifier_is_found_in_its_place_and_nothing_else(kind):
    wrong = {}
    for marked in MARKED["alone"][kind]:
        text, spans = unmarked(kind, marked)
        assert len(spans) == 1
        if find_spans(text) != spans or f"[{kind.upper()}-1]" not in mask(text):
            wrong[marked] = find_spans(text)
    assert wrong == {}


@pytest.mark.parametrize("kind", MARKED["among_others"])
def test_all_identifiers_of_a_kind_are_found_in_their_places(kind):
    wrong = {}
    for marked in MARKED["among_others"][kind]:
        text, spans = unmarked(kind, marked)
        assert spans
        if [span for span in find_spans(text) if span.kind == kind] != spans:
            wrong[marked] = find_spans(text)
    assert wrong == {}


def test_masked_text_is_clean():
    texts = [unmarked(kind, text)[0] for kind, texts in MARKED["alone"].items() for text in texts]
    assert not find_identifiers(mask(mask(" ".join(text + "." for text in texts))))


def test_clinical_text_that_looks_like_identifiers_is_left_alone():
    assert len(CLINICAL) > 100
    assert {text: mask(text) for text in CLINICAL if mask(text) != text} == {}


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        ("He is 97 y/o", "97 y/o"),
        ("sister, aged 95, fell", "aged 95"),
        ("a ninety-one-year-old man", "ninety-one-year-old"),
        ('Grandson Wilhelm "Billie" Hofer came', 'Wilhelm "Billie" Hofer'),
        ("Signed by Theodore Ashby III.", "Theodore Ashby III"),
        ("I saw Zeynep al-Rashid today", "Zeynep al-Rashid"),
        ("PATIENT: OKAFOR, JOHN", "OKAFOR, JOHN"),
        ("license RN 712233 expires", "RN 712233"),
        ("MRN 712233 reviewed", "712233"),
        (
            "his social is four one two six three seven seven nine oh",
            "four one two six three seven seven nine oh",
        ),
        ("DOB O4/12/1933", "O4/12/1933"),
        ("SER1AL NO: QRT4471O2", "QRT4471O2"),
    ],
)
def test_all_of_the_value_is_found(text, identifier):
    assert [text[span.start : span.end] for span in find_spans(text)] == [identifier]


@pytest.mark.parametrize(
    "text",
    [
        "Lucinda Bell has Bell palsy.",
        "Grace Okafor said grace.",
        "Mark Novak will mark the site.",
    ],
)
def test_a_usual_word_is_a_name_beside_a_name_only(text):
    assert find_identifiers(text) == Counter(name=1)
