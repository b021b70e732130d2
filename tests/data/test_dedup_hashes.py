"""Texts as numbers: equal where the texts are equal in normal form, and never across the border
of two texts.
"""

from hashlib import blake2b
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.data import dedup as fingerprints
from medtune.data.dedup import PERMUTATIONS, run_hashes, signatures, text_hash, word_hashes

WORDS = st.lists(
    st.sampled_from("gout asthma pain acid joint rest heart bone".split()), max_size=12
)


def test_a_text_hash_is_the_first_eight_bytes_of_blake2b():
    for text in ("", "gout", "naïve µg", "\ud800"):
        data = text.encode("utf-8", "surrogatepass")
        assert text_hash(text) == int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


def test_words_are_those_of_the_normal_form():
    words, starts = word_hashes(["Gout: acid", "", "GOUT, acid; joint!"])
    assert starts.tolist() == [0, 2, 2, 5]
    assert words.tolist() == [text_hash(w) for w in "gout acid gout acid joint".split()]


def runs(texts, length):
    """For each text its runs, straightforwardly."""
    return [[tuple(t[i : i + length]) for i in range(len(t) - length + 1)] for t in texts]


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, max_size=6), st.integers(1, 14))
def test_runs_lie_inside_one_text_and_are_equal_where_their_words_are(texts, length):
    expected = runs(texts, length)
    values, starts = run_hashes(*word_hashes([" ".join(t) for t in texts]), length)
    assert np.diff(starts).tolist() == [len(r) for r in expected]
    by_words = {}
    for value, words in zip(values.tolist(), (r for rs in expected for r in rs), strict=True):
        assert by_words.setdefault(words, value) == value
    assert len(set(by_words.values())) == len(by_words)


def test_runs_depend_on_the_order_of_words():
    a, _ = run_hashes(*word_hashes(["one two three"]), 3)
    b, _ = run_hashes(*word_hashes(["three two one"]), 3)
    assert a.tolist() != b.tolist()


def test_no_two_of_many_runs_collide():
    text = " ".join(f"w{i}" for i in range(200_000))
    values, _ = run_hashes(*word_hashes([text]), 13)
    assert len(np.unique(values)) == len(values) == 200_000 - 12


def test_a_full_cache_of_words_changes_no_hash(monkeypatch):
    texts = [f"word{i} word{i + 1}" for i in range(50)]
    whole = word_hashes(texts)[0].tolist()
    monkeypatch.setattr(fingerprints, "_CACHE_LIMIT", 3)
    fingerprints._words.clear()
    assert word_hashes(texts)[0].tolist() == whole


def test_signatures_have_one_row_a_text_and_are_the_same_in_any_chunk():
    texts = [" ".join(f"w{i * 7 + j}" for j in range(30)) for i in range(20)]
    whole = signatures(*word_hashes(texts))
    assert whole.shape == (20, PERMUTATIONS)
    assert whole.dtype == np.uint16
    parts = [signatures(*word_hashes(texts[i : i + 3])) for i in range(0, 20, 3)]
    assert (np.concatenate(parts) == whole).all()
    assert signatures(*word_hashes([])).shape == (0, PERMUTATIONS)


@pytest.mark.parametrize("at_once", [1, 2, 7, 64])
def test_runs_and_signatures_are_the_same_some_words_at_a_time(monkeypatch, at_once):
    texts = [" ".join(f"w{i * n % 17}" for i in range(5 * n)) for n in (0, 3, 1, 9, 0, 2)]
    words, starts = word_hashes(texts)
    values, run_starts = run_hashes(words, starts, 3)
    signed = signatures(words, starts)
    monkeypatch.setattr(fingerprints, "WORDS_AT_ONCE", at_once)
    by_text = {number: [] for number in range(len(texts))}
    for first, part, inner in fingerprints.run_hash_blocks(words, starts, 3):
        for number, (begin, end) in enumerate(pairwise(inner), first):
            by_text[number] += part[begin:end].tolist()
    bounds = pairwise(run_starts)
    assert list(by_text.values()) == [values[begin:end].tolist() for begin, end in bounds]
    assert np.array_equal(signatures(words, starts), signed)


def test_signatures_of_equal_sets_of_runs_are_equal_whatever_case_and_punctuation():
    a, b = signatures(
        *word_hashes(["Gout hurts; it is acid in a joint.", "gout HURTS it is: acid, in a joint"])
    )
    assert (a == b).all()


def shingles(words):
    return {tuple(words[i : i + 3]) for i in range(len(words) - 2)}


@pytest.mark.parametrize("kept", [190, 160, 120, 60])
def test_the_agreement_of_signatures_estimates_the_jaccard_similarity(kept):
    errors = []
    for text in range(20):
        one = [f"t{text}w{i}" for i in range(200)]
        other = one[:kept] + [f"t{text}v{i}" for i in range(200 - kept)]
        exact = len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))
        a, b = signatures(*word_hashes([" ".join(one), " ".join(other)]))
        errors.append(float((a == b).mean()) - exact)
    spread = np.sqrt(exact * (1 - exact) / PERMUTATIONS)
    assert abs(np.mean(errors)) < 4 * spread / np.sqrt(len(errors)) + 1e-3
    assert np.abs(errors).max() < 5 * spread + 1e-3
