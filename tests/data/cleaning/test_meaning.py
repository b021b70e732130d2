"""What tells of a text: figures, units, signs and denials, however they are marked up."""

import pytest

from medtune.data.cleaning.meaning import telling


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5 mg", "50 mg"),
        ("5 mg", "5 g"),
        ("INR > 3", "INR < 3"),
        ("-2.5", "2.5"),
        ("not safe", "safe"),
        ("kein Fieber", "Fieber"),
        ("a 5-10 b 5", "a 5-10 b"),
        ("无 fever", "fever"),
    ],
)
def test_figures_units_signs_and_denials_tell(one, other):
    assert telling(one) != telling(other)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("20 x 10<sup>9</sup>/L", "20 x 10^9/L"),
        ("p &lt; 0.05 <!-- 7 -->", "p < 0.05"),
        ("1&frac12; m<sup>2</sup>", "1½ m²"),
        ("== Causes ==\n5  mg", "Causes\n5 mg"),
        ("<del>not</del> 5", "~~not~~ 5"),
    ],
)
def test_the_same_in_other_marks_tells_the_same(before, after):
    assert telling(before) == telling(after)
