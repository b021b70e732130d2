"""The arms of a run: other ways to use the untouched and the trained model, measured on the same
items.
"""

import shutil
from pathlib import Path

from medtune.evaluation.comparison.variants import Variant, VariantComparison, compare_variants
from medtune.evaluation.evaluate import evaluate
from medtune.evaluation.tasks import Metric, Task
from medtune.files import file_hash
from medtune.recipe.schema import Arm, Recipe
from medtune.runs.plan import Plan
from medtune.runs.stage import RunDirectory, Stage
from medtune.runs.stages import (
    item_hashes,
    open_measured,
    samples_of,
    task_items,
    tasks_of,
    trained_model,
)

UNCHANGED = (("base as it is", "base", "before"), ("tuned as it is", "tuned", "after"))


def arms_stage(plan: Plan, run: RunDirectory) -> None:
    """eval/arms/NAME/: every arm of the recipe; others are removed."""
    directory, arms = run.root / "eval" / "arms", plan.recipe.evaluate.arms
    names = {arm.name for arm in arms}
    for old in directory.iterdir() if directory.is_dir() else []:
        if old.name not in names:
            shutil.rmtree(old)
    for arm in arms:
        _measure(plan, run, arm, directory / arm.name)


def _measure(plan: Plan, run: RunDirectory, arm: Arm, directory: Path) -> None:
    tuned = arm.model == "tuned"
    reference = trained_model(plan, run) if tuned else plan.base
    items = [*item_hashes(plan, run), file_hash(run.data / "train.parquet")]
    inputs = plan.evaluate_inputs(items, reference.fingerprint())
    inputs["arm"] = arm.model_dump(mode="json")

    def work() -> None:
        model = open_measured(plan, run, reference, trained=tuned)
        jobs = task_items(plan, run).jobs(arm)
        evaluate(model, jobs, plan.recipe.evaluate.resamples, directory)

    run.perform(Stage(f"arm_{arm.name}", inputs, (directory,), reference.libraries), work)


def arms_of_task(run: RunDirectory, recipe: Recipe, key: str) -> VariantComparison | None:
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
) -> VariantComparison | None:
    """The comparison of all ways on one metric.

    None where the recipe has no arms or they are not all measured.
    """
    variants = [
        Variant(name, model, None, 0, samples_of(run.root / "eval" / side, recipe).get(key, []))
        for name, model, side in UNCHANGED
    ]
    for arm in recipe.evaluate.arms:
        directory = run.root / "eval" / "arms" / arm.name
        samples = samples_of(directory, recipe, {key}).get(key, [])
        variants.append(Variant(arm.name, arm.model, arm.system_prompt, arm.shots, samples))
    if len(variants) == len(UNCHANGED) or not all(variant.samples for variant in variants):
        return None
    evaluate = recipe.evaluate
    draws, margin = (evaluate.resamples, recipe.seed), evaluate.margin_of(key, metric.name)
    return compare_variants(variants, key, task, metric, *draws, margin)
