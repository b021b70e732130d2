"""Text metrics against rouge-score and hand-counted cases."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from medtune.evaluation.text_metrics import (
    distinct_n,
    repeated_words,
    rouge_l,
    sentence_count,
    token_f1,
)

WORDS = st.lists(
    st.sampled_from(
        ["the", "a", "pain", "Pain,", "5", "mg", "naïve", "µg", "-", "x-ray", "fever."]
    ),
    max_size=15,
)
# rouge_score sees ASCII words only; other scripts are ours alone.
TEXTS = WORDS.map(" ".join) | st.text(
    st.characters().filter(lambda c: c.isascii() or not c.isalnum()), max_size=40
)


@pytest.mark.parametrize(
    ("output", "score"),
    [
        ("police killed the gunman", 1.0),
        ("police kill the gunman", 0.75),
        ("the gunman kill police", 0.5),
        ("Police: KILLED (the) gunman!", 1.0),
        ("nothing here", 0.0),
        ("", 0.0),
    ],
)
def test_rouge_l_of_lins_example(output, score):
    assert rouge_l(output, "police killed the gunman") == pytest.approx(score)


@given(TEXTS, TEXTS)
@settings(max_examples=50, deadline=None)
def test_rouge_l_agrees_with_rouge_score(output, reference):
    expected = (
        RougeScorer(["rougeL"], use_stemmer=False).score(reference, output)["rougeL"].fmeasure
    )
    assert rouge_l(output, reference) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("output", "reference", "score"),
    [
        ("The heart.", "heart", 1.0),
        ("an x-ray of the chest", "xray of chest", 1.0),
        ("fever and cough", "cough", 0.5),
        ("cough cough cough", "cough", 0.5),
        ("the", "a", 0.0),
        ("rest", "water", 0.0),
    ],
)
def test_token_f1_as_squad_counts_it(output, reference, score):
    assert token_f1(output, reference) == pytest.approx(score)


@given(WORDS.map(" ".join), WORDS.map(" ".join))
@settings(max_examples=50, deadline=None)
def test_token_f1_is_symmetric_and_between_0_and_1(left, right):
    assert 0 <= token_f1(left, right) == token_f1(right, left) <= 1


def test_distinct_pairs_of_words():
    assert distinct_n("rest and rest and water") == (3, 4)
    assert distinct_n("rest") == distinct_n("") == (0, 0)
    assert distinct_n("a b a b", n=1) == (2, 4)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("drink water and rest", (0, 4)),
        ("drink water and rest drink water and rest", (4, 8)),
        ("no no no no no", (4, 5)),
        ("drink water and rest then drink water and sleep", (0, 9)),
        ("", (0, 0)),
    ],
)
def test_repeated_words(text, counts):
    assert repeated_words(text) == counts


@given(WORDS.map(" ".join))
@settings(max_examples=40, deadline=None)
def test_a_text_said_twice_repeats_at_least_half_of_its_words(text):
    repeated, words = repeated_words(f"{text} {text}")
    assert words == 2 * repeated_words(text)[1]
    assert repeated >= words / 2 or words < 8


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("Take rest", 1),
        ("Take rest. Drink water!", 2),
        ("Why? Because 2.5 mg is enough.", 2),
        ("First... then", 2),
        ("A list\n\nof two parts", 2),
        (" . ! ", 0),
    ],
)
def test_sentences_end_where_a_mark_is_followed_by_a_blank(text, count):
    assert sentence_count(text) == count
