"""Scan for patients' identifiers: names in context, dates, ages over 89, numbers, addresses.

It is an aid, not a guarantee: what no rule matches stays in the text. Matches are never logged.
"""

from medtune.text.identifiers.scan import (
    find_all,
    find_identifiers,
    find_spans,
    mask,
    mask_spans,
    mask_texts,
)
from medtune.text.identifiers.spans import Span

__all__ = [
    "Span",
    "find_all",
    "find_identifiers",
    "find_spans",
    "mask",
    "mask_spans",
    "mask_texts",
]
