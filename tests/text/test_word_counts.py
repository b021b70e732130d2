"""Words, sentences and repetitions, counted by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.text.words import distinct_n, repeated_words, sentence_count, words

WORDS = st.lists(
    st.sampled_from(
        ["the", "a", "pain", "Pain,", "5", "mg", "naïve", "µg", "-", "x-ray", "fever."]
    ),
    max_size=15,
)


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("दिल में दर्द", ["दिल", "में", "दर्द"]),
        ("发烧。", ["发", "烧"]),
        ("ปวดหัว", ["ป", "ว", "ด", "หั", "ว"]),
        ("Naïve IL-6", ["naïve", "il", "6"]),
    ],
)
def test_words_of_other_scripts(text, expected):
    assert words(text) == expected


def test_chinese_sentences_and_repetitions_are_seen():
    assert sentence_count("多喝水。多休息！") == 2
    assert repeated_words("多喝水吧多喝水吧") == (4, 8)
