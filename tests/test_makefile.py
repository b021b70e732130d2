"""``make quickstart`` takes the real model where it can be fetched, else the one in the package,
and says which.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Stands in for the command: notes the call; fetching a model ends with the code in the file.
STAND_IN = """#!/bin/sh
echo "$@" >> calls
case "$1" in models) exit $(cat fetched) ;; esac
"""


@pytest.mark.parametrize(
    ("fetched", "recipe", "model"),
    [(0, "quickstart-smollm2", "SmolLM2-135M-Instruct"), (1, "quickstart", "medtune-base")],
)
def test_the_quickstart_says_which_model_it_takes(tmp_path, fetched, recipe, model):
    if not shutil.which("make"):
        pytest.skip("no make on this machine")
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "constraints.txt", "calls"):
        (tmp_path / name).touch()
    (tmp_path / "fetched").write_text(str(fetched))
    command = tmp_path / ".venv" / "bin" / "medtune"
    command.parent.mkdir(parents=True)
    command.write_text(STAND_IN)
    command.chmod(0o755)
    (tmp_path / ".venv" / ".done").touch()  # newer than what it depends on: nothing is installed
    done = subprocess.run(
        ["make", "--no-print-directory", "quickstart"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if "MAKE" not in name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"model: {model}")
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == ["models get smollm2-135m", f"run {recipe} --out runs/quickstart"]
