"""Items of a source that is measured on and never trained on: the published test part, each question once."""

from dataclasses import dataclass
from pathlib import Path

from medtune.conversation import Conversation
from medtune.data.fingerprints import text_hash
from medtune.data.normalize import normalize
from medtune.data.rows import Row, bare_question
from medtune.data.sources import open_source
from medtune.errors import DataError
from medtune.progress import say
from medtune.recipe.schema import Columns

WHERE = "evaluate.tasks: source"
TEST = "test"
EXAMPLES = ("train", "dev", "valid", "val", "validation")  # parts to draw worked examples from, the first that is there


@dataclass(frozen=True)
class Benchmark:
    """``items`` to measure on, and ``others``: the rest of the source, for worked examples and calibration."""

    items: list[Conversation]
    others: list[Conversation]


def read_benchmark(source: str, split: str | None, data_dir: Path | None) -> Benchmark:
    """The items of the part ``split`` (null: test where there is one, else all) of a known source or a file.

    Equal items (same question, options and answer) count once, and what is said of an item that stands in the
    measured part and elsewhere is left out of the others. Raises ``DataError`` where the part holds no row.
    """
    opened = open_source(source, data_dir, Columns())
    rows = list(opened.read())
    parts = sorted({row.published_split for row in rows if row.published_split})
    wanted = split or (TEST if TEST in parts else None)
    if wanted is not None and wanted not in parts:
        here = ", ".join(parts) or "none: the file has no column split"
        raise DataError(f"no part {wanted!r} in {source}", where=WHERE, fix=f"Parts here: {here}.")
    chosen = [row for row in rows if wanted is None or row.published_split == wanted]
    rest = [row for row in rows if wanted is not None and row.published_split != wanted]
    if not chosen:
        raise DataError(f"{source} has no rows", where=WHERE, fix="Name a file with questions.")
    items = _once(chosen, set())
    if len(items) < len(chosen):
        say(f"{source}: {len(chosen) - len(items):,} of {len(chosen):,} items are repeated: each counts once")
    order = {name: rank for rank, name in enumerate(EXAMPLES)}
    rest.sort(key=lambda row: order.get(row.published_split or "", len(order)))
    return Benchmark(items, _once(rest, {item.group for item in items}))


def _once(rows: list[Row], seen: set[str]) -> list[Conversation]:
    """Rows as conversations, equal ones once; none of a group in ``seen``."""
    made: dict[str, Conversation] = {}
    for row in rows:
        group = f"q-{text_hash(normalize(bare_question(row.question))):016x}"
        if group in seen:
            continue
        options, key = row.options or (), row.answer_key or ""
        digest = text_hash(normalize(" | ".join([row.question, *options, key, row.label or ""])))
        name = f"{row.source}-{row.id}-{digest:016x}"[:60] if row.id else f"{row.source}-{digest:016x}"
        made.setdefault(
            f"{digest:016x}",
            Conversation(name, group, row.source, row.messages, row.label, row.options, row.answer_key, row.labels),
        )
    return list(made.values())
