"""Answers of a service on disk, a line each as they come: an interrupted evaluation goes on, a repeated one asks nothing.

The file may hold answers about patients: it lies in the run's directory and nowhere else.
"""

import json
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from medtune.files import sha256_json
from medtune.models.protocol import DecodingSettings
from medtune.progress import say


@dataclass(frozen=True)
class CachedAnswer:
    """What a service answered."""

    text: str
    tokens: int
    finished: bool


def answer_key(fingerprint: str, messages: list[dict[str, str]], decoding: DecodingSettings) -> str:
    """SHA-256 of all that an answer depends on: the model, the messages as sent, the decoding with its seed."""
    return sha256_json([fingerprint, messages, asdict(decoding)])


class AnswerCache:
    """Key → answer. With ``path`` None, in memory only. Threads may share one."""

    def __init__(self, path: Path | None) -> None:
        self._path, self._lock = path, threading.Lock()
        self._answers: dict[str, CachedAnswer] = {}
        if path and path.exists():
            self._read(path)

    def get(self, key: str) -> CachedAnswer | None:
        """The answer, if it was given before."""
        return self._answers.get(key)

    def put(self, key: str, answer: CachedAnswer) -> None:
        """Keep an answer, on disk at once."""
        line = json.dumps({"key": key, **asdict(answer)}, ensure_ascii=False) + "\n"
        with self._lock:
            self._answers[key] = answer
            if self._path:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with open(self._path, "a", encoding="utf-8") as handle:
                    handle.write(line)

    def _read(self, path: Path) -> None:
        whole = 0
        spoilt = 0
        with open(path, "rb") as handle:
            for raw in handle:
                if raw.endswith(b"\n"):
                    whole += len(raw)
                    spoilt += not self._take(raw)
        # A last line that a crash cut short goes, lest the next answer be joined to it.
        with open(path, "r+b") as handle:
            handle.truncate(whole)
        if spoilt:
            say(f"{spoilt} unreadable answers in {path.name}: they are asked again")

    def _take(self, raw: bytes) -> bool:
        try:
            row: dict[str, Any] = json.loads(raw)
            answer = CachedAnswer(str(row["text"]), int(row["tokens"]), bool(row["finished"]))
            self._answers[str(row["key"])] = answer
        except (ValueError, KeyError, TypeError):
            return False
        return True
