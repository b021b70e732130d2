"""`medtune`: the verbs, and what an error looks like to a person."""

import errno
import signal
import sys
from types import FrameType

import click
import typer

from medtune import __version__
from medtune.cli import ask, chat, data, doctor, evaluate, inspect, prepare, pretrain, recipes, report, run, train
from medtune.errors import MedtuneError
from medtune.progress import is_verbose

app = typer.Typer(
    name="medtune",
    help="Fine-tune language models on medical text, and learn honestly whether it helped.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for verb in (run, prepare, inspect, train, evaluate, report, ask, chat, pretrain, doctor):
    app.command(name=verb.__name__.rsplit(".", 1)[-1])(verb.command)
app.add_typer(recipes.app, name="recipes")
app.add_typer(data.app, name="data")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"medtune {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """Options before any verb."""


class _Terminated(SystemExit):
    """SIGTERM came."""


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _Terminated(143)


def _fail(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code


def _run() -> int:
    try:
        result = app(standalone_mode=False)
    except click.exceptions.Abort:
        return _fail("interrupted. What is done is kept: the same command goes on from there.", 130)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except _Terminated:
        return _fail("terminated. What is done is kept: the same command goes on from there.", 143)
    except MedtuneError as error:
        if is_verbose():
            raise
        return _fail(str(error), error.exit_code)
    except OSError as error:
        if is_verbose():
            raise
        if error.errno == errno.ENOSPC:
            return _fail(
                f"the disk is full ({error.filename or 'while writing'}).\nFree some space; the same command goes on.",
                1,
            )
        place = f"{error.filename}: " if error.filename else ""
        return _fail(f"{place}{error.strerror or error}\nMore with --verbose.", 1)
    except Exception as error:
        if is_verbose():
            raise
        return _fail(
            f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}\nMore with --verbose.", 1
        )
    return result if isinstance(result, int) else 0


def main() -> None:
    """Entry point of the `medtune` command."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(_run())
