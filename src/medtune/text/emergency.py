"""Signs of an emergency in what a person writes, and the advice that goes before any answer of a
model.

Rules on words: they miss what is said otherwise and sometimes warn without need. They lean towards
warning.
"""

import re

NOTICE = (
    "Not medical advice: this text comes from a language model and may be wrong. Ask a clinician."
)

_SIGNS: dict[str, str] = {
    "heart": r"chest (?:pain|pressure|tightness|hurts)|(?:pain|pressure|tight\w*|squeezing) in (?:my |his |her |the )?chest|heart attack|crushing pain"
    r"|(?:elephant|weight|band|brick) (?:sitting )?(?:on|around) (?:my |his |her )?(?:chest|it)|chest[^.?!]{0,40}(?:sweat\w*|elephant)|jaw ache[^.?!]{0,80}breath",
    "breathing": r"(?:can'?t|cannot|can not|unable to|struggl\w+ to|hard to|stopped|not|isn'?t) breath\w*|short of breath at rest"
    r"|(?:trouble|difficulty|problems?) (?:in |with )?breathing|choking|turning blue|blue lips|lips (?:are |turn\w* )?blue|gasping|breathing (?:really |very |so )?fast|out of breath"
    r"|(?:short of|no) breath|wheezing[^.?!]{0,60}(?:lips|hives|peanut|sting)|few words at a time|skin sucking in|inhaler[^.?!]{0,40}not help\w*",
    "stroke": r"\bstroke\b|face (?:is )?droop\w*|slurred speech|speech is slurred"
    r"|sudden(?:ly)? (?:weak|numb|confus|blind|lost vision|severe headache|can'?t|cannot)\w*"
    r"|(?:left|right|one) (?:side|arm|leg|half)[^.?!]{0,30}(?:numb|weak|limp|paraly)\w*|one[- ]sided weakness|worst headache"
    r"|face (?:has |went |gone |is )?droop\w*|talking (?:funny|strangely)|(?:couldn'?t|can'?t|cannot) see out of|can'?t feel between my legs",
    "bleeding": r"(?:heavy|severe|won'?t stop|uncontrolled) bleed\w*|bleeding (?:heavily|a lot)|bleed\w*[^.?!]{0,30}(?:won'?t|will not|does(?: not|n'?t)) stop"
    r"|(?:vomit\w*|throw\w* up|cough\w* up) blood"
    r"|coffee grounds|(?:poo|poop|stool)s? (?:is |are )?(?:black|like tar|tarry)|soaking (?:a|one|two) pads?|warfarin[^.?!]{0,80}(?:head|headache)",
    "consciousness": r"unconscious|unresponsive|(?:los[et]|losing) consciousness|passed out|(?:won'?t|will not|not|can'?t) wak\w+|fainted"
    r"|(?:having|has|had) (?:a |another )?seizure|seizure (?:lasting|won'?t|for)|convuls\w+|collapsed|(?:does(?: not|n'?t)|won'?t|not) respond"
    r"|blacked out|(?:had|having) a fit|hit (?:my|his|her) head[^.?!]{0,80}(?:throwing up|vomit\w*|sleepy)|confused[^.?!]{0,60}(?:shivering|temp|fever|blotchy)"
    r"|(?:hot dry skin|heat wave)[^.?!]{0,60}confused",
    "poisoning": r"overdos\w*|poison\w*|(?:swallow\w*|drank|drunk|ate|eaten)[^.?!]{0,25}(?:bleach|batter(?:y|ies)|pills|tablets|detergent|antifreeze)"
    r"|took too (?:many|much)|carbon monoxide|\bco alarm"
    r"|(?:swallow\w*|drank|drink|ate|got into|took)[^.?!]{0,40}(?:batter(?:y|ies)|cleaner|antifreeze|iron|paracetamol|acetaminophen|antidepressants|pills|tablets)"
    r"|(?:bleach|cleaner|acid)[^.?!]{0,25} in (?:my|his|her) eyes?|pills? (?:twice|three times)",
    "allergy": r"anaphyla\w*|throat (?:is )?(?:closing|swelling)|swollen (?:tongue|throat|lips|face)|(?:tongue|lips|face)[^.?!]{0,20}(?:swelling|swollen|puffy)|throat (?:feels? )?tight|epi-?pen|hives[^.?!]{0,40}(?:throat|breath)",
    "self-harm": r"suicid\w*|kill(?:ing)? (?:my|him|her|them)sel\w+|end(?:ing)? my life|wants? to die|(?:not|n'?t) want to (?:live|be alive)"
    r"|self[- ]harm\w*|(?:hurt|harm|cut)(?:t?ing)? (?:myself|my (?:arms?|wrists?|legs?))"
    r"|(?:not|n'?t) want to be (?:here|around)|better off without (?:me|him|her|them)|better if i was gone|(?:painless|least painful) way to die"
    r"|(?:written|write) (?:the letters|a goodbye|a suicide)|goodbye (?:note|letter)s?|reason to stay alive|deserve to (?:die|disappear)|standing (?:at|on) the (?:bridge|edge|roof)"
    r"|driving into a (?:wall|tree)|took a bunch of my|(?:if i took|take) them all|long can someone hang|hang(?:ing)? (?:my|him|her)self|giving all my things away|soon it will be over|thoughts are loud"
    r"|drink antifreeze|has a gun[^.?!]{0,60}better off|hears? voices[^.?!]{0,60}(?:baby|kill|die|evil)",
    "infant": r"(?:baby|newborn|infant)[^.?!]{0,60}(?:fever|limp|blue|not feeding|(?:won'?t|will not) feed|unresponsive)"
    r"|(?<!hay )fever[^.?!]{0,40}(?:baby|newborn|infant)"
    r"|(?:newborn|weeks old|\d weeks)[^.?!]{0,30}(?:temp|fever|38|39|40)",
    "pregnancy": r"pregnan\w+[^.?!]{0,60}(?:bleed\w*|severe pain|seizure|no movement|stopped moving)"
    r"|(?:bleed\w*|severe pain|seizure)[^.?!]{0,60}pregnan\w+|pregnan\w+[^?!]{0,60}(?:sharp pain|pain in my shoulder)"
    r"|(?:hav(?:en'?t|e not)|not|no longer) felt (?:the |my )?baby move|\d+ ?weeks[^?!]{0,60}(?:headache|seeing sparkles|puffy)",
    "infection": r"\bsepsis\b|meningitis|stiff neck[^.?!]{0,40}fever|fever[^.?!]{0,40}stiff neck|rash that does(?: not|n'?t) fade"
    r"|red streaks|chemo[^.?!]{0,40}(?:temp|fever)|(?:temp|fever)[^.?!]{0,40}chemo|testicle[^.?!]{0,60}(?:pain|throwing up)|pain in one testicle"
    r"|(?:tummy|belly|stomach|abdominal) pain[^?!]{0,80}(?:bottom right|cant jump|can'?t jump)|ketones (?:are )?high|stopped my insulin"
    r"|contacts[^.?!]{0,60}(?:hurts|light)|leg looks shorter|(?:dog|bat|monkey) bite",
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
