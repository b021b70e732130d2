"""Text metrics against rouge-score and hand-counted cases."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from medtune.evaluation import text_metrics
from medtune.evaluation.text_metrics import (
    bleu_counts,
    rouge_l,
    token_f1,
)
from medtune.text.pieces import text_pieces

WORDS = st.lists(
    st.sampled_from(
        ["the", "a", "pain", "Pain,", "5", "mg", "naïve", "µg", "-", "x-ray", "fever."]
    ),
    max_size=15,
)
# rouge_score sees neither signs nor other letters: English prose alone is cut alike.
PROSE = WORDS.map(lambda words: " ".join(w for w in words if w.isascii())) | st.text(
    st.sampled_from("abc XYZ .,;:!?'\"()[]*_\n"), max_size=40
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


@given(PROSE, PROSE)
@settings(max_examples=50, deadline=None)
def test_rouge_l_of_english_prose_agrees_with_rouge_score(output, reference):
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


def test_a_long_reference_is_compared_in_pieces_as_it_is_whole(monkeypatch):
    output = "the INR was 2.5 to 3.5 mg, and the patient (< 5) took 10-20 mg; it won't do"
    words = f"{output} Nothing - else. 1,000 % more -5 e.g. 3/4".split()
    reference = " ".join(random.Random(0).choices(words, k=600))
    whole = [
        metric(*texts)
        for metric in (rouge_l, token_f1, bleu_counts)
        for texts in ((output, reference), (reference, output))
    ]
    monkeypatch.setattr(text_metrics, "text_pieces", lambda text: text_pieces(text, 80))
    assert whole == [
        metric(*texts)
        for metric in (rouge_l, token_f1, bleu_counts)
        for texts in ((output, reference), (reference, output))
    ]
    assert len(list(text_pieces(reference, 80))) > 20
