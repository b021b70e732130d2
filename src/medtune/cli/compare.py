"""`medtune compare`: runs and models on the same items, one table."""

from pathlib import Path
from typing import Annotated

import typer

from medtune.cli.common import DataDir, Json, Quiet, Verbose, existing_data_dir, print_json

Runs = Annotated[
    list[Path] | None, typer.Argument(metavar="RUN...", help="Finished runs' directories.")
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", metavar="NAME", help="A model beside them; may be given again."),
]
On = Annotated[
    str | None,
    typer.Option(
        "--on", metavar="RECIPE", help="Whose held-out items and tasks [default: the first run's]."
    ),
]
OutDir = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Page, plot, figures, and what was measured.")
]


def command(
    runs: Runs = None,
    model: Models = None,
    on: On = None,
    out: OutDir = Path("runs/comparison"),
    data_dir: DataDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compare runs (before and after) and models, paired on the same items, with a ranking that
    shows what is undecided.

    Runs that were measured on the same items are compared from their files; whoever was not is
    measured first.
    """
    from medtune.report.compare_page import compare_text
    from medtune.runs.compare import compare

    found = compare(runs or [], model or [], on, out, existing_data_dir(data_dir))
    if json:
        print_json(found)
        return
    typer.echo(f"{compare_text(found)}\n\nPage: {(out / 'compare.html').resolve()}")
