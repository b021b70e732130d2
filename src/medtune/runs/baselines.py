"""Baselines that need no language model, measured on the very items of each task."""

from collections.abc import Sequence
from pathlib import Path

from medtune.conversation import Conversation
from medtune.evaluation.evaluate import Job, score
from medtune.evaluation.results import BaselineScores, plain, read_baselines_file
from medtune.evaluation.tasks import task_of
from medtune.files import file_hash, write_json
from medtune.recipe.schema import Recipe
from medtune.runs.plan import NOT_MEASURED_BY
from medtune.runs.stage import RunDirectory, Stage
from medtune.runs.task_items import TaskItems, source_hashes


def baselines_stage(recipe: Recipe, run: RunDirectory, data_dir: Path | None) -> None:
    """eval/baselines.json, where the recipe asks for labels or options.

    Each baseline on the very items of each task.
    """
    if not any(task_of(spec).baselines for spec in recipe.evaluate.tasks):
        return
    file = baselines_file(run)
    splits = [run.data / f"{name}.parquet" for name in ("train", recipe.evaluate.split)]
    inputs = {
        "evaluate settings": recipe.evaluate.model_dump(mode="json", exclude=set(NOT_MEASURED_BY)),
        "seed": recipe.seed,
        "items": [*map(file_hash, splits), *source_hashes(recipe, data_dir)],
    }

    def work() -> None:
        items = TaskItems(recipe, run.data, data_dir)
        train = list(items.split("train"))
        baselines = {
            job.spec.key: _measure(train, job, recipe)
            for job in items.jobs()
            if task_of(job.spec).baselines
        }
        file.parent.mkdir(exist_ok=True)
        write_json(file, plain(baselines))

    run.perform(Stage("baselines", inputs, (file,), ("numpy", "scikit-learn")), work)


def baselines_file(run: RunDirectory) -> Path:
    """The file of the scores, eval/baselines.json."""
    return run.root / "eval" / "baselines.json"


def read_baselines(run: RunDirectory) -> dict[str, dict[str, BaselineScores]]:
    """Task → baseline → its scores; empty where none were measured."""
    return read_baselines_file(baselines_file(run))


def _measure(train: Sequence[Conversation], job: Job, recipe: Recipe) -> dict[str, BaselineScores]:
    task = task_of(job.spec)
    titles = {baseline.name: baseline.title for baseline in task.baselines}
    return {
        name: BaselineScores(
            title=titles[name],
            trained_on=len(train),
            scores=score(task, samples, recipe.evaluate.resamples, recipe.seed),
        )
        for name, samples in task.baseline_samples(train, job.items, job.settings).items()
    }
