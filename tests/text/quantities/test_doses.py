"""Quantities with units read from text, and their agreement with a reference."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.text.quantities import dose_agreement, find_quantities
from medtune.text.quantities.doses import Conflict


def read(text):
    return [(one.kind, one.low, one.high) for one in find_quantities(text)]


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
    "|5|once you stop|at once|three times more likely|the 1970s|3 D pictures"
    "|type 2 diabetes|type 2C and 2F"
    "|a 4G network|5 mgs2|take two a day|B12|someone days".split("|"),
)
def test_no_quantity(text):
    assert find_quantities(text) == []


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
    assert [conflict.tenfold for conflict in found.conflicts] == (
        [] if tenfold is None else [tenfold]
    )


def test_a_daily_dose_of_a_weekly_medicine_is_a_conflict():
    (conflict,) = dose_agreement(
        "Methotrexate 15 mg daily.", "Methotrexate 15 mg weekly."
    ).conflicts
    assert conflict.kind == "times an hour"


def test_only_kinds_that_both_name_are_compared():
    assert dose_agreement("5 mg for 10 days", "Rest for 10 days").pair == [1, 1]
    assert dose_agreement("5 mg", "Rest").pair == dose_agreement("Rest", "5 mg").pair == [0, 0]


def test_the_same_quantity_counts_once_and_an_echo_of_the_question_not_at_all():
    assert dose_agreement("5 mg, yes, 5 mg or 0.005 g", "5 mg").pair == [1, 1]
    assert dose_agreement("A fever of 39 °C needs rest", "Above 38 °C", "I have 39 °C").pair == [
        0,
        0,
    ]


def test_a_conflict_says_what_the_reference_holds():
    (conflict,) = dose_agreement("50 mg", "5 mg, later 7.5 mg").conflicts
    assert conflict == Conflict("50 mg", "mass", ("5 mg", "7.5 mg"), tenfold=True)


@given(
    st.integers(1, 10**6), st.integers(1, 10**6), st.sampled_from(["mg", "ml", "IU", "mmHg", "%"])
)
@settings(max_examples=60, deadline=None)
def test_equal_numbers_agree_and_others_do_not(one, other, unit):
    assert dose_agreement(f"{one} {unit}", f"{one:,} {unit}").pair == [1, 1]
    assert dose_agreement(f"{one} {unit}", f"{other} {unit}").agreeing == (one == other)


@given(st.text(max_size=80))
@settings(max_examples=100, deadline=None)
def test_any_text_can_be_read_and_agrees_with_itself(text):
    assert not dose_agreement(text, text).conflicts


@pytest.mark.parametrize(
    ("text", "kind", "low", "high"),
    [
        ("thirty-five mg", "mass", 35e3, 35e3),
        ("forty five mg", "mass", 45e3, 45e3),
        ("Seventy\u2010five mg", "mass", 75e3, 75e3),
        ("thirteen mg", "mass", 13e3, 13e3),
        ("eighty mg", "mass", 80e3, 80e3),
        ("five hundred mg", "mass", 5e5, 5e5),
        ("a hundred mg", "mass", 1e5, 1e5),
        ("a dose of a hundred mg", "mass", 1e5, 1e5),
        ("two hundred and fifty mg", "mass", 25e4, 25e4),
        ("two-hundred-and-fifty mg", "mass", 25e4, 25e4),
        ("two hundred fifty-five mg", "mass", 255e3, 255e3),
        ("fifteen hundred mg", "mass", 15e5, 15e5),
        ("five thousand, two hundred units", "units of activity", 5200, 5200),
        ("one million two hundred thousand units", "units of activity", 1.2e6, 1.2e6),
        ("one and a half million units", "units of activity", 1.5e6, 1.5e6),
        ("5 hundred mg", "mass", 5e5, 5e5),
        ("two and a half tablets", "tablet", 2.5, 2.5),
        ("one-half tablet", "tablet", 0.5, 0.5),
        ("1 and 1/2 tablets", "tablet", 1.5, 1.5),
        ("1-1/2 tablets", "tablet", 1.5, 1.5),
        ("a twenty-five-year-old", "age", 25 * 365.25 * 24, 25 * 365.25 * 24),
        ("twenty to thirty mg", "mass", 2e4, 3e4),
        ("eighty to 90%", "share", 80, 90),
        ("two-three tablets", "tablet", 2, 3),
        ("ten–fifteen mg", "mass", 1e4, 15e3),
        ("two to three hundred mg", "mass", 2e5, 3e5),
        ("5 to 10 thousand units", "units of activity", 5e3, 1e4),
        ("ten to one hundred mg", "mass", 1e4, 1e5),
        ("between one hundred and two hundred mg", "mass", 1e5, 2e5),
        ("between five hundred and one thousand mg", "mass", 5e5, 1e6),
        ("between one hundred and fifty and two hundred mg", "mass", 15e4, 2e5),
        ("two 500 mg tablets", "mass", 5e5, 5e5),
        ("one in five mg", "mass", 5e3, 5e3),
    ],
)
def test_number_words_are_read_as_one_number(text, kind, low, high):
    assert read(text) == [(kind, pytest.approx(low), pytest.approx(high))]


@pytest.mark.parametrize(
    "text",
    "fifty-fifty mg|one two mg|twenty-two five mg|twenty – five mg|one point five mg"
    "|hundred mg|several hundred mg"
    "|half a million units|a quarter of a million units|5 thousand two hundred mg"
    "|two hundred hundred mg"
    "|five hundred-one thousand mg|five thousandth mg".split("|"),
)
def test_a_number_word_after_another_is_never_read_by_itself(text):
    assert find_quantities(text) == []


def test_words_for_one_or_the_other_are_two_quantities():
    assert [low for _, low, _ in read("one or two tablets")] == [1, 2]
    assert [low for _, low, _ in read("two or three hundred mg")] == [2e5, 3e5]


_TEENS = """
one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen
""".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def spelled(n, joint, hyphen):
    if n >= 1000:
        rest = n % 1000
        between = joint if rest < 100 else " "
        return (
            spelled(n // 1000, joint, hyphen)
            + " thousand"
            + (between + spelled(rest, joint, hyphen) if rest else "")
        )
    if n >= 100:
        return f"{_TEENS[n // 100 - 1]} hundred" + (
            joint + spelled(n % 100, joint, hyphen) if n % 100 else ""
        )
    if n >= 20:
        return _TENS[n // 10 - 2] + (hyphen + _TEENS[n % 10 - 1] if n % 10 else "")
    return _TEENS[n - 1]


@given(
    st.integers(1, 999_999),
    st.sampled_from([" ", " and "]),
    st.sampled_from(["-", " "]),
    st.sampled_from(["", "Take "]),
)
@settings(max_examples=500, deadline=None)
def test_any_number_in_words_is_read(n, joint, hyphen, before):
    words = spelled(n, joint, hyphen)
    assert read(f"{before}{words} mg") == [("mass", n * 1e3, n * 1e3)]
    assert read(f"{words} mg".upper()) == [("mass", n * 1e3, n * 1e3)]


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("1 500 mg", [1500]),
        ("10 000 mg", [10_000]),
        ("1 250 000 mg", [1_250_000]),
        ("1 000.5 mg", [1000.5]),
        ("1 500,5 mg", [1500.5]),
        ("vitamin D 2 000 mg", [2000]),
        ("2 000 mg tablets", [2000]),
        ("1 500 mg in two parts", [1500]),
        ("in 2020 500 mg", [500]),
        ("take 2 500 mg tablets", [500]),
        ("take 1-2 500 mg tablets", [500]),
        ("2 500-mg tablets", [500]),
        ("Keflex #20 500 mg", [500]),
        ("on day 1 500 mg", [500]),
        ("omega-3 500 mg", [500]),
        ("vitamin B 12 500 mg", [500]),
        ("on 5 May 500 mg", [500]),
        ("2 500,000 mg", [500_000]),
        ("1 500 mg tablets", []),
        ("12 500 mg tablets", []),
        ("2 500 mg aspirin tablets", []),
        ("a 1 500-mg bolus", []),
        ("1 or 2 500 mg in the morning", []),
        ("2 500 milligram strips", []),
        ("a dose 1 500 mg", []),
        ("I am a female of 27 114 kg", []),
        ("1 500 or 2 000 mg", [1500, 2000]),
    ],
)
def test_thousands_after_a_blank_are_read_whole_or_not_at_all(text, amounts):
    assert [low / 1e3 for kind, low, _ in read(text) if kind == "mass"] == pytest.approx(amounts)


@pytest.mark.parametrize(
    ("text", "low", "high"), [("500-1 000 mg", 500, 1000), ("1 500 to 2 000 mg", 1500, 2000)]
)
def test_ranges_of_thousands_after_a_blank(text, low, high):
    assert read(text) == [("mass", low * 1e3, high * 1e3)]


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("5 mg bid", 2, 2),
        ("5 mg b.i.d.", 2, 2),
        ("150mg p.o. BID", 2, 2),
        ("2 tablets (bid)", 2, 2),
        ("tid", 3, 3),
        ("aspirin t.i.d.", 3, 3),
        ("5 mg tds", 3, 3),
        ("5 mg qid", 4, 4),
        ("5 mg q.i.d.", 4, 4),
        ("5 mg qds", 4, 4),
        ("aspirin qd", 1, 1),
        ("5 mg q.d.", 1, 1),
        ("5 mg od", 1, 1),
        ("5 mg bd", 2, 2),
        ("5 mg q.o.d.", 0.5, 0.5),
        ("5 mg bid to tid", 2, 3),
        ("5 mg tid-qid", 3, 4),
    ],
)
def test_abbreviations_say_how_often(text, low, high):
    often = [(low, high) for kind, low, high in read(text) if kind == "times an hour"]
    assert often == [(pytest.approx(low / 24), pytest.approx(high / 24))]


@pytest.mark.parametrize(
    "text",
    "they bid farewell|BD is a disease|the OD|2 drops OD|No EPS or TDS|a tidy bid"
    "|quantity (Qd)|/viewtext.php?tid=142|image/tid/1836|3 ml (BD Biosciences)|q10|qui".split("|"),
)
def test_letters_that_say_no_frequency(text):
    assert [kind for kind, *_ in read(text) if kind == "times an hour"] == []


@pytest.mark.parametrize(
    "text",
    "q8h|q 8 h|q.8h.|Q8H|q8hrs|q 8 hours|every 8 hours|every eight hours|once every 8 hours".split(
        "|"
    ),
)
def test_a_time_between_doses_is_how_often(text):
    assert read(text) == [("time", 8, 8)]
    for same in ("three times a day", "tid", "every 8 hours"):
        assert dose_agreement(text, same).pair == dose_agreement(same, text).pair == [1, 1]
    (conflict,) = dose_agreement(text, "q6h").conflicts
    assert conflict.kind == "times an hour"
    assert dose_agreement(text, "for 8 hours").pair == [0, 0]


@pytest.mark.parametrize(
    ("answer", "reference", "pair"),
    [
        ("thirty-five mg", "5 mg", [0, 1]),
        ("two hundred and fifty mg", "50 mg", [0, 1]),
        ("1 500 mg", "500 mg", [0, 1]),
        ("5 mg qid", "5 mg once daily", [1, 2]),
        ("5 mg qid", "5 mg four times a day", [2, 2]),
        ("5 mg bid", "5 mg daily", [1, 2]),
        ("twenty-five mg", "25 mg", [1, 1]),
        ("10 000 IU", "10,000 IU", [1, 1]),
        ("every 5 hours", "q4-6h", [1, 1]),
        ("every 4-6 hours", "every 4 hours", [0, 1]),
        ("four times a day", "every 4 to 6 hours", [1, 1]),
        ("8 hours, twice every 8 hours", "8 hours", [1, 1]),
        ("fifty-fifty mg", "50 mg", [0, 0]),
        ("12 500 mg tablets", "500 mg", [0, 0]),
    ],
)
def test_agreement_of_words_blanks_and_abbreviations(answer, reference, pair):
    assert dose_agreement(answer, reference).pair == pair


def test_letters_that_patterns_take_for_an_i_can_be_read():
    assert read("5 mınutes") == read("5 minutes")
    assert read("thrıce a day, dAİly") == read("thrice a day")
    assert read("5 mıllion units") == read("5 million units")


def test_long_runs_of_number_words_take_no_time():
    assert (
        find_quantities("one-" * 20_000 + "two mg")
        == find_quantities("hundred and " * 20_000 + "mg")
        == []
    )


@pytest.mark.parametrize(
    "text", ["10^6 units", "5 x 10^x units", "nought point 5 mg", "zero point 5 mg"]
)
def test_a_number_that_is_written_in_parts_is_not_read(text):
    assert find_quantities(text) == []


def test_pressures_over_each_other_are_two():
    assert [q.low for q in find_quantities("120 over 80 mmHg")] == [120, 80]
