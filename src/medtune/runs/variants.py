"""The arms of a run: other ways to use the untouched and the trained model, measured on the same
items.
"""

import shutil
from typing import Any

from medtune.evaluation.comparison.variants import Side, compare_arms
from medtune.evaluation.evaluate import evaluate
from medtune.evaluation.tasks import Metric, Task
from medtune.files import sha256_file, sha256_json
from medtune.models.open import open_model
from medtune.recipe.schema import Arm, Recipe
from medtune.runs.plan import Plan
from medtune.runs.stage import RunDirectory
from medtune.runs.stages import samples_of, tasks_of, trained_model
from medtune.runs.task_items import TaskItems, source_hashes

UNCHANGED = (("base as it is", "base", "before"), ("tuned as it is", "tuned", "after"))


def arms_stage(plan: Plan, run: RunDirectory) -> None:
    """eval/arms/NAME/: every arm of the recipe; those that are gone from it are removed."""
    place, wanted = run.root / "eval" / "arms", plan.recipe.evaluate
    names = {arm.name for arm in wanted.arms}
    for old in place.iterdir() if place.is_dir() else []:
        if old.name not in names:
            shutil.rmtree(old)
    for arm in wanted.arms:
        _measure(plan, run, arm)


def _measure(plan: Plan, run: RunDirectory, arm: Arm) -> None:
    recipe, directory = plan.recipe, run.root / "eval" / "arms" / arm.name
    tuned = arm.model == "tuned"
    found = trained_model(plan, run) if tuned else plan.base
    fingerprint = found.fingerprint() if tuned else plan.base_fingerprint
    files = [run.data / f"{recipe.evaluate.split}.parquet", run.data / "train.parquet"]
    hashes = [sha256_file(file) for file in files] + source_hashes(recipe, plan.data_dir)
    inputs = sha256_json([plan.evaluate_inputs(hashes, fingerprint), arm.model_dump(mode="json")])
    with run.stage(f"arm_{arm.name}", inputs, [directory]) as needed:
        if not needed:
            return
        wanted = recipe.evaluate
        model = open_model(
            found,
            recipe.model,
            batch_size=wanted.batch_size,
            dtype=wanted.dtype,
            trained=tuned,
            cache=run.root / "eval",
        )
        evaluate(
            model,
            TaskItems(recipe, run.data, plan.data_dir, run.root / "eval" / "judge").jobs(arm),
            wanted.resamples,
            directory,
        )


def arms_of_task(run: RunDirectory, recipe: Recipe, key: str) -> dict[str, Any] | None:
    """The comparison on a task's first tested metric.

    None where it has none, or the arms leave the task out.
    """
    task = tasks_of(recipe)[key]
    metric = next((metric for metric in task.metrics if metric.better), None)
    return (
        None
        if metric is None or not task.in_variants
        else arms_of_run(run, recipe, key, task, metric)
    )


def arms_of_run(
    run: RunDirectory, recipe: Recipe, key: str, task: Task, metric: Metric
) -> dict[str, Any] | None:
    """The comparison of all ways on one metric.

    None where the recipe has no arms or they are not all measured.
    """
    sides = []
    for name, model, directory in UNCHANGED:
        sides.append(
            Side(
                name, model, None, 0, samples_of(run.root / "eval" / directory, recipe).get(key, [])
            )
        )
    for arm in recipe.evaluate.arms:
        where = run.root / "eval" / "arms" / arm.name
        samples = samples_of(where, recipe, {key}).get(key, [])
        sides.append(Side(arm.name, arm.model, arm.system_prompt, arm.shots, samples))
    if len(sides) == len(UNCHANGED) or not all(side.samples for side in sides):
        return None
    return compare_arms(sides, key, task, metric, recipe.evaluate.resamples, recipe.seed)
