"""The last stage: comparison, metrics, plots, page and card, from the run's files alone."""

from pathlib import Path
from typing import Any

from medtune import __version__
from medtune.evaluation.class_tables import tables_of_run
from medtune.evaluation.comparison.paired import compare
from medtune.evaluation.confidence.measure import confidence_of
from medtune.evaluation.confidence.summary import ConfidenceFacts
from medtune.evaluation.results import Sample, plain
from medtune.files import write_json
from medtune.recipe.read import to_yaml
from medtune.recipe.schema import Recipe
from medtune.report.write import write_report
from medtune.runs.baselines import baselines_file
from medtune.runs.metrics import collect_metrics
from medtune.runs.overlap import overlap_file
from medtune.runs.repeats import repeats_of
from medtune.runs.stage import RunDirectory, Stage, now
from medtune.runs.stages import VALIDATION, samples_of, tasks_of

Samples = dict[str, list[Sample]]
FORMAT = 2  # of metrics.json: figures of an older one are written again


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
    change = (
        compare(before, after, recipe.evaluate.resamples, recipe.seed, tasks_of(recipe))
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


def _write_if_any(path: Path, values: dict[str, Any]) -> None:
    if values:
        write_json(path, values)
    else:
        path.unlink(missing_ok=True)
