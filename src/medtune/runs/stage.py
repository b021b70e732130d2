"""A run's directory: where everything lies, which stages are done, and from which inputs."""

import contextlib
import fcntl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from medtune.errors import RecipeError, RunError
from medtune.files import read_json, remove_leftovers, sha256_file, write_json
from medtune.progress import detail, say
from medtune.run_paths import RunPaths

STAGES = ("prepare", "evaluate_before", "train", "evaluate_after", "report")


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class RunDirectory(RunPaths):
    """Paths and state of one run. Only the process that holds the lock writes."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._lock: IO[str] | None = None

    def open(self) -> None:
        """Create or enter the directory and lock it.

        Raises ``RunError`` where another process works in it, ``RecipeError`` where it holds
        something that is no run.
        """
        if (
            self.root.exists()
            and not self.state_file.exists()
            and any(not p.name.startswith(".") for p in self.root.iterdir())
        ):
            raise RecipeError(
                "this directory is not empty and holds no run",
                where=str(self.root),
                fix="Choose another --out directory.",
            )
        self.root.mkdir(parents=True, exist_ok=True)
        lock = open(self.root / ".lock", "w", encoding="utf-8")  # noqa: SIM115
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise RunError(
                "another medtune works in this directory",
                where=str(self.root),
                fix="Wait for it, or use another --out.",
            ) from error
        self._lock = lock
        for place in (self.root, self.root / "eval", self.train):
            if place.is_dir():
                remove_leftovers(place)

    def close(self) -> None:
        """Let others in."""
        if self._lock:
            self._lock.close()
            self._lock = None

    def state(self) -> dict[str, Any]:
        """What run.json says; an empty state before the first stage."""
        if not self.state_file.exists():
            return {"status": "new", "stages": {}}
        state: dict[str, Any] = read_json(self.state_file)
        return state

    def update(self, **values: Any) -> None:
        """Set top-level values of run.json."""
        write_json(self.state_file, self.state() | values)

    def output_hashes(self, outputs: list[Path]) -> dict[str, str]:
        """Relative path → SHA-256 of every file among or below ``outputs``."""
        files = [
            f
            for path in outputs
            for f in (sorted(path.rglob("*")) if path.is_dir() else [path])
            if f.is_file()
        ]
        return {str(file.relative_to(self.root)): sha256_file(file) for file in files}

    def is_done(self, stage: str, inputs: str) -> bool:
        """Whether a stage ended well from these very inputs and what it made is still there,
        unchanged.
        """
        entry = self.state()["stages"].get(stage, {})
        if entry.get("status") != "complete" or entry.get("inputs") != inputs:
            return False
        made: dict[str, str] = entry["outputs"]
        return all(
            (self.root / name).is_file() and sha256_file(self.root / name) == digest
            for name, digest in made.items()
        )

    @contextlib.contextmanager
    def stage(self, name: str, inputs: str, outputs: list[Path]) -> Iterator[bool]:
        """Yield whether the stage has to run.

        Mark it started before and complete after the block.
        """
        if self.is_done(name, inputs):
            say(f"[{name}] done before, inputs unchanged")
            yield False
            return
        earlier = self.state()["stages"].get(name, {})
        if earlier.get("status") == "complete":
            say(f"[{name}] its inputs or outputs have changed: done again")
        elif earlier.get("status") == "running" and earlier.get("inputs") == inputs:
            say(f"[{name}] was interrupted: going on")
        else:
            say(f"[{name}]")
        self._record(name, {"status": "running", "start": now(), "inputs": inputs})
        self.update(status="running")
        yield True
        started = self.state()["stages"][name]["start"]
        self._record(
            name,
            {
                "status": "complete",
                "start": started,
                "end": now(),
                "inputs": inputs,
                "outputs": self.output_hashes(outputs),
            },
        )
        detail(f"[{name}] complete")

    def _record(self, name: str, entry: dict[str, Any]) -> None:
        state = self.state()
        state["stages"][name] = entry
        write_json(self.state_file, state)
