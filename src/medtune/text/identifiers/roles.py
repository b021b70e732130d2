"""Rules for names beside a role, a relation or a verb of people: nurse Birgit, C/O PRUITT, Ravi,
his cousin, kofi told me.
"""

import re
from functools import lru_cache

from medtune.text.identifiers.lexicon import NAMED_THING, NO_PERSON, NOT_NAMES, fold, name_status
from medtune.text.identifiers.persons import CAPS, LOWER, NAME, WORD, WORDS, is_known, person
from medtune.text.identifiers.spans import Check, Place, Rule, before, words

_I = re.IGNORECASE
RELATIVES = (
    r"husband|wife|son|daughter|mother|father|brother|sister|uncle|aunt|auntie|aunty|cousin|nephew|niece|grandson|granddaughter|"
    r"grandmother|grandfather|grandma|grandpa|granny|partner|fiance|fiancee|fiancé|fiancée|boyfriend|girlfriend|mom|mum|mommy|mummy|dad|daddy|"
    r"friend|neighbor|neighbour|roommate|flatmate|housemate|caregiver|caretaker|carer|hubby|stepson|stepdaughter|stepmother|stepfather|spouse|"
    r"guardian|baby|twins?|kid|child|(?:mother|father|son|daughter|brother|sister)-in-law|colleague|coworker|co-worker|buddy"
)
_WORKERS = (
    r"nurse|aide|therapist|physio|social worker|case worker|caseworker|case manager|resident|intern|fellow|registrar|midwife|doula|dietitian|"
    r"nutritionist|pharmacist|technician|technologist|tech|paramedic|medic|trainer|coach|teacher|tutor|attorney|lawyer|"
    r"solicitor|chaplain|pastor|rabbi|imam|landlord|landlady|employer|supervisor|boss|manager|interpreter|coordinator|"
    r"counselor|counsellor|psychologist|psychiatrist|secretary|officer|sergeant|deputy|detective|constable|judge|captain|lieutenant|"
    r"surgeon|hospitalist|cardiologist|oncologist|neurologist|urologist|nephrologist|radiologist|pathologist|gynecologist|dermatologist|audiologist|pulmonologist|endocrinologist|gastroenterologist|rheumatologist|hematologist|ophthalmologist|anesthesiologist|student|scribe|clerk|receptionist|dentist|orderly|phlebotomist|sonographer|"
    r"donor|recipient|claimant|plaintiff|defendant|witness|decedent|doc|sitter|babysitter|nanny|housekeeper|attendant|"
    r"practitioner|hygienist|assistant|associate|advocate|mentor|sponsor|inmate|veteran|senator|councilman|executor"
)
_SHORT = r"RN|LPN|CNA|LVN|NP|PA|PA-C|CRNA|EMT|MA|SW|LCSW|PT|OT|SLP|RT|CM|Sgt|Lt|Capt|Col|Cpl|Pvt|Hon|Esq|Fr|Sr|Br"
_PATIENTS = r"pt|patient|client|Baby (?:Girl|Boy)|BG|BB|infant"
_HONOURS = r"Se[ñn]or(?:a|ita)?|Sra?|Srta|Do[ñn]a|Mme|Mlle|Monsieur|Signora?|Fr[äa]ulein|Sir|Dame|Lord|Lady|Sheikh|Pan[i]?|Doc|Nurse|Sister|Brother|Officer|Deputy|Sergeant|Sheriff|Detective|Constable|Chaplain|Pastor|Rabbi|Imam|Judge|Captain|Lieutenant|Coach|Senator|Principal|Auntie|Aunty|Uncle|Aunt|Grandma|Grandpa"
_SAYS = (
    r"(?:is|was|has|had|will|would|can|could|said|says|told|tells|came|comes|went|gave|gives|called|calls|wants|wanted|needs|needed|"
    r"took|takes|thinks|thought|lives|lived|does|did|and i|and me|asked|asks|reports|reported|states|stated|denies|denied|"
    r"presents|presented|seen|complains|feels|felt|got|gets|goes|just|doesn['’]t|isn['’]t|wasn['’]t|hasn['’]t|won['’]t|"
    r"can['’]t|didn['’]t|here|again|who|keeps|started|stopped|sees|saw|drove|brought|helps|helped|died|passed|fell|noticed|picked)"
)
_TAIL = re.compile(NAMED_THING)


_CLAUSE = re.compile(rf" ?(?:$|[,.;:)\n]|['’]s\b)| {_SAYS}\b")


