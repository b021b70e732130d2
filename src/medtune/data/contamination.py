"""Overlap of training rows with texts they will be judged on: held-out rows, and public benchmarks.

Two texts overlap when they share a run of 13 words in normal form (Brown et al. 2020,
arXiv:2005.14165, appendix C); a benchmark question shorter than that overlaps with a training
question that is the same. Phrases that a source repeats everywhere make long texts overlap too, so
it is also counted how many items have most of their runs in training.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from medtune.data.audit import ContaminationAudit, OverlapCounts, OverlapPair
from medtune.data.dedup import normalize, normalized_word_hashes, run_hash_blocks, text_hash
from medtune.data.rows import CHUNK, Row, RowStore, Source, from_batch
from medtune.data.sources.catalogue import KNOWN
from medtune.data.sources.open_source import open_source, source_files
from medtune.data.workers import ordered_map
from medtune.errors import DataError
from medtune.recipe.schema import Columns, Data

WHERE = "data.contamination.against"
BENCHMARKS = ("medqa", "medmcqa", "pubmedqa", "mmlu_medical")
HELD_OUT = "held_out"
HELD_OUT_SAMPLE = 20_000  # held-out rows searched for in training at most, evenly spaced
LISTED = 20
MOSTLY = 0.5  # share of an item's runs


def benchmark_sources(settings: Data, data_dir: Path | None) -> list[str]:
    """The benchmark sets to compare with: those of the recipe, else those that are here.

    Never what is trained on.
    """
    overlap = settings.contamination
    if not overlap.check:
        return []
    names = (
        [n for n in BENCHMARKS if KNOWN[n].find(data_dir)]
        if overlap.against is None
        else overlap.against
    )
    trained = {
        path.resolve() for source in settings.source for path in source_files(source.name, data_dir)
    }
    with _blamed():
        files = {name: source_files(name, data_dir) for name in names}
    return [name for name in names if trained.isdisjoint(path.resolve() for path in files[name])]


def open_benchmarks(settings: Data, data_dir: Path | None) -> dict[str, Source]:
    """The same, opened: a faulty one is an error before any long work."""
    with _blamed():
        return {
            name: open_source(name, data_dir, Columns())
            for name in benchmark_sources(settings, data_dir)
        }


@contextmanager
def _blamed() -> Iterator[None]:
    """Errors of the block name the field of the recipe that named the benchmark."""
    try:
        yield
    except DataError as error:
        where = WHERE if error.where in ("data.source", WHERE) else f"{WHERE}: {error.where}"
        raise DataError(error.what, where=where, fix=error.fix) from error


@dataclass(frozen=True)
class Sought:
    """What training rows are searched for.

    ``hashes`` [n] sorted, ``sets`` [n] a bit for each set that has the hash.
    """

    ngram: int
    hashes: np.ndarray
    sets: np.ndarray


@dataclass(frozen=True)
class Items:
    """The items: the set and location of each, and the (hash, item) pairs [n] of all their runs."""

    names: tuple[str, ...]
    set_of: np.ndarray
    locations: Sequence[str]
    pair_hash: np.ndarray
    pair_item: np.ndarray
    sought: Sought

    @classmethod
    def of(cls, rows: Iterable[tuple[str, Row]], ngram: int) -> "Items":
        """From (name of the set, row)."""
        hashes: list[np.ndarray] = []
        items: list[np.ndarray] = []
        locations: list[str] = []
        set_of: list[int] = []
        names: dict[str, int] = {}
        stream = iter(rows)
        while chunk := list(islice(stream, CHUNK)):
            values, owner = _item_hashes([row for _, row in chunk], ngram)
            hashes.append(values)
            items.append(owner + np.int32(len(locations)))
            locations += [row.location for _, row in chunk]
            set_of += [names.setdefault(name, len(names)) for name, _ in chunk]
        pair_hash = np.concatenate(hashes) if hashes else np.zeros(0, np.uint64)
        pair_item = np.concatenate(items) if items else np.zeros(0, np.int32)
        del hashes, items
        owners = np.array(set_of, np.int64)
        unique = np.unique(pair_hash)
        inverse = np.searchsorted(unique, pair_hash)
        bits = np.zeros(len(unique), np.uint32)
        bit_of = (1 << owners).astype(np.uint32)
        np.bitwise_or.at(bits, inverse, bit_of[pair_item])
        sought = Sought(ngram, unique, bits)
        return cls(tuple(names), owners, locations, inverse, pair_item, sought)

    def having(self, position: int) -> list[int]:
        """The first item of each set that has a hash."""
        owners = self.pair_item[self.pair_hash == position]
        return [
            int(owners[self.set_of[owners] == number][0])
            for number in np.unique(self.set_of[owners])
        ]


def _question_hash(question: str) -> int:
    """Of a bare question; a run of words is hashed otherwise, so the two never meet."""
    return text_hash("question " + normalize(question))


def _bare(row: Row) -> str:
    """The question of a row without its options; where these are not known, what stands before a
    line that may be the first of them.
    """
    return row.stem if row.options else row.question.split("\n\nA. ")[0]


def _row_hashes(rows: Sequence[Row], ngram: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The hashes [n] of all runs of words in rows, and the row [n] that each stands in; of long
    rows some at a time.
    """
    texts = [text for row in rows for text in (normalize(row.question), normalize(row.answer))]
    for first, values, starts in run_hash_blocks(*normalized_word_hashes(texts), ngram):
        numbers = first + np.arange(len(starts) - 1)
        yield values, np.repeat((numbers // 2).astype(np.int32), np.diff(starts))


def _item_hashes(rows: Sequence[Row], ngram: int) -> tuple[np.ndarray, np.ndarray]:
    """The same with the hash of each short question, every (hash, row) once."""
    asked = [_bare(row) for row in rows]
    short = [i for i, text in enumerate(asked) if normalize(text).count(" ") + 1 < ngram]
    short = [i for i in short if rows[i].question.strip()]
    questions = np.array([_question_hash(asked[i]) for i in short], np.uint64)
    blocks = [*_row_hashes(rows, ngram), (questions, np.array(short, np.int32))]
    values, owner = (np.concatenate(column) for column in zip(*blocks, strict=True))
    del blocks
    order = np.lexsort((values, owner))
    values, owner = values[order], owner[order]
    new = np.ones(len(values), bool)
    new[1:] = (values[1:] != values[:-1]) | (owner[1:] != owner[:-1])
    return values[new], owner[new]


def search(
    sought: Sought, batch: pa.RecordBatch
) -> tuple[np.ndarray, np.ndarray, list[tuple[str, int]]]:
    """Search a batch of training rows.

    The positions of the hashes found, the sets [rows] that each row overlaps with as bits, and a
    few (location, item).
    """
    rows = from_batch(batch)
    asked = [
        (_question_hash(text), i)
        for i, row in enumerate(rows)
        for text in dict.fromkeys((row.question, _bare(row)))
    ]
    questions = (
        np.array([value for value, _ in asked], np.uint64),
        np.array([i for _, i in asked], np.int32),
    )
    blocks = chain(_row_hashes(rows, sought.ngram), [questions])
    pairs = [_known_pairs(sought.hashes, *block) for block in blocks]
    owner, position = (np.concatenate(column) for column in zip(*pairs, strict=True))
    bits = np.zeros(len(rows), np.uint32)
    np.bitwise_or.at(bits, owner, sought.sets[position])
    return np.unique(position), bits, _first_rows(rows, owner, position, sought.sets)


def _known_pairs(
    hashes: np.ndarray, values: np.ndarray, owner: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The row and the position among ``hashes`` (sorted) of each value that is one of them."""
    position = np.searchsorted(hashes, values)
    inside = position < len(hashes)
    known = np.zeros(len(values), bool)
    known[inside] = hashes[position[inside]] == values[inside]
    return owner[known], position[known]


def _first_rows(
    rows: Sequence[Row], owner: np.ndarray, position: np.ndarray, sets: np.ndarray
) -> list[tuple[str, int]]:
    """(location, position of a hash) for the first rows of a batch that meet each set."""
    order = np.lexsort((position, owner))
    owner, position = owner[order], position[order]
    listed: list[tuple[str, int]] = []
    for bit in range(int(sets.max(initial=0)).bit_length()):
        mine = np.flatnonzero(sets[position] >> bit & 1)
        first = np.unique(owner[mine], return_index=True)[1][:LISTED]
        listed += [(rows[owner[i]].location, int(position[i])) for i in mine[first]]
    return listed


def overlapping(items: Items, training: Iterable[pa.RecordBatch]) -> list[bool]:
    """Of each item, whether it overlaps with a training row."""
    hit = np.zeros(len(items.sought.hashes), bool)
    for positions, _, _ in ordered_map(search, items.sought, training):
        hit[positions] = True
    shared = np.bincount(items.pair_item, weights=hit[items.pair_hash], minlength=len(items.set_of))
    overlaps: list[bool] = (shared > 0).tolist()
    return overlaps


def contamination(items: Items, training: Iterable[pa.RecordBatch]) -> dict[str, OverlapCounts]:
    """Set → its items, how many overlap with a training row and how many mostly, the training
    rows concerned, a list.
    """
    if not len(items.set_of):
        return {}
    hit = np.zeros(len(items.sought.hashes), bool)
    rows = np.zeros(len(items.names), np.int64)
    examples: list[tuple[str, int]] = []
    for positions, bits, batch_examples in ordered_map(search, items.sought, training):
        hit[positions] = True
        rows += [int((bits >> number & 1).sum()) for number in range(len(items.names))]
        examples += batch_examples
    runs = np.bincount(items.pair_item, minlength=len(items.set_of))
    shared = np.bincount(items.pair_item, weights=hit[items.pair_hash], minlength=len(items.set_of))
    counts = {}
    for number, name in enumerate(items.names):
        mine = items.set_of == number
        counts[name] = OverlapCounts(
            items=int(mine.sum()),
            overlapping=int((shared[mine] > 0).sum()),
            mostly=int((shared[mine] > MOSTLY * np.maximum(runs[mine], 1)).sum()),
            training_rows=int(rows[number]),
            examples=list(islice(_overlaps(items, number, examples), LISTED)),
        )
    return counts


def _overlaps(
    items: Items, number: int, examples: Iterable[tuple[str, int]]
) -> Iterator[OverlapPair]:
    """Each training row and item of the set ``number`` that were found to share a hash, once."""
    seen = set()
    for location, position in examples:
        if not items.sought.sets[position] >> number & 1:
            continue  # looking for the items of a hash costs a pass over all of them
        pair = (
            location,
            next(item for item in items.having(position) if items.set_of[item] == number),
        )
        if pair not in seen:
            seen.add(pair)
            yield OverlapPair(training=pair[0], item=items.locations[pair[1]])


def check_contamination(
    rows: RowStore, split: np.ndarray, settings: Data, benchmarks: dict[str, Source]
) -> ContaminationAudit:
    """The overlap of training rows with held-out rows and with ``benchmarks``.

    ``split`` [rows] is each row's split (0 is training, above it held out, below it left out).
    """
    if not settings.contamination.check:
        return ContaminationAudit(checked=False)

    def sought() -> Iterator[tuple[str, Row]]:
        yield from ((HELD_OUT, row) for row in _held_out(rows, split))
        for name, source in benchmarks.items():
            yield from ((name, row) for row in source.read())

    def training() -> Iterator[pa.RecordBatch]:
        for start, batch in rows.positioned():
            yield batch.take(pa.array(np.flatnonzero(split[start : start + batch.num_rows] == 0)))

    sets = contamination(Items.of(sought(), settings.contamination.ngram), training())
    return ContaminationAudit(
        checked=True,
        ngram=settings.contamination.ngram,
        sets=sets,
        not_compared=[name for name in BENCHMARKS if name not in benchmarks],
    )


def _held_out(rows: RowStore, split: np.ndarray) -> Iterator[Row]:
    positions = np.flatnonzero(split > 0)
    if len(positions) > HELD_OUT_SAMPLE:
        positions = positions[np.linspace(0, len(positions) - 1, HELD_OUT_SAMPLE).astype(int)]
    for start, batch in rows.positioned():
        inside = positions[(positions >= start) & (positions < start + batch.num_rows)] - start
        yield from from_batch(batch.take(pa.array(inside)))
