"""Sources into splits of conversations, with an audit that accounts for every row.

The way of a row: read → repaired → (its source's habits learned) → judged, scanned, fingerprinted →
selected by its fingerprints → written to its split. Between the passes rows lie on disk, so memory
does not grow with their texts.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from medtune.conversation import Conversation, Message, conversation_schema, read_conversations
from medtune.data.audit import (
    Audit,
    IdentifierAudit,
    ProposedRepair,
    SourceAudit,
    SourceFile,
    counted,
    counts_in_words,
)
from medtune.data.audit_facts import build_audit
from medtune.data.cleaning import Tally
from medtune.data.cleaning.meaning import rules_by_source, undone_repairs
from medtune.data.column_advice import column_advice
from medtune.data.contamination import check_contamination, open_benchmarks
from medtune.data.field_use import unused_fields_text
from medtune.data.index import Index, IndexFile
from medtune.data.published_split import TRAIN, UNKNOWN, parts_of_files
from medtune.data.rows import Row, RowStore, Source, chunks, from_batch, to_batch
from medtune.data.selection import Selection, select
from medtune.data.sources.catalogue import KNOWN
from medtune.data.sources.clinical_source import SourceSettings
from medtune.data.sources.open_source import open_source
from medtune.data.splits import SPLITS, widest_tie
from medtune.data.steps import (
    Habits,
    Judging,
    Repairing,
    check_found,
    judge_chunk,
    learn_habits,
    repair_chunk,
)
from medtune.data.workers import ordered_map
from medtune.errors import DataError
from medtune.files import TEMPORARY_MARK, file_hash, sha256_paths
from medtune.progress import say, track
from medtune.recipe.data import SourceSpec
from medtune.recipe.schema import Data

# rows of one part of a file: every part costs the footer a page, and the reader that much memory
ROW_GROUP = 10_000


@dataclass(frozen=True)
class Prepared:
    """The audit, and the directory in which the splits lie as Parquet.

    ``unfilled`` is the error at which a run would stop, of an audit alone.
    """

    audit: Audit
    directory: Path
    unfilled: DataError | None = None

    @property
    def splits(self) -> dict[str, list[Conversation]]:
        """The conversations by split, read whole."""
        files = {name: self.directory / f"{name}.parquet" for name in SPLITS}
        return {name: list(read_conversations(file)) for name, file in files.items()}


@dataclass
class _Progress:
    """What the passes have counted so far."""

    tally: Tally
    read: Counter[str]
    identifiers: Counter[str]
    identified: int = 0


def prepare(
    settings: Data,
    seed: int,
    demonstrations: Sequence[str],
    data_dir: Path | None,
    directory: Path,
    *,
    must_split: bool = True,
) -> Prepared:
    """Read, clean, group, split and audit; the splits are written to ``directory``.

    ``demonstrations`` are questions whose subjects must not be trained on. Raises ``DataError``
    where a source cannot be read or leaves too few rows to split; with ``must_split`` false (for an
    audit alone) one row is enough.
    """
    directory.mkdir(parents=True, exist_ok=True)
    sources, benchmarks = _opened(settings, data_dir), open_benchmarks(settings, data_dir)
    done = _Progress(Tally(), Counter(), Counter())
    with tempfile.TemporaryDirectory(prefix=TEMPORARY_MARK, dir=directory) as scratch:
        repairing = Repairing(settings)
        repaired = _repair(sources, repairing, Path(scratch) / "repaired", done)
        undone = list(
            undone_repairs(done.tally.changing, done.tally.answers, settings.clean.approve)
        )
        if undone:  # once more without the repairs that are to be asked for
            repaired.remove()
            sources = _opened(settings, data_dir)
            done = _Progress(Tally(), Counter(), Counter())
            repairing = Repairing(settings, rules_by_source(undone))
            repaired = _repair(sources, repairing, Path(scratch) / "repaired", done)
        habits = learn_habits(repaired.batches(), done.read, settings)
        rows, index = _judge(
            repaired, habits, settings, demonstrations, Path(scratch) / "rows", done
        )
        repaired.remove()
        check_found(settings.where, done.tally.counted)
        _enough(index, settings, done, _least(settings) if must_split else 1)
        selection = select(index, settings, [source.name for source in sources], seed)
        unfilled = _unknown_part(index, settings) or _unfilled_splits(settings, selection)
        if unfilled and must_split:
            raise unfilled
        audit = build_audit(
            [_source_audit(source, done.read[source.name]) for source in sources],
            done.tally,
            habits.boilerplate,
            [ProposedRepair(**vars(repair)) for repair in undone],
            IdentifierAudit(
                policy=settings.identifiers,
                counts=dict(sorted(done.identifiers.items())),
                rows=done.identified,
            ),
            rows,
            index,
            selection,
            check_contamination(rows, selection.split, settings, benchmarks),
            demonstrations,
            settings,
            seed,
        )
        _write_splits(rows, index, selection, directory)
    warnings = [*audit.warnings, *(text for source in sources for text in column_advice(source))]
    if unfilled:  # an audit alone says what preparation would refuse
        warnings.append(f"{unfilled.what}: a run would stop here")
    audit = audit.model_copy(update={"warnings": warnings})
    _tell(audit)
    return Prepared(audit, directory, unfilled)


def _opened(settings: Data, data_dir: Path | None) -> list[Source]:
    """The sources, each under a name of its own (two files may have one stem)."""
    sources: list[Source] = []
    for spec in settings.source:
        source = open_source(
            spec.name,
            data_dir,
            spec.columns or settings.columns,
            _source_settings(spec, settings),
        )
        taken = {other.name for other in sources}
        names = (f"{source.name} {number}" if number > 1 else source.name for number in count(1))
        name = next(name for name in names if name not in taken)
        sources.append(source if name == source.name else replace(source, name=name))
    files = [
        source.files[0] if len(source.files) == 1 and spec.name not in KNOWN else None
        for source, spec in zip(sources, settings.source, strict=True)
    ]
    return [
        replace(source, file_part=part)
        for source, part in zip(sources, parts_of_files(files), strict=True)
    ]


def _source_settings(spec: SourceSpec, settings: Data) -> SourceSettings:
    """How one source is read: what it says itself, else what the recipe says of all."""
    return SourceSettings(
        spec.as_ or settings.as_,
        spec.label or settings.label,
        spec.section or settings.section,
        settings.on_error,
        spec.encoding or settings.encoding,
        spec.sheet or settings.sheet,
    )


def _counted(sources: Sequence[Source], done: _Progress) -> Iterator[Row]:
    for source in sources:
        for row in source.read():
            done.read[source.name] += 1
            part = row.published_split or source.file_part
            same = row.source == source.name and row.published_split == part
            yield row if same else replace(row, source=source.name, published_split=part)
        if not done.read[source.name]:
            raise DataError(
                "the file has no rows",
                where=str(source.files[0]),
                fix="Give a file with questions and answers.",
            )


def _repair(sources: Sequence[Source], context: Repairing, path: Path, done: _Progress) -> RowStore:
    with RowStore(path) as spool, track("reading and repairing", 0, "rows") as bar:
        for batch, tally in ordered_map(repair_chunk, context, chunks(_counted(sources, done))):
            spool.write(batch)
            done.tally.add(tally)
            bar.advance(batch.num_rows)
    return spool


def _judge(
    repaired: RowStore,
    habits: Habits,
    settings: Data,
    demonstrations: Sequence[str],
    path: Path,
    done: _Progress,
) -> tuple[RowStore, Index]:
    context = Judging(settings, habits, demonstrations)
    signatures = path.with_name("signatures")
    with (
        RowStore(path) as spool,
        IndexFile(signatures) as index,
        track("judging and fingerprints", repaired.rows, "rows") as bar,
    ):
        for batch, judged in zip(
            repaired.batches(), ordered_map(judge_chunk, context, repaired.batches()), strict=True
        ):
            spool.write(judged.batch)
            index.add(judged.index)
            done.tally.add(judged.tally)
            done.identifiers += judged.identifiers
            done.identified += judged.identified
            bar.advance(batch.num_rows)
    return spool, index.whole()


def _least(settings: Data) -> int:
    """Rows without which no split of a share above 0 can hold one."""
    return sum(
        share > 0
        for share in (settings.split.train, settings.split.validation, settings.split.test)
    )


def _enough(index: Index, settings: Data, done: _Progress, least: int) -> None:
    usable = len(np.unique(index.conversation))
    if usable < least:
        dropped = done.tally.dropped | Counter(repeated=len(index) - usable)
        raise DataError(
            f"only {counted(usable, 'usable row')} of {done.read.total():,}",
            where=", ".join(spec.name for spec in settings.source),
            fix=f"At least {least} {'are' if least > 1 else 'is'} needed. Left out: "
            f"{counts_in_words(dropped)}.",
        )


def _unknown_part(index: Index, settings: Data) -> DataError | None:
    """The error where some rows of a source are of a published part and others of a part that no
    one knows: those may be its test rows.
    """
    unknown = index.published == UNKNOWN
    known = np.isin(index.source, index.source[(index.published >= TRAIN) & ~unknown])
    mixed = np.flatnonzero(unknown & known)
    if settings.published_split == "ignore" or not len(mixed):
        return None
    return DataError(
        f"{counted(len(mixed), 'row')} in a split that is none of train, validation and test",
        where=f"{index.source[mixed[0]]}: its column of published splits",
        fix="Name each row's part so, or set data.published_split to ignore.",
    )


def _unfilled_splits(settings: Data, selection: Selection) -> DataError | None:
    """The error where a split that the recipe asks for is empty, with its cause."""
    if (selection.split >= TRAIN).any() and not (selection.split == TRAIN).any():
        published = [SPLITS[part] for part in np.unique(selection.published) if part > TRAIN]
        if published:
            return DataError(
                "nothing is left to train on: all rows were published for "
                + " and ".join(published),
                where="data.published_split",
                fix="Add a source to train on, or set it to ignore to divide these rows anew.",
            )
    shares = settings.split.model_dump()
    empty = [
        name
        for number, name in enumerate(SPLITS)
        if shares[name] > 0 and not (selection.split == number).any()
    ]
    if not empty:
        return None
    why, fix = _why_unfilled(selection)
    return DataError(
        f"nothing is left for {' and '.join(empty)}: {why}", where="data.split", fix=fix
    )


def _why_unfilled(selection: Selection) -> tuple[str, str]:
    """Why a split is empty, and what to do: too few rows, rows that are tied together, or parts
    that were published.
    """
    rows = int(selection.kept.sum())
    groups = len(np.unique(selection.group[selection.kept]))
    if groups == rows < len(SPLITS):
        return f"{counted(rows, 'row')} cannot fill them", "Give more rows."
    if groups >= len(SPLITS) and (selection.published > TRAIN).any():
        return (
            "the published parts leave none",
            "Set data.published_split to ignore, or the share of that split to 0.",
        )
    part, tied = widest_tie(selection.keys)
    cause = f"; {counted(tied, 'row')} share one {part}" if tied > 1 and part != "near" else ""
    return (
        f"all {counted(rows, 'row')} fall into {counted(groups, 'group')}{cause}",
        "Give more rows, or fewer of data.split.group_by.",
    )


def _source_audit(source: Source, rows: int) -> SourceAudit:
    files = source.files
    digest = file_hash(files[0]) if len(files) == 1 else sha256_paths(list(files))
    name = files[0].name if len(files) == 1 else f"{len(files)} files below {files[0].parent.name}"
    return SourceAudit(
        name=source.name,
        licence=source.licence,
        published=source.published,
        columns=source.columns,
        rows=rows,
        files=[SourceFile(name=name, sha256=digest, rows=rows)],
        unused=source.use.unused(),
        disagreeing_answers=source.use.disagreeing,
        unreadable=dict(source.errors.counts),
        unreadable_at=list(source.errors.locations),
        not_read=dict(source.errors.unread),
    )


def _tell(audit: Audit) -> None:
    for source in audit.sources:
        columns = ", ".join(f"{part} = {name}" for part, name in source.columns.items())
        say(f"{source.name}: {source.rows:,} rows" + (f" ({columns})" if columns else ""))
        if source.unused:
            say(f"{source.name}: columns not used (rows): {unused_fields_text(source.unused)}")
        if source.unreadable:
            say(
                f"note: {source.name}: records left out, unreadable: "
                f"{counts_in_words(source.unreadable)}; first at {source.unreadable_at[0]}"
            )
        if source.not_read:
            say(f"{source.name}: not read: {counts_in_words(source.not_read)}")
        if source.disagreeing_answers:
            say(
                f"note: {source.name}: the text of the answer is not that of the option named in "
                f"{counted(source.disagreeing_answers, 'row')}; {source.columns['answer']} is taken"
            )
    say(f"left out: {counts_in_words(audit.dropped)}; not drawn: {audit.rows.not_drawn:,}")
    repaired = {rule: entry.rows for rule, entry in audit.cleaning.rules.items()}
    say(f"rows repaired: {counts_in_words(repaired)}")
    sizes = ", ".join(f"{name} {split.rows:,}" for name, split in audit.splits.items())
    say(
        f"splits: {sizes}; leaked {audit.leaked:,} (a random split would leak "
        f"{audit.random_split.share:.0%})"
    )
    for warning in audit.warnings:
        say(f"note: {warning}")


def _with_label_sets(batch: pa.RecordBatch, merged: dict[int, list[str]]) -> pa.RecordBatch:
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


def _write_splits(spool: RowStore, index: Index, selection: Selection, directory: Path) -> None:
    """``train.parquet``, ``validation.parquet`` and ``test.parquet`` in ``directory``."""
    first = np.full(int(selection.group.max(initial=-1)) + 1, -1, np.int64)
    kept = np.flatnonzero(selection.kept)
    first[selection.group[kept][::-1]] = kept[::-1]
    schema = conversation_schema()
    # Of texts each differs, and a dictionary of them is a further copy of a text of 50 MB.
    repeated = ["group", "source", "label", "messages.list.element.role"]
    writers = {
        name: pq.ParquetWriter(directory / f"{name}.parquet", schema, use_dictionary=repeated)
        for name in SPLITS
    }
    waiting: dict[str, list[pa.RecordBatch]] = {name: [] for name in SPLITS}
    try:
        for start, batch in spool.positioned():
            merged = {
                row - start: v
                for row, v in selection.merged.items()
                if start <= row < start + batch.num_rows
            }
            batch = _with_label_sets(batch, merged)
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
        pa.default_memory_pool().release_unused()  # a group with a text of 50 MB is kept otherwise


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
