"""Rules for names in context: after a title, a greeting, a relative or in a field of a form.

Before an age or a degree.

A name alone is not found: in medical text a capitalised word is mostly a disease, a drug or an
institution.
"""

import re

from medtune.text.identifiers.lexicon import NAMED_THING, NOT_NAMES, name_status
from medtune.text.identifiers.persons import (
    ANY_CASE,
    CAPS,
    FULL,
    INITIAL,
    LOWER,
    NAME,
    WORD,
    addressed,
    full,
    known,
    person,
    small,
    small_known,
)
from medtune.text.identifiers.roles import RELATIVES
from medtune.text.identifiers.spans import Check, Place, Rule, Span, before, words

_I = re.IGNORECASE
_TITLES = r"Mr|Mrs|Ms|Miss|Mx|Dr|Drs|Prof|Professor|Doctor|Mister|Rev|Reverend|Herr|Frau|Mme|Madame"
_TITLE = rf"(?:(?:{_TITLES})\b\.? )?"
_DEGREE = (
    r"(?:M\.?D\b\.?|D\.O\.|DO\b|Ph\.?D\b\.?|R\.?N\b\.?|N\.?P\b|PA-?C\b|P\.A\.|D\.?D\.?S\b\.?|DMD\b|FACS\b|FACP\b|MBBS\b|MPH\b|LPN\b|"
    r"CRNA\b|APRN\b|FNP\b|PharmD\b|Psy\.?D\b|LCSW\b|DPM\b)"
)
_DEGREE_WORDS = words(
    "MD M D DO Ph PhD RN R NP N PA P DDS DMD FACS FACP MBBS MPH LPN CRNA APRN FNP PharmD Psy PsyD LCSW DPM"
)
_GREETING = r"hi(?: there)?|hello(?: there)?|hey(?: there)?|dear|good (?:morning|afternoon|evening)|greetings|welcome(?: back)?"
_CLOSING = (
    r"(?:(?:best|kind|warm|warmest|with|my|many) ){0,3}(?:regards|wishes)|sincerely(?: yours)?|yours (?:truly|sincerely|faithfully)|"
    r"respectfully(?: yours)?|cheers|(?:many )?thanks(?: again| a lot| so much)?|thank you(?: very much| so much)?|cordially|love|thx|ty|xoxo|best|warmly|yours"
)
_HAILS = words("hi hello hey dear good greetings welcome")
_CLOSES = words(
    "regards wishes sincerely yours respectfully cheers thanks thank cordially love thx ty xoxo best warmly"
)
_END = rf"(?=[ \t]*(?:[.,!]?[ \t]*(?:$|\n)|[.,!](?:\s|$)|,? {_DEGREE}))"
_AGE = r"(?:now )?(?:an? )?(?:now )?(?:(?:very |pleasant |delightful |otherwise |healthy ){0,4})\d{1,3}[- ]{0,2}(?:year|yr|y\.?/?o|month|week|day)"
_AGED = rf"(?=,? {{1,2}}(?:is|was) {_AGE})"
_BORN = r"(?= ?[.,]? {1,2}(?:(?:an? |age |aged )(?:pleasant )?\d{1,3}[- ]?(?:year|yr|y\.?/?o)|(?:date of birth|dob|d\.o\.b|mrn|medical record)\b))"
_TIMES = words("year yr yo y month week day years")

