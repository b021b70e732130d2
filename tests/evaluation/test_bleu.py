"""BLEU from pooled counts, against sacrebleu."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU

from medtune.evaluation.text_metrics import NO_COUNTS, bleu, bleu_counts

WORDS = [
    "the",
    "pain",
    "Pain,",
    "5.5",
    "mg",
    "x-ray",
    "naïve",
    "fever.",
    "&amp;",
    "(rest)",
    "It's",
    "1,000",
]
TEXT = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=30)


def pooled(pairs):
    return bleu(np.sum([bleu_counts(*pair) for pair in pairs], axis=0))


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5))
@settings(max_examples=120, deadline=None)
def test_it_equals_sacrebleu(pairs):
    outputs, references = zip(*pairs, strict=True)
    expected = BLEU().corpus_score(list(outputs), [list(references)])
    found = pooled(pairs)
    if not expected.ref_len:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(expected.score, abs=1e-9)


@pytest.mark.parametrize(
    ("output", "reference", "expected"),
    [
        ("take two tablets with water", "take two tablets with water", 100.0),
        ("rest", "take two tablets with water", 0.0),
        ("", "take two tablets with water", 0.0),
        # precisions 4/4, 3/3, 2/2, 1/1; brevity exp(1 - 5/4)
        ("take two tablets with", "take two tablets with water", 100 * np.exp(-0.25)),
    ],
)
def test_cases_counted_by_hand(output, reference, expected):
    assert pooled([(output, reference)]) == pytest.approx(expected)


def test_the_figure_takes_many_resamples_at_once():
    rows = np.array(
        [
            bleu_counts("take two tablets now", "take two tablets now please"),
            bleu_counts("a b c d e", "e"),
        ]
    )
    sums = np.stack([rows[0], rows[1], rows.sum(axis=0), np.array(NO_COUNTS)])
    assert bleu(sums)[:3] == pytest.approx(np.array([bleu(row) for row in sums[:3]]))
    assert np.isnan(bleu(sums)[3])
