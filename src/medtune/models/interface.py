"""What evaluation needs of a language model, whatever stands behind it.

The way of a likelihood, from a task to the matrices:

1. ``evaluation/tasks/…`` asks ``LanguageModel.loglikelihoods`` or ``choice_loglikelihoods``;
2. ``models/cache.py`` (``CachedModel``) gives what is known, and opens the model for the rest;
3. ``models/causal.py`` (``CausalModel``) renders each pair with ``tokens/render.py``
   (``ChatTemplate``), encodes it, cuts it into windows and lays these end to end;
4. ``models/packed_attention.py`` is what the layers attend with, each row to itself (for answers
   that share a prompt, ``models/prefix_tree.py``);
5. ``models/scoring.py`` takes the hidden states through the head to log-likelihoods in nats.

An encoder-decoder takes steps 3 to 5 in ``models/encoder_decoder.py``, a service in
``models/endpoint_logprobs.py``.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from medtune.conversation import Message
from medtune.errors import RecipeError
from medtune.files import read_as
from medtune.recipe.base import check_temperature
from medtune.recipe.schema import Chat, Decoding, Recipe

Messages = Sequence[Message]


@dataclass(frozen=True)
class DecodingSettings:
    """How to generate.

    ``temperature`` 0 is greedy (or beam search); else sampling within ``top_p``, seeded.

    ``no_repeat_ngram`` forbids that a run of so many tokens comes twice; 0 allows it.
    """

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    beams: int = 1
    no_repeat_ngram: int = 0

    def __post_init__(self) -> None:
        """Raises ``RecipeError`` for a temperature that cannot be sampled with."""
        try:
            check_temperature(self.temperature)
        except ValueError as error:
            raise RecipeError(str(error), where="temperature", fix="Try 0.7.") from error


@dataclass(frozen=True)
class Generated:
    """One answer: the exact prompt text, the answer, its tokens, and whether the model ended it
    itself.

    ``prompt_cut`` tokens were left out of the prompt's beginning, where the model's context had no
    room for them.
    """

    prompt: str
    text: str
    tokens: int
    finished: bool
    prompt_cut: int = 0


@dataclass(frozen=True)
class Likelihood:
    """Log-likelihood (natural logarithm) of a text over its ``tokens``, ``bytes`` its UTF-8 size,
    as far as the tokens stand for it.

    ``prompt_cut`` tokens of the prompt were not seen, where the model's context had no room for
    them. A text with ``unknown`` tokens has no likelihood that could be compared: the same tokens
    stand for others.
    """

    prompt: str
    text: str
    loglikelihood: float
    tokens: int
    bytes: int
    prompt_cut: int = 0
    unknown: int = 0


Progress = Callable[[int], None]


@runtime_checkable
class LanguageModel(Protocol):
    """A local causal model, a sequence-to-sequence model or a remote endpoint."""

    @property
    def name(self) -> str:
        """The model's name, for people."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever the weights or the way of prompting change."""

    def generate(
        self,
        prompts: Sequence[Messages],
        decoding: DecodingSettings,
        progress: Progress | None = None,
    ) -> list[Generated]:
        """One answer to each conversation so far."""

    def loglikelihoods(
        self, pairs: Sequence[tuple[Messages, str]], progress: Progress | None = None
    ) -> list[Likelihood]:
        """Log-likelihood of each text as the answer to its conversation so far."""

    def text_loglikelihoods(
        self, texts: Sequence[str], progress: Progress | None = None
    ) -> list[Likelihood]:
        """Log-likelihood of each text from its beginning (after BOS).

        Empty where a model has no such thing (T5).
        """


@runtime_checkable
class StreamingModel(Protocol):
    """A model that gives an answer piece by piece."""

    def stream(
        self, messages: Messages, decoding: DecodingSettings, on_text: Callable[[str], None]
    ) -> Generated:
        """One answer; ``on_text`` receives it piece by piece."""


@runtime_checkable
class ConversationScorer(Protocol):
    """A model that has likelihoods of question and answer together."""

    def conversation_loglikelihoods(
        self, pairs: Sequence[tuple[Messages, str]], progress: Progress | None = None
    ) -> list[Likelihood]:
        """Log-likelihood of each conversation with its answer, from its beginning."""


