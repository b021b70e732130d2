"""Results of single items, on disk: an interrupted evaluation goes on, a repeated one computes
nothing and pays for nothing.

One cache, ``JsonlCache``, serves local models (through ``CachedModel``) and services alike. Its
files may hold answers about patients: they lie in the run's directory and nowhere else.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
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
    choices_with_ends,
    conversation_loglikelihoods,
)
from medtune.progress import say

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Result = Generated | Likelihood | ChoiceLikelihoods
Value = TypeVar("Value", bound="DataclassInstance")
Request = TypeVar("Request")
CHOICES_VERSION = 2  # of what is kept of choices: which answers are the same tokens, too
PORTION = 256  # results that an interruption may cost, in the order of their length


class JsonlCache(Generic[Value]):
    """Key → value, a line each. With ``path`` None, in memory only. Threads may share one.

    ``decode`` makes a value of its line's fields, and raises ``ValueError``, ``KeyError`` or
    ``TypeError`` where they are not as they should be. ``noun`` and ``verb`` are for people:
    unreadable answers are "asked for" again.
    """

    def __init__(
        self,
        path: Path | None,
        decode: Callable[[dict[str, Any]], Value],
        noun: str,
        verb: str = "asked for",
    ) -> None:
        self._path, self._decode, self._lock = path, decode, threading.Lock()
        self._values: dict[str, Value] = {}
        unreadable = self._read(path) if path and path.exists() else 0
        if path and unreadable:
            say(f"{unreadable} unreadable {noun} in {path.name}: they are {verb} again")

    def __getitem__(self, key: str) -> Value:
        return self._values[key]

    def missing(self, keys: Sequence[str]) -> dict[str, int]:
        """The unknown keys, each with the index where it stands first."""
        firsts = {key: index for index, key in reversed(list(enumerate(keys)))}
        return {key: firsts[key] for key in dict.fromkeys(keys) if key not in self._values}

    def put(self, values: Mapping[str, Value]) -> None:
        """Keep values, on disk at once."""
        lines = [
            json.dumps({"key": key, **asdict(value)}, ensure_ascii=False) + "\n"
            for key, value in values.items()
        ]
        with self._lock:
            self._values |= values
            if self._path:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with open(self._path, "a", encoding="utf-8") as handle:
                    handle.write("".join(lines))

    def _read(self, path: Path) -> int:
        """How many lines could not be read."""
        whole = unreadable = 0
        with open(path, "r+b") as handle:
            for line in handle:
                if line.endswith(b"\n"):
                    whole += len(line)
                    unreadable += not self._read_line(line)
            # A last line that a crash cut short goes, lest the next one be joined to it.
            handle.truncate(whole)
        return unreadable

    def _read_line(self, line: bytes) -> bool:
        try:
            fields = json.loads(line)
            key = str(fields.pop("key"))
            # Earlier versions wrote the results of local models as one field.
            self._values[key] = self._decode(fields.get("value", fields))
        except (ValueError, KeyError, TypeError, AttributeError):
            return False
        return True


@dataclass(frozen=True)
class CachedAnswer:
    """The text of a service's answer, its tokens, and whether it was finished."""

    text: str
    tokens: int
    finished: bool


def answer_cache(path: Path | None) -> JsonlCache[CachedAnswer]:
    """Answers of a service by ``answer_key``."""
    return JsonlCache(
        path,
        lambda row: CachedAnswer(str(row["text"]), int(row["tokens"]), bool(row["finished"])),
        "answers",
    )


def answer_key(fingerprint: str, messages: list[dict[str, str]], decoding: DecodingSettings) -> str:
    """SHA-256 of all that an answer depends on: the model, the messages as sent, the decoding
    with its seed.
    """
    return sha256_json([fingerprint, messages, asdict(decoding)])


