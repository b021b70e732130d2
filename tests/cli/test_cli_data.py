"""`medtune data`: what is known and what is here, and the audit of a table."""

import json
import re

import pytest

from medtune.cli.app import app, exit_code_of
from medtune.data.sources.catalogue import KNOWN
from medtune.errors import DataError
from medtune.progress import is_verbose, say


def test_data_list_says_what_is_known_and_what_is_here(medtune, tmp_path):
    rows = {
        row["name"]: row for row in json.loads(medtune("data", "list", "--json", check=True).stdout)
    }
    assert (
        set(rows)
        == set(KNOWN)
        > {"curated", "notes", "medquad", "wikidoc", "mtsamples", "pubmedqa", "healthcaremagic"}
    )
    assert all(row["licence"] and row["columns"] and row["published"] for row in rows.values())
    assert rows["curated"]["here"] == "in the package"
    assert rows["medquad"]["here"].startswith("not here")
    (tmp_path / "medquad.csv").write_text("question,answer,source,focus_area\n")
    medquad = medtune("data", "list", "--data-dir", tmp_path, check=True).stdout.split("medquad:")[
        1
    ]
    assert f"here: {tmp_path / 'medquad.csv'}" in medquad


def test_data_audit_counts_planted_faults_and_writes_nothing(medtune, tmp_path):
    rows = [(f"What is disease {n}?", f"Answer number {n}.") for n in range(12)]
    rows += [
        ("what is DISEASE 3", "Another answer."),
        ("", "No question."),
        ("No answer?", ""),
        rows[0],
    ]
    rows += [("Whom to write to?", "Write to jane.doe@example.org today.")]
    table = tmp_path / "table.jsonl"
    table.write_text(
        "".join(json.dumps({"question": q, "answer": a}) + "\n" for q, a in rows), encoding="utf-8"
    )
    audit = json.loads(medtune("data", "audit", "table.jsonl", "--json", check=True).stdout)
    assert audit["rows"]["read"] == 17
    assert audit["rows"]["usable"] == 14
    assert {
        key: audit["dropped"][key] for key in ("empty_question", "empty_answer", "repeated")
    } == {
        "empty_question": 1,
        "empty_answer": 1,
        "repeated": 1,
    }
    assert audit["duplicates"]["same_question"] == 1
    assert audit["duplicates"]["questions_with_several_answers"] == 1
    assert audit["identifiers"]["found"] == {"email": 1}
    process = medtune("data", "audit", "table.jsonl", check=True)
    assert re.search(r"read +17\n", process.stdout)
    assert re.search(r"= used +14\n", process.stdout)
    assert "jane.doe" not in process.stdout + process.stderr
    assert list(tmp_path.iterdir()) == [table]


def test_data_audit_counts_what_a_tokenizer_loses(tmp_path, real_tokenizers, capsys):
    table = tmp_path / "table.jsonl"
    rows = [(f"Is an INR < {n} safe?", f"Not {n}.\nAsk.") for n in range(12)]
    rows.append(("What of the end?", "It is <extra_id_0> here."))
    table.write_text("".join(json.dumps({"question": q, "answer": a}) + "\n" for q, a in rows))

    def audit(*options):
        app(["data", "audit", str(table), *options], standalone_mode=False)
        return capsys.readouterr().out

    losses = json.loads(audit("--tokenizer", str(real_tokenizers / "t5"), "--json"))["text_loss"]

    def total(part, name):
        return sum(split[part][name] for split in losses.values())

    assert total("prompts", "unknown_tokens") == total("prompts", "with_unknown") == 12
    assert (total("answers", "unknown_tokens"), total("answers", "control_tokens")) == (1, 1)
    assert total("answers", "lost_characters") == 12 + 1  # line breaks, and the < of <extra_id_0>
    assert "(U+000A" in audit("--tokenizer", str(real_tokenizers / "t5"))
    assert "tokenizer loses of the texts\n  nothing" in audit("--tokenizer", "medtune-base")
    assert "tokenizer" not in audit()


def test_quiet_and_verbose_hold_for_one_command_of_a_process(tmp_path, capsys):
    rows = [{"question": f"What is illness {i}?", "answer": f"Number {i}."} for i in range(3)]
    table = tmp_path / "rows.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    audit = ["data", "audit", str(table)]
    app([*audit, "--quiet", "--verbose"], standalone_mode=False)
    assert not capsys.readouterr().err
    say("said after")
    assert "said after" in capsys.readouterr().err
    with pytest.raises(DataError):
        app([*audit[:2], str(tmp_path / "none.csv"), "--quiet"], standalone_mode=False)
    say("said after an error")
    assert "said after an error" in capsys.readouterr().err
    app(["recipes", "list"], standalone_mode=False)
    assert not is_verbose()


def test_an_audit_of_too_few_rows_ends_with_the_error_of_a_run(tmp_path, capsys):
    table = tmp_path / "rows.jsonl"
    table.write_text('{"question": "What is gout?", "answer": "Crystals in the joints."}\n')
    assert exit_code_of(lambda: app(["data", "audit", str(table)], standalone_mode=False)) == 2
    told = capsys.readouterr()
    assert "Duplicates among usable rows" in told.out
    assert "nothing is left for validation and test: 1 row cannot fill them" in told.err