def _worker(match: re.Match[str], role: str) -> Place | None:
    """A usual name after a role.

    Any other only where the role stands in running text, not in a heading.
    """
    found = person(match)
    if found is None or _TAIL.match(match.string, found[1]):
        return None
    first = next(WORDS.finditer(match.string, *found)).group()
    if first.isupper() and len(first) > 1 and not _listed(match.string, found):
        return None
    heading = role[0].isupper() and not role.isupper()
    unknown = not is_known(first) and not name_status(first).unambiguous
    listed = _listed(match.string, found)
    cut_off = _CLAUSE.match(match.string, found[1]) or " " in match.string[slice(*found)]
    return None if unknown or not (listed or cut_off) or (heading and not listed) else found


def _listed(text: str, place: Place) -> bool:
    return any(is_known(word) for word in WORDS.findall(text[slice(*place)]) if len(word) > 1)


def _listed_person(match: re.Match[str]) -> Place | None:
    found = person(match)
    return (
        found
        if found and _listed(match.string, found) and not _TAIL.match(match.string, found[1])
        else None
    )


def _plain(match: re.Match[str]) -> Place | None:
    """Any word that is no other: the context is that of a person."""
    found = person(match)
    if found is None or _TAIL.match(match.string, found[1]):
        return None
    first = max(WORDS.findall(match.string[slice(*found)]), key=len)
    return (
        found
        if is_known(first) or name_status(first).unambiguous or name_status(first).surname
        else None
    )


@lru_cache(maxsize=1 << 16)
def _stands_alone(word: str) -> bool:
    return len(word) > 3 and name_status(word).sufficient


def _small(match: re.Match[str]) -> Place | None:
    return match.span("v") if _stands_alone(match["v"]) else None


def _small_surname(match: re.Match[str]) -> Place | None:
    found = name_status(match["v"])
    return (
        match.span("v")
        if found.unambiguous and (found.given or found.surname) and len(match["v"]) > 3
        else None
    )


def _rule(
    pattern: str, needs: frozenset[str] | str = "", check: Check = person, flags: int = 0
) -> Rule:
    held = words(needs) if isinstance(needs, str) else needs
    word = _stands_alone if check is _small else None
    return Rule("name", re.compile(pattern, flags), held, digits=False, check=check, word=word)


_LAST_WORDS = frozenset(re.findall(r"[^\W\d_]+", f"{RELATIVES}|{_WORKERS}|{_SHORT}".lower()))
_ROLE_BEFORE = re.compile(
    rf"\b(?P<role>(?i:{_WORKERS}|{RELATIVES})|{_SHORT})(?:[,:]? {{1,2}}| \()(?:(?:named|called|is) )?$"
)
_PATIENT_BEFORE = re.compile(
    rf"\b(?:(?i:{_PATIENTS})\.?:?|[Pp]er(?: (?:{_SHORT}|Dr)\.?)?) {{1,2}}$"
)
_TITLES = words(
    "señor señora se senor senora senorita sra srta don doña do mme mlle monsieur signor signora officer deputy sergeant sheriff detective constable chaplain pastor rabbi imam judge captain lieutenant coach senator principal auntie aunty uncle aunt grandma grandpa sir dame lord lady sheikh doc nurse sister brother fr pani"
)
_DEGREES = r"(?:M\.?D|D\.?O|R\.?N|N\.?P|PA|PA-C|LPN|CNM|CRNA|APRN|FNP|DDS|PhD|DPM|MBBS|FRCS|FRCP|MRCP|PharmD|LCSW|PT|OT|RD|MPH|DC|OD)"
_INITIALS = r"(?:[A-Z]\.(?: ?|-)){1,3}|[A-Z] (?:[A-Z] )?"
_BY = re.compile(
    r"(?:\b(?:by|with|per|from|signed|sign|attn|c/o|cc|re|regards|wishes|faithfully|sincerely|yours|thanks|dr|prof|pt|patient|nurse|"
    r"resident|not signed)[.:,]*)\s{0,3}$", _I
)  # fmt: skip
_CLOSED = re.compile(rf",? {_DEGREES}(?!\w)")
_CLOSED_OFF = re.compile(r"[.),;:]? *(?:$|\n|[(,;:.)]|(?:and|to|on|at|for|who|in|is|was)\b| {2})")
_THEIRS = r"(?:his|her|their|my|our|the patient['’]s|\w+['’]s)"
_AFTERWARDS = re.compile(
    rf"(?:, | ?\()(?:{_THEIRS} (?:\w+ )?(?i:{RELATIVES}|{_WORKERS})\b|(?:mom|mother|father|dad|wife|husband|son|daughter|sister|brother) (?:of|to)\b)|"
    rf"['’]s (?:\w+ )?(?i:{RELATIVES})\b|"
    r" (?:wrote|writes|replied|commented|posted) ?:| ?<\S+@| \(\S+@| ?\[\d"
)
_LISTED_AFTER = re.compile(
    r",? {1,2}(?:(?:here|speaking|calling)\b|\(?\d{1,3} ?[MFmf]\b|9\d,|(?:SSN|MRN|DOB|NHS|Medicaid|Medicare)\b)"
)
_STARTS = re.compile(r"(?:^|[.!?\n] {0,2})$")
_HUMAN = re.compile(
    r" (?:denies|denied|complains|complained|told|lives|phoned|has been (?:afebrile|well|stable|doing|feeling|sleeping|eating|drinking|having|taking|walking|working|living|vomiting|coughing|crying|seen|admitted|transferred|discharged)|thinks|wonders)\b"
)


