"""Options that several verbs share, and what they do at once."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from medtune import progress

RecipeName = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE", help="Name of a shipped recipe, a path, or a run's directory."
    ),
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Run directory [default: runs/NAME].")
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of every random choice.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set any field, e.g. train.epochs=2."),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", metavar="DIR", envvar="MEDTUNE_DATA", help="Where known data sets lie."
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Plan, sizes, memory and time; nothing is written.")
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", callback=lambda value: _quiet(value), help="No progress.")
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        callback=lambda value: _verbose(value),
        help="More detail, and tracebacks.",
    ),
]
Examples = Annotated[
    bool, typer.Option("--examples", help="Before and after of every cleaning rule.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Answer yes to questions.")]
ModelName = Annotated[
    str, typer.Argument(metavar="MODEL", help="A run's directory, a model directory, or a name.")
]


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
            "no such directory",
            where=f"--data-dir {path}",
            fix="Name the directory that holds the data sets.",
        )
    return path


def out_directory(out: Path | None, name: str, recipe: str) -> Path:
    """Where a run lies: where it is said to, in the run's directory that was given as recipe, or
    below runs/.
    """
    return out or (Path(recipe) if Path(recipe).is_dir() else Path("runs") / name)


def print_json(value: Any) -> None:
    """One JSON document."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _number(value: float | None, digits: int = 4) -> str:
    """At most eight characters, so that columns never touch."""
    if value is None:
        return "–"
    size = abs(value)
    if 1e4 <= size < 1e6:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if size == 0 or 1e-3 <= size < 1e4 else f"{value:.1e}"


def score_table(metrics: dict[str, Any]) -> str:
    """Before, after and the difference with its interval, a line a tested metric.

    The descriptions are counted.
    """
    described = 0
    lines = [f"{'':<30}{'before':>9}{'after':>9}{'change':>10}  95 % interval", "-" * 80]
    for task, figures in metrics["change"].items():
        for name, entry in figures.items():
            if entry["better"] is None:
                described += 1
                continue
            before, after = (metrics[side][task][name]["value"] for side in ("before", "after"))
            interval = f"{_number(entry['low'], 3)} to {_number(entry['high'], 3)}"
            label = f"{task} {name}"[:29]
            row = f"{label:<30}{_number(before):>9}{_number(after):>9}{_number(entry['value']):>10}  {interval}"
            lines.append(row)
    if described:
        noun = (
            "figure, neither good nor bad in itself, stands"
            if described == 1
            else "figures, neither good nor bad, stand"
        )
        lines.append(f"{described} further {noun} in the report.")
    return "\n".join(lines)
