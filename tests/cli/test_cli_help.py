"""The `--help` of every verb, to the letter: tests/cli/help/VERB.txt, 80 columns, no colour."""

from pathlib import Path

import pytest
import typer

from medtune.cli.app import app

SNAPSHOTS = Path(__file__).parent / "help"


def verbs(command, path=()):
    """Every command of the tree as a tuple of words; () is `medtune` itself."""
    yield path
    for name, child in getattr(command, "commands", {}).items():
        yield from verbs(child, (*path, name))


VERBS = ["-".join(words) or "main" for words in verbs(typer.main.get_command(app))]


def test_every_verb_has_a_snapshot_and_every_snapshot_a_verb():
    assert sorted(VERBS) == sorted(path.stem for path in SNAPSHOTS.iterdir())


@pytest.mark.parametrize("verb", VERBS)
def test_help_is_what_it_was(verb, capsys, monkeypatch):
    for name, value in {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)
    words = [] if verb == "main" else verb.split("-")
    app([*words, "--help"], prog_name="medtune", standalone_mode=False)
    assert capsys.readouterr().out == (SNAPSHOTS / f"{verb}.txt").read_text(encoding="utf-8")
