"""A run as a story: prepare → evaluate base → train → evaluate tuned → report."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from medtune import progress
from medtune.cpu_threads import threads_text
from medtune.errors import RecipeError
from medtune.files import write_text
from medtune.hosted.quote import confirm
from medtune.progress import say
from medtune.recipe.read import read_run_recipe, to_yaml
from medtune.recipe.schema import Recipe
from medtune.report.run_metrics import Metrics
from medtune.report.verdict import verdict
from medtune.runs.item_identifiers import item_identifiers_stage
from medtune.runs.measure_variants import arms_stage
from medtune.runs.overlap import overlap_stage
from medtune.runs.plan import Plan
from medtune.runs.preflight import check_labels, check_training, precheck
from medtune.runs.preparation import prepare_stage
from medtune.runs.repeats import repeats_stage
from medtune.runs.report_stage import report_stage
from medtune.runs.stage import RunDirectory, hardware, now, versions
from medtune.runs.stages import (
    check_base_untouched,
    evaluate_stage,
    task_items,
    train_stage,
    trained_model,
    training,
)
from medtune.runs.task_items import baselines_stage
from medtune.tokens.chat_templates import TEMPLATE_DATE
from medtune.training.distributed import Processes

STAGE_NAMES = ("prepare", "before", "train", "after", "report")


@dataclass(frozen=True)
class Outcome:
    """A run's directory, figures and verdict in words (empty before both evaluations)."""

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

    Under a launcher, every process trains and the main one does the rest. With ``yes``, a hosted
    job, which costs money and sends data away, is not asked about.
    """
    processes = Processes(recipe.train.trackers, out)
    if not processes.main:
        progress.configure(quiet=True)
    plan, run = Plan.make(recipe, data_dir), RunDirectory(out)
    if not processes.main:
        _run_stages(plan, run, processes, stages, yes)
        return _outcome(run, main=False)
    with _recorded(run):
        _record_start(plan, run)
        _run_stages(plan, run, processes, stages, yes)
        outcome = _outcome(run)
        complete = outcome.metrics if "report" in stages else None
        run.update(status=complete.status if complete else "partial")
    return outcome


def _run_stages(
    plan: Plan, run: RunDirectory, processes: Processes, stages: tuple[str, ...], yes: bool
) -> None:
    """The run as a story. What only trains is done by all processes, the rest by the main one."""
    if processes.main:
        if "prepare" in stages:
            precheck(plan)
            prepare_stage(plan, run)
            _check_items(plan, run)
        if "train" in stages and not run.is_done(training(plan, run)):
            _check_training(plan, run, yes)
        if "before" in stages:
            baselines_stage(plan.recipe, run, plan.data_dir)
            overlap_stage(plan.recipe, run, plan.data_dir)
            item_identifiers_stage(plan.recipe, run, plan.data_dir)
            evaluate_stage(plan, run, "before")
    processes.wait()
    if "train" in stages:
        train_stage(plan, run, processes)
    if processes.main and "after" in stages:
        evaluate_stage(plan, run, "after")
        arms_stage(plan, run)
        check_base_untouched(plan)
        _record_result(plan, run)
    if "after" in stages:
        repeats_stage(plan, run, processes)
    if processes.main and "report" in stages:
        report_stage(plan.recipe, run)
    processes.wait()


def _check_items(plan: Plan, run: RunDirectory) -> None:
    """Every task and arm has its items, its worked examples and labels that the model can tell
    apart, before anything is measured.
    """
    items = task_items(plan, run)
    check_labels(plan, items.jobs())
    for arm in plan.recipe.evaluate.arms:
        items.jobs(arm)


def _check_training(plan: Plan, run: RunDirectory, yes: bool) -> None:
    """Training fits the machine, or a person agrees to its cost, before the base is measured."""
    if plan.recipe.train.method == "hosted":
        confirm(plan.recipe, run, yes)
    else:
        check_training(plan, run.data)


@contextmanager
def _recorded(run: RunDirectory) -> Iterator[None]:
    """The run locked for the block; run.json says how the block ended where it did not end well."""
    run.open()
    try:
        yield
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt | SystemExit)
        run.update(status="interrupted" if stopped else "failed")
        raise
    finally:
        run.close()


def _record_start(plan: Plan, run: RunDirectory) -> None:
    machine = hardware()
    say(f"threads: {threads_text(machine.threads)}")
    run.update(
        recipe=plan.recipe.name,
        status="running",
        start=run.state().get("start", now()),
        seed=plan.recipe.seed,
        data_dir=plan.data_dir and str(plan.data_dir.resolve()),
        versions=versions(),
        hardware=machine.as_json(),
        template_date=TEMPLATE_DATE.date().isoformat(),
        base={
            "name": plan.base.name,
            "fingerprint": plan.base_fingerprint,
            "weights_sha256": plan.base_weights,
        },
    )
    write_text(run.recipe, to_yaml(plan.recipe))


def _record_result(plan: Plan, run: RunDirectory) -> None:
    model = trained_model(plan, run)
    run.update(
        result={"fingerprint": model.fingerprint(), "weights_sha256": model.weights_hash()},
        base=run.state()["base"] | {"weights_sha256_after": plan.base_weights},
    )


def _outcome(run: RunDirectory, *, main: bool = True) -> Outcome:
    metrics = Metrics.read(run.metrics) if run.metrics.exists() else None
    words = verdict(metrics) if metrics and metrics.change else ""
    return Outcome(run.root, metrics, words, main)


def report_again(root: Path) -> Outcome:
    """Compute the report of an existing run again, from its samples.

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
        outcome = _outcome(run)
        run.update(status=outcome.metrics.status if outcome.metrics else "partial")
    finally:
        run.close()
    return outcome
