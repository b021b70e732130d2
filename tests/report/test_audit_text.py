"""The audit in the terminal: every figure, at most 80 columns, examples on request."""

import json

import pytest

from medtune.data.prepare import prepare
from medtune.recipe.schema import Data
from medtune.report.audit_text import RULES, audit_text


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    place = tmp_path_factory.mktemp("audit")
    rows = [
        {"question": f"What is illness {i}  ?", "answer": f"Illness {i} is\r\nno. {i} of the list."}
        for i in range(40)
    ]
    rows += [
        {"question": "", "answer": "Nothing asked."},
        {"question": "What is illness 3?", "answer": "Something else."},
    ]
    path = place / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return prepare(Data(source=str(path)), 0, [], None, place / "out").audit


def test_no_line_is_wider_than_a_terminal(audit):
    assert max(map(len, audit_text(audit, examples=True).splitlines())) <= 80


def test_rows_add_up_as_shown(audit):
    lines = audit_text(audit).splitlines()
    figures = {
        line.strip(" −=")[:20].strip(): line.split()[-1] for line in lines if line.startswith("  ")
    }
    assert figures["read"] == "42"
    assert figures["empty question"] == "1"
    assert figures["used"] == "41"


def test_every_rule_that_changed_something_is_shown_with_its_rows(audit):
    text = audit_text(audit)
    assert audit.cleaning.rules
    for rule, entry in audit.cleaning.rules.items():
        assert f"  {RULES[rule]:<28}{entry.rows:>10,}" in text


def test_examples_show_before_and_after_only_when_asked(audit):
    assert "before  " not in audit_text(audit)
    assert "is\\r\\nno. " in audit_text(audit, examples=True)


def test_contradictions_leakage_and_identifiers_are_named(audit):
    text = audit_text(audit)
    assert f"  {'questions, several answers':<28}{1:>10,}  (group)" in text
    assert "a random split would leak" in text
    assert "an aid, not a guarantee" in text


def test_what_is_off_is_said(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text(
        "".join(
            json.dumps({"question": f"q {i}?", "answer": f"answer {i} is this."}) + "\n"
            for i in range(9)
        )
    )
    settings = Data(
        source=str(path),
        clean={"blanks": False},
        identifiers="off",
        contamination={"check": False},
        near_duplicates={"policy": "off"},
    )
    text = audit_text(prepare(settings, 0, [], None, tmp_path / "out").audit)
    assert "switched off: blanks" in text
    assert "Identifiers of patients: not scanned" in text
    assert "not checked" in text
    assert "almost the same" not in text


def test_what_is_not_grouped_by_and_lies_on_both_sides_is_counted_by_kind(tmp_path):
    rows = [
        {"question": f"What is illness {i}?", "answer": f"It is illness number {i % 10} of ten."}
        for i in range(60)
    ]
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = Data(
        source=str(path), split={"group_by": ["question"]}, near_duplicates={"policy": "off"}
    )
    found = prepare(settings, 0, [], None, tmp_path / "out").audit
    text = " ".join(audit_text(found).split())
    assert (
        f"leaked: {found.leaked} (held-out rows that share with a training row "
        "what the recipe does not group by" in text
    )
    assert f"by: answer {found.leaked})" in text
    assert found.leaked > 0
    assert "leaked: 0 (no held-out row shares one of these" in " ".join(
        audit_text(of_one_kind(tmp_path)).split()
    )


def of_one_kind(place):
    path = place / "other.jsonl"
    path.write_text(
        "".join(
            json.dumps({"question": f"What is {i}?", "answer": f"It is {i}."}) + "\n"
            for i in range(60)
        )
    )
    return prepare(Data(source=str(path)), 0, [], None, place / "out2").audit
