"""Labels in texts: which of the fixed labels an answer names, read strictly."""

import re
from collections.abc import Sequence

SEPARATOR = ";"  # between the labels of a set
AMBIGUOUS = re.compile(r"(?<!\w)(?:A|I)(?=[ '’]\s*\w)")  # the article and the pronoun are no option letters


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def parse_label(text: str, labels: Sequence[str]) -> str | None:
    """The label that an answer is (but for blanks, case and a full stop), or names once and no other; else None.

    "Because it hurts" names no B: a label stands between word boundaries, and one of a single letter is capital. A
    label inside a longer one (Surgery in Plastic Surgery) does not count there.
    """
    exact = {_plain(label): label for label in labels}
    if (whole := _plain(text).removesuffix(".").rstrip()) in exact:
        return exact[whole]
    long = sorted((label for label in labels if len(label) > 1), key=len, reverse=True)
    short = [label for label in labels if len(label) == 1]
    if short and AMBIGUOUS.search(text):
        return None
    found = [exact[_plain(name)] for name in _mentions(" ".join(text.split()), long, re.IGNORECASE)]
    found += _mentions(text, short)
    return found[0] if len(found) == 1 else None


def _mentions(text: str, labels: Sequence[str], flags: int = 0) -> list[str]:
    """Every mention of a label, the longest first where they overlap."""
    if not labels:
        return []
    names = "|".join(re.escape(" ".join(label.split())) for label in labels)
    return re.findall(rf"(?<!\w)(?:{names})(?!\w)", text, flags)


def parse_labels(text: str, labels: Sequence[str]) -> list[str] | None:
    """The set of labels that an answer lists between semicolons; None where a part of it is no label."""
    found = [parse_label(part, labels) for part in text.split(SEPARATOR)]
    known = [label for label in found if label is not None]
    return list(dict.fromkeys(known)) if len(known) == len(found) else None
