"""What is done about identifiers: typed placeholders, or the row left out, or the whole run
refused.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from medtune.conversation import Message
from medtune.data.rows import Row
from medtune.errors import DataError
from medtune.text.identifiers.scan import find_all
from medtune.text.identifiers.spans import Span


def mask(text: str) -> str:
    """The text with typed placeholders."""
    return mask_texts([text])[0]


def mask_texts(texts: Sequence[str]) -> list[str]:
    """The texts of one record with typed placeholders.

    The same value has the same number in all of them.
    """
    return _masked(texts, find_all(texts))


def _masked(texts: Sequence[str], found: Sequence[Sequence[Span]]) -> list[str]:
    numbers: dict[str, dict[str, int]] = {}
    return [_mask_one(text, spans, numbers) for text, spans in zip(texts, found, strict=True)]


def _mask_one(text: str, spans: Sequence[Span], numbers: dict[str, dict[str, int]]) -> str:
    parts, end = [], 0
    for span in spans:
        values = numbers.setdefault(span.kind, {})
        value = " ".join(text[span.start : span.end].casefold().split())
        parts += [
            text[end : span.start],
            f"[{span.kind.upper()}-{values.setdefault(value, len(values) + 1)}]",
        ]
        end = span.end
    return "".join(parts) + text[end:]


def scan_row(row: Row, policy: str) -> tuple[Row | None, Counter[str]]:
    """The row after the policy (None: left out), and how many identifiers of each kind it holds.

    Raises:
        DataError: an identifier was found and the policy is refuse. It names the row and the kinds,
        never the text.
    """
    if policy == "off":
        return row, Counter()
    texts = _texts(row)
    found = find_all(texts)
    counts = Counter(span.kind for spans in found for span in spans)
    if not counts or policy == "report":
        return row, counts
    if policy == "refuse":
        raise DataError(
            f"identifiers found ({', '.join(sorted(counts))}) and data.identifiers is refuse",
            where=row.place,
            fix="Remove them, or set data.identifiers to mask or drop.",
        )
    return (None if policy == "drop" else _masked_row(row, texts, _masked(texts, found))), counts


def _texts(row: Row) -> list[str]:
    """All texts of a row: its turns, then each other value once (a label is also the first of
    the labels).
    """
    others = [row.label, *(row.labels or ()), row.entity, *(row.options or ()), row.id]
    return [*(m.content for m in row.messages), *dict.fromkeys(text for text in others if text)]


def _masked_row(row: Row, texts: Sequence[str], masked: Sequence[str]) -> Row:
    turns = len(row.messages)
    new = dict(zip(texts[turns:], masked[turns:], strict=True))
    return replace(
        row,
        messages=tuple(
            Message(m.role, text) for m, text in zip(row.messages, masked, strict=False)
        ),
        label=new.get(row.label, row.label) if row.label else row.label,
        labels=row.labels and tuple(new.get(text, text) for text in row.labels),
        entity=new.get(row.entity, row.entity) if row.entity else row.entity,
        options=row.options and tuple(new.get(text, text) for text in row.options),
        id=row.id if not row.id or new[row.id] == row.id else None,
    )