def _degreed(match: re.Match[str]) -> Place | None:
    """Halvorsen RN: a word that is no other, or a usual name, before a degree."""
    return _plain(match) if not match["v"].isupper() else None


def beside(match: re.Match[str]) -> Place | None:
    """A name by what stands before it (a role) or after it (a relation, a number, a verb of
    people).
    """
    context = before(match, 40)
    last = context.split()[-1].strip("(,:.").lower() if context.strip() else ""
    last = last.rsplit("-", 1)[-1]
    if last in _LINKS or last in _LAST_WORDS:
        role = _ROLE_BEFORE.search(context)
        if role and (found := _worker(match, role["role"])):
            return found
    if (
        last in _AFTER_WORDS
        and _PATIENT_BEFORE.search(context)
        and (found := _listed_person(match))
    ):
        return found
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
_LINKS = words("named called is")
_AFTER_WORDS = words("pt patient client girl boy bg bb infant per dr") | words(
    _SHORT.lower().replace("|", " ")
)


def _initialled(match: re.Match[str]) -> Place | None:
    """S.

    Papadopoulos: a surname of the lexicon; or any word that is no other, where people stand.
    """
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


ROLES = (
    _rule(rf"(?<![\w'’.-])(?P<v>{WORD}),? (?:RN|LPN|CNA|NP|PA-C|MD|DO|PharmD|LCSW|PhD|DDS|FNP|CRNA)(?!\w)", words("rn lpn cna np pa md do pharmd lcsw phd dds fnp crna"), _degreed),
    _rule(rf"(?<![\w'’./-])(?P<v>(?P<initials>{_INITIALS})(?P<last>{WORD}|{CAPS}))(?!\w)", "", _initialled),
    _rule(rf"\b(?:BABY|Baby|INFANT|Infant) (?:Girl|Boy|GIRL|BOY|girl|boy) (?:of )?(?P<v>{WORD}|{CAPS})", words("baby infant"), _plain),
    _rule(rf"\b(?:{_HONOURS})\.? {{1,2}}(?P<v>{NAME})", _TITLES, _plain),
    _rule(rf"\b(?:C/O|c/o|RX FOR|Rx for|ATTN|PT|PT NAME|PATIENT|RE|FOR|[A-Z]{{2,11}}ED BY|SIGNED|MOTHER|FATHER)[ .:]{{1,4}}(?P<v>{CAPS}(?:,? {CAPS})?)(?= {{2}}|\s*$|\n|[,.(]| \d)", words("c rx attn pt patient re for by signed mother father"), _listed_person),
    _rule(rf"\b(?:its|it['’]s|this is|[iI]['’]?m|my name is|name['’]?s|call me) (?P<v>{LOWER})(?= ?(?:again|here|[,.!]|and i\b|from\b|$|\n))", "its it this i im my name call", _small),
    _rule(rf"\b(?:patient|pt|mr|mrs|ms|dr|doctor|nurse) (?P<v>{LOWER})(?= {_SAYS}\b)", "patient pt mr mrs ms dr doctor nurse", _small_surname),
    _rule(rf"(?<![\w'’.-])(?P<v>{LOWER}) (?={_SAYS}\b)", "", _small),
    _rule(rf"(?:[\]:.,!?;]|^) ?(?:(?:no|yes|yeah|so|well|and|hi|hey|oh|okay|ok|thanks|thank you) )?(?:, )?(?P<v>{LOWER})(?= ?[,.?!](?: (?:that|my|his|her|she|he|it|i|what|how|you|can|the|and|are|do|thanks|$)|\s*$|\s*\[))", "", _small, re.M),
)  # fmt: skip
