"""Text files as lines, and CSV and TSV as a stream of rows.

The encoding is told by ``encoding.py``, or named; a byte that is no text is an error with its line.
The delimiter is the one under which the first lines have as many fields as the header.
"""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from medtune.data.column_names import shown_column
from medtune.data.formats.compression import open_binary, plain_path
from medtune.data.formats.encoding import AUTO, text_encoding
from medtune.errors import DataError, described

# A row of a table by column name; its values are whatever the file holds.
TableRow = dict[str, Any]
MAX_LINE = 64 * 2**20  # characters; a longer line is no row of a table
_CHUNK = 2**20
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


@contextmanager
def open_text(path: Path, encoding: str = AUTO) -> Iterator[TextIO]:
    """The file's characters, decompressed, line ends as they are.

    ``DataError`` names the line of a byte that is no text.
    """
    codec = text_encoding(path, encoding)
    try:
        with open_binary(path) as raw, io.TextIOWrapper(raw, codec, newline="") as handle:
            yield handle
    except UnicodeError as error:
        raise _undecodable(path, codec, error) from error


def text_lines(path: Path, encoding: str = AUTO) -> Iterator[str]:
    """The lines of a text file, each with its end."""
    with open_text(path, encoding) as handle:
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


def _undecodable(path: Path, codec: str, error: UnicodeError) -> DataError:
    """The error with its line, found by reading the file once more up to it."""
    line, byte = _first_undecodable(path, codec)
    return DataError(
        f"not {codec} (byte 0x{byte:02x})"
        if byte is not None
        else f"not {codec} ({error.reason})"
        if isinstance(error, UnicodeDecodeError)
        else f"not {codec}",
        where=f"{path}, line {line}",
        fix="Name its encoding (--set data.encoding=cp1252), or save it as UTF-8.",
    )


def _first_undecodable(path: Path, codec: str) -> tuple[int, int | None]:
    decoder, line = codecs.getincrementaldecoder(codec)(), 1
    with open_binary(path) as raw:
        while True:
            chunk = raw.read(_CHUNK)
            try:
                line += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                good = error.object[: error.start].decode(codec, "ignore")
                return line + good.count("\n"), error.object[error.start]
            if not chunk:
                return line, None


DELIMITERS = ",;\t|"
_FIELD_LIMIT = 10_000_000  # characters; what is longer is a quote that was never closed
_SAMPLE = 50  # lines
_SEPARATOR_LINE = re.compile(r"\"?sep=[,;\t|]\"?[\r\n]*")


def _table_lines(path: Path, encoding: str) -> Iterator[str]:
    """The lines of a table; a first line ``sep=;``, which spreadsheets write for each other, is
    blank.
    """
    for number, line in enumerate(text_lines(path, encoding)):
        yield "\n" if not number and _SEPARATOR_LINE.fullmatch(line) else line


def delimited_header(path: Path, encoding: str = AUTO) -> tuple[list[str], str]:
    """Column names and delimiter.

    No more than the first lines is read; an empty file has no columns.
    """
    sample = list(islice((line for line in _table_lines(path, encoding) if line.strip()), _SAMPLE))
    if not sample:
        return [], ","
    delimiter = "\t" if plain_path(path).suffix.lower() == ".tsv" else _guess(sample)
    header, _ = next(_records(path, delimiter, encoding))
    names = [name.strip() for name in header]
    check_names(path, names)
    if len(names) == 1 and any(other in names[0] for other in DELIMITERS):
        raise DataError(
            f"one column ({described(names[0])}): the delimiter is not the one expected here",
            where=f"{path}, line 1",
            fix="A .tsv is read with tabs; name a file with commas, semicolons or bars .csv.",
        )
    return names, delimiter


def delimited_rows(
    path: Path, names: list[str], delimiter: str, *, header: bool = True, encoding: str = AUTO
) -> Iterator[TableRow]:
    """Rows by column name. With ``header`` false the first line is a row like the others."""
    records = _records(path, delimiter, encoding)
    if header:
        next(records, None)
    for record, line in records:
        if len(record) != len(names):
            raise DataError(
                f"{len(record)} fields where the header has {len(names)}",
                where=f"{path}, line {line}",
                fix="Put fields that hold the delimiter or a line break in double quotes.",
            )
        yield dict(zip(names, record, strict=True))


def check_names(path: Path, names: list[str]) -> None:
    """A name that is there twice would lose one of its columns."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"the {shown_column(twice[0], names)} is there twice",
            where=f"{path}, line 1",
            fix="Rename or remove one of them.",
        )


def _records(path: Path, delimiter: str, encoding: str) -> Iterator[tuple[list[str], int]]:
    """Records that are not blank, each with the line it begins on."""
    csv.field_size_limit(_FIELD_LIMIT)
    reader = csv.reader(_table_lines(path, encoding), delimiter=delimiter, strict=True)
    start = 1
    try:
        while (record := next(reader, None)) is not None:
            if record:
                yield record, start
            start = reader.line_num + 1
    except csv.Error as error:
        if "field limit" in str(error):
            raise DataError(
                f"a field of more than {_FIELD_LIMIT:,} characters in the record that begins here",
                where=f"{path}, line {start}",
                fix="Close its quote; if it is one text, write the table as JSON lines.",
            ) from error
        raise DataError(
            f"broken quoting in the record that begins here ({error})",
            where=f"{path}, line {start}",
            fix='Write a quote inside a field as "".',
        ) from error


def _guess(sample: list[str]) -> str:
    """The delimiter that splits the header, and then most of the sample into as many fields."""

    def fit(delimiter: str) -> tuple[bool, float, int]:
        records = _sample_records(sample, delimiter)
        width = len(records[0]) if records else 0
        alike = sum(len(record) == width for record in records) / max(1, len(records))
        return width > 1, alike if width > 1 else 0, width

    return max(DELIMITERS, key=fit)


def _sample_records(sample: list[str], delimiter: str) -> list[list[str]]:
    records = []
    csv.field_size_limit(_FIELD_LIMIT)
    try:
        for record in csv.reader(sample, delimiter=delimiter):
            records.append(record)
    except csv.Error:
        pass  # judged by what could be split; reading says what is broken
    return (
        records[:-1] if len(sample) == _SAMPLE and len(records) > 1 else records
    )  # the last may be cut
