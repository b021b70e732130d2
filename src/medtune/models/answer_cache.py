"""What a service said, on disk, a line each as they come: an interrupted evaluation goes on, a repeated one asks nothing.

The file may hold answers about patients: it lies in the run's directory and nowhere else.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from medtune.files import sha256_json
from medtune.models.protocol import DecodingSettings
from medtune.progress import say

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kept = TypeVar("Kept", bound="DataclassInstance")


@dataclass(frozen=True)
class CachedAnswer:
    """What a service answered."""

    text: str
    tokens: int
    finished: bool


def answer_key(fingerprint: str, messages: list[dict[str, str]], decoding: DecodingSettings) -> str:
    """SHA-256 of all that an answer depends on: the model, the messages as sent, the decoding with its seed."""
    return sha256_json([fingerprint, messages, asdict(decoding)])


class KeptLines(Generic[Kept]):
    """Key → value. With ``path`` None, in memory only. Threads may share one.

    ``read`` makes a value of its line's fields, and fails where they are not as they should be; ``called`` is for people.
    """

    def __init__(self, path: Path | None, read: Callable[[dict[str, Any]], Kept], called: str) -> None:
        self._path, self._read_row, self._lock = path, read, threading.Lock()
        self._known: dict[str, Kept] = {}
        if path and path.exists():
            self._read(path, called)

    def get(self, key: str) -> Kept | None:
        """The value, if it is known."""
        return self._known.get(key)

    def put(self, key: str, value: Kept) -> None:
        """Keep a value, on disk at once."""
        line = json.dumps({"key": key, **asdict(value)}, ensure_ascii=False) + "\n"
        with self._lock:
            self._known[key] = value
            if self._path:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with open(self._path, "a", encoding="utf-8") as handle:
                    handle.write(line)

    def _read(self, path: Path, called: str) -> None:
        whole = spoilt = 0
        with open(path, "r+b") as handle:
            for raw in handle:
                if raw.endswith(b"\n"):
                    whole += len(raw)
                    spoilt += not self._take(raw)
            # A last line that a crash cut short goes, lest the next one be joined to it.
            handle.truncate(whole)
        if spoilt:
            say(f"{spoilt} unreadable {called} in {path.name}: they are asked for again")

    def _take(self, raw: bytes) -> bool:
        try:
            row: dict[str, Any] = json.loads(raw)
            self._known[str(row["key"])] = self._read_row(row)
        except (ValueError, KeyError, TypeError):
            return False
        return True


def answer_cache(path: Path | None) -> KeptLines[CachedAnswer]:
    """Answers by ``answer_key``."""
    return KeptLines(
        path, lambda row: CachedAnswer(str(row["text"]), int(row["tokens"]), bool(row["finished"])), "answers"
    )
