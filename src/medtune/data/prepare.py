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
from typing import Any

import numpy as np

from medtune.conversation import Conversation, read_conversations
from medtune.data import audit as facts
from medtune.data.cleaning import Tally
from medtune.data.contamination import check_contamination, open_benchmarks
from medtune.data.index import Index, IndexFile
from medtune.data.row_store import RowStore, chunks
from medtune.data.rows import Row, Source
from medtune.data.selection import Selection, select
from medtune.data.sources.open import open_source
from medtune.data.splits import SPLITS
from medtune.data.steps import Habits, Judging, check_found, judge_chunk, learn_habits, repair_chunk
from medtune.data.workers import ordered_map
from medtune.data.write_splits import write_splits
from medtune.errors import DataError
from medtune.files import TEMPORARY_MARK, file_hash, sha256_paths
from medtune.progress import say, track
from medtune.recipe.schema import Data


@dataclass(frozen=True)
class Prepared:
    """The audit, and the directory in which the splits lie as Parquet."""

    audit: dict[str, Any]
    place: Path

    @property
    def splits(self) -> dict[str, list[Conversation]]:
        """The conversations by split, read whole."""
        return {name: list(read_conversations(self.place / f"{name}.parquet")) for name in SPLITS}


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
    place: Path,
    *,
    must_split: bool = True,
) -> Prepared:
    """Read, clean, group, split and audit; the splits are written to the directory ``place``.

    ``demonstrations`` are questions whose subjects must not be trained on. Raises ``DataError``
    where a source cannot be read or leaves too few rows to split; with ``must_split`` false (for an
    audit alone) one row is enough.
    """
    place.mkdir(parents=True, exist_ok=True)
    sources, benchmarks = _opened(settings, data_dir), open_benchmarks(settings, data_dir)
    done = _Progress(Tally(), Counter(), Counter())
    with tempfile.TemporaryDirectory(prefix=TEMPORARY_MARK, dir=place) as scratch:
        repaired = _repair(sources, settings, Path(scratch) / "repaired", done)
        habits = learn_habits(repaired.batches(), done.read, settings)
        rows, index = _judge(
            repaired, habits, settings, demonstrations, Path(scratch) / "rows", done
        )
        repaired.remove()
        check_found(settings.where, done.tally.counted)
        _enough(index, settings, done, _least(settings) if must_split else 1)
        selection = select(index, settings, [source.name for source in sources], seed)
        splits = {
            name: facts.split_facts(index, selection, number) for number, name in enumerate(SPLITS)
        }
        if must_split:
            _check_splits(splits, settings, selection)
        audit = {
            "sources": [_source_facts(source, done.read[source.name]) for source in sources],
            **facts.row_facts(done.read.total(), done.tally, selection),
            "cleaning": facts.cleaning_facts(done.tally, settings, habits.boilerplate),
            **facts.selection_facts(index, selection, settings, seed, demonstrations),
            "identifiers": {
                "policy": settings.identifiers,
                "found": dict(sorted(done.identifiers.items())),
                "rows": done.identified,
            },
            "splits": splits,
            "warnings": facts.warnings(index, selection, splits),
            "contamination": check_contamination(rows, selection.place, settings, benchmarks),
            **facts.listings(rows, selection),
        }
        audit["warnings"] += facts.overlap_warnings(audit["contamination"])
        write_splits(rows, index, selection, place)
    _tell(audit)
    return Prepared(audit, place)


def _opened(settings: Data, data_dir: Path | None) -> list[Source]:
    """The sources, each under a name of its own (two files may have one stem)."""
    sources: list[Source] = []
    for spec in settings.source:
        source = open_source(spec.name, data_dir, spec.columns or settings.columns)
        taken = {other.name for other in sources}
        names = (f"{source.name} {number}" if number > 1 else source.name for number in count(1))
        name = next(name for name in names if name not in taken)
        sources.append(source if name == source.name else replace(source, name=name))
    return sources


def _counted(sources: Sequence[Source], done: _Progress) -> Iterator[Row]:
    for source in sources:
        for row in source.read():
            done.read[source.name] += 1
            yield row if row.source == source.name else replace(row, source=source.name)
        if not done.read[source.name]:
            raise DataError(
                "the file has no rows",
                where=str(source.files[0]),
                fix="Give a file with questions and answers.",
            )


def _repair(sources: Sequence[Source], settings: Data, path: Path, done: _Progress) -> RowStore:
    with RowStore(path) as spool, track("reading and repairing", 0, "rows") as bar:
        for batch, tally in ordered_map(repair_chunk, settings, chunks(_counted(sources, done))):
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
            f"only {facts.some(usable, 'usable row')} of {done.read.total():,}",
            where=", ".join(spec.name for spec in settings.source),
            fix=f"At least {least} {'are' if least > 1 else 'is'} needed. Left out: {facts.listed(dropped)}.",
        )


def _check_splits(splits: dict[str, dict[str, Any]], settings: Data, selection: Selection) -> None:
    shares = settings.split.model_dump()
    empty = [name for name in SPLITS if not splits[name]["rows"] and shares[name] > 0]
    groups = int(selection.group.max(initial=-1)) + 1
    if empty:
        raise DataError(
            f"nothing is left for {' and '.join(empty)}: all rows fall into {facts.some(groups, 'group')}",
            where="data.split",
            fix="Give more rows, or fewer of data.split.group_by.",
        )


def _source_facts(source: Source, rows: int) -> dict[str, Any]:
    files = source.files
    digest = file_hash(files[0]) if len(files) == 1 else sha256_paths(list(files))
    name = files[0].name if len(files) == 1 else f"{len(files)} files below {files[0].parent.name}"
    return {
        "name": source.name,
        "licence": source.licence,
        "published": source.published,
        "columns": source.columns,
        "rows": rows,
        "files": [{"name": name, "sha256": digest, "rows": rows}],
    }


def _tell(audit: dict[str, Any]) -> None:
    for source in audit["sources"]:
        taken = ", ".join(f"{part} = {name}" for part, name in source["columns"].items())
        say(f"{source['name']}: {source['rows']:,} rows" + (f" ({taken})" if taken else ""))
    say(f"left out: {facts.listed(audit['dropped'])}; not drawn: {audit['rows']['not_drawn']:,}")
    repaired = {rule: entry["rows"] for rule, entry in audit["cleaning"]["rules"].items()}
    say(f"rows repaired: {facts.listed(repaired)}")
    sizes = ", ".join(f"{name} {split['rows']:,}" for name, split in audit["splits"].items())
    say(
        f"splits: {sizes}; leaked {audit['leaked']:,} (a random split would leak {audit['leaked_share_of_a_random_split']:.0%})"
    )
    for warning in audit["warnings"]:
        say(f"note: {warning}")
