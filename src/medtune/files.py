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
from typing import Any, Protocol, Self, TypeVar

from medtune.errors import DataError


class Validated(Protocol):
    """A type that checks plain values, as pydantic's models do."""

    @classmethod
    def model_validate(cls, obj: Any) -> Self:
        """The values as the type; ``ValueError`` where they do not fit."""


Document = TypeVar("Document", bound=Validated)
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


def _file_mode() -> int:
    """What the user's umask gives a new file: libraries (safetensors) write some for the owner
    alone.
    """
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o666 & ~mask


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
        temporary.chmod(_file_mode())
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
                path.chmod(_file_mode())
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
    """Read one JSON document in UTF-8.

    Raises ``DataError`` where it was cut or is none.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"not whole JSON ({_reason(error)})") from error


def read_as(path: Path, kind: type[Document]) -> Document:
    """A JSON document as the type that wrote it. Raises ``DataError`` where it is another one."""
    values = read_json(path)
    try:
        return kind.model_validate(values)
    except ValueError as error:  # pydantic's, which would quote the values
        name = kind.__name__
        raise _damaged(path, f"not what medtune writes there (no {name})") from error


def _reason(error: Exception) -> str:
    line, what = getattr(error, "lineno", None), getattr(error, "msg", "not to be decoded")
    return f"line {line}: {what}" if line else str(what)


def _damaged(path: Path, what: str) -> DataError:
    return DataError(
        what,
        where=str(path),
        fix="The file is damaged, or of another version: bring it back from a copy, or remove it "
        "and run the command again.",
    )


def write_json_lines(target: Path, rows: Iterator[Any] | list[Any]) -> None:
    """Write one JSON value a line, whole or not at all."""
    with whole_file(target) as temporary, open(temporary, "w", encoding="utf-8") as handle:
        for row in rows:
            handle.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def read_json_lines(path: Path) -> list[Any]:
    """Read one JSON value a line; blank lines are passed over."""
    number = 0
    try:
        with open(path, encoding="utf-8") as handle:
            lines = ((number := count, line) for count, line in enumerate(handle, 1))
            return [json.loads(line) for _, line in lines if line.strip()]
    except (ValueError, RecursionError) as error:
        what = getattr(error, "msg", "not to be decoded")
        raise _damaged(path, f"line {number} is not whole JSON ({what})") from error


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
