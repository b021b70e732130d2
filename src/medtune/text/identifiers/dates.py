"""Rules for dates more exact than a year. A bare year is no identifier."""

import re

from medtune.text.identifiers.spans import Place, Rule, before, words

_I = re.IGNORECASE
_MONTH = (
    r"(?P<month>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|"
    r"Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
_MONTHS_PLAIN = "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
_YEAR = r"(?:(?:1[89]|20)\d\d(?!\d)|['’]\d\d(?!\d))"
_DAY = r"(?:[12]\d|3[01]|0?[1-9])"
_ORDINAL = (
    r"(?:twenty[- ]|thirty[- ])?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|tenth|eleventh|twelfth|"
    r"(?:thir|four|fif|six|seven|eigh|nine)teenth|twentieth|thirtieth"
)
_UNIT = r"(?![\d/%.]\d|[%]|\d|[ -]?(?:mg|mcg|ml|g|kg|cm|mm|days?|weeks?|hours?|times|tab(?:let)?s?|percent|units?|pills?|drops?|people|patients)\b)"
_RANGE = rf"(?:\s?[-–]\s?{_DAY}(?:st|nd|rd|th)?| (?:to|and) {_DAY}(?:st|nd|rd|th)?)?"
_MONTHS = words(
    "jan january feb february mar march apr april may jun june jul july aug august sep sept september oct october nov november "
    "dec december"
)
_ORDINALS = words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth "
    "seventeenth eighteenth nineteenth twentieth thirtieth"
)
_SIGHTS = words(
    "on date dated admit adm admitted admission discharge discharged dob d born visit visits seen since until starting started of lmp "
    "f u began begun from to between and by after before thru through for mon tue tues wed thu thur thurs fri sat sun monday tuesday "
    "wednesday thursday friday saturday sunday lab labs appt night morning week tomorrow today yesterday edd last next "
    "appointment followup up due expire expires returned scheduled collected drawn signed surgery dos period"
)
_WHEN = re.compile(
    r"\b(?:on|since|until|till|dated?|by|from|before|after|admitted|discharged|seen|born|dob|visit|as of|through|for|"
    r"between|and|to)[\s:,(]*(?:the\s)?$",
    _I,
)
_CODED = re.compile(
    r"(?:apgars?|ndc|icd|cpt|cas|codes?|version|section|ratio|strength|reflexes|pulses|isbn|lot|doi\S*)\W*$",
    _I,
)
_MEASURED = re.compile(r"\s?(?:mm|cm|Fr|mg|mcg|ml|kg|%|percent|units?|days?|weeks?|hours?)\b", _I)
_SEEN = (
    r"\b(?:on|dated?|admit(?:ted)?|adm|admission|discharged?|d\.?o\.?b|born|visits?|seen|since|until|starting|started|as of|lmp|edd|f/u|"
    r"appointment|follow-?up|due|expires?|returned|scheduled|collected|drawn|signed|surgery|dos|last period)\b\.?"
    r"[\s:,(]{1,3}(?:(?:on|date|is|was|for|of|in)[\s:]{1,2}){0,2}"
)
_SEEN_BEFORE = re.compile(rf"{_SEEN}$", _I)
_SHORT = r"(?:(?:0?[1-9]|1[0-2])/(?:[12]\d|3[01]|0?[1-9])|(?:[12]\d|3[01])/(?:0[1-9]|1[0-2]))"
_UNITS = "one|two|three|four|five|six|seven|eight|nine"
_TEENS = "ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
_SPOKEN_YEAR = (
    rf"(?:(?:two thousand(?:(?: and)? (?:{_TEENS}|{_UNITS}|twenty(?:[ -](?:{_UNITS}))?))?)|(?:nineteen|twenty|eighteen)[ -]"
    rf"(?:(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[ -](?:{_UNITS}))?|(?:oh|o)[ -](?:{_UNITS})|{_TEENS}|hundred))"
)


def _real_day(first: int, second: int) -> bool:
    """Whether two numbers are a day and a month, in one order or the other."""
    return 1 <= min(first, second) <= 12 and 1 <= max(first, second) <= 31


def _numeric(match: re.Match[str]) -> Place | None:
    first, second, third = match["a"], match["b"], match["c"]
    context = before(match, 24)
    if _CODED.search(context) or _MEASURED.match(match.string, match.end()):
        return None
    if len(first) == 4:
        good = 1800 <= int(first) <= 2100 and len(third) <= 2 and _real_day(int(second), int(third))
    else:
        good = (
            len(first) <= 2
            and _real_day(int(first), int(second))
            and _plausible_year(match, third, context)
        )
    return match.span() if good else None


