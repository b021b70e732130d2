"""Writing files so that what exists is whole: a temporary name beside the target, fsync, rename
last.
"""

import contextlib
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TEMPORARY_MARK = ".partial-"
OLDER_MARK = ".older-"
SETTLED = 2 * 10**9  # nanoseconds; what changed later may change again without a new time
_hashes: dict[tuple[str, int, int, int, int], str] = {}


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _temporary_name(target: Path) -> Path:
    return target.with_name(f"{TEMPORARY_MARK}{target.name}-{uuid.uuid4().hex[:8]}")


@contextlib.contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target``.

    It becomes ``target`` only if the block ends without an error.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_name(target)
    try:
        yield temporary
        with open(temporary, "rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(target)
        _sync_directory(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_directory(target: Path) -> Iterator[Path]:
    """Yield a temporary directory beside ``target``.

    It takes the place of ``target`` only if the block ends well.

    An older ``target`` is moved aside first and removed last, so that at every moment one of the
    two is on disk.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_name(target)
    temporary.mkdir()
    try:
        yield temporary
        for path in sorted(temporary.rglob("*")):
            if path.is_file():
                with open(path, "rb") as handle:
                    os.fsync(handle.fileno())
        _sync_directory(temporary)
        older = target.with_name(f"{OLDER_MARK}{target.name}")
        shutil.rmtree(older, ignore_errors=True)
        if target.exists():
            target.replace(older)
        try:
            temporary.replace(target)
        except OSError:
            if older.exists():
                older.replace(target)
            raise
        _sync_directory(target.parent)
        shutil.rmtree(older, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_leftovers(directory: Path) -> None:
    """Clear what an interrupted writer left in ``directory`` (not below it).

    A directory that was moved aside comes back where its successor never took its place.
    """
    for older in directory.glob(f"{OLDER_MARK}*"):
        target = older.with_name(older.name.removeprefix(OLDER_MARK))
        if target.exists():
            shutil.rmtree(older, ignore_errors=True)
        else:
            older.replace(target)
    for path in directory.glob(f"{TEMPORARY_MARK}*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with whole_file(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: Path, value: Any) -> None:
    """Write indented JSON, whole or not at all; NaN and infinity are refused."""
    write_text(target, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read one JSON document in UTF-8."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_json_lines(target: Path, rows: Iterator[Any] | list[Any]) -> None:
    """Write one JSON value a line, whole or not at all."""
    with whole_file(target) as temporary, open(temporary, "w", encoding="utf-8") as handle:
        for row in rows:
            handle.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def read_json_lines(path: Path) -> list[Any]:
    """Read one JSON value a line; blank lines are passed over."""
    with open(path, encoding="utf-8") as handle:
        return [json.loads(line) for line in handle if line.strip()]


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits; the file is read."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def file_hash(path: Path, *, reread: bool = False) -> str:
    """SHA-256 of a file, read once in a process as long as its path, size and times are the same.

    With ``reread`` it is read in any case, to check once more what was said before. A file that
    changed within the last two seconds is not remembered: its clock may be too coarse to show the
    next change.
    """
    state = path.stat()
    key = (str(path.resolve()), state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    known = _hashes.get(key)
    if known is not None and not reread:
        return known
    settled = time.time_ns() - state.st_mtime_ns > SETTLED
    digest = sha256_file(path)
    if settled:
        _hashes[key] = digest
    return digest


def sha256_json(value: Any) -> str:
    """SHA-256 of a value's canonical JSON form."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_paths(paths: list[Path], *, reread: bool = False) -> str:
    """One SHA-256 over the names and bytes of several files, in the order given."""
    return sha256_json([[path.name, file_hash(path, reread=reread)] for path in paths])
