"""Options that several verbs share, and what they do at once."""

from pathlib import Path
from typing import Annotated

import typer

from medtune import progress

RecipeName = Annotated[
    str, typer.Argument(metavar="RECIPE", help="Name of a shipped recipe, a path, or a run's directory.")
]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Run directory [default: runs/NAME].")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of every random choice.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set any field, e.g. train.epochs=2.")
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", envvar="MEDTUNE_DATA", help="Where known data sets lie."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Plan, sizes, memory and time; nothing is written.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", callback=lambda value: _quiet(value), help="No progress.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", callback=lambda value: _verbose(value), help="More detail, and tracebacks.")
]
Examples = Annotated[bool, typer.Option("--examples", help="Before and after of every cleaning rule.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Answer yes to questions.")]
ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="A run's directory, a model directory, or a name.")]


def _quiet(value: bool) -> bool:
    progress.configure(quiet=value or None)
    return value


def _verbose(value: bool) -> bool:
    progress.configure(verbose=value or None)
    return value


def existing_data_dir(path: Path | None) -> Path | None:
    """The data directory, checked."""
    from medtune.errors import DataError

    if path is not None and not path.is_dir():
        raise DataError(
            "no such directory", where=f"--data-dir {path}", fix="Name the directory that holds the data sets."
        )
    return path


def out_directory(out: Path | None, name: str, recipe: str) -> Path:
    """Where a run lies: where it is said to, in the run's directory that was given as recipe, or below runs/."""
    return out or (Path(recipe) if Path(recipe).is_dir() else Path("runs") / name)