def _plausible_year(match: re.Match[str], year: str, context: str) -> bool:
    """Four digits.

    Or two, where the separator or the context says that this is a date and no row of small numbers.
    """
    if len(year) == 4:
        return 1800 <= int(year) <= 2100
    if len(year) != 2:
        return False
    if match["sep"] == "/" or _WHEN.search(context):
        return True
    return len(match["a"]) == len(match["b"]) == 2 or (match["sep"] == "." and int(match["a"]) > 12)


def _written(match: re.Match[str]) -> Place | None:
    """A month with a day.

    The words may, march, mar and dec in small letters need more than a number beside them.
    """
    month, text = match["month"], match.group()
    dated = re.search(_YEAR, text)
    exact = dated or re.search(r"\d(?:st|nd|rd|th)| of ", text, _I)
    context = before(match, 14)
    if text[0].isdigit() and re.search(rf"(?i:{_MONTHS_PLAIN})\.? $", context):  # May 2-May 30
        return None
    if (
        month.islower()
        and month in ("may", "march", "mar", "dec")
        and not exact
        and not _WHEN.search(context)
    ):
        return None
    if (
        month == "may"
        and re.search(r"\d(?:st|nd|rd|th)? may$", text)
        and not dated
        and not _WHEN.search(context)
    ):
        return None
    return match.span()


def _ordinal(match: re.Match[str]) -> Place | None:
    """The third of March."""
    leading = re.search(rf"\b(?:{_ORDINAL}) (?:day )?$", before(match, 28), _I)
    return (match.start() - len(leading.group()), match.end()) if leading else None


def _worded(match: re.Match[str]) -> Place | None:
    """March third. The verb may is no month, unless a year follows or a date is announced."""
    verb = match.group().startswith(("may ", "march "))
    return (
        None
        if verb
        and not re.search(rf"{_YEAR}|{_SPOKEN_YEAR}", match.group())
        and not _WHEN.search(before(match, 24))
        else match.span()
    )


def _scanned(match: re.Match[str]) -> Place | None:
    """A date in which a scan has read letters for digits (O4/l2/1933)."""
    if not re.search(r"[OolI ]", match.group()):
        return None
    plain = match.group().translate(_MISREAD)
    first, second, third = (int(n) for n in re.split(r"\s?[-/.]\s?", plain))
    return (
        match.span()
        if _real_day(first, second) and (third < 100 or 1800 <= third <= 2100)
        else None
    )


_MISREAD = str.maketrans("OolIi", "00111")


def _compact(match: re.Match[str]) -> Place | None:
    """20170815, after a word that leads to a date."""
    return (
        match.span("v")
        if _WHEN.search(before(match, 24)) or _SEEN_BEFORE.search(before(match, 44))
        else None
    )


_WEAK_BEFORE = re.compile(
    r"\b(?:from|to|until|between|and|by|after|before|thru|through|began|begun|since|of|for|mon|tues?|wed|thur?s?|fri|sat|sun|"
    r"[a-z]{3,6}day|labs?|visit|appt|night|morning|week|tomorrow|today|yesterday|edd|lmp|due|last|next|on|\d{1,2}/\d{1,2},?(?: and)?)[\s:,(]{1,3}$", _I
)  # fmt: skip


def _short(match: re.Match[str]) -> Place | None:
    """Day and month alone, after a word that leads to a date, and not a fraction of a dose or a
    score.
    """
    context = before(match, 44)
    weak = match["v"][0] == "0" or int(re.split(r"\D", match["v"])[1]) > 10
    at_start = not context.rsplit("\n", 1)[-1].strip() and int(re.split(r"\D", match["v"])[1]) > 12
    if (
        not _SEEN_BEFORE.search(context)
        and not (weak and _WEAK_BEFORE.search(context))
        and not at_start
    ):
        return None
    following = match.string[match.end() : match.end() + 24]
    measured = re.search(
        r"^\s?(?:-\s?)?(?:scale|pain|strength|tab|mmhg|mg|ml|dose|cup|pack|of [a-z]|in (?:severity|intensity)|"
        r"systolic|murmur|power|teaspoon|pill|inch|hour|full|way|point|day|week|month|year)",
        following,
        _I,
    )
    return None if measured else match.span("v")


