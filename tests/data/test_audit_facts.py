"""What a reader of an audit relies on: labels seen as labels, sources kept apart, and notes
where figures mislead.
"""

import csv

import pytest
from preparing import pairs, run, table

from medtune.data.audit import AnswerPositions, Audit
from medtune.data.audit_warnings import skewed_letter
from medtune.data.prepare import prepare
from medtune.data.splits import SPLITS
from medtune.recipe.read import read_run_recipe
from medtune.recipe.schema import Data
from medtune.report.audit_text import audit_text

CLASSES = ("Cardiology", "Urology", "Neurology", "Surgery")


def notes(place, classes, name="notes.csv", header=("text", "label")):
    path = place / name
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(header)
        writer.writerows(
            (f"Report {i} tells of finding {i * 7}.", classes[i % len(classes)]) for i in range(80)
        )
    return path


@pytest.mark.parametrize("columns", [{}, {"question": "text", "answer": "label"}])
def test_a_table_of_texts_and_labels_is_split_by_text_and_every_class_is_everywhere(
    tmp_path, columns
):
    path = notes(tmp_path, CLASSES)
    prepared = prepare(Data(source=str(path), columns=columns), 0, [], None, tmp_path / "out")
    assert prepared.audit.as_json()["groups"]["count"] == 80
    assert prepared.audit.as_json()["labels"]["selected"]["classes"] == 4
    assert all(
        set(prepared.audit.as_json()["splits"][name]["labels"]) == set(CLASSES) for name in SPLITS
    )


def test_one_class_is_noted(tmp_path):
    audit = prepare(
        Data(source=str(notes(tmp_path, ["Urology"]))), 0, [], None, tmp_path / "out"
    ).audit.as_json()
    assert any("one class only: nothing" in note for note in audit["warnings"])


@pytest.mark.parametrize("override", ["data.identifiers=off", "data.near_duplicates.policy=off"])
def test_off_can_be_typed_as_it_is_documented(override):
    data = read_run_recipe("quickstart", [override]).data
    assert "off" in (data.identifiers, data.near_duplicates.policy)


def test_two_files_of_one_name_keep_their_own_shares(tmp_path):
    first = table(tmp_path / "d1", pairs(50), "my file.jsonl")
    second = table(tmp_path / "d2", pairs(100, 50), "my file.jsonl")
    data = Data(source=[{"name": str(first), "weight": 1}, {"name": str(second), "weight": 3}])
    audit = prepare(data, 0, [], None, tmp_path / "out").audit.as_json()
    assert [(source["name"], source["rows"]) for source in audit["sources"]] == [
        ("my file", 50),
        ("my file 2", 100),
    ]
    drawn = {
        name: sum(s["sources"].get(name, 0) for s in audit["splits"].values())
        for name in ("my file", "my file 2")
    }
    assert drawn == {"my file": 33, "my file 2": 100}


def test_label_sets_leave_the_figures_as_they_came(tmp_path):
    rows = [{"text": f"Report {i // 2} tells of much.", "label": "ba"[i % 2]} for i in range(60)]
    rows = [
        {"question": row["text"], "answer": row["label"], "label": row["label"]} for row in rows
    ]
    audits = {
        policy: run(rows, contradictions=policy).audit.as_json()["labels"]
        for policy in ("group", "label_sets")
    }
    assert audits["group"]["as_read"] == audits["label_sets"]["as_read"]
    assert audits["group"]["as_read"]["ceiling"] == 0.5
    assert audits["label_sets"]["label_sets"] == 30


def test_a_benchmark_that_stands_in_training_is_noted(tmp_path):
    long = " ".join(f"word{i}" for i in range(20))
    rows = [{"question": f"What is {i}?", "answer": f"It is {i}: {long} {i}."} for i in range(60)]
    mine, benchmark = table(tmp_path, rows), table(tmp_path, rows, "benchmark.jsonl")
    data = Data(source=str(mine), contamination={"against": [str(benchmark)]})
    audit = prepare(data, 0, [], None, tmp_path / "out").audit.as_json()
    assert any("stand mostly in training rows" in note for note in audit["warnings"])


def test_a_chain_that_holds_much_of_the_data_is_noted():
    rows = [
        *pairs(40),
        *({"question": f"Why {i}?", "answer": "See your doctor about it soon."} for i in range(20)),
    ]
    assert any("one group holds 20 rows" in note for note in run(rows).audit.as_json()["warnings"])


def test_yes_and_no_tie_nothing_together():
    rows = [
        {"question": f"Is illness {i} common?", "answer": "Yes." if i % 3 else "No."}
        for i in range(60)
    ]
    assert run(rows).audit.as_json()["groups"]["count"] == 60


