"""What a service said, on disk, a line each as they come: an interrupted evaluation goes on, a
repeated one asks nothing.

The file may hold answers about patients: it lies in the run's directory and nowhere else.
"""

import json
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from medtune.files import sha256_json
from medtune.models.interface import (
    ChoiceLikelihoods,
    ChoiceRequest,
    DecodingSettings,
    Generated,
    LanguageModel,
    Likelihood,
    Messages,
    Progress,
    choice_loglikelihoods,
)
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
    """SHA-256 of all that an answer depends on: the model, the messages as sent, the decoding
    with its seed.
    """
    return sha256_json([fingerprint, messages, asdict(decoding)])


class JsonlCache(Generic[Kept]):
    """Key → value. With ``path`` None, in memory only. Threads may share one.

    ``read`` makes a value of its line's fields, and fails where they are not as they should be;
    ``called`` is for people.
    """

    def __init__(
        self, path: Path | None, read: Callable[[dict[str, Any]], Kept], called: str
    ) -> None:
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


def answer_cache(path: Path | None) -> JsonlCache[CachedAnswer]:
    """Answers by ``answer_key``."""
    return JsonlCache(
        path,
        lambda row: CachedAnswer(str(row["text"]), int(row["tokens"]), bool(row["finished"])),
        "answers",
    )


AT_ONCE = 256  # results that an interruption may cost, in the order of their length
T = TypeVar("T")
Q = TypeVar("Q")


class CachedModel:
    """``model`` as a ``LanguageModel``.

    What is known from the file ``path`` is not computed again.
    """

    def __init__(self, model: LanguageModel, path: Path, at_once: int = AT_ONCE) -> None:
        self.model, self._path, self._at_once = model, path, at_once
        self.name, self.fingerprint = model.name, model.fingerprint
        self._known = _read(path)

    def generate(
        self,
        prompts: Sequence[Messages],
        decoding: DecodingSettings,
        progress: Progress | None = None,
    ) -> list[Generated]:
        """As in ``LanguageModel``."""
        return self._through(
            [["generate", asdict(decoding), _plain(messages)] for messages in prompts],
            list(prompts),
            lambda asked, tell: self.model.generate(asked, decoding, tell),
            lambda values: Generated(**values),
            progress,
        )

    def loglikelihoods(
        self, pairs: Sequence[tuple[Messages, str]], progress: Progress | None = None
    ) -> list[Likelihood]:
        """As in ``LanguageModel``."""
        return self._through(
            [["likelihood", _plain(messages), answer] for messages, answer in pairs],
            list(pairs),
            self.model.loglikelihoods,
            lambda values: Likelihood(**values),
            progress,
        )

    def text_loglikelihoods(
        self, texts: Sequence[str], progress: Progress | None = None
    ) -> list[Likelihood]:
        """As in ``LanguageModel``."""
        return self._through(
            [["text", text] for text in texts],
            list(texts),
            self.model.text_loglikelihoods,
            lambda values: Likelihood(**values),
            progress,
        )

    def choice_loglikelihoods(
        self, asked: Sequence[ChoiceRequest], progress: Progress | None = None
    ) -> list[ChoiceLikelihoods]:
        """As in ``ChoiceScorer``."""
        return self._through(
            [["choices", _plain(messages), list(answers)] for messages, answers in asked],
            list(asked),
            lambda some, tell: choice_loglikelihoods(self.model, some, tell),
            _choices,
            progress,
        )

    def _through(
        self,
        wanted: Sequence[Any],
        questions: Sequence[Q],
        ask: Callable[[list[Q], Progress | None], list[T]],
        load: Callable[[dict[str, Any]], T],
        progress: Progress | None,
    ) -> list[T]:
        """Results in the order of ``questions``.

        The unknown ones in portions, longest first, each kept when it is done.
        """
        keys = [sha256_json([self.fingerprint, asked]) for asked in wanted]
        missing: dict[Hashable, int] = {
            key: i for i, key in enumerate(keys) if key not in self._known
        }
        if progress:
            progress(len(keys) - len(missing))
        order = sorted(missing.values(), key=lambda i: -len(str(wanted[i])))
        for start in range(0, len(order), self._at_once):
            portion = order[start : start + self._at_once]
            results = ask([questions[i] for i in portion], progress)
            if len(results) < len(portion):
                # none: the model has no such thing (the whole text's likelihood, of an
                # encoder-decoder)
                return results
            self._keep([keys[i] for i in portion], [asdict(result) for result in results])  # type: ignore[call-overload]
        return [load(self._known[key]) for key in keys]

    def _keep(self, keys: Sequence[str], values: Sequence[dict[str, Any]]) -> None:
        self._known |= dict(zip(keys, values, strict=True))
        lines = [
            json.dumps({"key": key, "value": value}, ensure_ascii=False)
            for key, value in zip(keys, values, strict=True)
        ]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path, "a", encoding="utf-8") as handle:
            handle.write("\n".join(lines) + "\n")


def _choices(values: dict[str, Any]) -> ChoiceLikelihoods:
    made: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    return ChoiceLikelihoods(**made)


def _plain(messages: Messages) -> list[list[str]]:
    return [[message.role, message.content] for message in messages]


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Key → result.

    What a crash cut short at the end goes; other unreadable lines are counted and computed again.
    """
    known: dict[str, dict[str, Any]] = {}
    if not path.exists():
        return known
    whole = spoilt = 0
    with open(path, "r+b") as handle:
        for raw in handle:
            if raw.endswith(b"\n"):
                whole += len(raw)
                try:
                    row = json.loads(raw)
                    known[str(row["key"])] = dict(row["value"])
                except (ValueError, KeyError, TypeError):
                    spoilt += 1
        handle.truncate(whole)
    if spoilt:
        say(f"{spoilt} unreadable results in {path.name}: they are computed again")
    return known