DATES = (
    Rule("date", re.compile(r"\d(?<![\w./-]\d)\d?([-/])(?:0?[1-9]|[12]\d|3[01])\1(?:(?:19|20)\d\d|\d\d) ?[-–] ?(?:0?[1-9]|[12]\d|3[01])\1(?:0?[1-9]|[12]\d|3[01])\1(?:(?:19|20)\d\d|\d\d)(?![\w/-])")),
    Rule("date", re.compile(rf"\d(?<![\w./-]\d)(?:\d?[-/]?(?i:{_MONTHS_PLAIN})[-/]?(?:(?:19|20)\d\d|\d\d(?=[-\s,.;)]|$))|(?<=[12])[09]\d\d[- /.]?(?i:{_MONTHS_PLAIN})[- /.]?\d{{1,2}})(?![\w/])"), _MONTHS),
    Rule("date", re.compile(r"[\dOlI](?<![\w./-].)(?=[\dOolI/. -]{0,10}[OolI /])[\dOolI]?(?P<sep> ?[-/.] ?)[\dOolI]{1,2}(?P=sep)(?:[\dOolI]{4}|[\dOolI]{2})(?![\w/-]|\.\d)"), check=_scanned),
    Rule("date", re.compile(r"(?P<v>[12](?<![\w./-].)[09]\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?![\w/-]|\.\d)"), _SIGHTS, check=_compact),
    Rule("date", re.compile(r"\b(?:Christmas|New Year['’]s|Thanksgiving|Easter|Halloween|Labor|Memorial|Boxing|Independence|Valentine['’]s)(?: Day| Eve| Sunday| Monday)?,? (?:of |in )?(?:19|20)\d\d\b"), words("christmas year thanksgiving easter halloween labor memorial boxing independence valentine")),
    Rule("date", re.compile(r"(?<![\w./:-])\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:\d{2})?"), words("T")),
    Rule("date", re.compile(r"(?P<a>\d(?<![\w./:-]\d)(?:\d{3}|\d)?)(?P<sep>[-/.])(?P<b>\d{1,2})(?P=sep)(?P<c>\d{4}|\d{2}|\d)(?![\w/]|[-.]\d)"), check=_numeric),
    Rule("date", re.compile(rf"(?<![\w./-]){_DAY}(?:st|nd|rd|th)?{_RANGE}[ -]{{0,2}}(?:day )?(?:of )?{_MONTH}(?:[ ,-]{{1,2}}{_YEAR})?(?![\w-])", _I), _MONTHS, check=_written),
    Rule("date", re.compile(rf"\b{_MONTH}(?: (?:the )?{_DAY}(?:st|nd|rd|th)?{_UNIT}{_RANGE}(?: ?,? {{0,2}}(?:{_YEAR}|{_SPOKEN_YEAR}))?|[-/]{_DAY}[-/](?:{_YEAR}|\d\d))(?!\w)", _I), _MONTHS, check=_written),
    Rule("date", re.compile(rf"\b{_MONTH},?[ -](?:of )?{_YEAR}(?!\w)", _I), _MONTHS),
    Rule("date", re.compile(rf"[Oo]f (?i:{_MONTH}(?:,? (?:{_YEAR}|{_SPOKEN_YEAR}))?)"), _MONTHS, _ORDINALS, False, _ordinal),
    Rule("date", re.compile(rf"\b{_MONTH} (?:the )?(?:{_ORDINAL})\b(?:,? (?:{_YEAR}|{_SPOKEN_YEAR}))?", _I), _MONTHS, _ORDINALS, False, _worded),
    Rule("date", re.compile(rf"(?P<v>(?<![\w./-]){_SHORT}(?:\s?(?:-|–|to)\s?{_SHORT})?)(?![\d/%]|\.\d|-\d)"), words("/"), check=_short),
    Rule("date", re.compile(r"\b(?:d\.?o\.?b\b\.?|date of birth|birth ?date|born|dos|date of service)\W{0,4}(?:(?:on|is|was)\W{1,2})?(?P<v>\d{1,2}[-. /]\d{1,2}[-. /]\d{2,4}|(?:19|20)\d{6}|\d{8}|\d{6})(?![\d/-])", _I), words("dob d birth born birthdate dos service")),
    Rule("date", re.compile(r"(?<![\w./-])(?:0[1-9]|1[0-2])/(?:19|20)\d\d(?![\w/]|\.\d)"), words("/")),
)  # fmt: skip
