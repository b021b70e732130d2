"""One finished run that the tests of the command line share, and two more ways to call the
command.
"""

import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "medtune"]
TASKS = ("perplexity", "answers", "topics")
SUBJECTS = {
    "anemia": "Tiredness, pale skin and short breath are common signs.",
    "asthma": "Inhaled medicines open and calm the airways.",
    "gout": "Crystals of uric acid settle in a joint.",
    "migraine": "Regular sleep and meals can prevent attacks.",
    "eczema": "The skin shows dry, itchy and inflamed patches.",
}


def hashes(directory: Path) -> dict[str, str]:
    """Relative path → SHA-256 of every file below a directory, the lock aside."""
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != ".lock")
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@dataclass(frozen=True)
class Finished:
    """A finished run: how it was asked for, what it said, what it left."""

    home: Path
    place: Path
    arguments: list[str]
    process: subprocess.CompletedProcess[str]
    hashes: dict[str, str]
    model_before: dict[str, str]

    @property
    def metrics(self) -> dict[str, Any]:
        return json.loads((self.place / "metrics.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def small(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Overrides of quickstart for a run of seconds: forty rows, a tiny model, four steps."""
    table = tmp_path_factory.mktemp("table") / "questions.csv"
    with open(table, "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["question", "answer"])
        for number in range(8):
            for subject, answer in SUBJECTS.items():
                writer.writerow(
                    [f"What about {subject} in case {number}?", f"{answer} Note {number}."]
                )
    settings = {
        "data.source": table,
        "model.name": tiny_model,
        "train.max_steps": 4,
        "train.batch_size": 2,
        "train.gradient_accumulation": 1,
        # the encoder takes seconds to load
        "evaluate.tasks": "[perplexity, {task: answers, encoder: none}, topics]",
        "evaluate.decoding.max_new_tokens": 8,
        "evaluate.resamples": 200,
    }
    return [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]


@pytest.fixture(scope="session")
def start() -> Callable[..., "subprocess.Popen[str]"]:
    """Start a program with pipes and without the caller's data directory."""

    def begin(command: list[Any], cwd: Path) -> "subprocess.Popen[str]":
        environment = {key: value for key, value in os.environ.items() if key != "MEDTUNE_DATA"}
        return subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin


@pytest.fixture
def medtune_inside(
    tmp_path, monkeypatch, capsys
) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """The same entry point without a new process: seconds less for each call that needs no
    process of its own.
    """
    from medtune.cli.app import main

    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEDTUNE_DATA", raising=False)

    def run(*arguments: Any, typed: str = "") -> "subprocess.CompletedProcess[str]":
        monkeypatch.setattr(sys, "argv", ["medtune", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        return subprocess.CompletedProcess(
            arguments, code if isinstance(code, int) else 0, *capsys.readouterr()
        )

    yield run
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture(scope="session")
def finished(start, small, tiny_model, tmp_path_factory) -> Finished:
    home = tmp_path_factory.mktemp("finished")
    arguments = ["run", "quickstart", *small]
    model_before = hashes(tiny_model)
    process = start([*COMMAND, *arguments], home)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    place = home / "runs" / "quickstart"
    done = subprocess.CompletedProcess(arguments, process.returncode, out, err)
    return Finished(home, place, arguments, done, hashes(place), model_before)


@pytest.fixture(scope="session")
def hashes_of() -> Callable[[Path], dict[str, str]]:
    return hashes


@pytest.fixture(scope="session")
def command() -> list[str]:
    return COMMAND


@pytest.fixture(scope="session")
def tasks() -> tuple[str, ...]:
    return TASKS
