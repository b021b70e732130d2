"""CSV and TSV as a stream of rows.

The delimiter is the one under which the first lines have as many fields as the header.
"""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from medtune.data.formats.text import TableRow, text_lines
from medtune.errors import DataError

DELIMITERS = ",;\t|"
_FIELD_LIMIT = 10_000_000  # characters; what is longer is a quote that was never closed
_SAMPLE = 50  # lines


def delimited_header(path: Path) -> tuple[list[str], str]:
    """Column names and delimiter.

    No more than the first lines is read; an empty file has no columns.
    """
    sample = list(islice((line for line in text_lines(path) if line.strip()), _SAMPLE))
    if not sample:
        return [], ","
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _guess(sample)
    header, _ = next(_records(path, delimiter))
    names = [name.strip() for name in header]
    check_names(path, names)
    if len(names) == 1 and any(other in names[0] for other in DELIMITERS):
        raise DataError(
            f"one column, named {names[0][:60]!r}: the delimiter is not the one expected here",
            where=f"{path}, line 1",
            fix="A .tsv is read with tabs; name a file with commas, semicolons or bars .csv.",
        )
    return names, delimiter


def delimited_rows(
    path: Path, names: list[str], delimiter: str, *, header: bool = True
) -> Iterator[TableRow]:
    """Rows by column name. With ``header`` false the first line is a row like the others."""
    records = _records(path, delimiter)
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
            f"the column {twice[0]!r} is there twice",
            where=f"{path}, line 1",
            fix="Rename or remove one of them.",
        )


def _records(path: Path, delimiter: str) -> Iterator[tuple[list[str], int]]:
    """Records that are not blank, each with the line it begins on."""
    csv.field_size_limit(_FIELD_LIMIT)
    reader = csv.reader(text_lines(path), delimiter=delimiter, strict=True)
    start = 1
    try:
        while (record := next(reader, None)) is not None:
            if record:
                yield record, start
            start = reader.line_num + 1
    except csv.Error as error:
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
