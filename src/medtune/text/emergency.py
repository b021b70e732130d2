"""Signs of an emergency in what a person writes, and the advice to show before any model's answer.

They are rules on words: they miss what is put differently, and sometimes warn without need. They
lean towards warning.
"""

import re

from medtune.text.words import lists_beside

NOTICE = (
    "Not medical advice: this text comes from a language model and may be wrong. Ask a clinician."
)

_SIGNS = lists_beside(__file__)
_PATTERNS = {kind: re.compile(_SIGNS.one_of(kind), re.IGNORECASE) for kind in _SIGNS.lists}

URGENT = (
    "This could be an emergency. Call your local emergency number (112, 911, 999) or go to "
    "the nearest emergency "
    "department now; do not wait for an answer here."
)
CRISIS = (
    "If you may harm yourself, call your local emergency number or a crisis line now "
    "(in the United States and Canada: "
    "988), and stay with someone you trust."
)


def emergency_signs(text: str) -> list[str]:
    """Kinds of emergency that a text names, such as ``heart`` or ``self-harm``."""
    plain = text.replace("\u2019", "'")
    return [kind for kind, pattern in _PATTERNS.items() if pattern.search(plain)]


def urgent_advice(text: str) -> str | None:
    """The advice to show before anything else; None if there is no sign of an emergency."""
    signs = emergency_signs(text)
    if not signs:
        return None
    return f"{CRISIS} {URGENT}" if "self-harm" in signs else URGENT
