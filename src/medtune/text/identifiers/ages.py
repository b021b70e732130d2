"""Rules for ages over 89, each with its unit words; the age of a group (people over 90) is none."""

import re

from medtune.text.identifiers.spans import Place, Rule, before, words

_I = re.IGNORECASE
_UNITS = "one|two|three|four|five|six|seven|eight|nine"
_SPOKEN = rf"(?:ninety(?:[- ](?:{_UNITS}))?|(?:one |a )?hundred(?:(?: and)? (?:{_UNITS}|ten|eleven|twelve))?)"
_OLD = rf"(?:9\d|1[01]\d|12[0-5]|{_SPOKEN})(?![\w%/]|\.\d|,\d{{3}})"
_DIGITS = r"(?:9[\dOl]|1[01]\d|12[0-5])"
_YEARS = r"[- ]{0,2}(?:(?:years?|yrs?\.?|y)(?:[- ]{1,2}(?:olds?|of age)|(?:ole?d)\b)|y\.?[ /]?\.?o\b\.?|y/?o(?=[MF]?\b)|yo(?=[MF]\b))"
_GROUP = re.compile(
    r"(?:over|above|older than|under|below|up to|least|beyond|than|between|to|from|[-–><≥≤=]|beyond|past|ages?d?|and)\s?(?:the age of |ages? )?$",
    _I,
)
_OR_OLDER = re.compile(
    r"\s?(?:\+|(?:or|and) (?:older|over|above|up|more|beyond)|to \d|[-–] ?\d|and \d)", _I
)
_AGE_BEFORE = re.compile(r"\bage\w?(?:\W{0,3}(?:is|was|of|at))?\W{0,3}$", _I)
_ONE = (
    r"(?:he|she|i|you|patient|pt|mother|father|grandmother|grandfather|grandma|grandpa|husband|wife|mom|mum|dad|aunt|uncle|sister|"
    r"brother|nana|granny|gran|grandad|lady|gentleman|woman|man|neighbou?r|friend|who|mr\.? \w+|mrs\.? \w+|ms\.? \w+)"
)
_SAID = re.compile(
    rf"\b{_ONE}(?:['’](?:s|ll be|m|re)|['’]?ll be| is| was| are| am| will be| turns| turned| just turned| would be| be)?"
    r"(?: now| already| almost| nearly| about| about to be| going to be| going on| turning| just| only){0,2},? $|"
    r"\b(?:died|dead|passed(?: away)?|lived|living|deceased|dying|(?:still )?alive|well)(?: suddenly| peacefully)? (?:at|until|till|to(?: be)?|to (?:the )?age)(?: about| nearly)? $|"
    r"\b(?:now|turn(?:s|ed|ing)?) $|\b(?:(?:she|he)['’]?s|i['’]?m|you['’]re|(?:she|he|i|you)['’]ll be)(?: now)? $",
    _I,
)
_AFTER = re.compile(
    r"(?:[.;!?)](?:\s|$)|,(?! ?\d)| *$| ?\n|\s(?:and|now|but|with|who|lives?|today|in|this|next|already|when|on|or so|of|from|at|he|she|if|so|last|yesterday|tomorrow|soon|years young|,|\.)\b| ,| \.)"
)
_NO_UNIT = re.compile(
    r"\s?(?:%|mg|mcg|ml|kg|lbs?|pounds|bpm|beats|degrees|percent|minutes?|hours?|days?|weeks?|months?|times|mm|cm|points?|units?|cases|people|patients|the|of the)",
    _I,
)


def _age(match: re.Match[str]) -> Place | None:
    """An age of one person.

    "over 90" and "90 or older" are the group that the rule itself allows.
    """
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


def _aged(match: re.Match[str]) -> Place | None:
    end = match.end()
    if re.search(r"\b(?:mean|median|average|maximum|minimum|avg)\W{1,3}$", before(match, 12), _I):
        return None
    return (
        None
        if _OR_OLDER.match(match.string, end) or _NO_UNIT.match(match.string, end)
        else match.span()
    )


def _bare_years(match: re.Match[str]) -> Place | None:
    """97 years, where the word age stands before it."""
    lead = before(match, 16)
    single = _AGE_BEFORE.search(lead) and not re.search(r"aged $|ages $", lead, _I)
    return match.span() if single and not _OR_OLDER.match(match.string, match.end()) else None


def _said(match: re.Match[str]) -> Place | None:
    """She is 92 and lives alone; died at 97."""
    if re.search(r"\b(?:mean|median|average)\W{1,3}(?:age\W{1,3})?$", before(match, 16), _I):
        return None
    fits = _AFTER.match(match.string, match.end()) and not _NO_UNIT.match(match.string, match.end())
    return match.span() if fits and _SAID.search(before(match, 48)) else None


_SOMEONE = re.compile(rf"(?:\b(?i:{_ONE}|nan)|\b[A-Z][a-z]{{2,20}}) \($")


def _bracketed(match: re.Match[str]) -> Place | None:
    """My nan (94)."""
    return match.span("v") if _SOMEONE.search(before(match, 24)) else None


_NEEDS = words("year years yr yrs y yo age aged ages old")

AGES = (
    Rule("age", re.compile(rf"(?<![\w.,/$-])(?:aged? )?{_DIGITS}{_YEARS}", _I), words("year years yr yrs y yo yof yom"), check=_age),
    Rule("age", re.compile(rf"\b(?:aged )?{_SPOKEN}{_YEARS}", _I), words("ninety hundred"), words("year years yr yrs y yo"), False, _age),
    Rule("age", re.compile(rf"\b(?:aged?|age at \w{{1,20}}|at age|age (?:is|was|of))[\s:]{{1,3}}{_OLD}(?:[ -](?:years?|yrs?|y)\b)?", _I), words("age aged"), digits=False, check=_aged),
    Rule("age", re.compile(r"\b(?i:(?<!ean )(?<!ian )(?<!rage )(?:patient )?age(?: ?/ ?sex| \(years\)| at \w{1,20})?) ?[:=-]? {0,2}(?P<v>(?:9\d|1[01]\d)(?: ?(?:years|yrs?|y)\b)?)(?![\w%-]|\.\d)"), words("age")),
    Rule("age", re.compile(r"(?<![\w.,/$-])(?:9\d|1[01]\d) ?(?:years?|yrs?|Y)\b(?! of)", _I), _NEEDS, words("age aged"), check=_bare_years),
    Rule("age", re.compile(r"(?<![\w.,/$-])(?:9\d|1[01]\d)[ -]?(?:(?:years?|yrs?)[- ](?=male|female|man|woman|lady|gentleman)|(?:[MF]\b|/[MF]\b)(?!/))"), words("M F year yr years yrs"), check=_age),
    Rule("age", re.compile(rf"(?<![\w.,/-]){_OLD.split('(?![')[0]}(?:st|nd|rd|th) birthday", _I), words("birthday"), digits=False),
    Rule("age", re.compile(r"[91](?<![\w.,/$-].)\d(?:(?<=9\d)|(?<=1[01])\d)(?![\w%/-]|\.\d)"), check=_said),
    Rule("age", re.compile(rf"\b{_SPOKEN}\b(?!-)", _I), words("ninety hundred"), digits=False, check=_said),
    Rule("age", re.compile(r"\((?P<v>(?:9\d|10\d)(?: ?y(?:rs?|ears?|/?o)?)?)\)", _I), words("("), check=_bracketed),
    Rule("age", re.compile(r"\b[A-Z][a-z]{2,20}, (?P<v>9\d|10\d)(?=,|\)| and\b)"), words(",")),
)  # fmt: skip
