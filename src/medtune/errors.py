"""The errors a user meets: each says what is wrong, where, and what to do.

Each is also of its standard type (ValueError, RuntimeError). No message holds a value of a data
file: ``described`` says its kind and length, ``without_values`` takes it out of others' messages.
"""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager


class MedtuneError(Exception):
    """One or two lines for a person: what is wrong, where (file, row, field), and what to do
    about it.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__(str(self))

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n{self.fix}" if self.fix else head


class RecipeError(MedtuneError, ValueError):
    """The recipe or the command line is wrong."""

    exit_code = 2


class DataError(MedtuneError, ValueError):
    """The data are wrong, or are not where the recipe says."""

    exit_code = 2


class ModelError(MedtuneError, ValueError):
    """The model cannot be had, or cannot do what the recipe asks of it."""

    exit_code = 2


class RunError(MedtuneError, RuntimeError):
    """A run started and could not go on."""


_NAMED = re.compile(r"(?<=unknown encoding: ).*", re.DOTALL)  # what a file names, unquoted
_QUOTED = re.compile(r"(?<!\w)(['\"`“]).*?(?:['\"`”](?!\w)|$)", re.DOTALL)


def described(value: object) -> str:
    """A value from a file by its kind and length alone: it may be a patient's text."""
    if isinstance(value, str):
        size = f"{len(value):,} character{'s' * (len(value) > 1)}"
        return f"a text of {size}" if value.strip() else "an empty text"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, list | tuple | set):
        return f"a list of {len(value):,}"
    if isinstance(value, dict):
        return f"an object of {len(value):,} fields"
    if value is None or isinstance(value, bool):
        return "nothing" if value is None else "true or false"
    return "a number" if isinstance(value, int | float) else f"of type {type(value).__name__}"


def without_values(error: BaseException) -> str:
    """The first line of a library's message without what it quotes: that may stand in a file."""
    first = next(iter(str(error).strip().splitlines()), "")
    if isinstance(error, MedtuneError | AttributeError | ImportError | NameError | OSError):
        return first  # what these quote are names in code, and paths
    return _NAMED.sub("…", _QUOTED.sub("'…'", first))[:200]


@contextmanager
def reading_data(where: str) -> Iterator[None]:
    """What a library raises on a file's values becomes a DataError without them."""
    try:
        yield
    except (MedtuneError, OSError, MemoryError):
        raise
    except Exception as error:
        raise DataError(
            f"cannot be read ({type(error).__name__}: {without_values(error)})",
            where=where,
            fix="Export the file again; --verbose shows where reading stopped.",
        ) from error


class Stopped(SystemExit):
    """The signal ``number`` ended the work: exit code 130 for SIGINT (Ctrl-C), 143 for SIGTERM.

    ``kept`` says what is saved, such as "training, step 23 of 44 is saved".
    """

    def __init__(self, number: int, kept: str = "") -> None:
        self.number, self.kept = number, kept
        super().__init__(128 + number)

    def __str__(self) -> str:
        word = "interrupted" if self.number == signal.SIGINT else "terminated"
        return f"{word} in {self.kept}" if self.kept else word
