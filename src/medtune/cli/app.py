"""`medtune`: the verbs."""

import signal
import sys
from types import FrameType

import typer

from medtune import __version__
from medtune.cli import (
    ask,
    chat,
    compare,
    data,
    doctor,
    evaluate,
    export,
    inspect,
    prepare,
    pretrain,
    recipes,
    report,
    run,
    train,
)
from medtune.cli.errors import Terminated, exit_code_of

app = typer.Typer(
    name="medtune",
    help="Fine-tune language models on medical text, and learn honestly whether it helped.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for verb in (
    run,
    prepare,
    inspect,
    train,
    evaluate,
    report,
    compare,
    ask,
    chat,
    export,
    pretrain,
    doctor,
):
    app.command(name=verb.__name__.rsplit(".", 1)[-1])(verb.command)
app.add_typer(recipes.app, name="recipes")
app.add_typer(data.app, name="data")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"medtune {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Options before any verb."""


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated(143)


def main() -> None:
    """Entry point of the `medtune` command."""
    signal.signal(signal.SIGTERM, _terminate)
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    sys.exit(exit_code_of(lambda: app(standalone_mode=False)))
