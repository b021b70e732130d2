"""Numbers as other languages write them, counts of cells, signs and bounds."""

import pytest

from medtune.text.quantities import dose_agreement
from medtune.text.quantities.number_convention import decimal_mark


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("Nehmen Sie täglich 1.000 mg.", "comma"),
        ("Es waren 1,5 mg, später 1.250 mg", "comma"),
        ("Prendre 1.000 mg par jour", "comma"),
        ("Принимать 1.000 мг", "comma"),
        ("12.345.678 U", "comma"),
        ("Take 1.000 mg every day.", "point"),
        ("0.5 mg", "point"),
        ("1,234.5 mg", "point"),
        ("每日 1.000 mg", "point"),
        ("1.000 mg", None),
        ("Um 8.30 Uhr nehmen Sie 1.000 mg", None),  # numbers and language disagree
        ("Take the 1,5 mg tablets", None),
    ],
)
def test_what_decimals_are_written_with(text, mark):
    assert decimal_mark(text) == mark


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("Nehmen Sie täglich 1.000 mg.", "Die Dosis beträgt 1000 mg."),
        ("Nehmen Sie 1.250 mg", "1,25 g"),
        ("Nehmen Sie täglich 1,250 mg", "Take 1.25 mg every day"),
        ("Take 1.000 mg every day", "1 mg"),
        ("1,5 mg", "1.5 mg"),
        ("1'000 mg", "1 g"),
        ("1’000 mg", "1000 mg"),
        ("1\u202f000 mg", "1 g"),
        ("1\u00a0000,5 mg", "1000.5 mg"),
        ("2.500,5 mg", "2500.5 mg"),
        ("1,00,000 IU", "100000 IU"),
        ("12,34,567 units", "1234567 units"),
        ("1.000 mg", "1.000 mg"),
        ("20 x 10^9/L", "20,000/µL"),
        ("20 ×10⁹/L", "20 G/L"),
        ("20*10^9/l", "20 /nL"),
        ("20 10*9/L", "20 x 10E9/L"),
        ("20 x 10**9 / L", "20 x 10^9 per litre"),
        ("150 × 10³/μL", "150 K/uL"),
        ("150,000 platelets per mm³", "150 Gpt/L"),
        ("4.5 million/µL", "4.5 T/L"),
        ("350 cells/mm^3", "350 cells/µL"),
        ("200 cells/cu. mm", "0.2 x 10^9/L"),
        ("5 x 10^6 IU", "5 million units"),
        ("at least 5 mg", "≥5 mg"),
        ("less than 5 mg", "<5 mg"),
        ("60 mL/min/1.73 m²", "60 ml/min/1.73m2"),
    ],
)
def test_one_quantity_in_two_spellings(answer, reference):
    assert dose_agreement(answer, reference).pair == [1, 1]
    assert dose_agreement(reference, answer).pair == [1, 1]


@pytest.mark.parametrize(
    ("answer", "reference", "tenfold"),
    [
        ("Nehmen Sie täglich 1.000 mg.", "Die Dosis beträgt 100 mg.", True),
        ("Nehmen Sie täglich 1,000 mg.", "1000 mg", True),
        ("Take 1.000 mg every day", "1000 mg", True),
        ("150 x 10^9/L", "15 x 10^9/L", True),
        ("20 x 10^9/L", "20 x 10^12/L", True),
        ("20 x 10^9/L", "25 x 10^9/L", False),
        ("≥ 5 mg", "< 5 mg", False),
        ("at least 5 mg", "at most 5 mg", False),
        ("not more than 5 mg", "more than 5 mg", False),
        ("-2.5 mmol/L", "2.5 mmol/L", False),
        ("a base excess of −5 mmol/L", "a base excess of 5 mmol/L", False),
    ],
)
def test_quantities_that_differ(answer, reference, tenfold):
    agreement = dose_agreement(answer, reference)
    assert agreement.pair == [0, 1]
    assert agreement.conflicts[0].tenfold == tenfold


@pytest.mark.parametrize(
    ("answer", "reference"),
    [("1.000 mg", "1000 mg"), ("1.000 mg", "1 mg"), ("5 mg", "1.250 mg"), ("1.250 mg", "10 mg")],
)
def test_a_number_that_may_be_read_in_two_ways_is_counted_and_not_compared(answer, reference):
    agreement = dose_agreement(answer, reference)
    assert (agreement.pair, agreement.conflicts, agreement.ambiguous) == ([0, 0], (), 1)


def test_a_range_and_a_list_have_no_minus():
    assert dose_agreement("5 -10 mmol/L", "5 to 10 mmol/L").pair == [1, 1]
    assert dose_agreement("Doses:\n- 5 mg\n- 10 mg", "5 mg or 10 mg").pair == [2, 2]


def test_an_arrow_is_no_bound():
    assert dose_agreement("fever => 5 mg", "< 5 mg").pair == [1, 1]
