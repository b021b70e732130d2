"""Signs of an emergency in what a person writes, and the advice that goes before any answer of a model.

Rules on words: they miss what is said otherwise and sometimes warn without need. They lean towards warning.
"""

import re

NOTICE = "Not medical advice: this text comes from a language model and may be wrong. Ask a clinician."

_SIGNS: dict[str, str] = {
    "heart": r"chest (?:pain|pressure|tightness)|pain in (?:my|his|her|the) chest|heart attack|crushing pain",
    "breathing": r"(?:can'?t|cannot|can not|unable to|struggl\w+ to|hard to|stopped) breath\w*|short of breath at rest"
    r"|choking|turning blue|blue lips|gasping",
    "stroke": r"\bstroke\b|face (?:is )?droop\w*|slurred speech|sudden(?:ly)? (?:weak|numb|confus|blind|lost vision|severe headache)\w*"
    r"|one[- ]sided weakness|worst headache",
    "bleeding": r"(?:heavy|severe|won'?t stop|uncontrolled) bleed\w*|bleeding (?:heavily|a lot|that won'?t stop)|vomit\w* blood|coughing up blood",
    "consciousness": r"unconscious|unresponsive|passed out|won'?t wake|not waking|fainted|seizure (?:lasting|won'?t|for)|convuls\w+",
    "poisoning": r"overdos\w*|poison\w*|swallowed (?:bleach|a battery|batteries|pills|tablets)|took too (?:many|much)|carbon monoxide",
    "allergy": r"anaphyla\w*|throat (?:is )?(?:closing|swelling)|swollen (?:tongue|throat)|tongue (?:is )?swelling",
    "self-harm": r"suicid\w*|kill (?:my|him|her|them)sel\w+|end my life|want(?:s)? to die|self[- ]harm\w*|hurt(?:ing)? myself",
    "infant": r"(?:baby|newborn|infant)[^.?!]{0,60}(?:fever|limp|blue|not feeding|won'?t feed|unresponsive)",
    "pregnancy": r"pregnan\w+[^.?!]{0,60}(?:bleed\w*|severe pain|seizure|no movement|stopped moving)",
    "infection": r"\bsepsis\b|meningitis|stiff neck[^.?!]{0,40}fever|fever[^.?!]{0,40}stiff neck|rash that does(?: not|n'?t) fade",
}
_PATTERNS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _SIGNS.items()}

URGENT = (
    "This could be an emergency. Call your local emergency number (112, 911, 999) or go to the nearest emergency "
    "department now; do not wait for an answer here."
)
CRISIS = (
    "If you may harm yourself, call your local emergency number or a crisis line now (in the United States and Canada: "
    "988), and stay with someone you trust."
)


def emergency_signs(text: str) -> list[str]:
    """Kinds of emergency that a text names, such as ``heart`` or ``self-harm``."""
    plain = text.replace("\u2019", "'")
    return [kind for kind, pattern in _PATTERNS.items() if pattern.search(plain)]


def urgent_advice(text: str) -> str | None:
    """What to say before anything else, or None."""
    signs = emergency_signs(text)
    if not signs:
        return None
    return f"{CRISIS} {URGENT}" if "self-harm" in signs else URGENT
