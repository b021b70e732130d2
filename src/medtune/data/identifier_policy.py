"""What ``data.identifiers`` makes of one row: nothing, a count, masks, an error, or no row.

One place for the rows of a run and for the items of a task.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from medtune.conversation import Message
from medtune.data.rows import Row
from medtune.errors import DataError
from medtune.text.identifiers import find_all, mask_spans


def scan_row(row: Row, policy: str) -> tuple[Row | None, Counter[str]]:
    """The row after the policy (None: left out), and how many identifiers of each kind it holds.

    Raises:
        DataError: an identifier was found and the policy is refuse. It names the row and the kinds,
        never the text.
    """
    if policy == "off":
        return row, Counter()
    texts = _texts(row)
    spans = find_all(texts, row.identifiers)
    counts = Counter(span.kind for in_text in spans for span in in_text)
    if policy == "mask":
        # A number of a record needs no word beside it in a column of its own: no id stays.
        return _masked_row(row, texts, mask_spans(texts, spans)), counts
    if not counts or policy == "report":
        return row, counts
    if policy == "refuse":
        raise DataError(
            f"identifiers found ({', '.join(sorted(counts))}) and data.identifiers is refuse",
            where=row.location,
            fix="Remove them, or set data.identifiers to mask or drop.",
        )
    return None, counts


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