def conversation_loglikelihoods(
    model: LanguageModel,
    pairs: Sequence[tuple[Messages, str]],
    answers: Sequence[Likelihood],
    progress: Progress | None = None,
) -> list[Likelihood]:
    """Log-likelihoods of whole conversations; of a model that knows texts alone, those of the
    texts that it gave with its ``answers``.
    """
    if isinstance(model, ConversationScorer):
        return model.conversation_loglikelihoods(pairs, progress)
    return model.text_loglikelihoods([a.prompt + a.text for a in answers], progress)


def first_equal(values: Sequence[Hashable]) -> tuple[int, ...]:
    """For each of the values the index of the first that equals it."""
    firsts: dict[Hashable, int] = {}
    return tuple(firsts.setdefault(value, index) for index, value in enumerate(values))


@dataclass(frozen=True)
class ChoiceLikelihoods:
    """The answers to one prompt: ``texts`` as they stand in the rendered conversation, their
    log-likelihoods (nats), tokens and UTF-8 bytes.

    ``prompt_cut`` tokens were left out of the prompt's beginning, where the context had no room for
    them. ``ends`` are the log-likelihoods of what ends the turn after each. Answers with one number
    in ``token_groups`` are the same token ids to the model; empty where the ids are not known.
    """

    prompt: str
    texts: tuple[str, ...]
    loglikelihoods: tuple[float, ...]
    tokens: tuple[int, ...]
    bytes: tuple[int, ...]
    prompt_cut: int = 0
    ends: tuple[float, ...] | None = None
    token_groups: tuple[int, ...] = ()

    def indistinct_groups(self) -> tuple[int, ...]:
        """A number for each answer, equal where the model cannot tell two apart: of the same
        tokens, or of the same text where tokens are not known.
        """
        return self.token_groups or first_equal(self.texts)

    def part(self, start: int, end: int | None) -> "ChoiceLikelihoods":
        """Those of some of the answers, [start, end)."""
        chosen = slice(start, end)
        return replace(
            self,
            texts=self.texts[chosen],
            loglikelihoods=self.loglikelihoods[chosen],
            tokens=self.tokens[chosen],
            bytes=self.bytes[chosen],
            ends=None if self.ends is None else self.ends[chosen],
            token_groups=self.token_groups[chosen],
        )

    def whole(self) -> np.ndarray | None:
        """Log-likelihood of each answer with the end of its turn: of being the answer, and not
        its beginning alone.

        Without ``ends`` that of the texts. None where one of these then begins with another: the
        shorter would never be less likely.
        """
        if self.ends is not None:
            return np.add(self.loglikelihoods, self.ends)
        texts = sorted(set(self.texts))
        begins = any(after.startswith(text) for text, after in pairwise(texts))
        return None if begins else np.array(self.loglikelihoods)


# a conversation so far, and answers to it
ChoiceRequest = tuple[Messages, Sequence[str]]


@runtime_checkable
class ChoiceScorer(Protocol):
    """A model that computes a prompt once for all its answers."""

    def choice_loglikelihoods(
        self, requests: Sequence[ChoiceRequest], progress: Progress | None = None
    ) -> list[ChoiceLikelihoods]:
        """As ``choices_from_pairs``.

        Prompts too long for the context lose tokens at their beginning, and say so.
        """


def choice_loglikelihoods(
    model: LanguageModel, requests: Sequence[ChoiceRequest], progress: Progress | None = None
) -> list[ChoiceLikelihoods]:
    """Log-likelihoods of all answers to all prompts; ``progress`` counts prompts."""
    if isinstance(model, ChoiceScorer):
        return model.choice_loglikelihoods(requests, progress)
    return choices_from_pairs(model, requests, progress)


@runtime_checkable
class WholeTurnScorer(Protocol):
    """A model that also gives the likelihood of the end of a turn."""

    def choices_with_ends(
        self, requests: Sequence[ChoiceRequest], progress: Progress | None = None
    ) -> list[ChoiceLikelihoods]:
        """As ``choice_loglikelihoods``, with ``ends`` where the template ends its turns."""


def choices_with_ends(
    model: LanguageModel, requests: Sequence[ChoiceRequest], progress: Progress | None = None
) -> list[ChoiceLikelihoods]:
    """``choice_loglikelihoods`` with the ends of the turns, from a model that gives them."""
    if isinstance(model, WholeTurnScorer):
        return model.choices_with_ends(requests, progress)
    return choice_loglikelihoods(model, requests, progress)


