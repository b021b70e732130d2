"""Rules for names in context: after a title, a greeting or a relative, in a field of a form, before
an age or a degree.
"""

import re

from medtune.text.identifiers.lexicon import name_status
from medtune.text.identifiers.persons import (
    ANY_CASE_SHAPE,
    CAPITALS_SHAPE,
    FULL_NAME_SHAPE,
    INITIAL_SHAPE,
    LOWER_CASE_SHAPE,
    NAME_SHAPE,
    PEOPLE,
    TITLE_BEFORE,
    TITLES,
    WORD_SHAPE,
    addressed_name,
    full_name,
    last_word,
    lower_case_name,
    name_rule,
    person_name,
    usual_lower_case_name,
    usual_name,
)
from medtune.text.identifiers.roles import RELATIVE_WORDS, RELATIVES
from medtune.text.identifiers.spans import Offsets, before

_I = re.IGNORECASE
_DEGREE = rf"(?:{PEOPLE.one_of('degrees')})"
_DEGREE_WORDS = PEOPLE.words("degree_words")
_GREETING = PEOPLE.one_of("greetings")
_CLOSING = PEOPLE.one_of("closings")
_HAILS = PEOPLE.words("greeting_words")
_CLOSES = PEOPLE.words("closing_words")
_END = rf"(?=[ \t]*(?:[.,!]?[ \t]*(?:$|\n)|[.,!](?:\s|$)|,? {_DEGREE}))"
_AGE = (
    r"(?:now )?(?:an? )?(?:now )?(?:(?:very |pleasant |delightful |otherwise "
    r"|healthy ){0,4})\d{1,3}[- ]{0,2}(?:year|yr|y\.?/?o|month|week|day)"
)
_AGED = rf"(?=,? {{1,2}}(?:is|was) {_AGE})"
_BORN = (
    r"(?= ?[.,]? {1,2}(?:(?:an? |age |aged )(?:pleasant )?\d{1,3}[- ]?(?:year|yr|y\.?/?o)"
    r"|(?:date of birth|dob|d\.o\.b|mrn|medical record)\b))"
)
_TIMES = frozenset("year yr yo y month week day years".split())

# What stands before the colon of a form.
_FIELD = re.compile(
    rf"(?:^|[^\w-])(?:{PEOPLE.one_of('form_fields')})\**\s?$|(?:^|[\n;|*,]\s?)name\**\s?$", _I
)


_NAME_FIELD = re.compile(rf"(?:{PEOPLE.one_of('name_fields')}) ?names?\**\s?$", _I)


def _in_field(match: re.Match[str]) -> Offsets | None:
    """Any word after "last name"; after other labels (contact, nurse) a full or a usual name."""
    label = match.string[max(0, match.start() - 45) : match.start()]
    if _NAME_FIELD.search(label):
        return person_name(match)
    if not _FIELD.search(label):
        return None
    return full_name(match) or (_alone(match) if _DOCTOR_FIELD.search(label) else None)


_DOCTOR_FIELD = re.compile(rf"(?:{PEOPLE.one_of('staff_fields')})\**\s?$", _I)
_SOLE = re.compile(r"[ \t]*(?:$|\n|[.;|(]| {2})")


def _alone(match: re.Match[str]) -> Offsets | None:
    """One unambiguous name that is all of the field."""
    offsets = person_name(match)
    good = (
        offsets
        and _SOLE.match(match.string, offsets[1])
        and name_status(match.string[slice(*offsets)]).unambiguous
        and not match["v"].isupper()
    )
    return offsets if good else None


def _titled(match: re.Match[str]) -> Offsets | None:
    """After "doctor" within a phrase (a doctor Consider …, Chat Doctor) only a usual name."""
    context = match.string[max(0, match.start() - 6) : match.start()].lower()
    if match.group().lower().startswith(("doctor", "miss ")) and re.search(
        r"\b(?:an?|the|your|my|chat|our|for|this|with) $", context
    ):
        return usual_name(match)
    return person_name(match, initial=True)


