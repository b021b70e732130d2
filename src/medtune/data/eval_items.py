"""Questions that are measured on and never trained on: benchmarks and demonstrations.

Of a benchmark the published test part is taken, each question once. Rows on the subjects of the
demonstration questions are found here, so that they leave the training rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

from medtune.conversation import Conversation
from medtune.data.dedup import normalize, text_hash
from medtune.data.field_use import unused_fields_text
from medtune.data.published_split import TRAIN, UNKNOWN, VALIDATION, part_number
from medtune.data.rows import Row
from medtune.data.sources.catalogue import KNOWN as KNOWN_SOURCES
from medtune.data.sources.open_source import open_source
from medtune.errors import DataError
from medtune.progress import say
from medtune.recipe.schema import Columns
from medtune.text.words import read_words

KNOWN = 43  # letters of an item's name before its digest
WHERE = "evaluate.tasks: source"
TEST = "test"
EXAMPLES = (
    "train",
    "dev",
    "valid",
    "val",
    "validation",
)  # parts to draw worked examples from, the first that is there


@dataclass(frozen=True)
class Benchmark:
    """``items`` to measure on; ``others``, the rest of the source, to calibrate on.

    ``examples``, one part of these.
    """

    items: list[Conversation]
    others: list[Conversation]
    examples: list[Conversation]


def read_benchmark(source: str, split: str | None, data_dir: Path | None) -> Benchmark:
    """The items of the part ``split`` (null: test where there is one, else all) of a known
    source or a file.

    Equal items (same question, options and answer) count once, and what is said of an item that
    stands in the measured part and elsewhere is left out of the others. Where all items have as
    many options, so have the others: MedQA's parts are there with four and with five. Worked
    examples are of the first part there is of ``EXAMPLES``, else of the first by name. Raises
    ``DataError`` where the part holds no row, or an item an empty option.
    """
    opened = open_source(source, data_dir, Columns())
    rows = [_trimmed(row) for row in opened.read()]
    unused = opened.use.unused()
    if unused and source not in KNOWN_SOURCES:
        say(f"{opened.name}: columns not used (rows): {unused_fields_text(unused)}")
    parts = sorted({row.published_split for row in rows if row.published_split})
    measured_parts = _parts_meant(parts, split or TEST)
    if split is not None and not measured_parts:
        named = ", ".join(parts) or "none: the file has no column split"
        raise DataError(f"no part {split!r} in {source}", where=WHERE, fix=f"Parts here: {named}.")
    chosen = [row for row in rows if not measured_parts or row.published_split in measured_parts]
    rest = [row for row in rows if measured_parts and row.published_split not in measured_parts]
    if not chosen:
        raise DataError(f"{source} has no rows", where=WHERE, fix="Name a file with questions.")
    for row in chosen:
        _check(row)
    items = _once(chosen, set())
    if len(items) < len(chosen):
        say(
            f"{source}: {len(chosen) - len(items):,} of {len(chosen):,} items are repeated: each "
            "counts once"
        )
    sizes = {len(item.options or ()) for item in items}
    alike = [
        row
        for row in rest
        if "" not in (row.options or ()) and (len(sizes) > 1 or len(row.options or ()) in sizes)
    ]
    if len(alike) < len(rest):
        left = len(rest) - len(alike)
        say(
            f"{source}: {left:,} rows beside the items have another number of options, or an "
            "empty one: left out"
        )
    order = {name: rank for rank, name in enumerate(EXAMPLES)}
    alike.sort(
        key=lambda row: (
            order.get(row.published_split or "", _rank(row.published_split)),
            row.published_split or "",
        )
    )
    measured = {item.group for item in items}
    others = _once(alike, measured)
    first = [row for row in alike if row.published_split == alike[0].published_split]
    return Benchmark(
        items, others, others[: len(_once(first, measured))]
    )  # the first part stands first


def _parts_meant(parts: Sequence[str], name: str) -> set[str]:
    """The part of this very name, else those that mean it: ``held-out`` is test."""
    meant = part_number(name)
    same = {part for part in parts if part_number(part) == meant != UNKNOWN}
    return {name} if name in parts else same


def _rank(part: str | None) -> int:
    """The place among EXAMPLES of a part that has another name."""
    known = part_number(part)
    names = {TRAIN: EXAMPLES.index("train"), VALIDATION: EXAMPLES.index("validation")}
    return names.get(known, len(EXAMPLES))


def _trimmed(row: Row) -> Row:
    """The row without blanks around its options."""
    options = tuple(option.strip() for option in row.options or ())
    return row if options == (row.options or ()) else row.rewritten(row.bare_messages, options)


def _check(row: Row) -> None:
    if "" in (row.options or ()):
        letter = ascii_uppercase[(row.options or ()).index("")]
        fix = "Give every option a text, or leave the row out."
        raise DataError(f"option {letter} is empty", where=row.location, fix=fix)


def _once(rows: list[Row], seen: set[str]) -> list[Conversation]:
    """Rows as conversations, equal ones once; none of a group in ``seen``."""
    by_digest: dict[str, Conversation] = {}
    for row in rows:
        group = f"q-{text_hash(normalize(row.stem)):016x}"
        if group in seen:
            continue
        options, key = row.options or (), row.answer_key or ""
        digest = text_hash(normalize(" | ".join([row.question, *options, key, row.label or ""])))
        known = f"{row.source}-{row.id}" if row.id else row.source
        name = f"{known[:KNOWN]}-{digest:016x}"
        by_digest.setdefault(
            f"{digest:016x}",
            Conversation(
                name,
                group,
                row.source,
                row.messages,
                row.label,
                row.options,
                row.answer_key,
                row.labels,
            ),
        )
    return list(by_digest.values())


GENERIC = read_words(Path(__file__).with_name("generic_words.txt"))


def subject_words(question: str) -> frozenset[str]:
    """The words that say what a question is about."""
    return frozenset(word for word in normalize(question).split() if word not in GENERIC)


def on_subject(row: Row, questions: Iterable[str]) -> bool:
    """Whether a row asks one of ``questions``, names all its subject words, or is about an
    entity that it names.
    """
    asked = [normalize(text) for text in row.turns("user")]
    entity = normalize(row.entity or "")
    for question in questions:
        normal, subject = normalize(question), subject_words(question)
        if any(text == normal or (subject and subject <= set(text.split())) for text in asked):
            return True
        if len(entity) >= 4 and f" {entity} " in f" {normal} ":
            return True
    return False


def rows_on_subject(rows: Sequence[Row], questions: Sequence[str]) -> list[bool]:
    """For each row, whether it is on the subject of a demonstration question."""
    return [on_subject(row, questions) for row in rows]
