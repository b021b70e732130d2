"""A first scan for patients' identifiers that patterns can see. An aid, not a guarantee; matches are never logged."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from medtune.conversation import Message
from medtune.data.rows import Row
from medtune.errors import DataError

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
PATTERNS: dict[str, re.Pattern[str]] = {
    "email": re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"),
    "url": re.compile(r"(?:\bhttps?://|\bwww\.)[^\s<>\"']*[^\s<>\"').,;]", re.I),
    "ssn": re.compile(r"\b\d{3}-\d{2}-\d{4}\b"),
    "ip": re.compile(r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b"),
    "phone": re.compile(r"(?<![\d.-])(?:\+?1[-. ])?(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\d-])"),
    "record": re.compile(r"\b(?:mrn|medical record|record number|account|patient id)\b[ :#.no]{1,8}\w*\d{4,}\w*", re.I),
    "date": re.compile(
        rf"(?<![\d./-])(?:[12]?\d|0\d|3[01])[/-](?:[12]?\d|0\d|3[01])[/-](?:19|20)?\d{{2}}\b|\b(?:19|20)\d{{2}}-\d{{2}}-\d{{2}}\b"
        rf"|\b{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)\d{{2}}\b|\b\d{{1,2}} {_MONTH} (?:19|20)\d{{2}}\b",
        re.I,
    ),
}


def find_identifiers(text: str) -> Counter[str]:
    """How many of each kind a text holds."""
    return Counter({kind: len(found) for kind, pattern in PATTERNS.items() if (found := pattern.findall(text))})


def mask(text: str) -> str:
    """The text with typed placeholders; the same value has the same number within the text."""
    for kind, pattern in PATTERNS.items():
        numbers: dict[str, int] = {}

        def placeholder(match: re.Match[str], kind: str = kind, numbers: dict[str, int] = numbers) -> str:
            return f"[{kind.upper()}-{numbers.setdefault(match.group().lower(), len(numbers) + 1)}]"

        text = pattern.sub(placeholder, text)
    return text


def apply_policy(rows: Sequence[Row], policy: str) -> tuple[list[Row], dict[str, int], int]:
    """Rows after the policy, how many of each kind were found, and how many rows held any."""
    if policy == "off":
        return list(rows), {}, 0
    found: Counter[str] = Counter()
    kept, affected = [], 0
    for row in rows:
        counts = sum((find_identifiers(m.content) for m in row.messages), Counter())
        found += counts
        affected += bool(counts)
        if counts and policy == "refuse":
            raise DataError(
                f"identifiers found ({', '.join(sorted(counts))}) and data.identifiers is refuse",
                where=row.place,
                fix="Remove them, or set data.identifiers to mask or drop.",
            )
        if counts and policy == "drop":
            continue
        if counts and policy == "mask":
            row = replace(row, messages=tuple(Message(m.role, mask(m.content)) for m in row.messages))
        kept.append(row)
    return kept, dict(sorted(found.items())), affected
