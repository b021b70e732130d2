"""Forgetting: how well a model still predicts general text, which the fine-tuning was not about."""

from collections.abc import Sequence
from pathlib import Path

from medtune.conversation import Conversation
from medtune.errors import ModelError
from medtune.evaluation.forgetting.passages import HERE, Passage, packaged_passages, read_passages
from medtune.evaluation.tasks.base import Metric, Sample, TaskSettings
from medtune.evaluation.tasks.likelihood import bits_per_byte, scored
from medtune.files import sha256_paths
from medtune.models.protocol import LanguageModel, Likelihood
from medtune.progress import track


class Forgetting:
    """Bits per byte of texts from their beginning, summed over all; what rises was forgotten."""

    name = "forgetting"
    title = "Prediction of general text"
    metrics: Sequence[Metric] = (bits_per_byte("Bits per byte, general text"),)

    @property
    def fingerprint(self) -> str:
        """Changes with the packaged passages, so that older results are not taken for new ones."""
        return sha256_paths([HERE / "passages.jsonl"])

    def run(self, model: LanguageModel, items: Sequence[Conversation], settings: TaskSettings) -> list[Sample]:
        """Score every passage; ``items``, the run's own rows, are not looked at.

        Raises ``ModelError`` where the model gives no likelihood of plain text, ``DataError`` where a file holds none.
        """
        chosen = settings.drawn(_passages(settings))
        with track("forgetting", len(chosen), "texts") as bar:
            scores = model.text_loglikelihoods([passage.text for passage in chosen], bar.advance)
        if len(scores) < len(chosen):
            raise ModelError(
                "forgetting needs the likelihood of plain text, and an encoder-decoder gives none",
                where=model.name,
                fix="Leave the task forgetting out.",
            )
        return [_sample(passage, score) for passage, score in zip(chosen, scores, strict=True)]


def _passages(settings: TaskSettings) -> list[Passage]:
    spec = settings.spec
    return read_passages(Path(spec.source), spec.split) if spec and spec.source else packaged_passages()


def _sample(passage: Passage, found: Likelihood) -> Sample:
    own = {"id": passage.id, "group": passage.group, "kind": passage.kind, "reference": passage.text}
    return own | scored(passage.text, found)
