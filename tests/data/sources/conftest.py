import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medtune.data.sources.open_source import open_source
from medtune.recipe.schema import Columns


@pytest.fixture
def put(tmp_path):
    """Write rows as a file of the kind that its name says, below the data directory."""

    def write(name, rows, header=True):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        elif path.suffix == ".csv":
            with open(path, "w", newline="", encoding="utf-8") as handle:
                writer = csv.DictWriter(handle, list(rows[0]))
                if header:
                    writer.writeheader()
                writer.writerows(rows)
        else:
            lines = (
                "".join(json.dumps(row) + "\n" for row in rows)
                if path.suffix == ".jsonl"
                else json.dumps(rows)
            )
            path.write_text(lines, encoding="utf-8")
        return path

    return write


@pytest.fixture
def read(tmp_path):
    """All rows of a source of the data directory; a path is opened by itself."""

    def rows(source):
        opened = open_source(str(source), tmp_path, Columns())
        return list(opened.read())

    return rows
