"""Parquet as a stream of rows, batch by batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtune.data.formats.delimited import check_names
from medtune.errors import DataError

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


def parquet_rows(path: Path, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
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
            f"not a whole Parquet file ({(str(error).splitlines() or [''])[0][:80]})",
            where=str(path),
            fix="Fetch or export it again.",
        ) from error
