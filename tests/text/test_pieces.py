"""A long text looked at in pieces is the text looked at whole."""

import random

import pytest

from medtune.text.pieces import (
    REMEMBERED,
    blank_before,
    cached_by_text,
    count_words,
    holds_words,
    text_pieces,
    word_pieces,
)

ALPHABET = ["a", "b1", "mg", " ", " ", "  ", "\n", "\t", "\u00a0", "\x1c", "患", ".", "-"]


@pytest.mark.parametrize("seed", range(20))
def test_word_pieces_part_no_word(seed):
    rng = random.Random(seed)
    text = "".join(rng.choices(ALPHABET, k=rng.randrange(400)))
    for size in (1, 7, 50, 10_000):
        pieces = list(word_pieces(text, size))
        assert "".join(pieces) == text
        assert [word for piece in pieces for word in piece.split()] == text.split()
        assert "".join(text_pieces(text, size + 1)) == text
    assert count_words(text) == len(text.split())


def test_words_are_counted_across_pieces():
    text = "one two\n" * 20_000
    assert count_words(text) == 40_000
    assert holds_words(text, {"one", "two"})
    assert not holds_words(text, {"one", "three"})
    assert holds_words(text, set())


def test_a_blank_between_letters_goes_before_any_other():
    assert blank_before("a b. c  d", 9, 0) == 1
    assert blank_before("a. b- c", 7, 0) == 5
    assert blank_before("abcdef", 4, 0) == 4


def test_of_long_texts_one_is_remembered():
    asked = []

    @cached_by_text(8)
    def length(text: str) -> int:
        asked.append(text[:1])
        return len(text)

    long = ["x" * (REMEMBERED + 1), "y" * (REMEMBERED + 1)]
    assert [length(text) for text in ("a", "b", "a", *long, long[1], long[0])][:3] == [1, 1, 1]
    assert asked == ["a", "b", "x", "y", "x"]
