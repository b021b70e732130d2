"""What an error looks like to a person: one or two lines, and the exit code."""

import errno
import re
import sys
import traceback
from collections.abc import Callable

from typer.exceptions import TyperException

from medtune.errors import MedtuneError
from medtune.progress import is_verbose

GOES_ON = "What is done is kept: the same command goes on from there."
NO_ROOM = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file would grow larger than is allowed here",
}


class Terminated(SystemExit):
    """SIGTERM ended the process: exit code 143."""


def _fail(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code


def _system_error(error: Exception) -> int | None:
    """The system's error number, also where a library hands it on as text only (safetensors
    does).
    """
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
    reason = str(error).splitlines()[0] if str(error) else "no further word"
    return f"{type(error).__name__}: {reason}\nMore with --verbose."


def exit_code_of(program: Callable[[], object]) -> int:
    """Run the program; say what went wrong, if anything did, and return the exit code."""
    try:
        result = program()
    except TyperException as error:
        return _fail(f"{error.format_message()}\nSee: medtune --help", error.exit_code)
    except Terminated:
        return _fail(f"terminated. {GOES_ON}", 143)
    except KeyboardInterrupt:
        return _fail(f"interrupted. {GOES_ON}", 130)
    except Exception as error:
        if is_verbose():
            traceback.print_exc()
        if isinstance(error, MedtuneError):
            return _fail(str(error), error.exit_code)
        return _fail(_unexpected(error), 1)
    if result == 130:  # how typer hands on Ctrl-C
        return _fail(f"interrupted. {GOES_ON}", 130)
    return result if isinstance(result, int) else 0