class CachedModel:
    """A ``LanguageModel`` whose results are kept in ``path``; the model itself is opened when an
    item is not there.

    ``name`` and ``fingerprint`` are those of the model that ``load`` opens.
    ``text_likelihoods`` False: it has no likelihoods of whole texts, so none are asked for.
    """

    def __init__(
        self,
        load: Callable[[], LanguageModel],
        path: Path,
        *,
        name: str,
        fingerprint: str,
        text_likelihoods: bool = True,
        portion: int = PORTION,
    ) -> None:
        self.name, self.fingerprint = name, fingerprint
        self._load, self._portion, self._text_likelihoods = load, portion, text_likelihoods
        self._cache: JsonlCache[Result] = JsonlCache(path, _decode_result, "results", "computed")
        self._announced = False

    @cached_property
    def model(self) -> LanguageModel:
        """The model itself, opened at the first use."""
        return self._load()

    @property
    def loaded(self) -> bool:
        """Whether the model had to be opened."""
        return "model" in self.__dict__

    def generate(
        self,
        prompts: Sequence[Messages],
        decoding: DecodingSettings,
        progress: Progress | None = None,
    ) -> list[Generated]:
        """One answer to each conversation; only those not stored yet are generated."""
        return self._complete(
            [["generate", asdict(decoding), _plain(messages)] for messages in prompts],
            prompts,
            lambda portion, progress: self.model.generate(portion, decoding, progress),
            progress,
        )

    def loglikelihoods(
        self, pairs: Sequence[tuple[Messages, str]], progress: Progress | None = None
    ) -> list[Likelihood]:
        """Log-likelihoods (nats) of each answer; only pairs not stored yet are computed."""
        return self._complete(
            [["answer", _plain(messages), answer] for messages, answer in pairs],
            pairs,
            lambda portion, progress: self.model.loglikelihoods(portion, progress),
            progress,
        )

    def text_loglikelihoods(
        self, texts: Sequence[str], progress: Progress | None = None
    ) -> list[Likelihood]:
        """Log-likelihoods (nats) of each text; an empty list where the model gives none."""
        if not self._text_likelihoods:
            if progress:
                progress(len(texts))
            return []
        return self._complete(
            [["text", text] for text in texts],
            texts,
            lambda portion, progress: self.model.text_loglikelihoods(portion, progress),
            progress,
        )

    def conversation_loglikelihoods(
        self, pairs: Sequence[tuple[Messages, str]], progress: Progress | None = None
    ) -> list[Likelihood]:
        """Log-likelihoods (nats) of question and answer together, as ``text_loglikelihoods``."""
        if not self._text_likelihoods:
            return self.text_loglikelihoods([answer for _, answer in pairs], progress)
        return self._complete(
            [["conversation", _plain(messages), answer] for messages, answer in pairs],
            pairs,
            lambda portion, progress: conversation_loglikelihoods(
                self.model, portion, self.loglikelihoods(portion), progress
            ),
            progress,
        )

    def choice_loglikelihoods(
        self, requests: Sequence[ChoiceRequest], progress: Progress | None = None
    ) -> list[ChoiceLikelihoods]:
        """Log-likelihoods (nats) of each request's answers, computed where none are stored."""
        return self._complete(
            [
                ["choices", CHOICES_VERSION, _plain(messages), list(answers)]
                for messages, answers in requests
            ],
            requests,
            lambda portion, progress: choice_loglikelihoods(self.model, portion, progress),
            progress,
        )

    def choices_with_ends(
        self, requests: Sequence[ChoiceRequest], progress: Progress | None = None
    ) -> list[ChoiceLikelihoods]:
        """Log-likelihoods (nats) of answers to the end of their turn, stored apart from others."""
        return self._complete(
            [
                ["turns", CHOICES_VERSION, _plain(messages), list(answers)]
                for messages, answers in requests
            ],
            requests,
            lambda portion, progress: choices_with_ends(self.model, portion, progress),
            progress,
        )

    def _complete(
        self,
        descriptions: Sequence[list[Any]],
        requests: Sequence[Request],
        compute: Callable[[list[Request], Progress | None], list[Any]],
        progress: Progress | None,
    ) -> list[Any]:
        """Results in the order of ``requests``, whose ``descriptions`` are what is hashed.

        The unknown ones are computed in portions, longest first, each kept when it is done.
        """
        keys = [sha256_json([self.fingerprint, description]) for description in descriptions]
        missing = self._cache.missing(keys)
        if progress:
            progress(len(keys) - len(missing))
        if keys and not missing:
            self._announce()
        order = sorted(missing, key=lambda key: -len(str(descriptions[missing[key]])))
        for start in range(0, len(order), self._portion):
            portion = order[start : start + self._portion]
            results = compute([requests[missing[key]] for key in portion], progress)
            self._cache.put(dict(zip(portion, results, strict=True)))
        return [self._cache[key] for key in keys]

    def _announce(self) -> None:
        if not self.loaded and not self._announced:
            say(f"{self.name}: results kept from before are used; it is loaded for new items only")
            self._announced = True


def _decode_result(fields: dict[str, Any]) -> Result:
    if "loglikelihoods" in fields:
        arguments: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in fields.items()
        }
        return ChoiceLikelihoods(**arguments)
    return Likelihood(**fields) if "loglikelihood" in fields else Generated(**fields)


def _plain(messages: Messages) -> list[list[str]]:
    return [[message.role, message.content] for message in messages]
