"""Spreadsheets (.xlsx, .xls, .ods …) as a stream of rows: the first line of a sheet names the
columns, every cell becomes the text that stands in it.
"""

import datetime
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtune.data.formats.delimited import TableRow, check_names
from medtune.errors import DataError

if TYPE_CHECKING:
    from python_calamine import CalamineSheet


def sheet_names(path: Path, sheet: str | None = None) -> list[str]:
    """The column names of a sheet."""
    return next(_records(path, sheet), [])


def sheet_rows(path: Path, sheet: str | None = None) -> Iterator[TableRow]:
    """Rows by column name; rows without any value are none."""
    records = _records(path, sheet)
    names = next(records, [])
    for record in records:
        yield dict(zip(names, record, strict=True))


def _records(path: Path, sheet: str | None) -> Iterator[list[str]]:
    rows = iter(_sheet(path, sheet).iter_rows())
    width = 0
    for number, values in enumerate(rows, 1):
        record = [_cell(value) for value in values]
        if not any(record):
            continue
        if not width:
            while record and not record[-1]:
                record.pop()
            width = len(record)
            if "" in record:
                raise DataError(
                    f"column {record.index('') + 1} has values below and no name",
                    where=f"{path}, row {number}",
                    fix="Give every column a name in the first row.",
                )
            check_names(path, record)
        if any(record[width:]):
            raise DataError(
                f"{len(record)} fields where the header has {width}",
                where=f"{path}, row {number}",
                fix="Give every column a name in the first filled row, with no title above it.",
            )
        yield [*record[:width], *[""] * (width - len(record))]


def _sheet(path: Path, sheet: str | None) -> "CalamineSheet":
    """The sheet that is named, else the only one that holds something."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(path)
        sheets = {name: book.get_sheet_by_name(name) for name in book.sheet_names}
    except (CalamineError, OSError, ValueError) as error:
        raise DataError(
            f"not a whole {path.suffix} file ({type(error).__name__})",
            where=str(path),
            fix="Save it again, without a password, or as CSV.",
        ) from error
    if sheet is not None and sheet not in sheets:
        raise DataError(
            f"no sheet {sheet!r}",
            where=str(path),
            fix=f"data.sheet must be one of: {', '.join(sheets)}.",
        )
    filled = [s for name, s in sheets.items() if s.height and sheet in (None, name)]
    if len(filled) > 1:
        raise DataError(
            f"{len(filled)} sheets hold something",
            where=str(path),
            fix=f"Name one: --set data.sheet=… ({', '.join(s.name for s in filled)}).",
        )
    if not filled:
        raise DataError("the file has no rows", where=str(path), fix="Give a sheet with rows.")
    return filled[0]


def _cell(value: Any) -> str:
    """A cell as text: numbers by their 15 digits without an exponent, dates as ISO 8601."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        # Spreadsheets count in 15 digits and show 0.1 + 0.2 as 0.3; no 1e-07 for 0.0000001.
        return format(Decimal(f"{value:.15g}"), "f")
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)
