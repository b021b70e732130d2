"""Rules for names beside a role, a relation or a verb of people: "nurse Birgit", "C/O PRUITT",
"Ravi, his cousin", "kofi told me".
"""

import re
from functools import lru_cache

from medtune.text.identifiers.lexicon import NAMED_THING, NO_PERSON, NOT_NAMES, fold, name_status
from medtune.text.identifiers.persons import (
    CAPITALS_SHAPE,
    LONGEST_IN_LOWER_CASE,
    LOWER_CASE_SHAPE,
    NAME_SHAPE,
    NAME_WORDS,
    PEOPLE,
    WORD_SHAPE,
    is_usual_name,
    name_rule,
    person_name,
)
from medtune.text.identifiers.spans import Offsets, before

_I = re.IGNORECASE
RELATIVES = PEOPLE.one_of("relatives")
RELATIVE_WORDS = re.sub(r"[()?:|]", " ", RELATIVES)
_WORKERS = PEOPLE.one_of("workers")
_SHORT = PEOPLE.one_of("short_roles")
_PATIENTS = PEOPLE.one_of("patients")
_HONOURS = PEOPLE.one_of("honours")
_SAYS = rf"(?:{PEOPLE.one_of('verbs_of_people')})"
_TAIL = re.compile(NAMED_THING)


_CLAUSE = re.compile(rf" ?(?:$|[,.;:)\n]|['’]s\b)| {_SAYS}\b")


def _worker(match: re.Match[str], role: str) -> Offsets | None:
    """A usual name after a role; any other only if the role stands in running text, not in a
    heading.
    """
    offsets = person_name(match)
    if offsets is None or _TAIL.match(match.string, offsets[1]):
        return None
    first = next(NAME_WORDS.finditer(match.string, *offsets)).group()
    if first.isupper() and len(first) > 1 and not _listed(match.string, offsets):
        return None
    heading = role[0].isupper() and not role.isupper()
    unknown = not is_usual_name(first) and not name_status(first).unambiguous
    listed = _listed(match.string, offsets)
    cut_off = _CLAUSE.match(match.string, offsets[1]) or " " in match.string[slice(*offsets)]
    return None if unknown or not (listed or cut_off) or (heading and not listed) else offsets


def _listed(text: str, offsets: Offsets) -> bool:
    return any(
        is_usual_name(word) for word in NAME_WORDS.findall(text[slice(*offsets)]) if len(word) > 1
    )


def _listed_person(match: re.Match[str]) -> Offsets | None:
    offsets = person_name(match)
    return (
        offsets
        if offsets and _listed(match.string, offsets) and not _TAIL.match(match.string, offsets[1])
        else None
    )


def _plain(match: re.Match[str]) -> Offsets | None:
    """Any unambiguous name or surname, where the context is that of a person."""
    offsets = person_name(match)
    if offsets is None or _TAIL.match(match.string, offsets[1]):
        return None
    first = max(NAME_WORDS.findall(match.string[slice(*offsets)]), key=len)
    return (
        offsets
        if is_usual_name(first) or name_status(first).unambiguous or name_status(first).surname
        else None
    )


def _stands_alone(word: str) -> bool:
    return 3 < len(word) <= LONGEST_IN_LOWER_CASE and _sufficient(word)


@lru_cache(maxsize=1 << 16)
def _sufficient(word: str) -> bool:
    return name_status(word).sufficient


def _small(match: re.Match[str]) -> Offsets | None:
    return match.span("v") if _stands_alone(match["v"]) else None


def _small_surname(match: re.Match[str]) -> Offsets | None:
    status = name_status(match["v"])
    return (
        match.span("v")
        if status.unambiguous and (status.given or status.surname) and len(match["v"]) > 3
        else None
    )


