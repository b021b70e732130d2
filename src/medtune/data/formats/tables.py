"""Tables of any kind of file as streams of rows: ``open_table`` takes the reader of its ending.

Parquet is read here, batch by batch; text and CSV in ``delimited.py``, JSON in ``json.py``. A new
kind of file is an ending in ``TABLE_SUFFIXES`` and a branch of ``open_table``.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtune.data.formats.compression import COMPRESSED_SUFFIXES, plain_path
from medtune.data.formats.delimited import TableRow, check_names, delimited_header, delimited_rows
from medtune.data.formats.encoding import AUTO
from medtune.data.formats.json import json_line_rows, json_rows
from medtune.data.formats.sheets import sheet_names, sheet_rows
from medtune.errors import DataError, without_values

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_BATCH = 500  # rows
_BUFFER = 2**20  # bytes read ahead in a column, so that a large row group is not held whole


def parquet_names(path: Path) -> list[str]:
    """Column names, from the file's end; no row is read."""
    with _open(path) as file:
        names = [str(name) for name in file.schema_arrow.names]
    check_names(path, names)
    return names


def parquet_rows(path: Path, columns: list[str] | None = None) -> Iterator[TableRow]:
    """Rows by column name, of all columns or of those named."""
    with _open(path) as file:
        count = 0
        for batch in file.iter_batches(batch_size=_BATCH, columns=columns):
            rows = batch.to_pylist()
            count += len(rows)
            yield from rows
        if count != file.metadata.num_rows:
            raise ValueError(f"{count} rows where it says {file.metadata.num_rows}")


@contextmanager
def _open(path: Path) -> Iterator["pq.ParquetFile"]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
            yield file
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise DataError(
            f"not a whole Parquet file ({without_values(error)[:80]})",
            where=str(path),
            fix="Fetch or export it again.",
        ) from error


if TYPE_CHECKING:
    import pyarrow as pa

SHEET_SUFFIXES = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
TEXT_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")
TABLE_SUFFIXES = (*TEXT_SUFFIXES, ".parquet", *SHEET_SUFFIXES)
_LOOK = 100  # rows

Rows = Callable[[], Iterator[TableRow]]


@dataclass(frozen=True)
class Table:
    """A table in a file, of which only the beginning was read: its column names, its first row,
    and all rows as streams.

    A JSON row may lack columns, and may have some that the first rows did not have.
    """

    path: Path
    names: list[str]
    first: TableRow | None
    rows: Rows
    column: Callable[[str], Iterator[Any]]


def is_table(path: Path) -> bool:
    """Whether there is a reader for a file of this ending; texts may be compressed."""
    inner = plain_path(path)
    suffixes = TABLE_SUFFIXES if inner == path else TEXT_SUFFIXES
    return inner.suffix.lower() in suffixes


def open_table(
    path: Path,
    header: Sequence[str] | None = None,
    encoding: str = AUTO,
    sheet: str | None = None,
) -> Table:
    """Look at a table. ``header`` names the columns of a CSV without a line of names; ``sheet``
    the one to read of a spreadsheet.

    Raises ``DataError`` where the file or one of its first rows cannot be read.
    """
    suffix = plain_path(path).suffix.lower() if is_table(path) else ""
    if suffix == ".parquet":
        names = parquet_names(path)
        first = next(parquet_rows(path), None)
        return Table(
            path,
            names,
            first,
            lambda: parquet_rows(path),
            lambda name: _one(parquet_rows(path, [name]), name),
        )
    if suffix in (".csv", ".tsv"):
        names, delimiter = (list(header), ",") if header else delimited_header(path, encoding)
        return _text_table(
            path,
            names,
            lambda: delimited_rows(path, names, delimiter, header=not header, encoding=encoding),
        )
    if suffix in (".json", ".jsonl", ".ndjson"):
        reader = json_rows if suffix == ".json" else json_line_rows
        return _text_table(path, None, lambda: reader(path, encoding))
    if suffix in SHEET_SUFFIXES:
        names = sheet_names(path, sheet)
        return _text_table(path, names, lambda: sheet_rows(path, sheet))
    raise DataError(
        f"no reader for {path.suffix or 'a file without an ending'}",
        where=str(path),
        fix=f"Use {', '.join(TABLE_SUFFIXES)}; texts also as {', '.join(COMPRESSED_SUFFIXES)}.",
    )


def _text_table(path: Path, names: list[str] | None, rows: Rows) -> Table:
    head = list(islice(rows(), _LOOK))
    names = (
        names if names is not None else list(dict.fromkeys(name for row in head for name in row))
    )
    return Table(path, names, head[0] if head else None, rows, lambda name: _one(rows(), name))


def _one(rows: Iterator[TableRow], name: str) -> Iterator[Any]:
    return (row.get(name) for row in rows)


def read_table(path: Path) -> "pa.Table":
    """Read a whole table into memory.

    A column of mixed types becomes text; a JSON list or object stays one.
    """
    import pyarrow as pa

    table = open_table(path)
    rows = list(table.rows())
    names = list(dict.fromkeys([*table.names, *(name for row in rows for name in row)]))
    return pa.table({name: _array([row.get(name) for row in rows]) for name in names})


def _array(values: list[Any]) -> "pa.Array":
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array(
            [None if v is None else v if isinstance(v, str) else json.dumps(v) for v in values]
        )
