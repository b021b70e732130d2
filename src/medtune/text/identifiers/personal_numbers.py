"""Rules for numbers of one person or thing: records, accounts, licences, devices, vehicles, social
security.
"""

import re
from collections.abc import Callable

from medtune.text.identifiers.labelled_numbers import (
    LABEL_WORDS,
    LINK,
    NO_VALUE,
    VALUE,
    is_card,
    is_dea,
    is_drug_code,
    is_iban,
    is_ssn,
    is_vin,
    labelled,
)
from medtune.text.identifiers.spans import Check, Offsets, before, rule

_I = re.IGNORECASE
_PLATE = (
    r"(?:licen[sc]e|number|registration|reg\.?|vehicle|car|truck|van|unit|vanity"
    r"|temporary)? ?plates?(?: (?:numbers?|no\.?))?|"
    r"(?:vehicle|car|van|truck|boat|motorcycle) (?:registration|reg\.?|tag)"
    r"|tags?(?: (?:numbers?|#))?|registration|reg\.?(?: (?:no\.?|number|plate))?"
    r"|(?:driver of |the )?vehicle"
)
_PLATE_VALUE = (
    r"(?P<v>(?=[A-Z -]{0,7}\d|\d)(?<![A-Za-z0-9])(?:[A-Z]{2}[ -]\d{2}[ -][A-Z]{1,2}[ -]\d{4}"
    r"|[A-Z]{1,4}[ -]?\d{1,4}(?:[ -]?[A-Z]{1,3}|-\d{2,4})?|\d{1,4}[ -]?[A-Z]{1,4}"
    r"(?:[ -]?\d{1,4})?|[A-Z]{1,2}\d{2} ?[A-Z]{3}|[A-Z0-9]{5,8}))(?![A-Za-z0-9/]|\.\d)"
)


def _passes(check: Callable[[str], bool]) -> Check:
    return lambda match: match.span() if check(match.group()) else None


def _iban(match: re.Match[str]) -> Offsets | None:
    """The longest prefix that is a valid account; another word may follow."""
    text = match.group()
    for end in (len(text), *(m.start() for m in reversed(list(re.finditer(" ", text))))):
        if is_iban(text[:end]):
            return match.start(), match.start() + end
    return None


_SSN_WORDS = (
    r"\bs\.? ?s\.? ?n\b\.?|\bss ?#|\bs[o0]c[il1]al(?: secur[il1]ty)?|\bsoc\.? sec\.?"
    r"|\bss ?n[o0]\b\.?"
)
_MASKED = r"(?:[x*#]{3}[- ]?[x*#]{2}[- ]?)?(?<!\d)\d{4}(?!\d)"


_CARS = re.compile(
    r"\b(?:plates?|parking|car|truck|van|vehicle|motorcycle|sedan|hatchback|suv)\b", _I
)


def _plate(match: re.Match[str]) -> Offsets | None:
    """A licence plate; years and letters alone do not count."""
    value = match["v"]
    if NO_VALUE.fullmatch(value) or (
        value.isdigit() and not re.search(r"licen|number|no\b|#", match.group(), _I)
    ):
        return None
    if _is_drug(match):
        return None
    vague = re.match(r"tag|reg|vehicle|(?:driver of |the )", match.group(), _I)
    return None if vague and sum(map(str.isdigit, value)) < 3 else match.span("v")


def _parked(match: re.Match[str]) -> Offsets | None:
    """What looks like a plate, with a vehicle mentioned nearby."""
    around = match.string[max(0, match.start() - 40) : match.end() + 45]
    return match.span("v") if _CARS.search(around) and not _is_drug(match) else None


# Beside these a vehicle is what a drug is dissolved in.
_SOLVENT = re.compile(
    r"\bvehicle\b[\s\S]{0,40}\b(?:groups?|controls?|treated|mice|rats?|daily|injected|dose[ds]?"
    r"|mg|weeks)\b|\b(?:or|versus|vs\.?|given|than|dose[ds]?|mg|mice|rats?|inhibitor)"
    r" (?:the )?vehicle\b",
    _I,
)
_OF_ROADS = re.compile(
    r"\b(?:plates?|parking|car|truck|van|motorcycle|sedan|hatchback|suv|driv\w+|licen[sc]e)\b", _I
)


def _is_drug(match: re.Match[str]) -> bool:
    """Whether what looks like a plate is a drug's code, or given beside its vehicle."""
    if is_drug_code(match["v"], before(match, 40)):
        return True
    around = match.string[max(0, match.start() - 60) : match.end() + 60]
    return _SOLVENT.search(around) is not None and _OF_ROADS.search(around) is None