def _greeted(match: re.Match[str]) -> Offsets | None:
    """After a greeting with a comma any sentence may begin ("Hi, Psoriasis is …"), so the name must
    be a usual one.
    """
    return person_name(match, usual="," in match.string[match.start() : match.start("v")])


def _hailed(match: re.Match[str]) -> Offsets | None:
    """A name in lower case must be a usual one, unless it stands between commas."""
    after = match.string[match.end() : match.end() + 2].strip()
    set_apart = (
        after.startswith((",", "?")) and "," in match.string[match.start() : match.start("v")]
    )
    return (lower_case_name if set_apart else usual_lower_case_name)(match)


def _signed(match: re.Match[str]) -> Offsets | None:
    return person_name(match, whole=True)


_SPOKEN_TO = PEOPLE.words("before_addressed")


def _called_upon(match: re.Match[str]) -> Offsets | None:
    """A name after a comma, as in "How are you, Mary?"."""
    return addressed_name(match) if last_word(before(match, 16)[:-2]) in _SPOKEN_TO else None


_OF_WHOM = rf"(?:{RELATIVES}|patient|pt\.?|guardian|parent|child|attendant|next of kin|caregiver)"
_WHOSE_NAME = rf"{_OF_WHOM}(?:['’]?s)?(?: full| first| last)? name|name of (?:the )?{_OF_WHOM}"
_WHOSE = f"{RELATIVE_WORDS} patient pt guardian parent child attendant next caregiver"

