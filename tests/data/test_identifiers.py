from collections import Counter

import pytest

from medtune.conversation import Message
from medtune.data.identifiers import apply_policy, find_identifiers, mask
from medtune.data.rows import Row
from medtune.errors import DataError


def row(question, answer="Rest.", place="mine.csv, row 1"):
    return Row((Message("user", question), Message("assistant", answer)), "mine", place)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("email", "jane.doe+lab@clinic.example.org"),
        ("url", "https://portal.example.org/p?id=7"),
        ("url", "www.example.org"),
        ("ssn", "123-45-6789"),
        ("ip", "192.168.10.254"),
        ("phone", "(555) 123-4567"),
        ("phone", "+1 555-123-4567"),
        ("record", "MRN: 00482913"),
        ("date", "03/14/2019"),
        ("date", "2019-03-14"),
        ("date", "March 14, 2019"),
        ("date", "14 Mar 2019"),
    ],
)
def test_each_kind_is_found_and_masked(kind, text):
    sentence = f"The patient {text} has gout."
    assert find_identifiers(sentence) == Counter({kind: 1})
    assert mask(sentence) == f"The patient [{kind.upper()}-1] has gout."


@pytest.mark.parametrize(
    "text",
    [
        "BP 120/80, HR 64, K 4.9, creatinine 1.3 (was 1.2).",
        "Take 500 mg 3-4 times a day for 10-14 days.",
        "Version 1.2.3 of the 2019 guideline; ICD-10 E11.9; T12-L1.",
        "ABG on arrival 7.46/33/68 on two liters.",
        "Dilution 1:1000, ratio 999.999.999.999.",
    ],
)
def test_clinical_numbers_are_no_identifiers(text):
    assert find_identifiers(text) == Counter()
    assert mask(text) == text


def test_equal_values_have_equal_numbers():
    assert mask("a@x.org wrote b@x.org; A@X.org again") == "[EMAIL-1] wrote [EMAIL-2]; [EMAIL-1] again"


ROWS = [
    row("What is gout?"),
    row("Mail jane@x.org about gout?", place="mine.csv, row 2"),
    row("Why?", "Call 555-123-4567."),
]


@pytest.mark.parametrize(
    ("policy", "kept", "affected"), [("off", 3, 0), ("report", 3, 2), ("mask", 3, 2), ("drop", 1, 2)]
)
def test_policies_count_what_they_do(policy, kept, affected):
    rows, found, with_identifiers = apply_policy(ROWS, policy)
    assert (len(rows), with_identifiers) == (kept, affected)
    assert found == ({} if policy == "off" else {"email": 1, "phone": 1})


def test_report_changes_nothing_and_mask_leaves_nothing():
    assert apply_policy(ROWS, "report")[0] == ROWS
    texts = [m.content for r in apply_policy(ROWS, "mask")[0] for m in r.messages]
    assert texts == ["What is gout?", "Rest.", "Mail [EMAIL-1] about gout?", "Rest.", "Why?", "Call [PHONE-1]."]


def test_refuse_names_the_row_and_kind_but_never_the_value():
    with pytest.raises(DataError) as caught:
        apply_policy(ROWS, "refuse")
    text = str(caught.value)
    assert "mine.csv, row 2" in text
    assert "email" in text
    assert "jane" not in text


def test_refuse_passes_clean_rows():
    assert apply_policy(ROWS[:1], "refuse") == (ROWS[:1], {}, 0)
