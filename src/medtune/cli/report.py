"""`medtune report`: figures, plots, page and card again, from a run's files alone."""

from pathlib import Path
from textwrap import fill
from typing import Annotated

import typer

from medtune.cli.common import Json, Quiet, Verbose, print_json, score_table

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run's directory.")]


def command(
    run: RunPath, json: Json = False, quiet: Quiet = False, verbose: Verbose = False
) -> None:
    """Compute scores and write the report again from the saved samples; no model is loaded."""
    from medtune.runs.pipeline import report_again

    outcome = report_again(run)
    if not outcome.metrics["change"] and not json:
        typer.echo(
            f"Not finished: nothing to compare yet. Go on with: medtune run {run}\nReport so far: {run / 'report.html'}"
        )
        return
    if json:
        print_json(outcome.metrics | {"verdict": outcome.verdict})
        return
    typer.echo(
        f"{score_table(outcome.metrics)}\n\n{fill(outcome.verdict, 80)}\n\nReport: {(run / 'report.html').resolve()}"
    )
