"""What each policy does about the identifiers of a row."""

from collections import Counter
from dataclasses import replace

import pytest
from preparing import items, run

from medtune.conversation import Message
from medtune.data.identifier_policy import scan_row
from medtune.data.index import index_rows
from medtune.data.rows import Row
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


def test_mask_keeps_a_clean_row_without_its_id():
    clean = row("What is gout?", label="gout", id="00445566")
    assert scan_row(clean, "mask") == (replace(clean, id=None), Counter())
    assert scan_row(clean, "report") == (clean, Counter())


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


PATIENTS = ("Maria Keller", "John Smith", "Ahmed Hassan", "Anna Kowalski", "Peter Novak")


def patients_table(directory, name="visits.csv"):
    """Thirty visits of five patients; the number of each record is in a column of its own."""
    path = directory / name
    lines = ["id,patient_name,question,answer"]
    for number in range(30):
        patient = PATIENTS[number % 5]
        visit = f"Visit {number}: what helps against complaint {number} in week {number}?"
        lines.append(f"0044{number:04},{patient},{visit},Advice {number} is to rest {number} days.")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_patients_are_told_apart_by_their_names_although_these_are_masked(tmp_path):
    columns = {"question": "question", "answer": "answer", "entity": "patient_name", "id": "id"}
    split = {"group_by": ["entity"], "train": 0.6, "validation": 0.2, "test": 0.2}
    runs = {
        policy: run(patients_table(tmp_path), columns=columns, split=split, identifiers=policy)
        for policy in ("mask", "off")
    }
    groups = {policy: [c.group for c in items(done)] for policy, done in runs.items()}
    assert len(set(groups["mask"])) == 5
    assert (
        sorted(Counter(groups["mask"]).values())
        == [6] * 5
        == sorted(Counter(groups["off"]).values())
    )
    assert runs["mask"].audit.leaked == 0


def test_no_record_number_and_no_patient_is_written_where_identifiers_are_masked(tmp_path):
    columns = {"question": "question", "answer": "answer", "entity": "patient_name", "id": "id"}
    prepared = run(patients_table(tmp_path), columns=columns, identifiers="mask")
    written = " ".join(str(c) for c in items(prepared)) + str(prepared.audit.as_json())
    assert len({c.id for c in items(prepared)}) == 30
    assert not any(f"0044{number:04}" in written for number in range(30))
    assert not any(name in written for patient in PATIENTS for name in patient.split())


def test_equal_texts_after_masking_stay_in_one_split():
    one = row("I am Jane Doe. What helps against gout?", "Rest, and drink water.")
    other = row("I am Mary Smith. What helps against gout?", "Take walks and drink water.")
    kept = [scan_row(each, "mask")[0] for each in (one, other)]
    tied = index_rows(kept, [], None, [one, other]).keys
    assert len(set(tied.values.tolist())) < len(tied.values)
    alone = [scan_row(row(name, f"{name} is well now."), "mask")[0] for name in PATIENTS]
    before = [row(name, f"{name} is well now.") for name in PATIENTS]
    tied = index_rows(alone, [], None, before).keys.by(["question"])
    assert len(set(tied.values.tolist())) == len(tied.values)
