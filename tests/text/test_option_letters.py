"""Options read from generated answers: by letter or in so many words, and nothing that is not
named.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtune.evaluation.tasks.multiple_choice import named_choice
from medtune.text.answer_parsing import named_letters, named_option

DRUGS = ["metformin", "insulin", "rest", "B-cell lymphoma"]
VIRUSES = ["Hepatitis B", "Hepatitis C", "Malaria", "Gout"]
VITAMINS = ["Vitamin B 12", "Vitamin C", "iron", "folate"]
BOTH = ["x", "y", "Both A and B"]


@pytest.mark.parametrize(
    ("text", "choices", "named"),
    [
        ("Hepatitis B", VIRUSES, 0),
        ("A. hepatitis b.", VIRUSES, 0),
        ("(A) Hepatitis B", VIRUSES, 0),
        ("B - Hepatitis C", VIRUSES, 1),
        ("The answer is Hepatitis C.", VIRUSES, 1),
        ("Answer: B. Hepatitis C because of the history", VIRUSES, 1),
        ("B-cell lymphoma", DRUGS, 3),
        ("Vitamin C", VITAMINS, 1),
        ("Both A and B", BOTH, 2),
        ("C. Both A and B", BOTH, 2),
        ("No.", ["yes", "no", "maybe"], 1),
        ("B", ["A", "C", "B"], 1),  # a letter alone is what was asked for
    ],
)
def test_an_option_s_own_text_goes_first(text, choices, named):
    assert named_choice(text, choices) == named


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("C. Hepatitis B", VIRUSES),
        ("Answer: A. Hepatitis C because", VIRUSES),
        ("A insulin", DRUGS),
        ("pain", ["pain", "Pain", "rest"]),
    ],
)
def test_a_letter_with_the_text_of_another_option_names_neither(text, choices):
    assert named_choice(text, choices) is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("I think the answer is B.", 1),
        ("A 45-year-old man: the answer is C", 2),
        ("Option A is wrong because of pain. Answer: B", 1),
        ("The answer is B. B is correct.", 1),
        ("The answer is B. No: the answer is C.", 2),
        ("The answer is B because A is not right", 1),
        ("The answer is B, a drug", 1),
        ("Answer: b", 1),
        ("**Answer:** B", 1),
        ("**Answer**: (b).", 1),
        ("The correct answer is option (c).", 2),
        ("The answer is a", 0),
        ("(b)", 1),
        ("b", 1),
        ("**B**", 1),
        ("The answer is A or B", None),
        ("The answer is b or c", None),
        ("The answer is B, C", None),
        ("The answer is a beta blocker", None),
        ("The best option is a statin", None),
        ("The answer is B-cell lymphoma of the bowel", None),
    ],
)
def test_the_last_statement_goes_before_other_mentions(text, named):
    assert named_choice(text, DRUGS) == named


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("I choose B", 1),
        ("B. B! It is B.", 1),
        ("C\nBecause A cough is common", 2),
        ("A is correct", 0),
        ("Option A describes it", 0),
        ("I would give vitamin B 12, so A", 0),
        ("A or B", None),
        ("The answer is either A or B", None),
        ("A cough", None),
        ("A 45-year-old man", None),
        ("I don't know", None),
        ("Because it hurts", None),
        ("non-B", None),
        ("B-cell", None),
        ("Give vitamin B 12", None),
        ("It is hepatitis C", None),
        ("caused by C. difficile", None),
        ("Both A and B", None),
        ("", None),
    ],
)
def test_a_capital_letter_by_itself(text, named):
    assert named_choice(text, DRUGS) == named


def test_a_letter_inside_an_option_s_text_is_none():
    assert named_choice("Give vitamin B 12", VITAMINS) is None
    assert named_choice("Give agent B now", ["Agent B", "x"]) is None
    assert named_choice("Give agent B now", ["x", "y"]) == 1


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("It is not B.", None),
        ("not B", None),
        ("It isn't B", None),
        ("Neither A nor B", None),
        ("All except B", None),
        ("B is wrong", None),
        ("A and B are wrong", None),
        ("The answer is not B", None),
        ("I don't think the answer is B", None),
        ("Not metformin", None),
        ("Not A. C.", 2),
        ("It's not A but B", 1),
        ("B, not C", 1),
        ("Option A is wrong because of pain. Option B is right", 1),
        ("I don't think the answer is B. It is C", 2),
    ],
)
def test_what_is_denied_is_not_named(text, named):
    assert named_choice(text, DRUGS) == named


@given(st.text(max_size=80), st.integers(2, 10))
def test_any_text_names_at_most_one_option(text, k):
    letters = [chr(65 + i) for i in range(k)]
    assert named_option(text, letters, letters) in (None, *range(k))
    assert set(named_letters(text, letters)) <= {"", *letters}