NAME_RULES = (
    name_rule(
        rf"\b(?:{TITLES})\b(?:\.? {{0,2}}|, )(?:(?:Dr|Prof|med)\b\.? ){{0,2}}"
        rf"(?P<v>(?:(?:van|von|de|der|den|del|la|da|di|dos|al|el|ten|ter|du"
        rf"|le) ){{0,2}}{ANY_CASE_SHAPE})",
        needs=TITLES.replace("|", " "),
        check=_titled,
    ),
    name_rule(
        rf"\b(?:MR|MRS|DR|MS)\. {{1,2}}(?P<v>{CAPITALS_SHAPE}(?: {CAPITALS_SHAPE})?(?!\w))",
        needs="MR MRS DR MS",
    ),
    name_rule(
        rf"\b(?:dr|mr|mrs|ms|prof) ?\. ?(?P<v>{LOWER_CASE_SHAPE}(?: {LOWER_CASE_SHAPE})?)",
        needs="dr mr mrs ms prof",
        check=lower_case_name,
    ),
    name_rule(
        rf"\b(?:[Dd]r|mr|mrs|ms|miss|mister|[Dd]octor|professor) (?P<v>{LOWER_CASE_SHAPE}"
        rf"(?: {LOWER_CASE_SHAPE})?)",
        needs="dr Dr mr mrs ms miss mister doctor Doctor professor",
        check=usual_lower_case_name,
    ),
    name_rule(
        rf"[:=]\**[ \t,]{{0,3}}{TITLE_BEFORE}(?P<v>{WORD_SHAPE}, {{1,2}}{NAME_SHAPE}"
        rf"|{ANY_CASE_SHAPE})",
        needs=": =",
        check=_in_field,
    ),
    name_rule(
        rf"\b(?i:{_WHOSE_NAME})(?: is)? ?[-–—:=] ?{TITLE_BEFORE}(?P<v>{ANY_CASE_SHAPE})",
        needs=_WHOSE,
        also="name",
    ),
    name_rule(
        rf"\b(?i:{_WHOSE_NAME}) {TITLE_BEFORE}(?P<v>{ANY_CASE_SHAPE})",
        needs=_WHOSE,
        also="name",
        check=full_name,
    ),
    name_rule(
        rf"\b(?i:(?:patient |full )?name ?[:=]|name is|my name['’]s|next patient is) ?"
        rf"(?P<v>{LOWER_CASE_SHAPE}(?: {LOWER_CASE_SHAPE})?)",
        needs="name patient",
        check=usual_lower_case_name,
    ),
    name_rule(
        rf"\b(?i:{_GREETING}),? {{1,2}}{TITLE_BEFORE}(?P<v>{NAME_SHAPE})(?= ?[,.!?;:\n-]"
        rf"| {{1,2}}(?:how"
        rf"|it|nice|i|thank|thanks|welcome|my|we|what|so|good|you|this|and)\b|\s*$)",
        needs=_HAILS,
        check=_greeted,
    ),
    name_rule(
        rf"(?:^|[\]:.,\n]) {{0,2}}(?:well |so |okay |ok |yes |and ){{0,2}}"
        rf"(?i:{_GREETING}) ?,? (?P<v>{LOWER_CASE_SHAPE})(?= ?[,.!?]| (?:how|it|nice|good|so|i|what"
        rf"|you|the|thank|welcome)\b|\s*$)",
        needs=_HAILS,
        check=_hailed,
        flags=re.M,
    ),
    name_rule(
        rf"\b(?i:{_CLOSING})[ \t]*[,.!:-]?\s{{0,4}}[-–]?[ \t]*{TITLE_BEFORE}"
        rf"(?P<v>{NAME_SHAPE}){_END}",
        needs=_CLOSES,
        check=_signed,
    ),
    name_rule(
        rf"\b(?i:{_CLOSING})[,.]? {{0,2}}(?P<v>[a-z]{{2,20}})\.?\s*\Z",
        needs=_CLOSES,
        check=usual_lower_case_name,
    ),
    name_rule(
        rf"\b(?:[Hh]er|[Hh]is|[Mm]y|[Tt]heir|[Oo]ur) (?:{RELATIVES}) ?,? (?P<v>{LOWER_CASE_SHAPE})",
        needs=RELATIVE_WORDS,
        check=usual_lower_case_name,
    ),
    name_rule(
        r"\b(?:so|okay|ok|alright|right|well|there|here|thanks|you|great|good|today|now|yes"
        r"|bye|sorry|seeing|morning|afternoon) ?,? (?P<v>[a-z]{3,20})(?![\w'’-])",
        needs="so okay ok alright right well there here thanks you great good today now yes bye "
        "sorry seeing morning afternoon",
        check=addressed_name,
    ),
    name_rule(r", (?P<v>[A-Z][a-z]{2,20})(?= ?[.?!,])", needs=_SPOKEN_TO, check=_called_upon),
    name_rule(r"[.!?\n] {0,2}(?P<v>[A-Z][a-z]{2,20}) ?[.!]?\s*\Z", check=addressed_name),
    name_rule(
        rf"(?<![\w.])(?P<v>{FULL_NAME_SHAPE}),? {_DEGREE}",
        needs=_DEGREE_WORDS,
        check=lambda match: person_name(match, least=2),
    ),
    name_rule(
        rf"(?<![\w.'’-])(?P<v>{NAME_SHAPE}){_AGED}", needs=_TIMES, also="is was a an age aged"
    ),
    name_rule(
        rf"(?<![\w.'’-])(?P<v>{NAME_SHAPE}){_BORN}",
        needs=_TIMES | frozenset("birth dob d mrn record".split()),
        check=full_name,
    ),
    name_rule(
        rf"(?<![\w.'’-])(?P<v>[a-z]{{2,20}}(?: [a-z]{{2,20}})?){_AGED}",
        needs="year years",
        check=usual_lower_case_name,
    ),
    name_rule(
        rf"(?<![\w.'’-])(?P<v>[a-z]{{2,20}} [a-z]{{2,20}}){_BORN}",
        needs="birth dob mrn record",
        check=usual_lower_case_name,
    ),
    name_rule(
        rf"^[ \t]*(?P<v>{WORD_SHAPE}, {WORD_SHAPE}(?: {INITIAL_SHAPE})?)(?=[ \t]*(?:$|\d|\())",
        check=usual_name,
        flags=re.M,
    ),
)
