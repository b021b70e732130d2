"""The command line called from tests: inside the test process, or as a process of its own."""

import io
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
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


def run_process(
    *arguments: Any, cwd: Any, env: dict | None = None, check: bool = False
) -> "subprocess.CompletedProcess[str]":
    """`python -m medtune` where the process is the point: start-up, signals, streams."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | (env or {}),
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
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class StartedCommand:
    """``medtune`` in a process that starts with torch loaded: to be signalled, killed, waited for.

    A new interpreter takes seconds to load it. The methods are those of ``subprocess.Popen``.
    """

    LOADED = ("command_line", "peft", "transformers.models.auto.modeling_auto", "medtune.cli.app")

    def __init__(
        self,
        *arguments: Any,
        cwd: Path,
        typed: str = "",
        encoding: str = "utf-8",
        largest: int = -1,
    ) -> None:
        """``typed`` is standard input, ``encoding`` that of the streams, ``largest`` the bytes that
        a file can grow to.
        """
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(self.LOADED))
        number = sum(path.name.endswith(".stdout") for path in Path(cwd).iterdir())
        self.streams = [
            Path(cwd) / f".command-{number}.{stream}" for stream in ("stdin", "stdout", "stderr")
        ]
        self.streams[0].write_text(typed, encoding="utf-8")
        self.process = context.Process(
            target=_in_this_process,
            args=(
                [*map(str, arguments)],
                str(cwd),
                encoding,
                largest,
                dict(os.environ),
                self.streams,
            ),
        )
        self.process.start()

    @property
    def returncode(self) -> int | None:
        """The exit status, the negative number of the signal that ended it; None while it runs."""
        return self.process.exitcode

    poll = returncode.fget

    def send_signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        self.process.kill()

    def communicate(self, timeout: float = GENEROUS) -> tuple[str, str]:
        """Wait for the end: standard output and error."""
        self.process.join(timeout)
        assert self.process.exitcode is not None, f"still running after {timeout} s"
        _, out, err = self.streams
        return out.read_text("utf-8"), err.read_text("utf-8")


def _in_this_process(
    arguments: list[str],
    cwd: str,
    encoding: str,
    largest: int,
    env: dict[str, str],
    streams: list[Path],
) -> None:
    for number, path in enumerate(streams):
        flags = os.O_WRONLY | os.O_CREAT if number else os.O_RDONLY
        os.dup2(os.open(path, flags, 0o600), number)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, encoding=encoding, closefd=False)
        for number, mode in enumerate("rww")
    )
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["medtune", *arguments]
    from medtune.cli.app import main

    main()
