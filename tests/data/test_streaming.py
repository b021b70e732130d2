"""Tables are streams: a first look reads little, and memory does not grow with the file."""

import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medtune.data.formats.tables import open_table


def test_a_first_look_reads_no_more_than_the_beginning(tmp_path, monkeypatch):
    path = tmp_path / "long.csv"
    path.write_text("question,answer\n" + "q,a\n" * 200_000)
    read = []
    original = open_table.__globals__["delimited_rows"]

    def counting(*arguments, **named):
        for row in original(*arguments, **named):
            read.append(1)
            yield row

    monkeypatch.setitem(open_table.__globals__, "delimited_rows", counting)
    open_table(path)
    assert 0 < len(read) <= 200


MEASURE = """
import resource, sys
from pathlib import Path
from medtune.data.formats.tables import open_table
open_table(Path(sys.argv[2])).first
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = sum(1 for _ in open_table(Path(sys.argv[1])).rows())
print(count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path, suffix):
    count, text = 40_000, "word " * 200  # 40 MB
    row = json.dumps({"question": "q", "answer": text})
    small, path = tmp_path / f"small.{suffix}", tmp_path / f"big.{suffix}"
    for place, number in ((small, 10), (path, count)):
        if suffix == "csv":
            place.write_text("question,answer\n" + f"q,{text}\n" * number)
        elif suffix == "parquet":
            answers = [f"{i} {text}" for i in range(number)]
            pq.write_table(
                pa.table({"question": ["q"] * number, "answer": answers}), place, compression="none"
            )
        else:
            place.write_text(
                f"[{','.join([row] * number)}]" if suffix == "json" else f"{row}\n" * number
            )
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, path, small], capture_output=True, text=True, check=True
    )
    rows, megabytes = map(int, done.stdout.split())
    assert rows == count
    assert megabytes < 25