# What stands before the colon of a form.
_FIELD = re.compile(
    r"(?:^|[^\w-])(?:(?:patient|pt|client|resident|mother|father|parent|child|spouse|husband|wife|insured|subscriber|guarantor|policy ?holder|pt\.|"
    r"full|last|first|given|family|middle|maiden|legal|preferred|doctor|physician|provider|contact|caller)(?:'s|’s)?(?: full| last| first)? "
    r"names?|name of (?:the )?(?:patient|insured|subscriber|physician|doctor)|(?:patient|pt) name \((?:last, ?first|print(?:ed)?)\)|surname|next of kin|"
    r"emergency contact(?: person)?|contact person|contact|(?:attending|referring|primary care|treating|consulting|ordering|family|primary)"
    r"(?: physician| doctor| provider| surgeon)?|physician|surgeon|(?:first |second )?assistants?(?: surgeon)?|co-?surgeon|an[a]?esthesiologist|"
    r"provider|pcp|consultant|pathologist|radiologist|cardiologist|(?:dictated|transcribed|(?:electronically )?signed|reported|reviewed|"
    r"prepared|authored|witnessed|seen|completed|performed|referred) by|signed|signature|witness|spouse|husband|wife|daughter|son|mother|father|"
    r"guardian|insured|subscriber|guarantor|patient|client|interpreter|nurse|attn|re|account holder|card ?holder|policy ?holder|claimant|applicant|plaintiff|defendant|petitioner|decedent|deceased|beneficiary|employer(?: ?/ ?supervisor)?|supervisor|teacher|case ?manager|social worker|donor|recipient|translator|scribe|author|responsible party|[a-z]{3,12}ed by|signature(?: of [a-z ]{3,30})?|from|to|cc|bcc|a\.?k\.?a|alias|nickname|prescriber|surrogate|proxy|caregiver|carer|driver|owner|parent|sibling|escort|informant|historian|narne|hcp|poa|dpoa|hcpoa|pat[1l]ent|deponent|narme|nane)\**\s?$|(?:^|[\n;|*,]\s?)name\**\s?$",
    _I,
)


_NAME_FIELD = re.compile(
    r"(?:sur|full|last|first|given|family|middle|maiden|legal|preferred|patient|pt\.?|birth|married) ?names?\**\s?$",
    _I,
)


def _in_field(match: re.Match[str]) -> Place | None:
    """Any word after last name; after other labels (contact, nurse) a full name or a usual one."""
    label = match.string[max(0, match.start() - 45) : match.start()]
    if _NAME_FIELD.search(label):
        return person(match)
    if not _FIELD.search(label):
        return None
    return full(match) or (_alone(match) if _DOCTOR_FIELD.search(label) else None)


_DOCTOR_FIELD = re.compile(
    r"(?:pcp|attending|surgeon|physician|provider|anesthesiologist|resident|nurse|interpreter|supervisor|signed|client|by)\**\s?$",
    _I,
)
_SOLE = re.compile(r"[ \t]*(?:$|\n|[.;|(]| {2})")


def _alone(match: re.Match[str]) -> Place | None:
    """One word that is no other and ends the field."""
    found = person(match)
    good = (
        found
        and _SOLE.match(match.string, found[1])
        and name_status(match.string[slice(*found)]).unambiguous
        and not match["v"].isupper()
    )
    return found if good else None


_ANYBODY = r"(?:my|his|her|their|our|your|the|whose|patient['’]s)"
# What leads up to a capitalised name in running text, and what the name must then be.
_LEADS: tuple[tuple[re.Pattern[str], Check], ...] = (
    (re.compile(r"\b[a-z]{3,12}ed by (?:Dr\.? |nurse )?$", _I), known),
    (re.compile(rf"\b{_ANYBODY} (?:full |first |last |middle |maiden )?name(?: is|['’]s| was|:) $", _I), person),
    (re.compile(r"\b(?:i go by|goes by|call me|calls me|name is|name was|(?:man|woman|boy|girl|patient|doctor|nurse|friend|person|male|female) named) $", _I), person),
    (re.compile(rf"(?:\b(?:my|his|her|their|our)|\w['’]s) (?:(?:older|younger|oldest|youngest|elder|eldest|late|adult|twin|best|little|other) )?(?:{RELATIVES}) (?:(?:is )?(?:named|called) )?$", _I), person),
    (re.compile(rf"\b{_ANYBODY} (?:other )?(?:{RELATIVES}), $|significant other, $|\b(?:named|your (?:{RELATIVES})|calling|sees|saw|to see|contact) $", _I), known),
    (
        re.compile(
            r"\b(?:(?:seen|referred|evaluated|examined|reviewed|performed|dictated|signed|transcribed|prescribed|ordered|treated|accompanied|"
            r"assisted|interviewed|admitted|written|reported|provided|operated on|consulted|supervised|attended|followed|brought in|cared for)"
            rf"(?: today| here| in clinic| in the [a-z]+)? by|(?:discussed|spoke|met|talked|consulted|appointment|follow(?:ing)?[ -]?up|visit) (?:with|to)|(?:the )?care of|"
            rf"(?:call|message|letter) from|(?:attention|behalf) of|attn:?|ask for):? {_TITLE}$",
            _I,
        ),
        full,
    ),
    (re.compile(r"(?:^|[.!?\n,] ?|\b(?:hi|hello|hey|and) )(?:i am|i['’]m|im|this is) $", _I), lambda match: _introduced(match)),
)  # fmt: skip


