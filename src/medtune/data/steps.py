"""The two passes over all rows, as functions of a chunk that any process can run.

``repair_chunk`` cleans texts; ``learn_habits`` learns each source's boilerplate; ``judge_chunk``
then leaves out answers that cannot be learnt from, applies the recipe's ``where`` and its policy on
patients' identifiers, and makes the rows of the index.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from medtune.conversation import Message
from medtune.data.cleaning import Boilerplate, Cleaner, Tally
from medtune.data.cleaning.boilerplate import SAMPLE
from medtune.data.cleaning.cleaner import has_words
from medtune.data.field_use import is_missing
from medtune.data.identifier_policy import scan_row
from medtune.data.index import Index, conversation_hash, index_rows
from medtune.data.rows import Row, from_batch, to_batch
from medtune.errors import DataError
from medtune.recipe.data import Where
from medtune.recipe.schema import Data

OUTSIDE, BEYOND = "outside_where", "beyond_per_label"


def matches_where(row: Row, where: Where, counted: Counter[str]) -> bool:
    """Whether a repaired row has one of the values of every field that is named.

    Its values are counted.
    """
    named = [(field, values) for field, values in where if values is not None]
    matches = [(field, _names(row, field).intersection(values)) for field, values in named]
    if not all(names for _, names in matches):
        return False
    counted.update(_key(field, name) for field, names in matches for name in names)
    return True


def _names(row: Row, field: str) -> set[str | None]:
    """A row's values of a field; its id is its own, and the one that it will have in the splits."""
    if field != "id":
        return {getattr(row, field)}
    digest = f"{conversation_hash(row):016x}"
    masked = f"{row.source}-{digest[:12]}"  # also without an id of its own
    return {row.id, masked, f"{row.source}-{row.id}-{digest[:6]}" if row.id else masked}


def check_found(where: Where, counted: Counter[str]) -> None:
    """Every value that was asked for stands in some row.

    Raises ``DataError`` otherwise: it may be misspelt.
    """
    for column, values in where:
        missing = [value for value in values or [] if not counted[_key(column, value)]]
        if missing:
            raise DataError(
                f"no row that is wanted has the {column} {', '.join(map(repr, missing))}",
                where=f"data.where.{column}",
                fix="Values are compared exactly, after cleaning; `medtune data audit` lists "
                "labels.",
            )


def _key(column: str, value: str | None) -> str:
    return f"where {column} {value}"


def draw_per_label(
    labels: np.ndarray, kept: np.ndarray, number: int, seed: int
) -> tuple[int, dict[str, tuple[int, int]]]:
    """Narrow ``kept`` to ``number`` rows of each label, drawn by seed.

    Rows left out, and labels with too few rows.

    Rows without a label are left out with the rest. Raises ``DataError`` where no row has one.
    """
    before, lacking = int(kept.sum()), {}
    rng = np.random.default_rng(seed)
    positions = np.flatnonzero(kept)
    names = sorted({label for label in labels[positions] if label is not None})
    if not names:
        raise DataError(
            "no row has a label",
            where="data.per_label",
            fix="Name the column with data.columns.label.",
        )
    kept[:] = False
    for name in names:
        rows = positions[labels[positions] == name]
        kept[rng.permutation(rows)[:number]] = True
        if len(rows) < number:
            lacking[f"label {name}"] = (number, len(rows))
    return before - int(kept.sum()), lacking


@dataclass(frozen=True)
class Repairing:
    """What the first pass needs to know: settings, and repairs of a source to leave undone."""

    settings: Data
    undone: Mapping[str, frozenset[str]] = field(default_factory=dict)


def repair_chunk(context: Repairing, rows: Sequence[Row]) -> tuple[pa.RecordBatch, Tally]:
    """The rows with repaired texts, and what was repaired."""
    cleaner, tally = Cleaner(context.settings.clean, context.undone), Tally()
    return to_batch([cleaner.repair(row, tally) for row in rows]), tally


TERSE_SHARE = 0.05  # of answers under the minimum; a source with more of them answers so by habit


@dataclass(frozen=True)
class Habits:
    """What is usual in each source: its boilerplate, and the sources whose answers are often of
    a word or two.
    """

    boilerplate: dict[str, Boilerplate]
    terse: frozenset[str]


def learn_habits(batches: Iterator[pa.RecordBatch], counts: Counter[str], settings: Data) -> Habits:
    """From at most SAMPLE answers of each source, evenly spaced over it."""
    answers: dict[str, list[str]] = {source: [] for source in counts}
    seen: Counter[str] = Counter()
    for batch in batches:
        sources = batch.column("source").to_pylist()
        chosen = []
        for position, source in enumerate(sources):
            step = max(1.0, counts[source] / SAMPLE)
            if int(seen[source] / step) != int((seen[source] - 1) / step) or not seen[source]:
                chosen.append(position)
            seen[source] += 1
        for row in from_batch(batch.take(pa.array(chosen, pa.int64()))):
            if not row.is_choice and not is_missing(row.answer):
                answers[row.source].append(row.answer)
    share, approved = settings.clean.boilerplate_share, "boilerplate" in settings.clean.approve
    learned = {
        name: Boilerplate.learn(a, share, approved=approved) if settings.clean.boilerplate else None
        for name, a in answers.items()
    }
    short = {
        name: sum(not has_words(a, settings.clean.min_answer_words) for a in texts)
        for name, texts in answers.items()
    }
    terse = frozenset(
        name for name, count in short.items() if count > TERSE_SHARE * len(answers[name])
    )
    return Habits({name: phrases for name, phrases in learned.items() if phrases}, terse)


@dataclass(frozen=True)
class Judging:
    """What the second pass needs to know."""

    settings: Data
    habits: Habits
    demonstrations: Sequence[str]


@dataclass
class Judged:
    """What the second pass makes of a chunk."""

    batch: pa.RecordBatch
    index: Index
    tally: Tally
    identifiers: Counter[str] = field(default_factory=Counter)
    identified: int = 0


def judge_chunk(context: Judging, batch: pa.RecordBatch) -> Judged:
    """The rows that stay, with their index."""
    settings, habits, tally = context.settings, context.habits, Tally()
    cleaner = Cleaner(settings.clean)
    kept: list[Row] = []
    unmasked: list[Row] = []
    identifiers: Counter[str] = Counter()
    identified = 0
    for row in from_batch(batch):
        if not matches_where(row, settings.where, tally.counted):
            tally.dropped[OUTSIDE] += 1
            continue
        judged = cleaner.judge(
            cleaner.strip_boilerplate(row, habits.boilerplate, tally), tally, habits.terse
        )
        if judged is None:
            continue
        scanned, counts = scan_row(judged, settings.identifiers)
        identifiers += counts
        identified += bool(counts)
        if scanned is None:
            tally.dropped["identifiers"] += 1
            continue
        kept.append(_with_system(scanned, settings.system_prompt))
        unmasked.append(judged)
    near = settings.near_duplicates
    min_words = None if near.policy == "off" else near.min_words
    index = index_rows(kept, context.demonstrations, min_words, unmasked)
    return Judged(to_batch(kept), index, tally, identifiers, identified)


def _with_system(row: Row, prompt: str | None) -> Row:
    if not prompt or not row.messages or row.messages[0].role == "system":
        return row
    return replace(row, messages=(Message("system", prompt), *row.messages))
