"""How well a model predicts the held-out answers, per token and per byte.

The answer alone, and the whole text.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from medtune.conversation import Conversation
from medtune.evaluation.tasks.task import Metric, Sample, Task, TaskSettings
from medtune.evaluation.tasks.text_likelihood import bits, bits_per_byte, scored
from medtune.models.interface import LanguageModel, Likelihood
from medtune.progress import track
from medtune.recipe.schema import TaskSpec
from medtune.recipe.tasks import Need


class Perplexity(Task):
    """NLL summed over all items, exponentiated once.

    Bits per byte let models with other tokenizers compare.

    ``bits_per_byte``, ``perplexity`` (a token) and ``word_perplexity`` (a word between blanks) are
    of the answer given the question; the ``text_`` figures are of question and answer together,
    left out where the model has none (an encoder-decoder). The turn's terminator counts in neither.
    """

    name = "perplexity"
    title = "Prediction of held-out answers"
    missing = "prediction of held-out answers"
    settings = ("limit", "shots")
    by_default = True
    always_whole = True
    without_likelihoods = "Leave it out: --set evaluate.tasks=[answers,topics]."
    metrics: ClassVar[Sequence[Metric]] = (
        bits_per_byte("Bits per byte, answer"),
        Metric(
            "perplexity",
            "Token perplexity, answer",
            lambda s: (-s["loglikelihoods"][0], s["tokens"]),
            "lower",
            np.exp,
            per_token=True,
        ),
        Metric(
            "word_perplexity",
            "Word perplexity, answer",
            lambda s: (-s["loglikelihoods"][0], s.get("words", 0)),
            None,
            np.exp,
        ),
        Metric(
            "text_bits_per_byte",
            "Bits per byte, question and answer",
            lambda s: (-s.get("text_loglikelihood", 0), s.get("text_bytes", 0)),
            "lower",
            bits,
            "bits/byte",
        ),
        Metric(
            "text_perplexity",
            "Token perplexity, question and answer",
            lambda s: (-s.get("text_loglikelihood", 0), s.get("text_tokens", 0)),
            "lower",
            np.exp,
            per_token=True,
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
            answers = model.loglikelihoods(
                [(settings.conversation(item.prompt), item.reference) for item in items],
                bar.advance,
            )
            # The whole text of an item, not of the worked examples before it.
            whole_texts = [] if settings.examples else [a.prompt + a.text for a in answers]
            texts = model.text_loglikelihoods(whole_texts, bar.advance) if whole_texts else []
        whole = [_text_figures(text) for text in texts] or [{}] * len(items)
        return [
            {
                "id": item.id,
                "group": item.group,
                "source": item.source,
                "question": item.question,
                **scored(answer.text, answer),
                "prompt_cut": answer.prompt_cut,
                "words": len(answer.text.split()),
                **text,
                "reference": item.reference,
            }
            for item, answer, text in zip(items, answers, whole, strict=True)
        ]


def _text_figures(text: Likelihood) -> dict[str, float]:
    return {
        "text_loglikelihood": text.loglikelihood,
        "text_tokens": text.tokens,
        "text_bytes": text.bytes,
    }