def _introduced(match: re.Match[str]) -> Place | None:
    """After I am: two words that end the clause (Jane Doe), or a usual name."""
    following = match.string[match.end() : match.end() + 12]
    ends = re.match(
        r"\s*(?:[.,;!?\n(]|$|(?:and|from|calling|speaking|here|a|an|the|age|aged|\d+)\b)", following
    )
    return (person(match, least=2) if ends else None) or known(match)


# The last words of the leads: a quick look before the leads themselves are tried.
_LEADING = words(re.sub(r"[()?:|]", " ", RELATIVES)) | words(
    _TITLES.lower().replace("?", "").replace("|", " ")
    + " name is was s by me calls goes named called with to of from attention behalf attn "
    "calling sees saw see contact for am i'm i’m im neighbor"
)


_EPONYM = re.compile(NAMED_THING)


def _last_word(context: str) -> str:
    return context.split()[-1].strip(".,:;()*'\"").lower() if context.strip() else ""


def led_to(match: re.Match[str]) -> Place | Span | None:
    """A name by the words that lead up to it: my name is, her husband, discussed with."""
    if match["v"].split(" ", 1)[0].lower() in NOT_NAMES:
        return None
    context = before(match, 48)
    if _last_word(context) not in _LEADING or _EPONYM.match(match.string, match.end()):
        return None
    return next(
        (found for lead, check in _LEADS if lead.search(context) and (found := check(match))), None
    )


def _titled(match: re.Match[str]) -> Place | None:
    """After the whole word doctor (a doctor Consider …, Chat Doctor) only a usual name, unless
    nothing stands before it.
    """
    context = match.string[max(0, match.start() - 6) : match.start()].lower()
    if match.group().lower().startswith(("doctor", "miss ")) and re.search(
        r"\b(?:an?|the|your|my|chat|our|for|this|with) $", context
    ):
        return known(match)
    return person(match, initial=True)


def _greeted(match: re.Match[str]) -> Place | None:
    """After a greeting with a comma any sentence may begin (Hi, Psoriasis is …): there only a
    usual name counts.
    """
    return person(match, known="," in match.string[match.start() : match.start("v")])


def _hailed(match: re.Match[str]) -> Place | None:
    """In small letters a name between commas needs no more; else it must be a usual one."""
    after = match.string[match.end() : match.end() + 2].strip()
    set_apart = (
        after.startswith((",", "?")) and "," in match.string[match.start() : match.start("v")]
    )
    return (small if set_apart else small_known)(match)


def _signed(match: re.Match[str]) -> Place | None:
    return person(match, whole=True)


_SPOKEN_TO = words(
    "you today doing thanks okay well morning afternoon evening here sorry goodbye bye right so yes no"
)


def _called_upon(match: re.Match[str]) -> Place | None:
    """How are you, Mary?"""
    return addressed(match) if _last_word(before(match, 16)[:-2]) in _SPOKEN_TO else None


def _rule(
    pattern: str,
    needs: str | frozenset[str] = "",
    check: Check = person,
    also: str = "",
    flags: int = 0,
) -> Rule:
    held = words(needs) if isinstance(needs, str) else needs
    return Rule("name", re.compile(pattern, flags), held, words(also), False, check)


