"""Several answers to one prompt, each with its log-likelihood: what scoring of labels and options needs.

`plain_choices` asks any model answer by answer; `choose` takes the model's own, faster way where it has one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from medtune.models.protocol import LanguageModel, Messages, Progress


@dataclass(frozen=True)
class Choices:
    """The answers of one prompt: as they stand in the rendered conversation, log-likelihood, tokens and UTF-8 bytes.

    ``prompt_cut`` tokens were left out of the prompt's beginning, where the context had no room for them.
    """

    prompt: str
    texts: tuple[str, ...]
    loglikelihoods: tuple[float, ...]
    tokens: tuple[int, ...]
    bytes: tuple[int, ...]
    prompt_cut: int = 0


Asked = tuple[Messages, Sequence[str]]  # a conversation so far, and answers to it


@runtime_checkable
class ScoresChoices(Protocol):
    """A model that computes a prompt once for all its answers."""

    def choice_loglikelihoods(self, asked: Sequence[Asked], progress: Progress | None = None) -> list[Choices]:
        """As ``plain_choices``; prompts too long for the context lose tokens at their beginning, and say so."""


def choose(model: LanguageModel, asked: Sequence[Asked], progress: Progress | None = None) -> list[Choices]:
    """Log-likelihoods of all answers to all prompts; ``progress`` counts prompts."""
    if isinstance(model, ScoresChoices):
        return model.choice_loglikelihoods(asked, progress)
    return plain_choices(model, asked, progress)


def plain_choices(model: LanguageModel, asked: Sequence[Asked], progress: Progress | None = None) -> list[Choices]:
    """The same from the protocol's ``loglikelihoods`` alone: every answer with its whole prompt."""
    found = model.loglikelihoods([(messages, answer) for messages, answers in asked for answer in answers])
    results, start = [], 0
    for _, answers in asked:
        scores = found[start : start + len(answers)]
        start += len(answers)
        results.append(
            Choices(
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
