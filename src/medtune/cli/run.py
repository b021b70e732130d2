"""`medtune run`: the whole way, from data to report."""

from textwrap import fill
from typing import Annotated

import typer

from medtune.cli.common import (
    DataDir,
    DryRun,
    Json,
    Out,
    Quiet,
    RecipeName,
    Seed,
    Set,
    Verbose,
    Yes,
    existing_data_dir,
    out_directory,
    print_json,
    score_table,
)

Seeds = Annotated[
    int | None,
    typer.Option("--seeds", min=1, metavar="N", help="Train with N seeds and pool what changed."),
]


def command(
    recipe: RecipeName,
    set_: Set = None,
    out: Out = None,
    seed: Seed = None,
    data_dir: DataDir = None,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    yes: Yes = False,
    seeds: Seeds = None,
) -> None:
    """Prepare, evaluate the base, train, evaluate again, report. An interrupted run goes on where
    it stopped.
    """
    from medtune.recipe.read import read_run_recipe

    repeated = [] if seeds is None else [f"evaluate.seeds={seeds}"]
    settings = read_run_recipe(recipe, [*(set_ or []), *repeated], seed)
    directory = out_directory(out, settings.name, recipe)
    if dry_run:
        from medtune.runs.estimate import estimate, estimate_text

        facts = estimate(settings, existing_data_dir(data_dir))
        print_json(facts.model_dump()) if json else typer.echo(estimate_text(facts))
        return
    from medtune.runs.pipeline import execute

    outcome = execute(settings, directory, existing_data_dir(data_dir), yes=yes)
    if not outcome.main:
        return
    if json:
        print_json(
            outcome.metrics | {"verdict": outcome.verdict, "report": str(directory / "report.html")}
        )
        return
    typer.echo(
        f"\n{score_table(outcome.metrics)}\n\n{fill(outcome.verdict, 80)}\n\nReport: {(directory / 'report.html').resolve()}"
    )
