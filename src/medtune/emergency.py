"""Signs of an emergency in what a person writes, and the advice that goes before any answer of a model.

Rules on words: they miss what is said otherwise and sometimes warn without need. They lean towards warning.
"""

import re

NOTICE = "Not medical advice: this text comes from a language model and may be wrong. Ask a clinician."

_SIGNS: dict[str, str] = {
    "heart": r"chest (?:pain|pressure|tightness|hurts)|(?:pain|pressure|tight\w*|squeezing) in (?:my |his |her |the )?chest|heart attack|crushing pain",
    "breathing": r"(?:can'?t|cannot|can not|unable to|struggl\w+ to|hard to|stopped|not|isn'?t) breath\w*|short of breath at rest"
    r"|(?:trouble|difficulty|problems?) (?:in |with )?breathing|choking|turning blue|blue lips|lips (?:are |turn\w* )?blue|gasping",
    "stroke": r"\bstroke\b|face (?:is )?droop\w*|slurred speech|speech is slurred"
    r"|sudden(?:ly)? (?:weak|numb|confus|blind|lost vision|severe headache|can'?t|cannot)\w*"
    r"|(?:left|right|one) (?:side|arm|leg|half)[^.?!]{0,30}(?:numb|weak|limp|paraly)\w*|one[- ]sided weakness|worst headache",
    "bleeding": r"(?:heavy|severe|won'?t stop|uncontrolled) bleed\w*|bleeding (?:heavily|a lot)|bleed\w*[^.?!]{0,30}(?:won'?t|will not|does(?: not|n'?t)) stop"
    r"|(?:vomit\w*|throw\w* up|cough\w* up) blood",
    "consciousness": r"unconscious|unresponsive|(?:los[et]|losing) consciousness|passed out|(?:won'?t|will not|not|can'?t) wak\w+|fainted"
    r"|(?:having|has|had) (?:a |another )?seizure|seizure (?:lasting|won'?t|for)|convuls\w+|collapsed|(?:does(?: not|n'?t)|won'?t|not) respond",
    "poisoning": r"overdos\w*|poison\w*|(?:swallow\w*|drank|drunk|ate|eaten)[^.?!]{0,25}(?:bleach|batter(?:y|ies)|pills|tablets|detergent|antifreeze)"
    r"|took too (?:many|much)|carbon monoxide",
    "allergy": r"anaphyla\w*|throat (?:is )?(?:closing|swelling)|swollen (?:tongue|throat|lips|face)|(?:tongue|lips|face)[^.?!]{0,20}swelling",
    "self-harm": r"suicid\w*|kill(?:ing)? (?:my|him|her|them)sel\w+|end(?:ing)? my life|wants? to die|(?:not|n'?t) want to (?:live|be alive)"
    r"|self[- ]harm\w*|(?:hurt|harm|cut)(?:t?ing)? myself",
    "infant": r"(?:baby|newborn|infant)[^.?!]{0,60}(?:fever|limp|blue|not feeding|(?:won'?t|will not) feed|unresponsive)"
    r"|(?<!hay )fever[^.?!]{0,40}(?:baby|newborn|infant)",
    "pregnancy": r"pregnan\w+[^.?!]{0,60}(?:bleed\w*|severe pain|seizure|no movement|stopped moving)"
    r"|(?:bleed\w*|severe pain|seizure)[^.?!]{0,60}pregnan\w+",
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
