"""What evaluation needs of a language model, whatever stands behind it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from medtune.conversation import Message

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
    """Log-likelihood (natural logarithm) of a text over its ``tokens``, ``bytes`` its UTF-8 size.

    ``prompt_cut`` tokens of the prompt were not seen, where the model's context had no room for
    them.
    """

    prompt: str
    text: str
    loglikelihood: float
    tokens: int
    bytes: int
    prompt_cut: int = 0


Progress = Callable[[int], None]


@runtime_checkable
class LanguageModel(Protocol):
    """A local causal model, a sequence-to-sequence model or a remote endpoint."""

    @property
    def name(self) -> str:
        """For people."""

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
        """Log-likelihood of each continuation, said as the answer to its conversation so far."""

    def text_loglikelihoods(
        self, texts: Sequence[str], progress: Progress | None = None
    ) -> list[Likelihood]:
        """Log-likelihood of each text from its beginning (after BOS).

        Empty where a model has no such thing (T5).
        """


@runtime_checkable
class StreamingModel(Protocol):
    """A model that hands out an answer while it is made."""

    def stream(
        self, messages: Messages, decoding: DecodingSettings, on_text: Callable[[str], None]
    ) -> Generated:
        """One answer; ``on_text`` receives it piece by piece."""


@dataclass(frozen=True)
class ChoiceLikelihoods:
    """The answers of one prompt: as they stand in the rendered conversation, log-likelihood,
    tokens and UTF-8 bytes.

    ``prompt_cut`` tokens were left out of the prompt's beginning, where the context had no room for
    them.
    """

    prompt: str
    texts: tuple[str, ...]
    loglikelihoods: tuple[float, ...]
    tokens: tuple[int, ...]
    bytes: tuple[int, ...]
    prompt_cut: int = 0


ChoiceRequest = tuple[Messages, Sequence[str]]  # a conversation so far, and answers to it


@runtime_checkable
class ChoiceScorer(Protocol):
    """A model that computes a prompt once for all its answers."""

    def choice_loglikelihoods(
        self, asked: Sequence[ChoiceRequest], progress: Progress | None = None
    ) -> list[ChoiceLikelihoods]:
        """As ``choices_from_pairs``.

        Prompts too long for the context lose tokens at their beginning, and say so.
        """


def choice_loglikelihoods(
    model: LanguageModel, asked: Sequence[ChoiceRequest], progress: Progress | None = None
) -> list[ChoiceLikelihoods]:
    """Log-likelihoods of all answers to all prompts; ``progress`` counts prompts."""
    if isinstance(model, ChoiceScorer):
        return model.choice_loglikelihoods(asked, progress)
    return choices_from_pairs(model, asked, progress)


def choices_from_pairs(
    model: LanguageModel, asked: Sequence[ChoiceRequest], progress: Progress | None = None
) -> list[ChoiceLikelihoods]:
    """The same from the protocol's ``loglikelihoods`` alone: every answer with its whole prompt."""
    found = model.loglikelihoods(
        [(messages, answer) for messages, answers in asked for answer in answers]
    )
    results, start = [], 0
    for _, answers in asked:
        scores = found[start : start + len(answers)]
        start += len(answers)
        results.append(
            ChoiceLikelihoods(
                scores[0].prompt,
                tuple(s.text for s in scores),
                tuple(s.loglikelihood for s in scores),
                tuple(s.tokens for s in scores),
                tuple(s.bytes for s in scores),
                max(s.prompt_cut for s in scores),
            )
        )
    if progress:
        progress(len(asked))
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
