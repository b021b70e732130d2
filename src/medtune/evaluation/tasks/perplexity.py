"""How well a model predicts the held-out answers, per token and per byte: the answer alone, and
the whole text.
"""

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from medtune.conversation import Conversation
from medtune.evaluation.resolution import LIKELIHOOD_NOISE
from medtune.evaluation.results import Sample
from medtune.evaluation.tasks.task import Metric, Task, TaskSettings
from medtune.models.interface import LanguageModel, Likelihood, conversation_loglikelihoods
from medtune.progress import say, track
from medtune.recipe.extensions import Need
from medtune.recipe.schema import TaskSpec
from medtune.text.pieces import count_words


class LikelihoodSample(Sample):
    """A text with its log-likelihood in nats, over ``tokens`` and UTF-8 ``bytes``.

    ``score`` is its bits per byte, for reading. One with ``unknown`` tokens is left out of all
    figures: the same tokens stand for other texts.
    """

    continuations: list[str] = Field(default_factory=list)
    loglikelihoods: list[float]
    tokens: int
    bytes: int
    unknown: int = 0
    score: float = math.nan


class PerplexitySample(LikelihoodSample):
    """An answer, and question and answer together where the model gives their likelihood."""

    words: int = 0
    text_loglikelihood: float = 0.0
    text_tokens: int = 0
    text_bytes: int = 0
    text_unknown: int = 0


def _known(unknown: int, loglikelihood: float, size: int) -> tuple[float, int]:
    """What is summed of a text: nothing of one that holds unknown tokens, or that is all lost."""
    return (0.0, 0) if unknown or not size else (-loglikelihood, size)


def bits(values: np.ndarray) -> np.ndarray:
    """Natural units of information as bits."""
    return values / math.log(2)


def bits_per_byte(title: str) -> Metric:
    """Negative log-likelihood in bits over UTF-8 bytes, summed over all items: comparable across
    tokenizers.
    """
    return Metric(
        "bits_per_byte",
        title,
        lambda s: _known(s.unknown, s.loglikelihoods[0], s.bytes),
        "lower",
        bits,
        "bits/byte",
        paired_only=True,
        noise=LIKELIHOOD_NOISE,
        label="Bits per byte of the held-out answers",
    )


def say_left_out(task: str, likelihoods: Sequence[Likelihood], noun: str) -> None:
    """Say how many texts hold unknown tokens; nothing where none does."""
    count = sum(likelihood.unknown > 0 for likelihood in likelihoods)
    if count:
        say(
            f"{task}: {count:,} of {len(likelihoods):,} {noun} hold tokens that this model's "
            "tokenizer does not know: they are left out of its figures"
        )


def text_score(likelihood: Likelihood) -> float:
    """Bits per byte of one text."""
    return float(bits(np.array(-likelihood.loglikelihood / max(1, likelihood.bytes))))


class Perplexity(Task):
    """NLL summed over all items, exponentiated once; bits per byte let models with other
    tokenizers compare.

    ``bits_per_byte``, ``perplexity`` (a token) and ``word_perplexity`` (a word between blanks) are
    of the answer given the question; the ``text_`` figures are of question and answer together,
    left out where the model has none (an encoder-decoder). The turn's terminator counts in neither.
    An answer with tokens that the tokenizer does not know is left out, and counted.
    """

    version = "2"
    name = "perplexity"
    title = "Prediction of held-out answers"
    missing = "prediction of held-out answers"
    settings = ("limit", "shots")
    by_default = True
    always_whole = True
    without_likelihoods = "Leave it out: --set evaluate.tasks=[answers,topics]."
    sample = PerplexitySample
    metrics: ClassVar[Sequence[Metric]] = (
        bits_per_byte("Bits per byte, answer"),
        Metric(
            "perplexity",
            "Token perplexity, answer",
            lambda s: _known(s.unknown, s.loglikelihoods[0], s.tokens),
            "lower",
            np.exp,
            paired_only=True,
            per_token=True,
            noise=LIKELIHOOD_NOISE,
        ),
        Metric(
            "word_perplexity",
            "Word perplexity, answer",
            lambda s: _known(s.unknown, s.loglikelihoods[0], s.words),
            None,
            np.exp,
            paired_only=True,
            noise=LIKELIHOOD_NOISE,
        ),
        Metric(
            "text_bits_per_byte",
            "Bits per byte, question and answer",
            lambda s: _known(s.text_unknown, s.text_loglikelihood, s.text_bytes),
            "lower",
            bits,
            "bits/byte",
            paired_only=True,
            noise=LIKELIHOOD_NOISE,
        ),
        Metric(
            "text_perplexity",
            "Token perplexity, question and answer",
            lambda s: _known(s.text_unknown, s.text_loglikelihood, s.text_tokens),
            "lower",
            np.exp,
            paired_only=True,
            per_token=True,
            noise=LIKELIHOOD_NOISE,
        ),
    )

    def needs(self, spec: TaskSpec) -> Need:
        """Log-likelihoods of the answers; those of whole texts where the model has such."""
        return "likelihood"

    def run(
        self, model: LanguageModel, items: Sequence[Conversation], settings: TaskSettings
    ) -> list[Sample]:
        """Score every item twice: the answer after its prompt, and both from the beginning."""
        items = settings.draw(items)
        with track("perplexity", (1 if settings.examples else 2) * len(items), "texts") as bar:
            pairs = [(settings.conversation(item.prompt), item.reference) for item in items]
            answers = model.loglikelihoods(pairs, bar.advance)
            # The whole text of an item, not of the worked examples before it.
            whole = not settings.examples
            texts = conversation_loglikelihoods(model, pairs, answers, bar.advance) if whole else []
        say_left_out("perplexity", answers, "answers")
        wholes: Sequence[Likelihood | None] = texts or [None] * len(items)
        return [
            _sample(item, answer, whole)
            for item, answer, whole in zip(items, answers, wholes, strict=True)
        ]


def _sample(item: Conversation, answer: Likelihood, whole: Likelihood | None) -> Sample:
    sample = PerplexitySample(
        id=item.id,
        group=item.group,
        source=item.source,
        question=item.question,
        prompt=answer.prompt,
        prompt_cut=answer.prompt_cut,
        reference=item.reference,
        continuations=[answer.text],
        loglikelihoods=[answer.loglikelihood],
        tokens=answer.tokens,
        bytes=answer.bytes,
        score=text_score(answer),
        words=count_words(answer.text),
    )
    if answer.unknown:
        sample = sample.model_copy(update={"unknown": answer.unknown})
    if whole is None:
        return sample
    text = {
        "text_loglikelihood": whole.loglikelihood,
        "text_tokens": whole.tokens,
        "text_bytes": whole.bytes,
    } | ({"text_unknown": whole.unknown} if whole.unknown else {})
    return sample.model_copy(update=text)
