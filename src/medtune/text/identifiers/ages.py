"""Rules for ages over 89, with their units; not the age of a group ("people over 90")."""

import re

from medtune.text.identifiers.spans import Offsets, before, rule
from medtune.text.words import NUMBERS, lists_beside

_I = re.IGNORECASE
_LISTS = lists_beside(__file__)
_UNITS = NUMBERS.one_of("units")
_SPOKEN = (
    rf"(?:ninety(?:[- ](?:{_UNITS}))?|(?:one |a )?hundred(?:(?: and)? (?:{_UNITS}|ten|eleven"
    rf"|twelve))?)"
)
_OLD = rf"(?:9\d|1[01]\d|12[0-5]|{_SPOKEN})(?![\w%/]|\.\d|,\d{{3}})"
_DIGITS = r"(?:9[\dOl]|1[01]\d|12[0-5])"
_YEARS = (
    r"[- ]{0,2}(?:(?:years?|yrs?\.?|y)(?:[- ]{1,2}(?:olds?|of age)|(?:ole?d)\b)"
    r"|y\.?[ /]?\.?o\b\.?|y/?o(?=[MF]?\b)|yo(?=[MF]\b))"
)
_GROUP = re.compile(rf"(?:{_LISTS.one_of('groups')})\s?(?:the age of |ages? )?$", _I)
_OR_OLDER = re.compile(
    r"\s?(?:\+|(?:or|and) (?:older|over|above|up|more|beyond)|to \d|[-–] ?\d|and \d)", _I
)
_AGE_BEFORE = re.compile(r"\bage\w?(?:\W{0,3}(?:is|was|of|at))?\W{0,3}$", _I)
_ONE = rf"(?:{_LISTS.one_of('persons')})"
_PERSON_BEFORE = re.compile(
    rf"\b{_ONE}(?:['’](?:s|ll be|m|re)|['’]?ll be| is| was| are| am| will be| turns| turned"
    rf"| just turned| would be| be)?"
    r"(?: now| already| almost| nearly| about| about to be| going to be| going on| turning"
    r"| just| only){0,2},? $|"
    r"\b(?:died|dead|passed(?: away)?|lived|living|deceased|dying|(?:still )?alive|well)"
    r"(?: suddenly| peacefully)? (?:at|until|till|to(?: be)?|to (?:the )?age)(?: about"
    r"| nearly)? $|"
    r"\b(?:now|turn(?:s|ed|ing)?) $|\b(?:(?:she|he)['’]?s|i['’]?m|you['’]re"
    r"|(?:she|he|i|you)['’]ll be)(?: now)? $",
    _I,
)
_AFTER = re.compile(
    rf"(?:[.;!?)](?:\s|$)|,(?! ?\d)| *$| ?\n|\s(?:{_LISTS.one_of('followers')})\b| ,| \.)"
)
_NO_UNIT = re.compile(rf"\s?(?:{_LISTS.one_of('units')})", _I)


def _age(match: re.Match[str]) -> Offsets | None:
    """The age of one person. "over 90" and "90 or older" is the group that Safe Harbor allows."""
    start, end = match.span()
    lead = match.string[max(0, start - 24) : start]
    grouped = _GROUP.search(lead) and not re.search(
        r"(?:to be|aged?|lived to|and (?:her|his|a|an)) ?$", lead, _I
    )
    if (
        grouped
        or _OR_OLDER.match(match.string, end)
        or re.search(r"years? olds$", match.group(), _I)
    ):
        return None
    return start, end


def _aged(match: re.Match[str]) -> Offsets | None:
    end = match.end()
    if re.search(r"\b(?:mean|median|average|maximum|minimum|avg)\W{1,3}$", before(match, 12), _I):
        return None
    return (
        None
        if _OR_OLDER.match(match.string, end) or _NO_UNIT.match(match.string, end)
        else match.span()
    )


