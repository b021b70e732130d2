"""The run directory: a stage runs once for its inputs, again for others, and only one process
works in it.
"""

import pytest

from medtune.errors import RecipeError, RunError
from medtune.files import TEMPORARY_MARK, write_text
from medtune.runs.stage import RunDirectory, Stage


@pytest.fixture
def run(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    directory.open()
    yield directory
    directory.close()


def stage_of(run, inputs, libraries=()):
    return Stage("prepare", inputs, (run.root / "data",), libraries)


def perform(run, inputs, libraries=()):
    output = run.root / "data" / "file.txt"
    stage = stage_of(run, {"settings": inputs}, libraries)
    return run.perform(stage, lambda: write_text(output, "whole"))


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
    def work():
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        run.perform(stage_of(run, {"settings": "a"}), work)
    assert run.state()["stages"]["prepare"]["status"] == "running"
    assert perform(run, "a")


def test_an_interrupted_stage_goes_on_and_says_so(run, capsys):
    def work():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.perform(stage_of(run, {"settings": "a"}), work)
    perform(run, "a")
    assert capsys.readouterr().err.splitlines() == [
        "[prepare]",
        "[prepare] was interrupted: going on",
    ]


def test_what_has_changed_is_named(run, capsys, monkeypatch):
    installed = {"torch": "2.11.0", "peft": "0.18.0"}
    monkeypatch.setattr("medtune.runs.stage.installed_versions", lambda names: dict(installed))
    libraries = ("torch", "peft")
    assert perform(run, "a", libraries)
    assert not perform(run, "a", libraries)
    capsys.readouterr()
    assert perform(run, "b", libraries)
    installed["torch"] = "2.12.1"
    assert perform(run, "b", libraries)
    (run.root / "data" / "file.txt").write_text("tampered")
    assert perform(run, "b", libraries)
    assert capsys.readouterr().err.splitlines() == [
        "[prepare] done again, since this has changed: settings",
        "[prepare] done again, since this has changed: torch (2.11.0 → 2.12.1)",
        "[prepare] its files were changed or removed: done again",
    ]


def test_a_stage_recorded_by_an_earlier_version_is_done_again(run, capsys):
    perform(run, "a")
    state = run.state()
    for key in ("depends_on", "versions"):
        del state["stages"]["prepare"][key]
    state["stages"]["prepare"]["inputs"] = "of another form"
    run.update(stages=state["stages"])
    capsys.readouterr()
    assert perform(run, "a")
    assert "its inputs or outputs have changed: done again" in capsys.readouterr().err


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
