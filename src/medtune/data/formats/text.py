"""Text files as a stream of lines: UTF-8 or marked UTF-16, with the line of whatever is not
text.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from medtune.errors import DataError

# A row of a table by column name; its values are whatever the file holds.
TableRow = dict[str, Any]
MAX_LINE = 64 * 2**20  # characters; a longer line is no row of a table
_CHUNK = 2**20
_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """The file's characters, line ends as they are.

    ``DataError`` names the line of a byte that is no text.
    """
    try:
        with path.open("rb") as raw:
            mark = raw.read(2)
        with path.open(encoding="utf-16" if mark in _MARKS else "utf-8-sig", newline="") as handle:
            yield handle
    except UnicodeError as error:
        raise _undecodable(path, _MARKS.get(mark, "utf-8"), error) from error
    except OSError as error:
        raise DataError(
            f"cannot be read ({error.strerror})",
            where=str(path),
            fix="Check the path and its permissions.",
        ) from error


def text_lines(path: Path) -> Iterator[str]:
    """The lines of a text file, each with its end."""
    with open_text(path) as handle:
        number = 0
        while line := handle.readline(MAX_LINE):
            number += 1
            check_nul(path, line, number)
            if len(line) == MAX_LINE:
                raise DataError(
                    f"a line of more than {MAX_LINE:,} characters",
                    where=f"{path}, line {number}",
                    fix="Put each row on a line of its own.",
                )
            yield line


def check_nul(path: Path, text: str, line: int) -> None:
    """No text holds a NUL byte; ``line`` is the number of the text's first line."""
    if "\0" in text:
        line += text.count("\n", 0, text.index("\0"))
        raise DataError(
            "holds a NUL byte",
            where=f"{path}, line {line}",
            fix="The file is damaged or not text: export it again.",
        )


def check_unicode(path: Path, raw: str, value: Any, location: Callable[[], str]) -> None:
    """JSON may spell half of a surrogate pair, which is no text and cannot be written again.

    ``location`` says where in the file it is (``, line 7``); it is asked only for an error.
    """
    if not _HALF_PAIR.search(raw):
        return
    import json

    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"text that is no valid Unicode ({error.reason})",
            where=f"{path}{location()}",
            fix="Export it again.",
        ) from error


def _undecodable(path: Path, encoding: str, error: UnicodeError) -> DataError:
    """The error with its line, found by reading the file once more up to it."""
    line, byte = _first_undecodable(path, encoding)
    kind = "UTF-8" if encoding == "utf-8" else "UTF-16, though marked so"
    return DataError(
        f"not {kind} (byte 0x{byte:02x})" if byte is not None else f"not {kind} ({error})",
        where=f"{path}, line {line}",
        fix="Save it as UTF-8, for example: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW",
    )


def _first_undecodable(path: Path, encoding: str) -> tuple[int, int | None]:
    decoder, line = codecs.getincrementaldecoder(encoding)(), 1
    with path.open("rb") as raw:
        while True:
            chunk = raw.read(_CHUNK)
            try:
                line += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                good = error.object[: error.start].decode(encoding, "ignore")
                return line + good.count("\n"), error.object[error.start]
            if not chunk:
                return line, None
