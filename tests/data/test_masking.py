"""What each policy does about the identifiers of a row."""

from collections import Counter
from dataclasses import replace

import pytest

from medtune.conversation import Message
from medtune.data.rows import Row
from medtune.data.steps import scan_row
from medtune.errors import DataError


def row(question, answer="Rest.", location="mine.csv, row 1", **fields):
    return Row(
        (Message("user", question), Message("assistant", answer)), "mine", location, **fields
    )


IDENTIFIED = row(
    "I am Jane Doe. Jane's MRN is 445566.",
    "Dear Ms. Doe, rest.",
    label="Seen by Dr. Patel",
    labels=("Seen by Dr. Patel", "gout"),
    entity="Patel",
    options=("gout", "Ms. Doe"),
    id="jane@x.org",
)


def test_report_keeps_the_row_and_counts_all_of_it():
    kept, counts = scan_row(IDENTIFIED, "report")
    assert kept is IDENTIFIED
    assert counts == {"name": 6, "record": 1, "email": 1}


def test_mask_masks_every_field_and_forgets_the_id():
    kept, counts = scan_row(IDENTIFIED, "mask")
    assert counts == scan_row(IDENTIFIED, "report")[1]
    assert kept == replace(
        IDENTIFIED,
        messages=(
            Message("user", "I am [NAME-1]. [NAME-2]'s MRN is [RECORD-1]."),
            Message("assistant", "Dear Ms. [NAME-3], rest."),
        ),
        label="Seen by Dr. [NAME-4]",
        labels=("Seen by Dr. [NAME-4]", "gout"),
        entity="[NAME-4]",
        options=("gout", "Ms. [NAME-3]"),
        id=None,
    )


def test_mask_keeps_a_clean_row_and_its_id():
    clean = row("What is gout?", label="gout", id="q-17")
    assert scan_row(clean, "mask") == (clean, Counter())


def test_an_identifier_in_a_field_alone_is_enough():
    assert scan_row(row("What is gout?", id="a@x.org"), "drop") == (None, Counter(email=1))
    assert scan_row(row("What is gout?", entity="a@x.org"), "drop")[0] is None


def test_off_does_not_look():
    assert scan_row(IDENTIFIED, "off") == (IDENTIFIED, Counter())


def test_refuse_names_the_row_and_the_kinds_but_never_the_value():
    with pytest.raises(DataError) as caught:
        scan_row(replace(IDENTIFIED, location="mine.csv, row 2"), "refuse")
    text = str(caught.value)
    assert "mine.csv, row 2" in text
    assert "email, name, record" in text
    assert not any(value in text for value in ("Jane", "Doe", "445566", "x.org"))
    assert scan_row(row("What is gout?"), "refuse")[0] is not None


ROWS = [
    row("What is gout?"),
    row("Mail jane@x.org about gout?", location="mine.csv, row 2"),
    row("Why?", "Call 555-123-4567."),
]


@pytest.mark.parametrize(
    ("policy", "kept", "affected"),
    [("off", 3, 0), ("report", 3, 2), ("mask", 3, 2), ("drop", 1, 2)],
)
def test_policies_count_what_they_do(policy, kept, affected):
    scanned = [scan_row(each, policy) for each in ROWS]
    assert sum(row is not None for row, _ in scanned) == kept
    assert sum(bool(counts) for _, counts in scanned) == affected
    assert sum((counts for _, counts in scanned), Counter()) == (
        {} if policy == "off" else {"email": 1, "phone": 1}
    )
