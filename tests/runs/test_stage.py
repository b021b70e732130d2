"""The run directory: a stage runs once for its inputs, again for others, and only one process
works in it.
"""

import pytest

from medtune.errors import RecipeError, RunError
from medtune.files import TEMPORARY_MARK, write_text
from medtune.runs.stage import RunDirectory


@pytest.fixture
def run(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    directory.open()
    yield directory
    directory.close()


def perform(run, inputs, text="made"):
    output = run.root / "data" / "file.txt"
    with run.stage("prepare", inputs, [output.parent]) as needed:
        if needed:
            write_text(output, text)
    return needed


def test_a_stage_runs_once_for_the_same_inputs(run):
    assert [perform(run, "a"), perform(run, "a"), perform(run, "b"), perform(run, "a")] == [
        True,
        False,
        True,
        True,
    ]


def test_a_changed_or_missing_output_is_made_again(run):
    perform(run, "a")
    (run.root / "data" / "file.txt").write_text("tampered")
    assert perform(run, "a")
    (run.root / "data" / "file.txt").unlink()
    assert perform(run, "a")


def test_a_stage_that_failed_is_not_done(run):
    with pytest.raises(ValueError, match="boom"), run.stage("prepare", "a", []):
        raise ValueError("boom")
    assert run.state()["stages"]["prepare"]["status"] == "running"
    assert perform(run, "a")


def test_a_second_process_is_kept_out(run):
    with pytest.raises(RunError, match="another medtune"):
        RunDirectory(run.root).open()
    run.close()
    RunDirectory(run.root).open()


def test_a_directory_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RecipeError, match="holds no run"):
        RunDirectory(tmp_path).open()
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_leftovers_of_a_crash_are_removed_on_entering(tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.open()
    run.update(status="running")
    (run.root / f"{TEMPORARY_MARK}data-1234").mkdir()
    run.close()
    RunDirectory(run.root).open()
    assert not list(run.root.glob(f"{TEMPORARY_MARK}*"))
