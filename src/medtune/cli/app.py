"""`medtune`: the verbs, and what an error looks like: one or two lines, and its exit code."""

import errno
import os
import re
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from types import FrameType

import typer
from typer.exceptions import TyperException

from medtune import __version__
from medtune.cli import data, models, recipes
from medtune.cli.chat import ask, chat
from medtune.cli.doctor import doctor
from medtune.cli.evaluate import compare, evaluate
from medtune.cli.export import export
from medtune.cli.inspect import inspect
from medtune.cli.run import pretrain, run
from medtune.cli.stage_verbs import prepare, report, train
from medtune.cpu_threads import configure_threads
from medtune.errors import MedtuneError, Stopped, without_values
from medtune.progress import configure, is_verbose, printable

GOES_ON = "What is done is kept: the same command goes on from there."
NO_ROOM = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file would grow larger than is allowed here",
}


def _fail(message: str, code: int) -> int:
    print(f"error: {printable(message)}", file=sys.stderr)
    return code


def _system_error(error: Exception) -> int | None:
    """The system's error number, also where a library hands it on as text only (safetensors
    does).
    """
    if re.search(r"\d+ requested and \d+ written", str(error)):  # NumPy's, without a number
        return errno.ENOSPC
    if isinstance(error, OSError):
        return error.errno
    number = re.search(r"\(os error (\d+)\)", str(error))
    return int(number[1]) if number else None


def _unexpected(error: Exception) -> str:
    number = _system_error(error)
    if number in NO_ROOM:
        where = getattr(error, "filename", None) or "while writing"
        return f"{NO_ROOM[number]} ({where})\nMake room; the same command goes on."
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}\nMore with --verbose."
    reason = without_values(error) or "no further word"
    return f"{type(error).__name__}: {reason}\nMore with --verbose."


def _traceback(error: BaseException) -> Iterator[str]:
    """Where it came from, the first cause first; messages without values of a file."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _traceback(cause)
        yield "\nwhich led to\n\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    reason = str(error) if isinstance(error, MedtuneError) else without_values(error)
    yield f"{type(error).__name__}: {reason}\n"


def _how_to_go_on() -> str:
    """The command to call again; under a launcher, which has called this one, without its name."""
    if "WORLD_SIZE" in os.environ:
        return "The same command goes on from there."
    return f"`{shlex.join(['medtune', *sys.argv[1:]])}` goes on from there."


def exit_code_of(program: Callable[[], object]) -> int:
    """Run the program; say what went wrong, if anything did, and return the exit code."""
    try:
        result = program()
    except TyperException as error:
        return _fail(f"{error.format_message()}\nSee: medtune --help", error.exit_code)
    except Stopped as stop:
        return _fail(f"{stop}. {_how_to_go_on() if stop.kept else GOES_ON}", 128 + stop.number)
    except KeyboardInterrupt:
        return _fail(f"interrupted. {GOES_ON}", 130)
    except Exception as error:
        if is_verbose():
            print("".join(_traceback(error)), file=sys.stderr, end="")
        if isinstance(error, MedtuneError):
            return _fail(str(error), error.exit_code)
        return _fail(_unexpected(error), 1)
    if result == 130:  # how typer hands on Ctrl-C
        return _fail(f"interrupted. {GOES_ON}", 130)
    return result if isinstance(result, int) else 0


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
# They load torch, whose threads are to be set before.
COMPUTING = {verb.__name__ for verb in VERBS} - {"report"}
for verb in VERBS:
    app.command(name=verb.__name__)(verb)
app.add_typer(recipes.app, name="recipes")
app.add_typer(data.app, name="data")
app.add_typer(models.app, name="models")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"medtune {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Options that stand before any verb."""
    configure(quiet=False, verbose=False)  # not as an earlier command of this process set them
    if context.invoked_subcommand in COMPUTING and not {"--help", "-h"} & set(sys.argv):
        configure_threads()


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)


def main() -> None:
    """Entry point of the `medtune` command."""
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # an earlier call in this process
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a console of few signs shows "?" for the others
            stream.reconfigure(errors="replace")
    code = exit_code_of(lambda: app(standalone_mode=False))
    for number in (signal.SIGINT, signal.SIGTERM):  # what is left to do is closing down
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    sys.exit(code)
