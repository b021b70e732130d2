"""`medtune prepare`, `train` and `report`: one stage of a run each."""

from pathlib import Path
from textwrap import fill
from typing import Annotated

import typer

from medtune.cli.common import Options, RecipeName, offers, score_table
from medtune.progress import say

Cancel = Annotated[
    bool, typer.Option("--cancel", help="Cancel the hosted job of the run; nothing else is done.")
]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run's directory.")]


@offers("overrides out seed data_dir examples dry_run json quiet verbose")
def prepare(recipe: RecipeName, *, options: Options) -> None:
    """Read, clean, group and split the data; write the splits and the audit."""
    from medtune.data.audit import read_audit
    from medtune.report.audit_text import audit_text
    from medtune.runs.plan import Plan
    from medtune.runs.preparation import audit_if_prepared, prepared_data

    settings = options.run_recipe(recipe)
    data_dir = options.existing_data_dir()
    directory = options.run_directory(settings.name, recipe)
    audit_file = directory / "data" / "audit.json"
    plan = Plan.make(settings, data_dir)
    if options.dry_run:
        with prepared_data(plan, directory) as (audit, _):
            pass
    elif (earlier := audit_if_prepared(plan, directory)) is not None:
        audit = earlier
        say(f"[prepare] done before, inputs unchanged: {directory}")
    else:
        from medtune.runs.pipeline import execute

        execute(settings, directory, data_dir, stages=("prepare",))
        audit = read_audit(audit_file)
    outcome = "Nothing was written." if options.dry_run else f"Audit: {audit_file.resolve()}"
    options.show(
        audit.as_json(), lambda: f"{audit_text(audit, examples=options.examples)}\n\n{outcome}"
    )


@offers("overrides out seed data_dir json quiet verbose yes cancel")
def train(recipe: RecipeName, *, options: Options, cancel: Cancel = False) -> None:
    """Only the training stage of a run (and the data, where they are not prepared yet)."""
    from medtune.files import read_json
    from medtune.runs.pipeline import execute

    settings = options.run_recipe(recipe)
    directory = options.run_directory(settings.name, recipe)
    if cancel:
        from medtune.hosted.fine_tuning import cancel_run

        job, status = cancel_run(settings, directory)
        options.show({"job": job, "status": status}, lambda: f"job {job}: {status}")
        return
    outcome = execute(
        settings,
        directory,
        options.existing_data_dir(),
        stages=("prepare", "train"),
        yes=options.yes,
    )
    if not outcome.main:
        return
    stats = read_json(directory / "train" / "trainer_stats.json")
    loss = "unknown" if stats["train_loss"] is None else f"{stats['train_loss']:.3f}"
    options.show(
        stats,
        lambda: (
            f"{stats['steps']:,} steps, {stats['tokens']:,} tokens, "
            f"{stats['tokens_per_second']:,.0f} tokens/s, loss {loss}; "
            f"model: {(directory / 'model').resolve()}"
        ),
    )


@offers("json quiet verbose")
def report(run: RunPath, *, options: Options) -> None:
    """Compute scores and write the report again from the saved samples; no model is loaded."""
    from medtune.runs.pipeline import report_again

    outcome = report_again(run)
    page = run / "report.html"
    metrics = outcome.metrics
    assert metrics
    if not metrics.change and not options.json:
        typer.echo(
            f"Not finished: nothing to compare yet. Go on with: medtune run {run}\n"
            f"Report so far: {page}"
        )
        return
    options.show(
        metrics.as_json() | {"verdict": outcome.verdict},
        lambda: (
            f"{score_table(metrics)}\n\n{fill(outcome.verdict, 80)}\n\nReport: {page.resolve()}"
        ),
    )
