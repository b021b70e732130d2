"""The two passes over all rows, as functions of a chunk that any process can run.

The first repairs the texts; the second, knowing each source's habits, judges the answers, looks for identifiers, and
takes fingerprints.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from medtune.conversation import Message
from medtune.data.cleaning import Boilerplate, Cleaner, Tally
from medtune.data.cleaning.boilerplate import SAMPLE
from medtune.data.filters import OUTSIDE, wanted
from medtune.data.identifiers import scan_row
from medtune.data.index import Index, index_rows
from medtune.data.rows import Row
from medtune.data.spool import from_batch, to_batch
from medtune.recipe.schema import Data


def repair_chunk(settings: Data, rows: Sequence[Row]) -> tuple[pa.RecordBatch, Tally]:
    """Rows with repaired texts."""
    cleaner, tally = Cleaner(settings.clean), Tally()
    return to_batch([cleaner.repair(row, tally) for row in rows]), tally


TERSE_SHARE = 0.05  # of answers under the minimum; a source with more of them answers so by habit


@dataclass(frozen=True)
class Habits:
    """What is usual in each source: its boilerplate, and the sources whose answers are often of a word or two."""

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
            if row.answer and not row.is_choice:
                answers[row.source].append(row.answer)
    share = settings.clean.boilerplate_share
    learned = {name: Boilerplate.learn(a, share) if settings.clean.boilerplate else None for name, a in answers.items()}
    short = {
        name: sum(len(a.split()) < settings.clean.min_answer_words for a in texts) for name, texts in answers.items()
    }
    terse = frozenset(name for name, count in short.items() if count > TERSE_SHARE * len(answers[name]))
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
    identifiers: Counter[str] = Counter()
    identified = 0
    for row in from_batch(batch):
        if not wanted(row, settings.where, tally.counted):
            tally.dropped[OUTSIDE] += 1
            continue
        judged = cleaner.judge(cleaner.strip_boilerplate(row, habits.boilerplate, tally), tally, habits.terse)
        if judged is None:
            continue
        scanned, found = scan_row(judged, settings.identifiers)
        identifiers += found
        identified += bool(found)
        if scanned is None:
            tally.dropped["identifiers"] += 1
            continue
        kept.append(_with_system(scanned, settings.system_prompt))
    near = settings.near_duplicates
    index = index_rows(kept, context.demonstrations, None if near.policy == "off" else near.min_words)
    return Judged(to_batch(kept), index, tally, identifiers, identified)


def _with_system(row: Row, prompt: str | None) -> Row:
    if not prompt or not row.messages or row.messages[0].role == "system":
        return row
    return replace(row, messages=(Message("system", prompt), *row.messages))