@runtime_checkable
class EncodesAnswers(Protocol):
    """A model that shows the token ids which it scores."""

    def answer_ids(self, messages: Messages, answer: str) -> np.ndarray:
        """Ids that are equal for two answers to one conversation where these are the same to it."""


def choices_from_pairs(
    model: LanguageModel, requests: Sequence[ChoiceRequest], progress: Progress | None = None
) -> list[ChoiceLikelihoods]:
    """The same from ``loglikelihoods`` alone: every answer with its whole prompt."""
    likelihoods = iter(
        model.loglikelihoods(
            [(messages, answer) for messages, answers in requests for answer in answers]
        )
    )
    results = []
    for messages, answers in requests:
        scores = [next(likelihoods) for _ in answers]
        ids: list[bytes] = []
        if isinstance(model, EncodesAnswers):
            ids = [model.answer_ids(messages, answer).tobytes() for answer in answers]
        results.append(
            ChoiceLikelihoods(
                scores[0].prompt,
                tuple(s.text for s in scores),
                tuple(s.loglikelihood for s in scores),
                tuple(s.tokens for s in scores),
                tuple(s.bytes for s in scores),
                max(s.prompt_cut for s in scores),
                token_groups=first_equal(ids),
            )
        )
    if progress:
        progress(len(requests))
    return results


def choices_in_portions(
    model: LanguageModel,
    requests: Sequence[ChoiceRequest],
    size: int,
    progress: Progress | None = None,
) -> list[ChoiceLikelihoods]:
    """``choices_from_pairs`` for ``size`` prompts at a time, so that progress shows."""
    return [
        choices
        for start in range(0, len(requests), size)
        for choices in choices_from_pairs(model, requests[start : start + size], progress)
    ]


@dataclass(frozen=True)
class TextEmbedding:
    """``mean`` [width] of the whole text and ``tokens`` [n, width] of its tokens, each of length
    1 (0 for a text of none).
    """

    mean: np.ndarray
    tokens: np.ndarray


SETTINGS_FILE = "medtune.json"


class InferenceSettings(BaseModel):
    """What asking a trained model needs to know of its recipe; defaults for a model of another
    make.

    An adapter's base was held in ``quantization`` in training; ``base`` is its name.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    system_prompt: str | None = None
    max_new_tokens: int | None = None
    decoding: Decoding = Field(default_factory=Decoding)
    chat: Chat = Field(default_factory=Chat)
    revision: str | None = None
    base_weights_sha256: str | None = None
    quantization: str | None = None
    double_quantization: bool = True
    base: str | None = None

    @field_validator("decoding", "chat", mode="before")
    @classmethod
    def _empty(cls, value: object) -> object:
        return value or {}

    @classmethod
    def of(cls, recipe: Recipe, **others: Any) -> Self:
        """What a recipe says; ``others`` are fields of which it knows nothing."""
        evaluate = recipe.evaluate
        return cls(
            system_prompt=recipe.data.system_prompt,
            max_new_tokens=recipe.chat.max_new_tokens or evaluate.decoding.max_new_tokens,
            decoding=evaluate.decoding,
            chat=recipe.chat,
            **others,
        )

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Those of a model's directory."""
        file = directory / SETTINGS_FILE
        return read_as(file, cls) if file.exists() else cls()

    def as_json(self) -> dict[str, Any]:
        """The fields that were given, as plain values."""
        return self.model_dump(mode="json", include=self.model_fields_set)

    def decoding_settings(
        self,
        max_new_tokens: int | None = None,
        temperature: float | None = None,
        seed: int = 0,
    ) -> DecodingSettings:
        """How the model is asked: what a person sets first, else as its recipe's ``chat`` and
        ``evaluate.decoding`` say.
        """
        chosen = self.chat.temperature if temperature is None else temperature
        return DecodingSettings(
            max_new_tokens or self.max_new_tokens or self.decoding.max_new_tokens,
            chosen,
            self.decoding.top_p if chosen else 1.0,
            seed,
            self.decoding.beams,
            self.decoding.no_repeat_ngram,
        )