_LAST_WORDS = frozenset(re.findall(r"[^\W\d_]+", f"{RELATIVES}|{_WORKERS}|{_SHORT}".lower()))
_ROLE_BEFORE = re.compile(
    rf"\b(?P<role>(?i:{_WORKERS}|{RELATIVES})|{_SHORT})(?:[,:]? {{1,2}}| \()"
    rf"(?:(?:named|called|is) )?$"
)
_PATIENT_BEFORE = re.compile(
    rf"\b(?:(?i:{_PATIENTS})\.?:?|[Pp]er(?: (?:{_SHORT}|Dr)\.?)?) {{1,2}}$"
)
_TITLES = PEOPLE.words("honour_words")
_DEGREES = rf"(?:{PEOPLE.one_of('degrees_of_initialled')})"
_INITIALS = r"(?:[A-Z]\.(?: ?|-)){1,3}|[A-Z] (?:[A-Z] )?"
_BY = re.compile(
    r"(?:\b(?:by|with|per|from|signed|sign|attn|c/o|cc|re|regards|wishes|faithfully"
    r"|sincerely|yours|thanks|dr|prof|pt|patient|nurse|"
    r"resident|not signed)[.:,]*)\s{0,3}$",
    _I,
)
_CLOSED = re.compile(rf",? {_DEGREES}(?!\w)")
_CLOSED_OFF = re.compile(r"[.),;:]? *(?:$|\n|[(,;:.)]|(?:and|to|on|at|for|who|in|is|was)\b| {2})")
_THEIRS = r"(?:his|her|their|my|our|the patient['’]s|\w+['’]s)"
_AFTERWARDS = re.compile(
    rf"(?:, | ?\()(?:{_THEIRS} (?:\w+ )?(?i:{RELATIVES}|{_WORKERS})\b|(?:mom|mother|father"
    rf"|dad|wife|husband|son|daughter|sister|brother) (?:of|to)\b)|"
    rf"['’]s (?:\w+ )?(?i:{RELATIVES})\b|"
    r" (?:wrote|writes|replied|commented|posted) ?:| ?<\S+@| \(\S+@| ?\[\d"
)
_LISTED_AFTER = re.compile(
    r",? {1,2}(?:(?:here|speaking|calling)\b|\(?\d{1,3} ?[MFmf]\b|9\d,|(?:SSN|MRN|DOB|NHS"
    r"|Medicaid|Medicare)\b)"
)
_STARTS = re.compile(r"(?:^|[.!?\n] {0,2})$")
_HUMAN = re.compile(
    rf" (?:denies|denied|complains|complained|told|lives|phoned"
    rf"|has been (?:{PEOPLE.one_of('states_of_people')})|thinks|wonders)\b"
)


def _degreed(match: re.Match[str]) -> Offsets | None:
    """As in "Halvorsen RN": a name before a degree."""
    return _plain(match) if not match["v"].isupper() else None


def named_beside(match: re.Match[str]) -> Offsets | None:
    """A name by what stands before it (a role) or after it (a relation, a number, a verb of
    people).
    """
    context = before(match, 40)
    last = context.split()[-1].strip("(,:.").lower() if context.strip() else ""
    last = last.rsplit("-", 1)[-1]
    if last in _LINKS or last in _LAST_WORDS:
        role = _ROLE_BEFORE.search(context)
        if role and (offsets := _worker(match, role["role"])):
            return offsets
    if (
        last in _AFTER_WORDS
        and _PATIENT_BEFORE.search(context)
        and (offsets := _listed_person(match))
    ):
        return offsets
    end = match.end("v")
    if match.string[end : end + 1] not in _GOING_ON or match["v"].isupper():
        return None
    if _AFTERWARDS.match(match.string, end) or (
        match["v"].lower() not in _LAST_WORDS
        and _HUMAN.match(match.string, end)
        and _STARTS.search(context)
    ):
        return _plain(match)
    return _listed_person(match) if _LISTED_AFTER.match(match.string, end) else None


_GOING_ON = (" ", ",", "'", "’")
_LINKS = frozenset("named called is".split())
_AFTER_WORDS = frozenset("pt patient client girl boy bg bb infant per dr".split()) | frozenset(
    _SHORT.lower().split("|")
)


