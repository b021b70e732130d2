"""Measurements repeated the way a published project made them, mistakes included, for the -faithful recipes."""

from pathlib import Path

from medtune.conversation import Conversation
from medtune.evaluation.tasks import TASKS, TaskSettings
from medtune.files import write_json_lines
from medtune.models.local import LocalModel


def before_after_training(
    trained: LocalModel, items: list[Conversation], settings: TaskSettings, directory: Path
) -> None:
    """``topics.samples.jsonl``: the answers called "before", taken from the trained model in training mode.

    An adapter changes its base in place, so a model that is asked for "before" after training is the tuned one; and in
    training mode dropout is on.
    """
    trained.model.train()
    try:
        samples = TASKS["topics"].run(trained, items, settings)
    finally:
        trained.model.eval()
    write_json_lines(directory / "topics.samples.jsonl", samples)
