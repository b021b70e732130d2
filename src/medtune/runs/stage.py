"""A run's directory: which stages are done and from which inputs; versions and hardware of a run.

A stage is its name, inputs, outputs and the libraries that it depends on.
"""

import fcntl
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import psutil
from pydantic import ConfigDict, Field, ValidationError

from medtune.cpu_threads import available_cores
from medtune.errors import RecipeError, RunError
from medtune.evaluation.results import Result
from medtune.files import file_hash, read_json, remove_leftovers, sha256_json, write_json
from medtune.models.load import installed_versions
from medtune.progress import detail, say
from medtune.report.figures import Hardware
from medtune.run_paths import RunPaths

# Raised when medtune's code changes what stages make from the same inputs.
STAGE_VERSION = 7


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Stage:
    """One part of a run's work: files or directories made from inputs.

    ``inputs`` are values by what people call them; a stage is done again when one of them or the
    version of one of the ``libraries`` changes.
    """

    name: str
    inputs: Mapping[str, object]
    outputs: tuple[Path, ...]
    libraries: tuple[str, ...] = ()

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Name of each input → SHA-256 of its JSON."""
        return {name: sha256_json(value) for name, value in self.inputs.items()}

    @cached_property
    def versions(self) -> dict[str, str]:
        """Installed version of each library."""
        return installed_versions(self.libraries)

    @cached_property
    def key(self) -> str:
        """SHA-256 over everything that the outputs depend on."""
        return sha256_json([STAGE_VERSION, self.name, self.fingerprints, self.versions])


class StageRecord(Result):
    """A stage in run.json. ``inputs`` is the stage's key; an earlier version wrote no versions."""

    model_config = ConfigDict(extra="allow")

    status: str = "new"
    start: str = ""
    inputs: str = ""
    depends_on: dict[str, str] | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    end: str | None = None
    outputs: dict[str, str] = Field(default_factory=dict)


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
        if self.root.exists() and not self.root.is_dir():
            raise RecipeError("is a file", where=str(self.root), fix="Name a directory with --out.")
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
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = open(self.root / ".lock", "w", encoding="utf-8")  # noqa: SIM115
        except (FileExistsError, FileNotFoundError, NotADirectoryError, PermissionError) as error:
            raise RecipeError(
                f"cannot be written to ({error.strerror})",
                where=str(self.root),
                fix="Choose another --out directory.",
            ) from error
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
        for directory in (self.root, self.root / "eval", self.train):
            if directory.is_dir():
                remove_leftovers(directory)

    def close(self) -> None:
        """Release the lock; without one, nothing happens."""
        if self._lock:
            self._lock.close()
            self._lock = None

    def state(self) -> dict[str, Any]:
        """What run.json says; an empty state before the first stage."""
        if not self.state_file.exists():
            return {"status": "new", "stages": {}}
        state = read_json(self.state_file)
        if not isinstance(state, dict) or not isinstance(state.get("stages"), dict):
            raise RunError(
                "this is no record of a run",
                where=str(self.state_file),
                fix="Bring it back from a copy, or use another --out.",
            )
        return state

    def update(self, **values: Any) -> None:
        """Set top-level values of run.json."""
        write_json(self.state_file, self.state() | values)

    def is_done(self, stage: Stage) -> bool:
        """Whether the stage ended well from these very inputs and its outputs are unchanged."""
        entry = self._entry(stage.name)
        return (
            entry.status == "complete"
            and entry.inputs == stage.key
            and self._outputs_are_whole(entry)
        )

    def perform(self, stage: Stage, work: Callable[[], None]) -> bool:
        """Do ``work`` and record its outputs, unless the stage is done; whether it was done now."""
        if self.is_done(stage):
            say(f"[{stage.name}] done before, inputs unchanged")
            return False
        say(f"[{stage.name}]{self._reason(stage)}")
        started = StageRecord(
            status="running",
            start=now(),
            inputs=stage.key,
            depends_on=stage.fingerprints,
            versions=stage.versions,
        )
        self._record(stage.name, started)
        self.update(status="running")
        work()
        finished = {"end": now(), "outputs": self.output_hashes(stage.outputs)}
        self._record(stage.name, started.model_copy(update={"status": "complete"} | finished))
        detail(f"[{stage.name}] complete")
        return True

    def output_hashes(self, outputs: Iterable[Path]) -> dict[str, str]:
        """Relative path → SHA-256 of every file among or below ``outputs``."""
        files = [
            file
            for path in outputs
            for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
            if file.is_file()
        ]
        return {str(file.relative_to(self.root)): file_hash(file) for file in files}

    def _outputs_are_whole(self, entry: StageRecord) -> bool:
        return all(
            (self.root / name).is_file() and file_hash(self.root / name) == digest
            for name, digest in entry.outputs.items()
        )

    def _reason(self, stage: Stage) -> str:
        """Why a stage that was begun or done before is done again; empty for a new one."""
        entry = self._entry(stage.name)
        if entry.status == "running" and entry.inputs == stage.key:
            return " was interrupted: going on"
        if entry.status != "complete":
            return ""
        if entry.inputs == stage.key:
            return " its files were changed or removed: done again"
        if entry.depends_on is None:  # of an earlier version of medtune
            return " its inputs or outputs have changed: done again"
        changed = changes(entry.depends_on, stage.fingerprints)
        versions = [
            f"{name} ({entry.versions.get(name, 'none')} → {stage.versions.get(name, 'none')})"
            for name in changes(entry.versions, stage.versions)
        ]
        reasons = [*changed, *versions] or ["medtune's own code"]
        return f" done again, since this has changed: {', '.join(reasons)}"

    def _entry(self, name: str) -> StageRecord:
        try:
            return StageRecord.model_validate(self.state()["stages"].get(name, {}))
        except ValidationError as error:
            raise RunError(
                f"the record of the stage {name} is not what medtune writes there",
                where=str(self.state_file),
                fix="Bring it back from a copy, or use another --out.",
            ) from error

    def _record(self, name: str, entry: StageRecord) -> None:
        state = self.state()
        state["stages"][name] = entry.as_json()
        write_json(self.state_file, state)


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The keys whose values differ, in the order of ``after``."""
    keys = dict.fromkeys([*after, *before])
    return [key for key in keys if before.get(key) != after.get(key)]


PACKAGES = (
    "medtune",
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "tokenizers",
    "safetensors",
    "numpy",
    "scipy",
    "pyarrow",
)


def versions() -> dict[str, str]:
    """Python and the packages that figures depend on."""
    return {"python": platform.python_version()} | installed_versions(PACKAGES)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as handle:
            return next(
                line.split(":", 1)[1].strip() for line in handle if line.startswith("model name")
            )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def memory_bytes() -> int:
    """Main memory of the machine in bytes."""
    return int(psutil.virtual_memory().total)


def hardware() -> Hardware:
    """Processor, usable cores, main memory in bytes, names of GPUs."""
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return Hardware(
        processor=_processor(),
        cores=available_cores(),
        threads=torch.get_num_threads(),
        memory_bytes=memory_bytes(),
        gpus=gpus,
    )
