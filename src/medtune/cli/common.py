"""The options that verbs share, each declared once, and what the verbs do with them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from medtune import progress
from medtune.progress import printable

if TYPE_CHECKING:
    from medtune.recipe.schema import Recipe
    from medtune.report.run_metrics import Metrics

RecipeName = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE", help="Name of a shipped recipe, a path, or a run's directory."
    ),
]
ModelName = Annotated[
    str, typer.Argument(metavar="MODEL", help="A run's directory, a model directory, or a name.")
]
Command = Callable[..., None]


def _set_quiet(value: bool) -> bool:
    progress.configure(quiet=value or None)
    return value


def _set_verbose(value: bool) -> bool:
    progress.configure(verbose=value or None)
    return value


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line gave for the shared options; what a verb does not offer is default."""

    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Set any field, e.g. train.epochs=2."),
    ] = None
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Run directory [default: runs/NAME]."),
    ] = None
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Seed of every random choice.")
    ] = None
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir", metavar="DIR", envvar="MEDTUNE_DATA", help="Where known data sets lie."
        ),
    ] = None
    examples: Annotated[
        bool, typer.Option("--examples", help="Before and after of every cleaning rule.")
    ] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Plan, sizes, memory, measured times; writes nothing.")
    ] = False
    json: Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")] = False
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", callback=_set_quiet, help="No progress.")
    ] = False
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", callback=_set_verbose, help="More detail, and tracebacks."),
    ] = False
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Answer yes to questions.")] = False

    def run_recipe(self, name: str, *more: str) -> "Recipe":
        """The recipe of a run with --set, ``more`` overrides and --seed applied."""
        from medtune.recipe.read import read_run_recipe

        return read_run_recipe(name, [*(self.overrides or []), *more], self.seed)

    def run_directory(self, name: str, recipe: str) -> Path:
        """--out; the run's directory that was given as recipe; or runs/``name``."""
        return self.out or (Path(recipe) if Path(recipe).is_dir() else Path("runs") / name)

    def existing_data_dir(self) -> Path | None:
        """--data-dir; DataError where it is no directory."""
        from medtune.errors import DataError

        if self.data_dir is not None and not self.data_dir.is_dir():
            raise DataError(
                "no such directory",
                where=f"--data-dir {self.data_dir}",
                fix="Name the directory that holds the data sets.",
            )
        return self.data_dir

    def show(self, value: object, text: Callable[[], str]) -> None:
        """A result: as JSON with --json, else as the text for people."""
        print_json(value) if self.json else typer.echo(printable(text()))


_HINTS = get_type_hints(Options, include_extras=True)
_SHARED = {
    field.name: Parameter(
        field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=_HINTS[field.name]
    )
    for field in fields(Options)
}


def offers(order: str) -> Callable[[Command], Command]:
    """A verb with shared options: it takes them as ``options``, an `Options`.

    ``order`` names the options as they stand in --help, the verb's own ones among them; parameters
    of the verb that it leaves out stand before all others.
    """

    def decorate(function: Command) -> Command:
        parameters = {
            name: parameter.replace(kind=Parameter.KEYWORD_ONLY)
            for name, parameter in signature(function, eval_str=True).parameters.items()
            if name != "options"
        }
        names = [name for name in parameters if name not in order.split()] + order.split()
        taken = [name for name in names if name not in parameters]

        @wraps(function)
        def command(**values: Any) -> None:
            options = Options(**{name: values.pop(name) for name in taken})
            try:
                function(**values, options=options)
            finally:  # what comes after in this process is not silenced, too
                progress.configure(quiet=False)

        offered = [(_SHARED | parameters)[name] for name in names]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in offered}
        command.__signature__ = Signature(offered)  # type: ignore[attr-defined]
        return command

    return decorate


def print_json(value: object) -> None:
    """One JSON document of a plain value or of a typed result."""
    dump = getattr(value, "model_dump", None)
    typer.echo(json.dumps(dump(mode="json") if dump else value, indent=2, ensure_ascii=False))


def _number(value: float | None, digits: int = 4) -> str:
    """At most eight characters, so that columns never touch."""
    if value is None:
        return "–"
    size = abs(value)
    if 1e4 <= size < 1e6:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if size == 0 or 1e-3 <= size < 1e4 else f"{value:.1e}"


# Shares of items that were not measured as they stand: shown wherever there are any.
SHARES_LOST = ("prompts_cut", "indistinct_options")


def score_table(metrics: "Metrics") -> str:
    """Before, after and the difference with its interval, a line a tested metric.

    The descriptions are counted, but for shares of items that were not measured as they stand.
    """
    from medtune.evaluation.decisions import decision_notes

    described = 0
    lines = [f"{'':<30}{'before':>9}{'after':>9}{'change':>10}  95 % interval", "-" * 80]
    for task, changes in metrics.change.items():
        for name, change in changes.items():
            if change.better is None and name not in SHARES_LOST:
                described += 1
                continue
            before, after = metrics.before[task][name].value, metrics.after[task][name].value
            if change.better is None and not before and not after:
                described += 1
                continue
            lines.append(
                f"{f'{task} {name}'[:29]:<30}{_number(before):>9}{_number(after):>9}"
                f"{_number(change.value):>10}  "
                f"{_number(change.low, 3)} to {_number(change.high, 3)}"
            )
            lines += [f"    {note}" for note in decision_notes(change)]
    if described:
        noun = (
            "figure, neither good nor bad in itself, stands"
            if described == 1
            else "figures, neither good nor bad, stand"
        )
        lines.append(f"{described} further {noun} in the report.")
    return "\n".join(lines)
