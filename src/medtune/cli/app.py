"""`medtune`: the verbs."""

import signal
import sys
from types import FrameType

import typer

from medtune import __version__
from medtune.cli import data, recipes
from medtune.cli.chat import ask, chat
from medtune.cli.doctor import doctor
from medtune.cli.evaluate import compare, evaluate
from medtune.cli.exit_codes import Terminated, exit_code_of
from medtune.cli.export import export
from medtune.cli.inspect import inspect
from medtune.cli.run import pretrain, run
from medtune.cli.stage_verbs import prepare, report, train

app = typer.Typer(
    name="medtune",
    help="Fine-tune language models on medical text, and learn honestly whether it helped.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
VERBS = (
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
)
for verb in VERBS:
    app.command(name=verb.__name__)(verb)
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
    """Options that stand before any verb."""


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated(143)


def main() -> None:
    """Entry point of the `medtune` command."""
    signal.signal(signal.SIGTERM, _terminate)
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    sys.exit(exit_code_of(lambda: app(standalone_mode=False)))
