"""What ``data.identifiers`` makes of one row: nothing, a count, masks, an error, or no row.

One place for the rows of a run and for the items of a task.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from medtune.conversation import Message
from medtune.data.audit import IdentifierAudit, counts_in_words
from medtune.data.rows import Row
from medtune.errors import DataError
from medtune.progress import say
from medtune.text.identifiers import find_all, mask_spans

Item = TypeVar("Item")


def scan_row(row: Row, policy: str) -> tuple[Row | None, Counter[str]]:
    """The row after the policy (None: left out), and how many identifiers of each kind it holds.

    Raises:
        DataError: an identifier was found and the policy is refuse. It names the row and the kinds,
        never the text.
    """
    texts = _texts(row)
    scanned, counts = scan_texts(texts, policy, row.location, row.identifiers)
    if scanned is None or policy != "mask":
        return (None if scanned is None else row), counts
    # A number of a record needs no word beside it in a column of its own: no id stays.
    return _masked_row(row, texts, scanned), counts


def scan_texts(
    texts: Sequence[str], policy: str, location: str, known: Sequence[tuple[str, str]] = ()
) -> tuple[list[str] | None, Counter[str]]:
    """The texts of one record after the policy (None: left out), and its identifiers by kind.

    ``known`` are kind and value of identifiers that the file names. Raises ``DataError`` as
    ``scan_row`` does.
    """
    if policy == "off":
        return list(texts), Counter()
    spans = find_all(texts, known)
    counts = sum((in_text.counts() for in_text in spans), Counter[str]())
    if policy == "mask":
        return mask_spans(texts, spans), counts
    if not counts or policy == "report":
        return list(texts), counts
    if policy == "refuse":
        raise DataError(
            f"identifiers found ({', '.join(sorted(counts))}) and data.identifiers is refuse",
            where=location,
            fix="Remove them, or set data.identifiers to mask or drop.",
        )
    return None, counts


def scan_items(
    items: Sequence[Item],
    scan: Callable[[Item], tuple[Item | None, Counter[str]]],
    policy: str,
    source: str,
    noun: str,
) -> tuple[list[tuple[Item, Item]], IdentifierAudit]:
    """Items as they were and after the policy, those that it leaves; and what was seen, which is
    said. Raises ``DataError`` where the policy refuses one.
    """
    kept: list[tuple[Item, Item]] = []
    seen: Counter[str] = Counter()
    holding = 0
    for item in items:
        after, counts = scan(item)
        seen += counts
        holding += bool(counts)
        if after is not None:
            kept.append((item, after))
    if holding:
        say(
            f"{source}: identifiers that the scan sees in {holding:,} of {len(items):,} {noun} "
            f"(data.identifiers: {policy}): {counts_in_words(seen)}"
        )
    counts_of_all = dict(sorted(seen.items()))
    return kept, IdentifierAudit(policy=policy, counts=counts_of_all, rows=holding)


def require_items(left: Sequence[Item], items: int, policy: str, where: str) -> None:
    """Raise ``DataError`` where the policy has left none of the items."""
    if not left:
        raise DataError(
            f"all {items:,} items hold identifiers, and data.identifiers is {policy}",
            where=where,
            fix="Set data.identifiers to mask or report, or name other items.",
        )


def _texts(row: Row) -> list[str]:
    """All texts of a row: its turns, then each other value once (a label is also the first of
    the labels).
    """
    others = [row.label, *(row.labels or ()), row.entity, *(row.options or ()), row.id]
    turns = (m.content for m in row.bare_messages)
    return [*turns, *dict.fromkeys(text for text in others if text)]


def _masked_row(row: Row, texts: Sequence[str], masked: Sequence[str]) -> Row:
    turns = len(row.messages)
    new = dict(zip(texts[turns:], masked[turns:], strict=True))
    messages = [Message(m.role, text) for m, text in zip(row.messages, masked, strict=False)]
    options = row.options and tuple(new.get(text, text) for text in row.options)
    return replace(
        row.rewritten(messages, options),
        label=new.get(row.label, row.label) if row.label else row.label,
        labels=row.labels and tuple(new.get(text, text) for text in row.labels),
        entity=new.get(row.entity, row.entity) if row.entity else row.entity,
        id=None,
    )
