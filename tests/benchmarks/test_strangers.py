"""The quick half of the strangers' files: what came in, against what an expert would demand."""

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "strangers.py"
if not PATH.exists():
    pytest.skip("installed without the repository's benchmarks", allow_module_level=True)
sys.path.append(str(PATH.parent))
spec = importlib.util.spec_from_file_location("strangers", PATH)
strangers = importlib.util.module_from_spec(spec)
sys.modules["strangers"] = strangers
spec.loader.exec_module(strangers)
KINDS = strangers.kinds()
QUICK = [
    pytest.param(name, case, id=f"{name}: {case.name}")
    for name, kind in KINDS.items()
    for case in kind.quick()
]


@pytest.mark.parametrize(("kind", "case"), QUICK)
def test_a_stranger_s_file_gives_what_is_right(kind, case, tmp_path, tiny_model):
    outcome = strangers.judge(kind, case, tmp_path, tiny_model)
    assert outcome.state != "failed", outcome.differences or "passes: take its known_gap away"


def test_there_are_as_many_as_were_promised():
    assert sum(len(kind.case) for kind in KINDS.values()) >= 120


def test_the_page_on_tests_counts_the_files_of_each_kind():
    page = (PATH.parents[1] / "docs" / "testing.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in page.split("<!-- strangers -->")[1].splitlines()]
    counted = {
        row[1].strip(): int(row[3]) for row in rows if len(row) > 4 and row[3].strip().isdigit()
    }
    files = {name: len(kind.case) for name, kind in KINDS.items()}
    assert counted == files | {"all": sum(files.values())}


def case(**expected):
    """Twelve questions and answers, of which this is expected."""
    return strangers.Case(
        name="made",
        text="question,answer\n",
        lines=["What helps against {word}?,Rest and {word} help."],
        count=12,
        expect=expected,
    )


@pytest.mark.parametrize(
    "expected",
    [
        {"exit": 2},
        {"rows": {"all": 11}},
        {"rows": {"train": 1}},
        {"holds": [[{"user": "What helps against bababa?"}, {"assistant": "Rest."}]]},
        {"lacks": ["Rest"]},
        {"record": {"answer": "B"}},
        {"audit": {"rows.read": 11}},
        {"audit": {"rows.no_such_key": 0}},
        {"figures": {"status": "complete"}},
        {"message": ["no such words"]},
        {"never": ["12 rows"]},
        {"written": {"no_such_file": "."}},
    ],
    ids=str,
)
def test_each_kind_of_difference_is_seen(expected, tmp_path, tiny_model):
    assert strangers.judge("made", case(**expected), tmp_path, tiny_model).state == "failed"


def test_a_gap_that_passes_has_failed(tmp_path, tiny_model):
    closed = case(rows={"all": 12}).model_copy(update={"known_gap": "was mended"})
    assert strangers.judge("made", closed, tmp_path / "closed", tiny_model).state == "failed"
    still = case(rows={"all": 11}).model_copy(update={"known_gap": "not mended"})
    assert strangers.judge("made", still, tmp_path / "open", tiny_model).state == "gap"


def test_a_cell_in_the_message_of_an_error_is_seen():
    expected = strangers.Expected(exit=2)
    assert not list(strangers.text_differences(expected, "error: row 3", 2))
    assert list(strangers.text_differences(expected, "error: 'Quagga' in row 3", 2))
    assert list(strangers.text_differences(expected, "Traceback (most recent call last)", 2))
