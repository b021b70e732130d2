"""Baselines that need no language model, measured on the very items of each task."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medtune.conversation import Conversation
from medtune.evaluation.evaluate import Job, score
from medtune.evaluation.tasks import task_of
from medtune.files import read_json, sha256_file, sha256_json, write_json
from medtune.recipe.schema import Recipe
from medtune.runs.plan import STAGE_VERSION
from medtune.runs.stage import RunDirectory
from medtune.runs.task_items import TaskItems, source_hashes


def baselines_stage(recipe: Recipe, run: RunDirectory, data_dir: Path | None) -> None:
    """eval/baselines.json, where the recipe asks for labels or options.

    Each baseline on the very items of each task.
    """
    if not any(task_of(spec).baselines for spec in recipe.evaluate.tasks):
        return
    files = [run.data / "train.parquet", run.data / f"{recipe.evaluate.split}.parquet"]
    hashes = [sha256_file(file) for file in files] + source_hashes(recipe, data_dir)
    inputs = [STAGE_VERSION, recipe.evaluate.model_dump(mode="json"), recipe.seed, hashes]
    path = baselines_file(run)
    with run.stage("baselines", sha256_json(inputs), [path]) as needed:
        if not needed:
            return
        task_items = TaskItems(recipe, run.data, data_dir)
        train = list(task_items.split("train"))
        baselines = {
            job.spec.key: _measure(train, job, recipe)
            for job in task_items.jobs()
            if task_of(job.spec).baselines
        }
        path.parent.mkdir(exist_ok=True)
        write_json(path, baselines)


def baselines_file(run: RunDirectory) -> Path:
    """eval/baselines.json."""
    return run.root / "eval" / "baselines.json"


def read_baselines(run: RunDirectory) -> dict[str, Any]:
    """Task → baseline → title and scores; empty where none were measured."""
    path = baselines_file(run)
    return read_json(path) if path.exists() else {}


def _measure(train: Sequence[Conversation], job: Job, recipe: Recipe) -> dict[str, Any]:
    task = task_of(job.spec)
    titles = {baseline.name: baseline.title for baseline in task.baselines}
    return {
        name: {
            "title": titles[name],
            "trained_on": len(train),
            "scores": score(task, samples, recipe.evaluate.resamples, recipe.seed),
        }
        for name, samples in task.baseline_samples(train, job.items, job.settings).items()
    }
