"""The whole way of a run: prepare → evaluate base → train → evaluate tuned → compare → report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medtune import __version__, progress
from medtune.errors import RecipeError
from medtune.evaluation.class_tables import tables_of_run
from medtune.evaluation.comparison.paired import compare
from medtune.evaluation.confidence.measure import confidence_of
from medtune.evaluation.confidence.summary import ConfidenceFacts
from medtune.evaluation.results import Sample, plain
from medtune.files import write_json, write_text
from medtune.hosted.quote import confirm
from medtune.recipe.read import read_run_recipe, to_yaml
from medtune.recipe.schema import Recipe
from medtune.report.run_metrics import Metrics
from medtune.report.verdict import verdict
from medtune.report.write import write_report
from medtune.runs.baselines import baselines_file, baselines_stage
from medtune.runs.environment import hardware, versions
from medtune.runs.metrics import collect_metrics
from medtune.runs.overlap import overlap_file, overlap_stage
from medtune.runs.plan import Plan
from medtune.runs.preflight import check_training, precheck
from medtune.runs.preparation import prepare_stage
from medtune.runs.repeats import (
    repeats_of,
    repeats_stage,
)
from medtune.runs.stage import RunDirectory, Stage, now
from medtune.runs.stages import (
    VALIDATION,
    check_base_untouched,
    evaluate_stage,
    samples_of,
    tasks_of,
    train_stage,
    trained_model,
    training,
)
from medtune.runs.task_items import TaskItems
from medtune.runs.variants import arms_stage
from medtune.training.distributed import Processes

Samples = dict[str, list[Sample]]
FORMAT = 2  # of metrics.json: figures of an older one are written again
STAGE_NAMES = ("prepare", "before", "train", "after", "report")


@dataclass(frozen=True)
class Outcome:
    """Where a run lies, its figures, and its verdict in words (empty before both evaluations are
    there).
    """

    root: Path
    metrics: Metrics | None  # None before a report
    verdict: str
    main: bool = True  # False in all but one of several processes


def execute(
    recipe: Recipe,
    out: Path,
    data_dir: Path | None,
    stages: tuple[str, ...] = STAGE_NAMES,
    *,
    yes: bool = False,
) -> Outcome:
    """Run the stages that are not done yet.

    Under a launcher, every process trains and the main one does the rest.

    ``yes``: a hosted job, which costs money and sends data away, is not asked about.
    """
    processes = Processes(recipe.train.trackers, out)
    if not processes.main:
        progress.configure(quiet=True)
    plan = Plan.make(recipe, data_dir)
    run = RunDirectory(out)
    if processes.main:
        run.open()
    try:
        if processes.main:
            _begin(plan, run)
        try:
            _stages(plan, run, processes, stages, yes)
        except BaseException as error:
            if processes.main:
                run.update(
                    status="interrupted"
                    if isinstance(error, KeyboardInterrupt | SystemExit)
                    else "failed"
                )
            raise
        metrics = Metrics.read(run.metrics) if run.metrics.exists() else None
        if processes.main:
            run.update(status=metrics.status if metrics and "report" in stages else "partial")
        words = verdict(metrics) if metrics and metrics.change else ""
        return Outcome(out, metrics, words, processes.main)
    finally:
        run.close()


def _begin(plan: Plan, run: RunDirectory) -> None:
    run.update(
        recipe=plan.recipe.name,
        status="running",
        start=run.state().get("start", now()),
        seed=plan.recipe.seed,
        data_dir=plan.data_dir and str(plan.data_dir.resolve()),
        versions=versions(),
        hardware=hardware(),
        base={
            "name": plan.base.name,
            "fingerprint": plan.base_fingerprint,
            "weights_sha256": plan.base_weights,
        },
    )
    write_text(run.recipe, to_yaml(plan.recipe))


def _stages(
    plan: Plan, run: RunDirectory, processes: Processes, stages: tuple[str, ...], yes: bool
) -> None:
    if processes.main:
        if "prepare" in stages:
            precheck(plan)
            prepare_stage(plan, run)
            check_jobs(plan, run)
        if "train" in stages and not run.is_done(training(plan, run)):
            _before_training(plan, run, yes)
        if "before" in stages:
            baselines_stage(plan.recipe, run, plan.data_dir)
            overlap_stage(plan.recipe, run, plan.data_dir)
            evaluate_stage(plan, run, "before")
    processes.wait()
    if "train" in stages:
        train_stage(plan, run, processes)
    if processes.main and "after" in stages:
        evaluate_stage(plan, run, "after")
        arms_stage(plan, run)
        check_base_untouched(plan)
        _hash_result(run, plan)
    if "after" in stages:
        repeats_stage(plan, run, processes)
    if processes.main and "report" in stages:
        report_stage(plan.recipe, run)
    processes.wait()


def check_jobs(plan: Plan, run: RunDirectory) -> None:
    """Every task and arm finds its items and worked examples, before anything is measured."""
    measured = TaskItems(plan.recipe, run.data, plan.data_dir)
    for arm in (None, *plan.recipe.evaluate.arms):
        measured.jobs(arm)


def _before_training(plan: Plan, run: RunDirectory, yes: bool) -> None:
    """What training needs is there (memory, layers to adapt.

    A yes where it costs money) before the base is measured.
    """
    if plan.recipe.train.method == "hosted":
        confirm(plan.recipe, run, yes)
    else:
        check_training(plan, run.data)


def _hash_result(run: RunDirectory, plan: Plan) -> None:
    located = trained_model(plan, run)
    run.update(
        result={"fingerprint": located.fingerprint(), "weights_sha256": located.weights_hash()},
        base=run.state()["base"] | {"weights_sha256_after": plan.base_weights},
    )


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
            key: found
            for key in asked
            for found in samples_of(side / VALIDATION, recipe, {key}).values()
        }

    settings = recipe.evaluate.resamples, recipe.seed, recipe.evaluate.abstain_below
    return confidence_of(before, after, held_out(run.after), held_out(run.before), *settings)


def _write_if_any(place: Path, values: dict[str, Any]) -> None:
    if values:
        write_json(place, values)
    else:
        place.unlink(missing_ok=True)


def report_again(root: Path) -> Outcome:
    """The report of an existing run, computed again from its samples.

    Raises ``RecipeError`` where it is not one.
    """
    run = RunDirectory(root)
    if not run.state_file.exists() or not (run.data / "audit.json").exists():
        raise RecipeError(
            "this is no run with prepared data",
            where=str(root),
            fix="Name a run's directory, such as runs/quickstart.",
        )
    recipe = read_run_recipe(str(run.recipe))
    run.open()
    try:
        report_stage(recipe, run, again=True)
        metrics = Metrics.read(run.metrics)
        run.update(status=metrics.status)
    finally:
        run.close()
    return Outcome(root, metrics, verdict(metrics) if metrics.change else "")
