"""Signs, numbers and scripts that carry meaning: in keys and in figures of agreement."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.data.dedup import normalize
from medtune.evaluation.text_metrics import rouge_l, rouge_words, token_f1

DIFFERENT = [
    ("A+", "A-"),
    ("Rh-", "Rh+"),
    ("CD4+", "CD4-"),
    ("CD4⁺", "CD4⁻"),
    ("HIV-", "HIV+"),
    ("HER2-", "HER2"),
    ("INR > 3", "INR < 3"),
    ("≥ 5", "< 5"),
    ("> 5", "≥ 5"),
    ("−2.5", "2.5"),
    ("T-score -2.5", "T-score 2.5"),
    ("±5", "5"),
    ("↑ K", "↓ K"),
    ("1.5 mg", "15 mg"),
    ("1,5 mg", "15 mg"),
    ("1·5 mg", "15 mg"),
    (".5 mg", "5 mg"),
    ("½ tablet", "12 tablets"),
    ("1½", "11/2"),
    ("10⁹/L", "109/L"),
    ("10⁻³", "10³"),
    ("5-10 mg", "510 mg"),
    ("120/80", "12080"),
    ("5 µg", "5 g"),
    ("5 %", "5"),
    ("दिल", "दाल"),
    ("กา", "กี"),
    ("患者发烧", "患者发热"),
    ("ব্যথা", "ব্যাথা"),
]
SAME = [
    ("10⁹/L", "10^9/L"),
    ("10*9/L", "10⁹/L"),
    ("10⁻³", "10^-3"),
    (">= 5", "≥5"),
    (">/= 5", "⩾ 5"),
    ("+/- 5", "±5"),
    ("−2.5", "-2.5"),
    ("–2.5", "-2.5"),
    ("1,5 mg", "1.5 mg"),
    ("1.50 mg", "1.5 mg"),
    ("1·5 mg", "1.5 mg"),
    ("1,000 mg", "1000 mg"),
    ("1.000.000", "1,000,000"),
    ("1.000,5", "1,000.5"),
    (".5 mg", "0.5 mg"),
    ("½ tablet", "1/2 tablet"),
    ("5–10 mg", "5-10 mg"),
    ("CO₂", "CO2"),
    ("m²", "m2"),
    ("Ca²⁺", "Ca2+"),
    ("CD4 ⁺", "CD4+"),
    ("５ µg", "5 μg"),
    ("٥ mg", "5 mg"),
    ("२.५", "2.5"),
    ("naïve", "nai\u0308ve"),
    ("می\u200cخواهم", "میخواهم"),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_means_something_else_has_another_key_and_no_full_agreement(one, other):
    assert normalize(one) != normalize(other)
    assert rouge_l(one, other) < 1
    assert token_f1(one, other) < 1


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_thing_have_one_key_and_agree(one, other):
    assert normalize(one) == normalize(other)
    assert rouge_l(one, other) == token_f1(one, other) == 1


@pytest.mark.parametrize(
    "text", ["患者应服用阿司匹林", "दिल", "сердце", "قلب", "ผู้ป่วย", "A+", "> 3"]
)
def test_a_text_agrees_with_itself_in_any_script(text):
    assert rouge_l(text, text) == token_f1(text, text) == 1


@pytest.mark.parametrize(
    ("output", "reference", "low", "high"),
    [
        ("患者应服用阿司匹林100 mg", "患者不应服用阿司匹林100 mg", 0.9, 0.99),
        ("禁用aspirin 100 mg", "推荐使用aspirin 100 mg", 0.4, 0.8),
        ("Больной принимает aspirin 100 mg", "Никогда не давать aspirin 100 mg", 0.4, 0.7),
        ("fièvre", "fievre", 1, 1),
        ("naïve", "na ve", 0, 0),
    ],
)
def test_agreement_sees_the_words_beside_latin_ones(output, reference, low, high):
    assert low <= rouge_l(output, reference) <= high
    assert low <= token_f1(output, reference) <= high


def test_words_of_english_prose_are_rouges_own():
    text = "Don't give the x-ray pre- and post-op: B12 levels, type 2 (see T4/TSH)."
    assert rouge_words(text) == (
        "don t give the x ray pre and post op b12 levels type 2 see t4 tsh".split()
    )


@pytest.mark.parametrize("text", ["fever - 5 mg", "fever — 5 mg", "fever: 5 mg", "- fever\n- 5 mg"])
def test_dashes_and_bullets_are_no_signs(text):
    assert normalize(text) == "fever 5 mg"


SIGNS = [
    "<", ">", "≤", "≥", "=", "≠", "~", "±", "+", "-", "%", "→", "↑", "↓", ".", "/", ":", "^", "♀",
    "♂", "÷",
]  # fmt: skip


@given(st.sampled_from(SIGNS), st.sampled_from(SIGNS), st.integers(1, 99), st.integers(1, 99))
@settings(max_examples=150, deadline=None)
def test_texts_with_other_signs_have_other_keys(one, other, left, right):
    texts = [f"value {left}{sign}{right} mg" for sign in (one, other)]
    assert (normalize(texts[0]) == normalize(texts[1])) == (one == other)


@given(
    st.text(alphabet=st.sampled_from("aA1 ,.-+<>=/:^*~%¹⁹−–½é\u0301दि痛ก\u0e35µ·_%\n"), max_size=24)
)
@settings(max_examples=300, deadline=None)
def test_the_normal_form_is_final(text):
    normal = normalize(text)
    assert normal == " ".join(normal.split())
    assert normalize(normal) == normal
