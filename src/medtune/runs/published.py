"""Measurements repeated the way a published project made them, mistakes included, for the
-faithful recipes.
"""

from pathlib import Path

from medtune.conversation import Conversation
from medtune.evaluation.tasks import TASKS, Sample, TaskSettings
from medtune.files import read_json_lines, write_json_lines
from medtune.models.causal import LocalModel


def mistaken_file(root: Path) -> Path:
    """Where the answers called "before" lie."""
    return root / "eval" / "published" / "topics.samples.jsonl"


def mistaken_answers(root: Path) -> list[Sample]:
    """The answers called "before" of a run, as samples; none where they were not asked for."""
    file = mistaken_file(root)
    return read_json_lines(file) if file.exists() else []


def before_after_training(
    trained: LocalModel, items: list[Conversation], settings: TaskSettings, root: Path
) -> None:
    """``mistaken_file`` of the run at ``root``: the answers called "before", taken from the
    trained model in training mode.

    An adapter changes its base in place, so a model that is asked for "before" after training is
    the tuned one; and in training mode dropout is on.
    """
    trained.model.train()
    try:
        samples = TASKS["topics"].run(trained, items, settings)
    finally:
        trained.model.eval()
    write_json_lines(mistaken_file(root), samples)
