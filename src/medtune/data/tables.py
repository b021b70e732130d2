"""Tables from files: CSV, TSV, JSON, JSON lines, Parquet. A file that cannot be read whole is an error with its place."""

import codecs
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medtune.errors import DataError

TABLE_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")
DELIMITERS = ",;\t|"


def read_table(path: Path) -> pa.Table:
    """Read a whole table. Values keep their types; a JSON list or object stays one."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _read_parquet(path)
    text = _read_text(path)
    if suffix in (".csv", ".tsv"):
        rows = list(_csv_rows(path, text))
    elif suffix == ".json":
        rows = _json_rows(path, text)
    elif suffix in (".jsonl", ".ndjson"):
        rows = list(_json_line_rows(path, text))
    else:
        raise DataError(
            f"no reader for {suffix or 'a file without an ending'}",
            where=str(path),
            fix=f"Use {', '.join(TABLE_SUFFIXES)}.",
        )
    return _as_table(path, rows)


def _as_table(path: Path, rows: list[dict[str, Any]]) -> pa.Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        try:
            columns[name] = pa.array(values)
        except UnicodeEncodeError as error:
            raise DataError(
                f"the column {name!r} holds text that is no valid Unicode ({error.reason})",
                where=str(path),
                fix="Export it again.",
            ) from error
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            columns[name] = pa.array(
                [None if v is None else v if isinstance(v, str) else json.dumps(v) for v in values]
            )
    return pa.table(columns)


def _read_parquet(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"not a whole Parquet file ({str(error).splitlines()[0][:80]})",
            where=str(path),
            fix="Fetch or export it again.",
        ) from error


def _read_text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"cannot be read ({error.strerror})", where=str(path), fix="Check the path and its permissions."
        ) from error
    encoding = "utf-16" if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DataError(
            f"not UTF-8 (byte 0x{raw[error.start]:02x})",
            where=f"{path}, line {line}",
            fix="Save it as UTF-8, for example: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW",
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(
            "holds a NUL byte", where=f"{path}, line {line}", fix="The file is damaged or not text: export it again."
        )
    return text


def _delimiter(header: str, suffix: str) -> str:
    if suffix == ".tsv":
        return "\t"
    return max(DELIMITERS, key=header.count) if any(d in header for d in DELIMITERS) else ","


def _csv_rows(path: Path, text: str) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(10_000_000)
    delimiter = _delimiter(text.split("\n", 1)[0], path.suffix.lower())
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header)
        while True:
            start = reader.line_num + 1
            row = next(reader, None)
            if row is None:
                return
            if row and len(row) != len(header):
                raise DataError(
                    f"{len(row)} fields where the header has {len(header)}",
                    where=f"{path}, line {start}",
                    fix="Put fields that hold the delimiter or a line break in double quotes.",
                )
            if row:
                yield dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise DataError(
            f"broken quoting in the record that begins here ({error})",
            where=f"{path}, line {start}",
            fix='Write a quote inside a field as "".',
        ) from error


def _check_header(path: Path, header: list[str]) -> None:
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(
            f"the column {twice[0]!r} is there twice", where=f"{path}, line 1", fix="Rename or remove one of them."
        )


def _json_rows(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        try:
            return list(_json_line_rows(path, text))
        except DataError:
            if error.msg == "Extra data":  # several documents: JSON lines under another name
                raise
            raise DataError(
                f"not valid JSON ({error.msg})", where=f"{path}, line {error.lineno}", fix="Check the file."
            ) from error
    if isinstance(value, dict):
        lists = [v for v in value.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
        value = lists[0] if len(lists) == 1 else [value]
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise DataError(
            "not a list of objects", where=str(path), fix='Write [{"question": …, "answer": …}, …] or JSON lines.'
        )
    return value


def _json_line_rows(path: Path, text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(
                f"not valid JSON ({error.msg})",
                where=f"{path}, line {number}",
                fix="Each line must be one JSON object.",
            ) from error
        if not isinstance(row, dict):
            raise DataError(
                "not a JSON object", where=f"{path}, line {number}", fix="Each line must be one JSON object."
            )
        yield row
