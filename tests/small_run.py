"""The small run: forty rows, a tiny model, four steps; made once for all tests and workers."""

import csv
import fcntl
import hashlib
import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command_line import run_process

ANSWERS = {
    "anemia": "Tiredness, pale skin and short breath are common signs.",
    "asthma": "Inhaled medicines open and calm the airways.",
    "gout": "Crystals of uric acid settle in a joint.",
    "migraine": "Regular sleep and meals can prevent attacks.",
    "eczema": "The skin shows dry, itchy and inflamed patches.",
}
TASKS = ("perplexity", "answers", "topics")
QUICK = {
    "train.max_steps": 4,
    "train.batch_size": 2,
    "train.gradient_accumulation": 1,
    # the encoder takes seconds to load
    "evaluate.tasks": "[perplexity, {task: answers, encoder: none}, topics]",
    "evaluate.decoding.max_new_tokens": 8,
    "evaluate.resamples": 200,
}


def write_questions(path: Path) -> Path:
    """A table of forty question/answer rows, eight for each of five subjects."""
    with open(path, "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["question", "answer"])
        for number in range(8):
            for subject, answer in ANSWERS.items():
                writer.writerow(
                    [f"What about {subject} in case {number}?", f"{answer} Note {number}."]
                )
    return path


def overrides(settings: Mapping[str, Any]) -> list[str]:
    """Settings as words of the command line."""
    return [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]


def create_once(
    tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]
) -> Path:
    """A directory that the first worker of a session fills and the others wait for."""
    base = tmp_path_factory.getbasetemp()
    # Each worker has a directory below the session's.
    directory = (base.parent if base.name.startswith("popen-") else base) / "shared" / name
    directory.parent.mkdir(exist_ok=True)
    done = directory.with_suffix(".done")
    with open(directory.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            directory.mkdir()  # fails where the first try failed: its error was reported
            make(directory)
            done.touch()
    return directory


def hashes(directory: Path) -> dict[str, str]:
    """Relative path → SHA-256 of every file below a directory, the lock aside."""
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != ".lock")
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@dataclass(frozen=True)
class SmallRun:
    """The finished run: how it was asked for, what it printed, what it left."""

    home: Path
    root: Path
    arguments: list[str]
    process: subprocess.CompletedProcess[str]
    hashes: dict[str, str]
    model_before: dict[str, str]

    @property
    def metrics(self) -> dict[str, Any]:
        return json.loads((self.root / "metrics.json").read_text(encoding="utf-8"))


def make_small_run(home: Path, model: Path, settings: list[str]) -> None:
    """Run the command as a process in ``home``; what it printed and all hashes lie beside it."""
    arguments = ["run", "quickstart", *settings]
    before = hashes(model)
    process = run_process(*arguments, cwd=home)
    assert process.returncode == 0, process.stderr
    facts = {
        "arguments": arguments,
        "stdout": process.stdout,
        "stderr": process.stderr,
        "hashes": hashes(home / "runs" / "quickstart"),
        "model_before": before,
    }
    home.with_suffix(".json").write_text(json.dumps(facts), encoding="utf-8")


def read_small_run(home: Path) -> SmallRun:
    """What ``make_small_run`` left."""
    facts = json.loads(home.with_suffix(".json").read_text(encoding="utf-8"))
    arguments = facts["arguments"]
    process = subprocess.CompletedProcess(arguments, 0, facts["stdout"], facts["stderr"])
    root = home / "runs" / "quickstart"
    return SmallRun(home, root, arguments, process, facts["hashes"], facts["model_before"])
