"""The command line called from tests: inside the test process, or as a process of its own."""

import io
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest

from medtune import progress

COMMAND = [sys.executable, "-m", "medtune"]
GENEROUS = 1800  # seconds: a process that hangs, not one on a loaded machine


def run_command(
    *arguments: Any, cwd: Any, env: dict | None = None, typed: str = "", check: bool = False
) -> "subprocess.CompletedProcess[str]":
    """The entry point inside this process: a process of its own loads torch each time.

    ``typed`` is standard input. What it changes of the process (directory, variables, signal
    handlers, settings of progress) is as before when it returns.
    """
    from medtune.cli.app import main

    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(cwd)
        patch.delenv("MEDTUNE_DATA", raising=False)
        for name, value in (env or {}).items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["medtune", *map(str, arguments)])
        patch.setattr(sys, "stdin", io.StringIO(typed))
        progress.configure(quiet=False, verbose=False)
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            progress.configure(quiet=False, verbose=False)
    code = ended.value.code
    process = subprocess.CompletedProcess(
        arguments, code if isinstance(code, int) else 0, out.getvalue(), err.getvalue()
    )
    if check:
        assert process.returncode == 0, process.stderr
    return process


def without_data(env: dict | None = None) -> dict[str, str]:
    """The environment of a process without the caller's data directory."""
    return {key: value for key, value in os.environ.items() if key != "MEDTUNE_DATA"} | (env or {})


def run_process(
    *arguments: Any, cwd: Any, env: dict | None = None, check: bool = False
) -> "subprocess.CompletedProcess[str]":
    """`python -m medtune` where the process is the point: start-up, signals, streams."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=without_data(env),
        capture_output=True,
        text=True,
        timeout=GENEROUS,
        check=check,
    )


def start_process(command: list[Any], cwd: Any) -> "subprocess.Popen[str]":
    """Any program with pipes, to be talked to or killed."""
    return subprocess.Popen(
        [str(word) for word in command],
        cwd=cwd,
        env=without_data(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
