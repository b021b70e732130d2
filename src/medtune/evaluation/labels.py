"""Labels in texts: which of the fixed labels an answer names, read strictly."""

import re
from collections.abc import Sequence

from medtune.evaluation.denied import is_denied
from medtune.evaluation.letters import GONE, named_letters

SEPARATOR = ";"  # between the labels of a set


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def parse_label(text: str, labels: Sequence[str]) -> str | None:
    """The label that an answer is (but for blanks, case and a full stop), or names once and no other; else None.

    "Because it hurts" names no B: a label stands between word boundaries, and labels of a single letter are read as
    ``named_letters`` reads options. A label inside a longer one (Surgery in Plastic Surgery) does not count there, nor
    does one that is denied ("not Surgery").
    """
    exact = {_plain(label): label for label in labels}
    if (whole := _plain(text).removesuffix(".").rstrip()) in exact:
        return exact[whole]
    long = sorted((label for label in labels if len(label) > 1), key=len, reverse=True)
    found = []
    if long:
        names = "|".join(r"\s+".join(map(re.escape, label.split())) for label in long)
        pattern = re.compile(rf"(?<!\w)(?:{names})(?!\w)", re.IGNORECASE)
        mentions = [match for match in pattern.finditer(text) if not is_denied(text, *match.span())]
        found, text = [exact[_plain(match[0])] for match in mentions], pattern.sub(GONE, text)
    found += named_letters(text, [label for label in labels if len(label) == 1])
    return found[0] if len(found) == 1 and found[0] in labels else None


def parse_labels(text: str, labels: Sequence[str]) -> list[str] | None:
    """The set of labels that an answer lists between semicolons; None where a part of it is no label."""
    found = [parse_label(part, labels) for part in text.split(SEPARATOR)]
    known = [label for label in found if label is not None]
    return list(dict.fromkeys(known)) if len(known) == len(found) else None