def _dea(match: re.Match[str]) -> Offsets | None:
    """A registration with its check digit, unless it is the code of a drug."""
    drug = is_drug_code(match.group(), before(match, 40))
    return match.span() if is_dea(match.group()) and not drug else None


NUMBER_RULES = (
    rule("account", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", check=_iban),
    rule(
        "ssn",
        rf"(?:{_SSN_WORDS}){LINK}(?P<v>[\dOlI]{{3}} ?[- .]? ?[\dOlI]{{2}} ?[- .]? ?"
        rf"[\dOlI]{{4}})(?!\d)",
        needs="ssn s ss social soc secur",
        flags=_I,
    ),
    rule(
        "ssn",
        r"[\dOlI](?<![\w./-].)(?=[\dOlI -]{0,12}[OlI])[\dOlI]{2}-[\dOlI]{2}-[\dOlI]{4}(?![\w/-])",
    ),
    rule(
        "ssn",
        rf"(?:{_SSN_WORDS})(?: ?(?:numbers?|no\.?))?[\s:(#]{{0,3}}(?:(?:is |that )?"
        rf"(?:ending|ends) (?:in|with)|last (?:four|4)(?: digits)?)?[\s:]{{0,3}}"
        rf"(?P<v>{_MASKED})",
        needs="ssn social soc",
        flags=_I,
    ),
    rule(
        "ssn",
        rf"\blast (?:four|4)(?: digits)?(?: are| is|:)? (?P<v>\d{{4}}) (?:of|on) "
        rf"(?:(?:his|her|my|the|your) )?(?:{_SSN_WORDS})",
        needs="last",
        also="ssn social soc",
        flags=_I,
    ),
    rule(
        "ssn",
        rf"\blast (?:four|4)(?: digits)? of (?:(?:his|her|my|the|patient's) )?"
        rf"(?:{_SSN_WORDS})(?: number)?(?: is| are|:)? (?P<v>\d{{4}})\b",
        needs="last",
        also="ssn social soc",
        flags=_I,
    ),
    rule(
        "vehicle",
        rf"\b(?:v[i1l]n|vehicle id(?:entification)?(?: number)?"
        rf"|chassis(?: number)?)\b{LINK}(?P<v>(?=[A-Z]*\d)[A-Z0-9]{{6,17}})\b",
        needs="vin v vehicle chassis",
        flags=_I,
    ),
    rule("vehicle", r"[A-HJ-NPR-Z0-9](?<!\w.)[A-HJ-NPR-Z0-9]{16}\b", check=_passes(is_vin)),
    rule(
        "vehicle",
        rf"(?<![A-Za-z0-9])(?i:{_PLATE})(?i:{LINK}){_PLATE_VALUE}",
        needs="plate plates registration reg tag tags vehicle",
        check=_plate,
    ),
    rule(
        "vehicle",
        r"(?<![\w-])(?P<v>[A-Z]{2,3}[ -]\d{3,4}|\d[A-Z]{3}\d{3}|[A-Z]{3}\d{4}"
        r"|[A-Z]{2}\d{2} [A-Z]{3})(?![\w-]|\.\d)",
        needs="plate plates parking car truck van vehicle motorcycle sedan hatchback suv",
        check=_parked,
    ),
    rule("record", r"(?<= / )\d{6,10}(?= / )", needs="/"),
    rule("record", rf"\bm ?r ?n{LINK}(?P<v>\d(?: \d){{3,11}})(?! ?\d)", needs="mrn m", flags=_I),
    rule("record", r"\b(?:MRN|mrn)-?(?P<v>\d{4,12})\b", needs="mrn"),
    # Its check tells records, licences, accounts and devices apart by their labels.
    rule("record", VALUE, needs=LABEL_WORDS, check=labelled),
    rule("ssn", r"\d(?<![\w./-]\d)\d\d([- ])\d{2}\1\d{4}(?![\w/-])", check=_passes(is_ssn)),
    rule(
        "device",
        r"(?<![\w:-])[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2}){4}(?![\w:-])",
        needs="mac bluetooth wifi address :",
        flags=_I,
    ),
    rule("device", r"\(01\)\d{14}(?:\((?:10|11|17|21)\)[A-Za-z0-9-]{1,20}){0,4}", needs="("),
    rule("licence", r"\b[ABCDEFGHJKLMPRSTUX][A-Z9]\d{7}\b", check=_dea),
    rule(
        "account",
        r"\b[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y]"
        r"[AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y]{2}\d{2}\b",
    ),
    rule(
        "account",
        r"\d(?<![\w.-]\d)\d{3}([ -]?)\d{4,6}\1\d{4,5}(?:\1\d{1,4})?(?![\w-])",
        check=_passes(is_card),
    ),
)
