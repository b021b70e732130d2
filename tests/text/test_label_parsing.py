"""Labels read from generated answers: strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtune.text.answer_parsing import parse_label, parse_labels

LETTERS = ["A", "B", "C", "D"]
SPECIALTIES = [
    "Surgery",
    "Cosmetic / Plastic Surgery",
    "Neurology",
    "Neurosurgery",
    "Cardiovascular / Pulmonary",
]


def test_the_four_answers_of_the_oracle():
    answers = ["B", "The answer is (C).", "I don't know", "A or B"]
    found = [parse_label(answer, LETTERS) for answer in answers]
    assert found == ["B", "C", None, None]
    right = [made == gold for made, gold in zip(found, "BCDA", strict=True)]
    assert sum(right) / 4 == 0.5
    assert sum(made is not None for made in found) / 4 == 0.5


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Surgery", "Surgery"),
        ("  sUrgery.\n", "Surgery"),
        ("cardiovascular  /\npulmonary", "Cardiovascular / Pulmonary"),
        ("The specialty is Neurology, I think.", "Neurology"),
        ("This belongs to cosmetic / plastic surgery", "Cosmetic / Plastic Surgery"),
        ("Neurosurgery", "Neurosurgery"),
        ("Neurology or Surgery", None),
        ("Neurology. Neurology. Neurology.", None),
        ("Neurological findings", None),
        ("Cardiovascular", None),
        ("", None),
        ("Plastic Surgery", "Surgery"),
    ],
)
def test_labels_of_several_letters(text, label):
    assert parse_label(text, SPECIALTIES) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Not Surgery", None),
        ("It isn't Surgery.", None),
        ("Neither Neurology nor Surgery", None),
        ("Surgery is wrong", None),
        ("It is not Neurology but Surgery", "Surgery"),
        ("Neurology is unlikely. It is cosmetic / plastic\nsurgery", "Cosmetic / Plastic Surgery"),
        ("Not sure. Surgery", "Surgery"),
    ],
)
def test_a_label_that_is_denied_is_not_named(text, label):
    assert parse_label(text, SPECIALTIES) == label


@pytest.mark.parametrize(
    "text", ["Because it hurts", "A patient with a cold", "I think so", "b", "ABCD", "C and D"]
)
def test_words_are_no_option_letters(text):
    assert parse_label(text, [*LETTERS, "I"]) == ("B" if text == "b" else None)


def test_a_label_of_signs_is_no_pattern():
    assert parse_label("it is C++ (old)", ["C++ (old)", "C.."]) == "C++ (old)"
    assert parse_label("Cxx", ["C.."]) is None


@given(st.sampled_from(SPECIALTIES), st.sampled_from(["", " ", "\n"]), st.booleans())
def test_a_label_said_alone_is_always_read(label, blank, upper):
    assert parse_label(blank + (label.upper() if upper else label) + blank, SPECIALTIES) == label


def test_sets_are_read_whole_or_not_at_all():
    assert parse_labels("Neurology; surgery", SPECIALTIES) == ["Neurology", "Surgery"]
    assert parse_labels("Surgery; Surgery", SPECIALTIES) == ["Surgery"]
    assert parse_labels("Neurology; Surg", SPECIALTIES) is None
    assert parse_labels("", SPECIALTIES) is None
    assert parse_labels("Neurology; not Surgery", SPECIALTIES) is None


@pytest.mark.parametrize(
    ("text", "labels", "label"),
    [
        ("Non-Hodgkin lymphoma", ["Hodgkin lymphoma", "Gout"], None),
        ("It is non‑Hodgkin lymphoma.", ["Hodgkin lymphoma", "Gout"], None),
        (
            "It is Hodgkin lymphoma.",
            ["Hodgkin lymphoma", "Non-Hodgkin lymphoma"],
            "Hodgkin lymphoma",
        ),
        (
            "It is non-Hodgkin lymphoma.",
            ["Hodgkin lymphoma", "Non-Hodgkin lymphoma"],
            "Non-Hodgkin lymphoma",
        ),
        ("This is CIN 2-3", ["CIN 1", "CIN 2", "CIN 3"], None),
        ("This is CIN 2/3", ["CIN 1", "CIN 2", "CIN 3"], None),
        ("This is CIN 2 - moderate", ["CIN 1", "CIN 2", "CIN 3"], "CIN 2"),
    ],
)
def test_a_prefix_or_a_range_names_another_thing(text, labels, label):
    assert parse_label(text, labels) == label
