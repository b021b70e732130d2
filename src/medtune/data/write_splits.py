"""The selected rows from the spool into one Parquet file a split, batch by batch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from medtune.conversation import Message, conversation_schema
from medtune.data.index import Index
from medtune.data.rows import RowStore, from_batch, to_batch
from medtune.data.selection import Selection
from medtune.data.splits import SPLITS

# rows of one part of a file: every part costs the footer a page, and the reader that much memory
ROW_GROUP = 10_000


def with_label_sets(batch: pa.RecordBatch, merged: dict[int, list[str]]) -> pa.RecordBatch:
    """The batch with the rows of ``merged`` (position in the batch → labels) answered by the
    whole set.
    """
    if not merged:
        return batch
    rows = from_batch(batch)
    for position, labels in merged.items():
        row = rows[position]
        answer = Message("assistant", "; ".join(labels))
        rows[position] = replace(
            row, messages=(*row.messages[:-1], answer), label=labels[0], labels=tuple(labels)
        )
    return to_batch(rows)


def write_splits(spool: RowStore, index: Index, selection: Selection, directory: Path) -> None:
    """``train.parquet``, ``validation.parquet`` and ``test.parquet`` in ``directory``."""
    first = np.full(int(selection.group.max(initial=-1)) + 1, -1, np.int64)
    kept = np.flatnonzero(selection.kept)
    first[selection.group[kept][::-1]] = kept[::-1]
    schema = conversation_schema()
    writers = {name: pq.ParquetWriter(directory / f"{name}.parquet", schema) for name in SPLITS}
    waiting: dict[str, list[pa.RecordBatch]] = {name: [] for name in SPLITS}
    try:
        for start, batch in spool.positioned():
            merged = {
                row - start: v
                for row, v in selection.merged.items()
                if start <= row < start + batch.num_rows
            }
            batch = with_label_sets(batch, merged)
            for number, name in enumerate(SPLITS):
                rows = np.flatnonzero(selection.split[start : start + batch.num_rows] == number)
                if len(rows):
                    heads = first[selection.group[start + rows]]
                    groups = [f"g-{value:016x}"[:14] for value in index.conversation[heads]]
                    digests = [f"{value:016x}" for value in index.conversation[start + rows]]
                    waiting[name].append(
                        _conversations(batch.take(pa.array(rows)), digests, groups, schema)
                    )
                if sum(batch.num_rows for batch in waiting[name]) >= ROW_GROUP:
                    _write(writers[name], waiting[name])
        for name in SPLITS:
            _write(writers[name], waiting[name])
    finally:
        for writer in writers.values():
            writer.close()


def _write(writer: pq.ParquetWriter, waiting: list[pa.RecordBatch]) -> None:
    """What waits, as one row group."""
    if waiting:
        writer.write_table(pa.Table.from_batches(waiting), row_group_size=2 * ROW_GROUP)
        waiting.clear()


def _conversations(
    rows: pa.RecordBatch, digests: list[str], groups: list[str], schema: pa.Schema
) -> pa.RecordBatch:
    ids = [
        f"{source}-{row_id}-{digest[:6]}" if row_id else f"{source}-{digest[:12]}"
        for source, row_id, digest in zip(
            rows.column("source").to_pylist(), rows.column("id").to_pylist(), digests, strict=True
        )
    ]
    columns = {
        "id": pa.array(ids, pa.string()),
        "group": pa.array(groups, pa.string()),
        "answer": rows.column("answer_key"),
    }
    taken = [columns[name] if name in columns else rows.column(name) for name in schema.names]
    return pa.RecordBatch.from_arrays(taken, schema=schema)
