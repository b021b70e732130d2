"""What a text names only to deny it: "not B", "neither A nor B", "C is wrong"."""

import re

_NOT = (
    r"(?:not|cannot|never|neither|nor|except|excluding|wrong|incorrect|rather\s+than"
    r"|instead\s+of|other\s+than|ruled?\s+out|\w+n['’]t)"
)
_BEFORE = re.compile(rf"\b{_NOT}\b", re.IGNORECASE)
# Where a clause ends, what was denied before is denied no more.
_CLAUSE = re.compile(r"[.;!?\n]|\b(?:but|so|thus|hence|therefore|because|since)\b", re.IGNORECASE)
_VERBS = (
    r"(?:is|are|was|were|would|can|could|should|must|be|being|does|do|did|also|both|all|clearly"
    r"|option|options)"
)
_AFTER = re.compile(
    # B and C are wrong
    r"[)\]*\"”]*(?:\s*(?:,|/|&|\band\b|\bor\b)\s*(?:and\s+|or\s+)?[(\[]?[A-Z]\b[)\]]?)*"
    rf"(?:(?:\s+{_VERBS})+\s+not|(?:\s+{_VERBS})*\s+(?:cannot|wrong|incorrect|false"
    rf"|unlikely|excluded|ruled\s+out|\w+n['’]t))\b",
    re.IGNORECASE,
)


def is_denied(text: str, start: int, end: int) -> bool:
    """Whether what stands at [start, end) is denied by its own clause before it, or right after
    it.
    """
    clause = _CLAUSE.split(text[:start])[-1]
    return bool(_BEFORE.search(clause) or _AFTER.match(text, end))