def _bare_years(match: re.Match[str]) -> Offsets | None:
    """As in "97 years", where the word age or a person stands before it ("a woman of 97 years")."""
    lead = before(match, 24)
    single = _SOMEONE_OF.search(lead) or (
        _AGE_BEFORE.search(lead) and not re.search(r"aged $|ages $", lead, _I)
    )
    return match.span() if single and not _OR_OLDER.match(match.string, match.end()) else None


def _stated_age(match: re.Match[str]) -> Offsets | None:
    """As in "She is 92 and lives alone"; "died at 97"."""
    if re.search(r"\b(?:mean|median|average)\W{1,3}(?:age\W{1,3})?$", before(match, 16), _I):
        return None
    fits = _AFTER.match(match.string, match.end()) and not _NO_UNIT.match(match.string, match.end())
    return match.span() if fits and _PERSON_BEFORE.search(before(match, 48)) else None


_SOMEONE_OF = re.compile(rf"\b(?i:{_ONE}) of $")
_SOMEONE = re.compile(rf"(?:\b(?i:{_ONE}|nan)|\b[A-Z][a-z]{{2,20}}) \($")


def _bracketed(match: re.Match[str]) -> Offsets | None:
    """As in "My nan (94)"."""
    return match.span("v") if _SOMEONE.search(before(match, 24)) else None


_NEEDS = frozenset("year years yr yrs y yo age aged ages old".split())

AGE_RULES = (
    rule(
        "age",
        rf"(?<![\w.,/$-])(?:aged? )?{_DIGITS}{_YEARS}",
        needs="year years yr yrs y yo yof yom",
        check=_age,
        flags=_I,
    ),
    rule(
        "age",
        rf"\b(?:aged )?{_SPOKEN}{_YEARS}",
        needs="ninety hundred",
        also="year years yr yrs y yo",
        digits=False,
        check=_age,
        flags=_I,
    ),
    rule(
        "age",
        rf"\b(?:aged?|age at \w{{1,20}}|at age|age (?:is|was|of))[\s:]{{1,3}}{_OLD}"
        rf"(?:[ -](?:years?|yrs?|y)\b)?",
        needs="age aged",
        digits=False,
        check=_aged,
        flags=_I,
    ),
    rule(
        "age",
        r"\b(?i:(?<!ean )(?<!ian )(?<!rage )(?:patient )?age(?: ?/ ?sex| \(years\)"
        r"| at \w{1,20})?) ?[:=-]? {0,2}(?P<v>(?:9\d|1[01]\d)(?: ?(?:years|yrs?|y)\b)?)"
        r"(?![\w%-]|\.\d)",
        needs="age",
    ),
    rule(
        "age",
        r"(?<![\w.,/$-])(?:9\d|1[01]\d) ?(?:years?|yrs?|Y)\b(?! of)",
        needs=_NEEDS,
        also="age aged of",
        check=_bare_years,
        flags=_I,
    ),
    rule(
        "age",
        r"(?<![\w.,/$-])(?:9\d|1[01]\d)[ -]?(?:(?:years?|yrs?)[- ](?=male|female|man|woman"
        r"|lady|gentleman)|(?:[MF]\b|/[MF]\b)(?!/))",
        needs="M F year yr years yrs",
        check=_age,
    ),
    rule(
        "age",
        rf"(?<![\w.,/-]){_OLD.split('(?![')[0]}(?:st|nd|rd|th) birthday",
        needs="birthday",
        digits=False,
        flags=_I,
    ),
    rule(
        "age", r"[91](?<![\w.,/$-].)\d(?:(?<=9\d)|(?<=1[01])\d)(?![\w%/-]|\.\d)", check=_stated_age
    ),
    rule(
        "age",
        rf"\b{_SPOKEN}\b(?!-)",
        needs="ninety hundred",
        digits=False,
        check=_stated_age,
        flags=_I,
    ),
    rule(
        "age",
        r"\((?P<v>(?:9\d|10\d)(?: ?y(?:rs?|ears?|/?o)?)?)\)",
        needs="(",
        check=_bracketed,
        flags=_I,
    ),
    rule("age", r"\b[A-Z][a-z]{2,20}, (?P<v>9\d|10\d)(?=,|\)| and\b)", needs=","),
)