def test_an_audit_needs_no_splits(tmp_path):
    path = table(tmp_path, [{"question": "What is gout?", "answer": "Crystals in a joint."}])
    audit = prepare(
        Data(source=str(path)), 0, [], None, tmp_path / "out", must_split=False
    ).audit.as_json()
    assert audit["rows"]["drawn"] == 1


def test_a_source_too_small_for_its_rows_is_said(tmp_path):
    big, small = (
        table(tmp_path, pairs(60), "big.jsonl"),
        table(tmp_path, pairs(20, 500), "small.jsonl"),
    )
    sources = [{"name": str(big), "rows": 30}, {"name": str(small), "rows": 5000}]
    audit = prepare(Data(source=sources), 0, [], None, tmp_path / "out").audit.as_json()
    assert audit["unfilled"] == {"small": {"asked": 5000, "there": 20}}
    assert any("small: 5,000 rows asked for and 20 usable" in note for note in audit["warnings"])
    assert "(5,000 asked for)" in audit_text(Audit.model_validate(audit))
    assert run(pairs(40)).audit.as_json()["unfilled"] == {}


def test_conversations_that_end_with_a_user_are_counted(tmp_path):
    def turns(i, *roles):
        return {
            "messages": [
                {"role": role, "content": f"{role} says {i} and {n}."}
                for n, role in enumerate(roles)
            ]
        }

    rows = [turns(i, "user", "assistant") for i in range(30)]
    rows += [turns(i, "user", "assistant", "user") for i in range(100, 107)]
    audit = prepare(
        Data(source=str(table(tmp_path, rows))), 0, [], None, tmp_path / "out"
    ).audit.as_json()
    assert audit["ending_with_a_user"] == 7
    line = next(
        line
        for line in audit_text(Audit.model_validate(audit)).splitlines()
        if "ending with a user" in line
    )
    assert "7  (that turn is not learnt)" in line


def choices(place, keys, options=4):
    """MedQA as published, the right option's letter given."""
    rows = [
        {
            "question": f"Question number {i} about something?",
            "options": {letter: f"Option {letter} of {i}" for letter in "ABCDE"[:options]},
            "answer_idx": key,
        }
        for i, key in enumerate(keys)
    ]
    return table(place, rows, "medqa.jsonl")


def test_places_of_right_options_are_counted_and_a_lean_is_noted(tmp_path):
    audit = prepare(
        Data(source=str(choices(tmp_path, "BBBABCBDBB" * 8))), 0, [], None, tmp_path / "out"
    ).audit.as_json()
    assert audit["answer_positions"] == {
        "rows": 80,
        "counts": {"A": 8, "B": 56, "C": 8, "D": 8},
        "even": dict.fromkeys("ABCD", 20.0),
    }
    assert any("lean to B: always B is right for 70%" in note for note in audit["warnings"])
    assert "B 56 (20)" in audit_text(Audit.model_validate(audit))


def test_even_places_are_no_lean_and_prose_has_none(tmp_path):
    audit = prepare(
        Data(source=str(choices(tmp_path, "ABCD" * 20))), 0, [], None, tmp_path / "out"
    ).audit.as_json()
    assert skewed_letter(AnswerPositions(**audit["answer_positions"])) is None
    assert run(pairs(40)).audit.as_json()["answer_positions"] == {}


def test_fewer_options_count_as_they_are():
    even = {"A": 20.0, "B": 20.0, "C": 7.5, "D": 7.5}  # 25 questions of two options and 30 of four

    def skewed(counts):
        return skewed_letter(AnswerPositions(rows=55, counts=counts, even=even))

    assert skewed({"A": 20, "B": 20, "C": 8, "D": 7}) is None
    assert skewed({"A": 15, "B": 14, "C": 19, "D": 7}) == "C"


def test_one_group_is_one_group():
    audit = run([*pairs(5), *pairs(5, 10)]).audit.as_json()
    assert any("the test split has 1 group:" in note for note in audit["warnings"])
    assert " 1 groups" not in audit_text(Audit.model_validate(audit))


def test_the_largest_group_is_explained_by_what_ties_it():
    rows = pairs(60)
    for row in rows[:40]:
        row["answer"] = "Please ask your own clinician about that illness."
    for row in rows[40:50]:
        row["question"] = "Guten Tag, danke!"
    audit = run(rows).audit
    assert audit.groups.largest == 40
    assert any("one group holds 40 rows: 40 of them share one answer" in w for w in audit.warnings)
