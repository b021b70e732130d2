"""The figures of a run, collected from its files for ``metrics.json``."""

from typing import Any

from medtune.data.audit import read_audit
from medtune.evaluation.comparison.by_source import by_source
from medtune.evaluation.evaluate import score
from medtune.evaluation.published import published_figures
from medtune.evaluation.results import Changes, Scores
from medtune.evaluation.tasks import Sample
from medtune.files import read_json
from medtune.recipe.schema import Recipe
from medtune.report.run_metrics import DataFigures, Metrics, TrainFigures, main_change
from medtune.runs.baselines import read_baselines
from medtune.runs.overlap import read_overlap, without_overlap
from medtune.runs.repeats import curve_of_run, decodings_of_run, seeds_of_run
from medtune.runs.stage import RunDirectory
from medtune.runs.stages import tasks_of
from medtune.runs.variants import arms_of_run, arms_of_task

Samples = dict[str, list[Sample]]


def collect_metrics(
    recipe: Recipe, run: RunDirectory, before: Samples, after: Samples, change: Changes
) -> Metrics:
    """The figures of the whole run; what was not asked for is left out.

    ``change`` is empty where one of both sides is not measured: the run is partial.
    """
    parts: dict[str, Any] = {
        "baselines": {
            task: {name: baseline.scores for name, baseline in baselines.items()}
            for task, baselines in read_baselines(run).items()
        },
        "published": published_figures(recipe, before, after, run.published),
    }
    if change:
        parts |= _optional(recipe, run, before, after)
        parts |= _beyond_one_pair(recipe, run, change)
    elif overlap := read_overlap(run):
        parts["overlap"] = overlap
    return Metrics(
        recipe=recipe.name,
        status="complete" if change else "partial",
        data=_data(recipe, run),
        train=_train(run),
        before=_scores(recipe, before),
        after=_scores(recipe, after),
        change=change,
        **parts,
    )


def _scores(recipe: Recipe, samples: Samples) -> dict[str, Scores]:
    """Task → scores, computed from the saved samples alone."""
    tasks = tasks_of(recipe)
    draws = recipe.evaluate.resamples, recipe.seed
    return {key: score(tasks[key], side, *draws) for key, side in samples.items()}


def _data(recipe: Recipe, run: RunDirectory) -> DataFigures:
    audit = read_audit(run.data / "audit.json")
    # The audit tells empty questions from empty answers.
    reasons = dict(audit.dropped)
    empty = reasons.pop("empty_question") + reasons.pop("empty_answer")
    tokens = audit.tokens
    return DataFigures(
        **{name: split.rows for name, split in audit.splits.items()},
        dropped={"empty": empty, **reasons, "overlong": tokens.overlong_dropped},
        leaked=audit.leaked,
        measured_on=recipe.evaluate.split,
        truncated_rows=tokens.truncated_rows,
    )


def _train(run: RunDirectory) -> TrainFigures:
    path = run.train / "trainer_stats.json"
    stats = read_json(path) if path.exists() else {}
    return TrainFigures(**{n: stats[n] for n in TrainFigures.model_fields if n in stats})


def _optional(recipe: Recipe, run: RunDirectory, before: Samples, after: Samples) -> dict[str, Any]:
    """Figures by source, and without the items that stand in training."""
    tasks, parts = tasks_of(recipe), {}
    if rows := by_source(before, after, tasks, recipe.evaluate.resamples, recipe.seed):
        parts["by_source"] = rows
    if overlap := read_overlap(run):
        clean = without_overlap(recipe, overlap, before, after, tasks)
        return parts | {"overlap": overlap.model_copy(update={"without": clean})}
    return dict(parts)


def _beyond_one_pair(recipe: Recipe, run: RunDirectory, change: Changes) -> dict[str, Any]:
    """Arms, seeds and the learning curve, by the metric of the verdict."""
    main = main_change(change)
    if main is None:
        return {}
    key, name, _ = main
    tasks = tasks_of(recipe)
    task = tasks[key]
    metric = next(metric for metric in task.metrics if metric.name == name)
    others = [arms_of_task(run, recipe, other) for other in tasks if other != key]
    parts = {
        "arms": arms_of_run(run, recipe, key, task, metric),
        "seeds": seeds_of_run(run, recipe, key, task, metric),
        "learning_curve": curve_of_run(run, recipe, key, task, metric),
        "decoding_seeds": decodings_of_run(run, recipe),
        "arms_by_task": [comparison for comparison in others if comparison],
    }
    return {part: value for part, value in parts.items() if value}
