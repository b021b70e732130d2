"""A scan for patients' identifiers that rules can see: names in context, dates, ages over 89,
numbers, addresses.

An aid, not a guarantee: what no rule sees stays in the text. Matches are never logged.
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
