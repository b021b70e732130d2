"""Quantities with units read from text, and their agreement with a reference."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.evaluation.doses import dose_agreement, quantities


def read(text):
    return [(one.kind, one.low, one.high) for one in quantities(text)]


@pytest.mark.parametrize(
    ("text", "kind", "low", "high"),
    [
        ("1.0 mg", "mass", 1e3, 1e3),
        ("10 mg", "mass", 1e4, 1e4),
        ("5mg", "mass", 5e3, 5e3),
        ("a 5-mg tablet", "mass", 5e3, 5e3),
        ("500 µg", "mass", 500, 500),
        ("500 μg", "mass", 500, 500),
        ("500 MCG", "mass", 500, 500),
        ("100 F", "temperature", 340 / 9, 340 / 9),
        ("0.5 g", "mass", 5e5, 5e5),
        (".5 g", "mass", 5e5, 5e5),
        ("1,5 g", "mass", 1.5e6, 1.5e6),
        ("1,000 mg", "mass", 1e6, 1e6),
        ("1\u00a0000 mg", "mass", 1e6, 1e6),
        ("2 500 mg tablets", "mass", 5e5, 5e5),
        ("2x500 mg", "mass", 5e5, 5e5),
        ("vitamin B12 5 mg", "mass", 5e3, 5e3),
        ("15 mg/kg/day", "mass per mass", 15e3 / 1e9, 15e3 / 1e9),
        ("300 mg per day", "mass", 3e5, 3e5),
        ("250 mg/5 ml", "mass per volume", 5e4, 5e4),
        ("7.8 mmol/L", "amount per volume", 7.8e-3, 7.8e-3),
        ("1.2 million units", "units of activity", 1.2e6, 1.2e6),
        ("400 IU", "units of activity", 400, 400),
        ("38.5°C", "temperature", 38.5, 38.5),
        ("101.3 °F", "temperature", 38.5, 38.5),
        ("kept at -20 °C", "temperature", -20, -20),
        ("½ tablet", "tablet", 0.5, 0.5),
        ("1 1/2 tablets", "tablet", 1.5, 1.5),
        ("half a tablet", "tablet", 0.5, 0.5),
        ("two puffs", "puff", 2, 2),
        ("5-10 mg", "mass", 5e3, 1e4),
        ("5–10 mg", "mass", 5e3, 1e4),
        ("5 to 10 mg", "mass", 5e3, 1e4),
        ("5 mg to 10 mg", "mass", 5e3, 1e4),
        ("between 5 and 10 mg", "mass", 5e3, 1e4),
        ("every 4-6 hours", "time", 4, 6),
        ("COVID-19 - 5 days", "time", 120, 120),
        ("a 5-year-old", "age", 5 * 365.25 * 24, 5 * 365.25 * 24),
        ("18 years of age", "age", 18 * 365.25 * 24, 18 * 365.25 * 24),
        ("about 5%", "share", 5, 5),
        ("twice daily", "times an hour", 2 / 24, 2 / 24),
        ("three times a day", "times an hour", 3 / 24, 3 / 24),
        ("2-3 times a week", "times an hour", 2 / 168, 3 / 168),
    ],
)
def test_one_quantity(text, kind, low, high):
    assert read(text) == [(kind, pytest.approx(low), pytest.approx(high))]


@pytest.mark.parametrize(
    "text",
    "|5|once you stop|at once|three times more likely|the 1970s|3 D pictures|type 2 diabetes|type 2C and 2F"
    "|a 4G network|5 mgs2|take two a day|B12|someone days".split("|"),
)
def test_no_quantity(text):
    assert quantities(text) == []


def test_pairs_are_two_quantities():
    assert [low for _, low, _ in read("120/80 mmHg")] == [120, 80]
    assert [low for _, low, _ in read("5 or 10 mg")] == [5e3, 1e4]
    assert [low for _, low, _ in read("5/325 mg")] == [5e3, 325e3]


def test_a_share_a_year_is_no_frequency():
    assert read("2% per year") == [("share", 2, 2)]


def test_an_adverb_says_how_often_as_well():
    assert read("15 mg weekly") == [("mass", 15e3, 15e3), ("times an hour", 1 / 168, 1 / 168)]


@pytest.mark.parametrize(
    ("answer", "reference", "agreeing", "tenfold"),
    [
        ("50 mg", "5 mg", 0, True),
        ("1.0 mg", "10 mg", 0, True),
        ("7 mg", "5 mg", 0, False),
        ("5 mg", "5 mg daily", 1, None),
        ("50 mg daily", "5 mg", 0, True),
        ("1.0 mg", "1 mg", 1, None),
        ("1 g", "1,000 mg", 1, None),
        ("500 mcg", "0.5 mg", 1, None),
        ("0.25 l", "250 ml", 1, None),
        ("102 °F", "39 °C", 1, None),
        ("40 °C", "39 °C", 0, False),
        ("150 pounds", "68 kg", 1, None),
        ("4 weeks", "one month", 1, None),
        ("10 days", "11 days", 0, False),
        ("48 hours", "2 days", 1, None),
        ("7 mg", "5-10 mg", 1, None),
        ("5-10 mg", "5 mg or 10 mg", 1, None),
        ("5-20 mg", "5-10 mg", 0, False),
        ("15 mg", "15 mg once a week", 1, None),
    ],
)
def test_agreement(answer, reference, agreeing, tenfold):
    found = dose_agreement(f"Take {answer}.", f"The usual dose is {reference}.")
    assert found.pair == [agreeing, 1]
    assert [conflict.tenfold for conflict in found.conflicts] == ([] if tenfold is None else [tenfold])


def test_a_daily_dose_of_a_weekly_medicine_is_a_conflict():
    (conflict,) = dose_agreement("Methotrexate 15 mg daily.", "Methotrexate 15 mg weekly.").conflicts
    assert conflict.kind == "times an hour"


def test_only_kinds_that_both_name_are_compared():
    assert dose_agreement("5 mg for 10 days", "Rest for 10 days").pair == [1, 1]
    assert dose_agreement("5 mg", "Rest").pair == dose_agreement("Rest", "5 mg").pair == [0, 0]


def test_the_same_quantity_counts_once_and_an_echo_of_the_question_not_at_all():
    assert dose_agreement("5 mg, yes, 5 mg or 0.005 g", "5 mg").pair == [1, 1]
    assert dose_agreement("A fever of 39 °C needs rest", "Above 38 °C", "I have 39 °C").pair == [0, 0]


def test_a_conflict_says_what_the_reference_holds():
    (found,) = dose_agreement("50 mg", "5 mg, later 7.5 mg").as_dicts()
    assert found == {"said": "50 mg", "kind": "mass", "reference": ["5 mg", "7.5 mg"], "tenfold": True}


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.sampled_from(["mg", "ml", "IU", "mmHg", "%"]))
@settings(max_examples=60, deadline=None)
def test_equal_numbers_agree_and_others_do_not(one, other, unit):
    assert dose_agreement(f"{one} {unit}", f"{one:,} {unit}").pair == [1, 1]
    assert dose_agreement(f"{one} {unit}", f"{other} {unit}").agreeing == (one == other)


@given(st.text(max_size=80))
@settings(max_examples=100, deadline=None)
def test_any_text_can_be_read_and_agrees_with_itself(text):
    assert not dose_agreement(text, text).conflicts