NAMES = (
    _rule(rf"\b(?:{_TITLES})\b(?:\.? {{0,2}}|, )(?:(?:Dr|Prof|med)\b\.? ){{0,2}}(?P<v>(?:(?:van|von|de|der|den|del|la|da|di|dos|al|el|ten|ter|du|le) ){{0,2}}{ANY_CASE})", _TITLES.replace("?", "").replace("|", " "), _titled),
    _rule(rf"\b(?:MR|MRS|DR|MS)\. {{1,2}}(?P<v>{CAPS}(?: {CAPS})?(?!\w))", "MR MRS DR MS"),
    _rule(rf"\b(?:dr|mr|mrs|ms|prof) ?\. ?(?P<v>{LOWER}(?: {LOWER})?)", "dr mr mrs ms prof", small),
    _rule(rf"\b(?:[Dd]r|mr|mrs|ms|miss|mister|[Dd]octor|professor) (?P<v>{LOWER}(?: {LOWER})?)", "dr Dr mr mrs ms miss mister doctor Doctor professor", small_known),
    _rule(rf"[:=]\**[ \t,]{{0,3}}{_TITLE}(?P<v>{WORD}, {{1,2}}{NAME}|{ANY_CASE})", ": =", _in_field),
    _rule(rf"\b(?i:(?:patient |full )?name ?[:=]|name is|my name['’]s|next patient is) ?(?P<v>{LOWER}(?: {LOWER})?)", "name patient", small_known),
    _rule(rf"\b(?i:{_GREETING}),? {{1,2}}{_TITLE}(?P<v>{NAME})(?= ?[,.!?;:\n-]| {{1,2}}(?:how|it|nice|i|thank|thanks|welcome|my|we|what|so|good|you|this|and)\b|\s*$)", _HAILS, _greeted),
    _rule(rf"(?:^|[\]:.,\n]) {{0,2}}(?:well |so |okay |ok |yes |and ){{0,2}}(?i:{_GREETING}) ?,? (?P<v>{LOWER})(?= ?[,.!?]| (?:how|it|nice|good|so|i|what|you|the|thank|welcome)\b|\s*$)", _HAILS, _hailed, flags=re.M),
    _rule(rf"\b(?i:{_CLOSING})[ \t]*[,.!:-]?\s{{0,4}}[-–]?[ \t]*{_TITLE}(?P<v>{NAME}){_END}", _CLOSES, _signed),
    _rule(rf"\b(?i:{_CLOSING})[,.]? {{0,2}}(?P<v>[a-z]{{2,20}})\.?\s*\Z", _CLOSES, small_known),
    _rule(rf"\b(?:[Hh]er|[Hh]is|[Mm]y|[Tt]heir|[Oo]ur) (?:{RELATIVES}) ?,? (?P<v>{LOWER})", re.sub(r"[()?:|]", " ", RELATIVES), small_known),
    _rule(r"\b(?:so|okay|ok|alright|right|well|there|here|thanks|you|great|good|today|now|yes|bye|sorry|seeing|morning|afternoon) ?,? (?P<v>[a-z]{3,20})(?![\w'’-])", "so okay ok alright right well there here thanks you great good today now yes bye sorry seeing morning afternoon", addressed),
    _rule(r", (?P<v>[A-Z][a-z]{2,20})(?= ?[.?!,])", _SPOKEN_TO, _called_upon),
    _rule(r"[.!?\n] {0,2}(?P<v>[A-Z][a-z]{2,20}) ?[.!]?\s*\Z", "", addressed),
    _rule(rf"(?<![\w.])(?P<v>{FULL}),? {_DEGREE}", _DEGREE_WORDS, lambda match: person(match, least=2)),
    _rule(rf"(?<![\w.'’-])(?P<v>{NAME}){_AGED}", _TIMES, also="is was a an age aged"),
    _rule(rf"(?<![\w.'’-])(?P<v>{NAME}){_BORN}", _TIMES | words("birth dob d mrn record"), full),
    _rule(rf"(?<![\w.'’-])(?P<v>[a-z]{{2,20}}(?: [a-z]{{2,20}})?){_AGED}", words("year years"), small_known),
    _rule(rf"(?<![\w.'’-])(?P<v>[a-z]{{2,20}} [a-z]{{2,20}}){_BORN}", words("birth dob mrn record"), small_known),
    _rule(rf"^[ \t]*(?P<v>{WORD}, {WORD}(?: {INITIAL})?)(?=[ \t]*(?:$|\d|\())", "", known, flags=re.M),
)  # fmt: skip
