"""Questions that are measured on and never trained on: the rows of a benchmark or of one's own
file.

Of a benchmark the published test part is taken, each question once, after the policy of the recipe
on patients' identifiers.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from string import ascii_uppercase

from medtune.conversation import Conversation
from medtune.data.audit import IdentifierAudit
from medtune.data.dedup import normalize, text_hash
from medtune.data.field_use import unused_fields_text
from medtune.data.identifier_policy import require_items, scan_items, scan_row
from medtune.data.published_split import TRAIN, UNKNOWN, VALIDATION, part_number
from medtune.data.rows import Row
from medtune.data.sources.catalogue import KNOWN as KNOWN_SOURCES
from medtune.data.sources.open_source import open_source
from medtune.errors import DataError
from medtune.progress import say
from medtune.recipe.schema import Columns

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

    ``examples``, one part of these. ``identifiers``: what the scan saw in the items. The rest is
    scanned where the policy changes rows, once it is asked for: of MedMCQA it is 180,000 rows.
    """

    items: list[Conversation]
    identifiers: IdentifierAudit
    rest: "_Rest"

    @property
    def others(self) -> list[Conversation]:
        """The rest of the source, none that asks what an item asks."""
        return self.rest.conversations

    @property
    def examples(self) -> list[Conversation]:
        """Those of the first part there is of ``EXAMPLES``, else of the first by name."""
        return self.rest.first_part


def read_benchmark(
    source: str, split: str | None, data_dir: Path | None, identifiers: str = "report"
) -> Benchmark:
    """The items of the part ``split`` (null: test where there is one, else all) of a known
    source or a file, after the policy ``identifiers`` (``data.identifiers``).

    Equal items (same question, options and answer) count once, and what is said of an item that
    stands in the measured part and elsewhere is left out of the others. Where all items have as
    many options, so have the others: MedQA's parts are there with four and with five. Groups are
    those of the questions before masking. Raises ``DataError`` where the part holds no row, an item
    an empty option, or an identifier that the policy refuses.
    """
    opened = open_source(source, data_dir, Columns())
    rows = [_trimmed(row) for row in opened.read()]
    unused = opened.use.unused()
    if unused and source not in KNOWN_SOURCES:
        say(f"{opened.name}: columns not used (rows): {unused_fields_text(unused)}")
    measured_parts = _measured_parts(rows, split, source)
    chosen = [row for row in rows if not measured_parts or row.published_split in measured_parts]
    rest = [row for row in rows if measured_parts and row.published_split not in measured_parts]
    if not chosen:
        raise DataError(f"{source} has no rows", where=WHERE, fix="Name a file with questions.")
    for row in chosen:
        _check(row)
    scanned, seen = _scanned(chosen, identifiers, source, "items")
    require_items(scanned, len(chosen), identifiers, f"{WHERE}: {source}")
    groups = _Groups()
    items = _once(scanned, groups)
    if len(items) < len(scanned):
        say(
            f"{source}: {len(scanned) - len(items):,} of {len(scanned):,} items are repeated: each "
            "counts once"
        )
    measured = frozenset(_stem_hash(row) for pair in scanned for row in pair)
    beside = _Rest(_alike(rest, items, source), measured, groups, identifiers, source)
    return Benchmark(items, seen, beside)


def _measured_parts(rows: Sequence[Row], split: str | None, source: str) -> set[str]:
    """The published parts that are measured; none where the rows were published in no part."""
    parts = sorted({row.published_split for row in rows if row.published_split})
    measured = _parts_meant(parts, split or TEST)
    if split is not None and not measured:
        fix = f"Parts here: {_named_parts(parts)}."
        raise DataError(f"no part {split!r} in {source}", where=WHERE, fix=fix)
    return measured


def _named_parts(parts: Sequence[str]) -> str:
    """Parts for a message: those of a known name; the others may be any text and are counted."""
    known = [
        part
        for part in parts
        if all(
            word in ("held", "out", "set") or part_number(word) != UNKNOWN
            for word in re.findall(r"[^\W\d_]+", part)
        )
    ]
    others = len(parts) - len(known)
    unknown = [f"{others:,} of unusual names"] if others else []
    return ", ".join([*known, *unknown]) or "none: the file has no column split"


def _alike(rest: Sequence[Row], items: Sequence[Conversation], source: str) -> list[Row]:
    """The rows with as many options as the items where these have one number, the parts for
    worked examples first.
    """
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
    return alike


def _scanned(
    rows: Sequence[Row], policy: str, source: str, noun: str
) -> tuple[list[tuple[Row, Row]], IdentifierAudit]:
    """Rows as they were and after the policy, and what the scan saw."""
    return scan_items(rows, lambda row: scan_row(row, policy), policy, source, noun)


def _stem_hash(row: Row) -> int:
    return text_hash(normalize(row.stem))


@dataclass
class _Groups:
    """Names of the groups: one a question as it was before masking, made of the masked one, since
    a name can be guessed from a hash of it.
    """

    names: dict[int, str] = field(default_factory=dict)
    taken: Counter[str] = field(default_factory=Counter)

    def name(self, before: Row, after: Row) -> str:
        """Of the group of one row."""
        key = _stem_hash(before)
        if key not in self.names:
            name = f"q-{_stem_hash(after):016x}"
            self.taken[name] += 1
            count = self.taken[name]
            self.names[key] = name if count == 1 else f"{name}-{count}"
        return self.names[key]


@dataclass(frozen=True)
class _Rest:
    """What stands beside the items, scanned once it is asked for."""

    rows: list[Row]
    measured: frozenset[int]
    groups: _Groups
    policy: str
    source: str

    @cached_property
    def _kept(self) -> list[tuple[Row, Row]]:
        """The rows whose questions are not measured, neither as they were nor masked."""
        policy = "off" if self.policy == "report" else self.policy  # few of them are ever shown
        scanned, _ = _scanned(self.rows, policy, self.source, "rows beside the items")
        return [pair for pair in scanned if not self.measured.intersection(map(_stem_hash, pair))]

    @cached_property
    def conversations(self) -> list[Conversation]:
        return _once(self._kept, self.groups)

    @cached_property
    def first_part(self) -> list[Conversation]:
        """Those of the first part, which stand first."""
        first = [
            row for row in self._kept if row[0].published_split == self.rows[0].published_split
        ]
        return self.conversations[: len(_once(first, self.groups))]


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


def _once(rows: Sequence[tuple[Row, Row]], groups: _Groups) -> list[Conversation]:
    """Rows as conversations, as they are after the policy; equal ones once."""
    by_digest: dict[str, Conversation] = {}
    for before, row in rows:
        options, key = row.options or (), row.answer_key or ""
        digest = text_hash(normalize(" | ".join([row.question, *options, key, row.label or ""])))
        if (name := f"{digest:016x}") in by_digest:
            continue
        known = f"{row.source}-{row.id}" if row.id else row.source
        by_digest[name] = Conversation(
            f"{known[:KNOWN]}-{name}",
            groups.name(before, row),
            row.source,
            row.messages,
            row.label,
            row.options,
            row.answer_key,
            row.labels,
        )
    return list(by_digest.values())