def _initialled(match: re.Match[str]) -> Offsets | None:
    """As in "S. Papadopoulos": a surname, or any unambiguous word where people stand."""
    last, end = match["last"], match.end()
    word = name_status(last.split(" ")[0])
    closed = "." in match["initials"] and _CLOSED.match(match.string, end)
    if (
        fold(last) in NOT_NAMES
        or not (word.unambiguous or closed)
        or NO_PERSON.match(match.string, end)
    ):
        return None
    dotted = "." in match["initials"]
    named = word.surname and dotted
    by = (
        (dotted or not last.isupper())
        and _BY.search(before(match, 16))
        and _CLOSED_OFF.match(match.string, end)
    )
    return match.span("v") if named or by or closed else None


ROLE_RULES = (
    name_rule(
        rf"(?<![\w'’.-])(?P<v>{WORD_SHAPE}),? (?:RN|LPN|CNA|NP|PA-C|MD|DO|PharmD|LCSW|PhD|DDS|FNP"
        rf"|CRNA)(?!\w)",
        needs="rn lpn cna np pa md do pharmd lcsw phd dds fnp crna",
        check=_degreed,
    ),
    name_rule(
        rf"(?<![\w'’./-])(?P<v>(?P<initials>{_INITIALS})(?P<last>{WORD_SHAPE}"
        rf"|{CAPITALS_SHAPE}))(?!\w)",
        check=_initialled,
    ),
    name_rule(
        rf"\b(?:BABY|Baby|INFANT|Infant) (?:Girl|Boy|GIRL|BOY|girl|boy) (?:of )?"
        rf"(?P<v>{WORD_SHAPE}|{CAPITALS_SHAPE})",
        needs="baby infant",
        check=_plain,
    ),
    name_rule(rf"\b(?:{_HONOURS})\.? {{1,2}}(?P<v>{NAME_SHAPE})", needs=_TITLES, check=_plain),
    name_rule(
        rf"\b(?:C/O|c/o|RX FOR|Rx for|ATTN|PT|PT NAME|PATIENT|RE|FOR|[A-Z]{{2,11}}ED BY"
        rf"|SIGNED|MOTHER|FATHER)[ .:]{{1,4}}(?P<v>{CAPITALS_SHAPE}"
        rf"(?:,? {CAPITALS_SHAPE})?)(?= {{2}}|\s*$|\n"
        rf"|[,.(]| \d)",
        needs="c rx attn pt patient re for by signed mother father",
        check=_listed_person,
    ),
    name_rule(
        rf"\b(?:its|it['’]s|this is|[iI]['’]?m|my name is|name['’]?s|call me) "
        rf"(?P<v>{LOWER_CASE_SHAPE})(?= ?(?:again|here|[,.!]|and i\b|from\b|$|\n))",
        needs="its it this i im my name call",
        check=_small,
        word=_stands_alone,
    ),
    name_rule(
        rf"\b(?:patient|pt|mr|mrs|ms|dr|doctor|nurse) (?P<v>{LOWER_CASE_SHAPE})(?= {_SAYS}\b)",
        needs="patient pt mr mrs ms dr doctor nurse",
        check=_small_surname,
    ),
    name_rule(
        rf"(?<![\w'’.-])(?P<v>{LOWER_CASE_SHAPE}) (?={_SAYS}\b)", check=_small, word=_stands_alone
    ),
    name_rule(
        rf"(?:[\]:.,!?;]|^) ?(?:(?:no|yes|yeah|so|well|and|hi|hey|oh|okay|ok|thanks"
        rf"|thank you) )?(?:, )?(?P<v>{LOWER_CASE_SHAPE})(?= ?[,.?!](?: (?:that|my|his|her"
        rf"|she|he|it|i"
        rf"|what|how|you|can|the|and|are|do|thanks|$)|\s*$|\s*\[))",
        check=_small,
        word=_stands_alone,
        flags=re.M,
    ),
)
