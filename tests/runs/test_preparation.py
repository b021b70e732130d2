"""The first stage: made once, recognised at once, and made again when what it depends on has
changed.
"""

import subprocess
import sys

import pytest

from medtune.files import read_json
from medtune.recipe.read import read_run_recipe
from medtune.runs.pipeline import execute
from medtune.runs.plan import Plan
from medtune.runs.preparation import audit_if_prepared, prepared_data


@pytest.fixture
def recipe(tiny_model, questions_csv):
    def make(*overrides):
        return read_run_recipe(
            "quickstart", [f"model.name={tiny_model}", f"data.source={questions_csv}", *overrides]
        )

    return make


def test_prepared_data_are_used_again_until_an_input_changes(recipe, tmp_path, questions_csv):
    root = tmp_path / "run"
    assert audit_if_prepared(Plan.make(recipe(), None), root) is None
    execute(recipe(), root, None, stages=("prepare",))
    audit = audit_if_prepared(Plan.make(recipe(), None), root)
    assert audit.as_json() == read_json(root / "data" / "audit.json")
    assert audit_if_prepared(Plan.make(recipe("train.epochs=9"), None), root) == audit
    assert audit_if_prepared(Plan.make(recipe("data.clean.blanks=false"), None), root) is None
    assert audit_if_prepared(Plan.make(recipe("train.max_length=64"), None), root) is None
    questions_csv.write_text(questions_csv.read_text() + "new,Is this new?,It is a new answer.\n")
    assert audit_if_prepared(Plan.make(recipe(), None), root) is None


def test_damaged_data_are_not_used(recipe, tmp_path):
    root = tmp_path / "run"
    execute(recipe(), root, None, stages=("prepare",))
    (root / "data" / "test.parquet").write_bytes(b"cut short")
    assert audit_if_prepared(Plan.make(recipe(), None), root) is None


def test_a_trial_uses_the_runs_data_where_they_are_and_writes_nothing(recipe, tmp_path):
    root = tmp_path / "run"
    with prepared_data(Plan.make(recipe(), None), root) as (audit, place):
        assert not root.exists()
        assert audit.rows.read == 40
        assert (place / "train.parquet").exists()
    assert not place.exists()
    execute(recipe(), root, None, stages=("prepare",))
    with prepared_data(Plan.make(recipe(), None), root) as (_, place):
        assert place == root / "data"


def test_recognising_prepared_data_loads_neither_torch_nor_transformers():
    code = (
        "import sys, medtune.runs.preparation, medtune.report.audit_text, medtune.recipe.read\n"
        "heavy = ('torch', 'transformers', 'scipy', 'pandas', 'matplotlib')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


def test_the_second_call_of_prepare_says_so(medtune, tiny_model, questions_csv, tmp_path):
    command = (
        "prepare",
        "quickstart",
        "--set",
        f"model.name={tiny_model}",
        "--set",
        f"data.source={questions_csv}",
    )
    first = medtune(*command, "--out", tmp_path / "run", check=True)
    second = medtune(*command, "--out", tmp_path / "run", check=True)
    assert "done before" in second.stderr
    assert first.stdout == second.stdout
