"""The last stage: comparison, metrics, plots, page and card, from the run's files alone."""

from collections.abc import Mapping
from pathlib import Path

from medtune import __version__
from medtune.data.audit import read_audit
from medtune.evaluation.class_tables import tables_of_run
from medtune.evaluation.comparison.paired import by_source, compare
from medtune.evaluation.confidence.measure import confidence_of
from medtune.evaluation.confidence.summary import ConfidenceFacts
from medtune.evaluation.evaluate import published_figures, score
from medtune.evaluation.results import Changes, Sample, Scores, plain
from medtune.files import read_json, write_json
from medtune.recipe.read import to_yaml
from medtune.recipe.schema import Recipe
from medtune.report.run_metrics import DataFigures, Metrics, TrainFigures, main_change
from medtune.report.write import write_report
from medtune.runs.item_identifiers import item_identifiers_file, read_item_identifiers
from medtune.runs.measure_variants import arms_of_run, arms_of_task
from medtune.runs.overlap import overlap_file, read_overlap, without_overlap
from medtune.runs.repeats import curve_of_run, decodings_of_run, repeats_of, seeds_of_run
from medtune.runs.stage import RunDirectory, Stage, now
from medtune.runs.stages import VALIDATION, samples_of, tasks_of
from medtune.runs.task_items import baselines_file, read_baselines

Samples = dict[str, list[Sample]]


def collect_metrics(
    recipe: Recipe, run: RunDirectory, before: Samples, after: Samples, change: Changes
) -> Metrics:
    """The figures of the whole run; what was not asked for is left out.

    ``change`` is empty where one of both sides is not measured: the run is partial.
    """
    parts: dict[str, object] = {}
    if seen := read_item_identifiers(run):
        parts["item_identifiers"] = seen
    if change:
        parts |= _optional(recipe, run, before, after) | _beyond_one_pair(recipe, run, change)
    elif overlap := read_overlap(run):
        parts["overlap"] = overlap
    metrics = Metrics(
        recipe=recipe.name,
        status="complete" if change else "partial",
        data=_data(recipe, run),
        train=_train(run),
        before=_scores(recipe, before),
        after=_scores(recipe, after),
        change=change,
        baselines={
            task: {name: baseline.scores for name, baseline in baselines.items()}
            for task, baselines in read_baselines(run).items()
        },
        published=published_figures(recipe, before, after, run.published),
    )
    return metrics.model_copy(update=parts)


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
        text_loss=audit.text_loss,
    )


def _train(run: RunDirectory) -> TrainFigures:
    path = run.train / "trainer_stats.json"
    stats = read_json(path) if path.exists() else {}
    return TrainFigures(**{n: stats[n] for n in TrainFigures.model_fields if n in stats})


def _optional(
    recipe: Recipe, run: RunDirectory, before: Samples, after: Samples
) -> dict[str, object]:
    """Figures by source, and without the items that stand in training."""
    tasks, parts = tasks_of(recipe), {}
    if rows := by_source(before, after, tasks, recipe.evaluate.resamples, recipe.seed):
        parts["by_source"] = rows
    if overlap := read_overlap(run):
        clean = without_overlap(recipe, overlap, before, after, tasks)
        return parts | {"overlap": overlap.model_copy(update={"without": clean})}
    return dict(parts)


def _beyond_one_pair(recipe: Recipe, run: RunDirectory, change: Changes) -> dict[str, object]:
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


FORMAT = 3  # of metrics.json: figures of an older one are written again


def report_stage(recipe: Recipe, run: RunDirectory, *, again: bool = False) -> None:
    """comparison.json, metrics.json, plots, report.html and README.md, from the files of the run
    alone.
    """
    read = [
        run.data,
        run.before,
        run.after,
        baselines_file(run),
        overlap_file(run),
        item_identifiers_file(run),
        run.published,
        run.root / "eval" / "arms",
        *(run.root / "repeats" / repeat.name / "eval" / "after" for repeat in repeats_of(recipe)),
        run.train / "trainer_stats.json",
        run.train / "metrics.jsonl",
    ]
    inputs = {
        "recipe": to_yaml(recipe),
        "files of the run": run.output_hashes(read),
        "medtune": __version__,
        "format": FORMAT,
        "request": now() if again else "",
    }
    evaluation = run.root / "eval"
    outputs = (
        run.comparison,
        evaluation / "tables.json",
        evaluation / "confidence.json",
        run.metrics,
        run.plots,
        run.page,
        run.card,
        run.root / "checklists.json",
    )
    # With another version of medtune it is written again from the same figures.
    stage = Stage("report", inputs, outputs, ("numpy", "scipy", "matplotlib"))
    run.perform(stage, lambda: _report(recipe, run))


def _report(recipe: Recipe, run: RunDirectory) -> None:
    before, after = samples_of(run.before, recipe), samples_of(run.after, recipe)
    draws = recipe.evaluate.resamples, recipe.seed
    change = (
        compare(before, after, *draws, tasks_of(recipe), recipe.evaluate.margin_of)
        if before and after
        else {}
    )
    if change:
        write_json(run.comparison, plain(change))
    evaluation = run.root / "eval"
    _write_if_any(evaluation / "tables.json", plain(tables_of_run(before, after)))
    _write_if_any(evaluation / "confidence.json", plain(_confidence(recipe, run, before, after)))
    run.update(end=now())
    write_json(run.metrics, collect_metrics(recipe, run, before, after, change).as_json())
    write_report(run)


def _confidence(
    recipe: Recipe, run: RunDirectory, before: Samples, after: Samples
) -> dict[str, dict[str, ConfidenceFacts]]:
    """What the confidence of each task's answers is worth, with the threshold that validation
    sets.
    """
    asked = {spec.key for spec in recipe.evaluate.tasks if spec.confidence}

    def held_out(side: Path) -> Samples:
        return {
            key: samples
            for key in asked
            for samples in samples_of(side / VALIDATION, recipe, {key}).values()
        }

    settings = recipe.evaluate.resamples, recipe.seed, recipe.evaluate.abstain_below
    return confidence_of(before, after, held_out(run.after), held_out(run.before), *settings)


def _write_if_any(path: Path, values: Mapping[str, object]) -> None:
    if values:
        write_json(path, values)
    else:
        path.unlink(missing_ok=True)
