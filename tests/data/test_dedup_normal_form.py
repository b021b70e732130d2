import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.data.dedup import normalize


@pytest.mark.parametrize(
    "text",
    [
        "what is the dose of aspirin 5 mg",
        "What is the dose of ASPIRIN (5 mg)?",
        "  what\tis\nthe dose of aspirin: 5 mg ?!",
        "Ｗhat is the dose of aspirin ５ ㎎",
        "What is the dose_of aspirin _ 5 mg",
        "What\u00a0is the dose of aspirin — 5 mg…",
    ],
)
def test_copies_have_one_normal_form(text):
    assert normalize(text) == "what is the dose of aspirin 5 mg"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is gout?", "What is goat?"),
        ("5 mg", "50 mg"),
        ("no pain", "nopain"),
        ("naïve", "naive"),
        ("什么是痛风", "什么是痛"),
    ],
)
def test_different_texts_stay_different(one, other):
    assert normalize(one) != normalize(other)


def test_ligatures_sharp_s_and_composed_letters():
    assert normalize("ﬁbrosis STRASSE ñandú") == normalize("fibrosis straße n\u0303andu\u0301")


@pytest.mark.parametrize("text", ["", "  ", "?!", "___", "…"])
def test_nothing_but_marks_is_empty(text):
    assert normalize(text) == ""


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet=st.sampled_from("aBé1 _-?\tﬁ㎎"), max_size=20))
def test_words_are_single_spaced_and_the_form_is_final(text):
    normal = normalize(text)
    assert normal == " ".join(normal.split())
    assert normalize(normal) == normal
