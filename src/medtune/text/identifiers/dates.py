"""Rules for dates that are more exact than a year; a year alone does not identify."""

import re

from medtune.text.identifiers.spans import Offsets, before, rule
from medtune.text.words import CALENDAR, NUMBERS, lists_beside

_I = re.IGNORECASE
_LISTS = lists_beside(__file__)
_MONTH = rf"(?P<month>{CALENDAR.one_of('months', 'month_abbreviations')})\b\.?"
_MONTHS_PLAIN = CALENDAR.one_of("months", "month_abbreviations")
_YEAR = r"(?:(?:1[89]|20)\d\d(?!\d)|['’]\d\d(?!\d))"
_DAY = r"(?:[12]\d|3[01]|0?[1-9])"
_ORDINAL = rf"(?:twenty[- ]|thirty[- ])?(?:{NUMBERS.one_of('unit_ordinals')})|" + NUMBERS.one_of(
    "teen_ordinals", "ten_ordinals"
)
_UNIT = rf"(?![\d/%.]\d|[%]|\d|[ -]?(?:{_LISTS.one_of('units_of_day')})\b)"
_RANGE = rf"(?:\s?[-–]\s?{_DAY}(?:st|nd|rd|th)?| (?:to|and) {_DAY}(?:st|nd|rd|th)?)?"
_MONTHS = CALENDAR.words("months", "month_abbreviations")
_ORDINALS = NUMBERS.words("unit_ordinals", "teen_ordinals", "ten_ordinals")
_SIGHTS = _LISTS.words("date_words")
_WHEN = re.compile(rf"\b(?:{_LISTS.one_of('prepositions')})[\s:,(]*(?:the\s)?$", _I)
_CODED = re.compile(rf"(?:{_LISTS.one_of('codes')})\W*$", _I)
_MEASURED = re.compile(rf"\s?(?:{_LISTS.one_of('units')})\b", _I)
_SEEN = (
    rf"\b(?:{_LISTS.one_of('leads')})\b\.?[\s:,(]{{1,3}}(?:(?:on|date|is|was|for|of"
    rf"|in)[\s:]{{1,2}}){{0,2}}"
)
_SEEN_BEFORE = re.compile(rf"{_SEEN}$", _I)
_SHORT = r"(?:(?:0?[1-9]|1[0-2])/(?:[12]\d|3[01]|0?[1-9])|(?:[12]\d|3[01])/(?:0[1-9]|1[0-2]))"
_UNITS = NUMBERS.one_of("units")
_TEENS = NUMBERS.one_of("teens")
_SPOKEN_YEAR = (
    rf"(?:(?:two thousand(?:(?: and)? (?:{_TEENS}|{_UNITS}|twenty(?:[ -](?:{_UNITS}))?))?)"
    rf"|(?:nineteen|twenty|eighteen)[ -]"
    rf"(?:(?:{NUMBERS.one_of('tens')})(?:[ -](?:{_UNITS}))?|(?:oh|o)[ -](?:{_UNITS})"
    rf"|{_TEENS}|hundred))"
)


def _real_day(first: int, second: int) -> bool:
    """Whether two numbers are a day and a month, in one order or the other."""
    return 1 <= min(first, second) <= 12 and 1 <= max(first, second) <= 31


def _numeric(match: re.Match[str]) -> Offsets | None:
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
    """Four digits; or two, if the separator or the context shows that this is a date and not a
    series of small numbers.
    """
    if len(year) == 4:
        return 1800 <= int(year) <= 2100
    if len(year) != 2:
        return False
    if match["sep"] == "/" or _WHEN.search(context):
        return True
    return len(match["a"]) == len(match["b"]) == 2 or (match["sep"] == "." and int(match["a"]) > 12)


def _written(match: re.Match[str]) -> Offsets | None:
    """A month with a day. In lower case, may, march, mar and dec need more than a number beside
    them.
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


def _ordinal(match: re.Match[str]) -> Offsets | None:
    """As in "The third of March"."""
    leading = re.search(rf"\b(?:{_ORDINAL}) (?:day )?$", before(match, 28), _I)
    return (match.start() - len(leading.group()), match.end()) if leading else None


def _worded(match: re.Match[str]) -> Offsets | None:
    """As in "March third". May and march may be verbs, unless a year or a lead says otherwise."""
    verb = match.group().startswith(("may ", "march "))
    return (
        None
        if verb
        and not re.search(rf"{_YEAR}|{_SPOKEN_YEAR}", match.group())
        and not _WHEN.search(before(match, 24))
        else match.span()
    )


def _scanned(match: re.Match[str]) -> Offsets | None:
    """A date with letters read for digits by a scanner (O4/l2/1933)."""
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


def _compact(match: re.Match[str]) -> Offsets | None:
    """As in "20170815", after words that announce a date."""
    return (
        match.span("v")
        if _WHEN.search(before(match, 24)) or _SEEN_BEFORE.search(before(match, 44))
        else None
    )


_WEAK_BEFORE = re.compile(rf"\b(?:{_LISTS.one_of('weak_leads')})[\s:,(]{{1,3}}$", _I)


def _short(match: re.Match[str]) -> Offsets | None:
    """Day and month alone, after words that announce a date; no fraction or score."""
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
        rf"^\s?(?:-\s?)?(?:{_LISTS.one_of('units_of_fraction')})",
        following,
        _I,
    )
    return None if measured else match.span("v")


DATE_RULES = (
    rule(
        "date",
        r"\d(?<![\w./-]\d)\d?([-/])(?:0?[1-9]|[12]\d|3[01])\1(?:(?:19|20)\d\d|\d\d) ?[-–] ?"
        r"(?:0?[1-9]|[12]\d|3[01])\1(?:0?[1-9]|[12]\d|3[01])\1(?:(?:19|20)\d\d|\d\d)"
        r"(?![\w/-])",
    ),
    rule(
        "date",
        rf"\d(?<![\w./-]\d)(?:\d?[-/]?(?i:{_MONTHS_PLAIN})[-/]?(?:(?:19|20)\d\d"
        rf"|\d\d(?=[-\s,.;)]|$))|(?<=[12])[09]\d\d[- /.]?(?i:{_MONTHS_PLAIN})"
        rf"[- /.]?\d{{1,2}})(?![\w/])",
        needs=_MONTHS,
    ),
    rule(
        "date",
        r"[\dOlI](?<![\w./-].)(?=[\dOolI/. -]{0,10}[OolI /])[\dOolI]?(?P<sep> ?[-/.] ?)"
        r"[\dOolI]{1,2}(?P=sep)(?:[\dOolI]{4}|[\dOolI]{2})(?![\w/-]|\.\d)",
        check=_scanned,
    ),
    rule(
        "date",
        r"(?P<v>[12](?<![\w./-].)[09]\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?![\w/-]|\.\d)",
        needs=_SIGHTS,
        check=_compact,
    ),
    rule(
        "date",
        rf"\b(?:{_LISTS.one_of('holidays')})(?: Day| Eve| Sunday| Monday)?,? (?:of |in )?"
        rf"(?:19|20)\d\d\b",
        needs="christmas year thanksgiving easter halloween labor memorial boxing independence "
        "valentine",
    ),
    rule(
        "date",
        r"(?<![\w./:-])\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z"
        r"|[+-]\d{2}:\d{2})?",
        needs="T",
    ),
    rule(
        "date",
        r"(?P<a>\d(?<![\w./:-]\d)(?:\d{3}|\d)?)(?P<sep>[-/.])(?P<b>\d{1,2})(?P=sep)"
        r"(?P<c>\d{4}|\d{2}|\d)(?![\w/]|[-.]\d)",
        check=_numeric,
    ),
    rule(
        "date",
        rf"(?<![\w./-]){_DAY}(?:st|nd|rd|th)?{_RANGE}[ -]{{0,2}}(?:day )?(?:of )?{_MONTH}"
        rf"(?:[ ,-]{{1,2}}{_YEAR})?(?![\w-])",
        needs=_MONTHS,
        check=_written,
        flags=_I,
    ),
    rule(
        "date",
        rf"\b{_MONTH}(?: (?:the )?{_DAY}(?:st|nd|rd|th)?{_UNIT}{_RANGE}(?: ?,? {{0,2}}"
        rf"(?:{_YEAR}|{_SPOKEN_YEAR}))?|[-/]{_DAY}[-/](?:{_YEAR}|\d\d))(?!\w)",
        needs=_MONTHS,
        check=_written,
        flags=_I,
    ),
    rule("date", rf"\b{_MONTH},?[ -](?:of )?{_YEAR}(?!\w)", needs=_MONTHS, flags=_I),
    rule(
        "date",
        rf"[Oo]f (?i:{_MONTH}(?:,? (?:{_YEAR}|{_SPOKEN_YEAR}))?)",
        needs=_MONTHS,
        also=_ORDINALS,
        digits=False,
        check=_ordinal,
    ),
    rule(
        "date",
        rf"\b{_MONTH} (?:the )?(?:{_ORDINAL})\b(?:,? (?:{_YEAR}|{_SPOKEN_YEAR}))?",
        needs=_MONTHS,
        also=_ORDINALS,
        digits=False,
        check=_worded,
        flags=_I,
    ),
    rule(
        "date",
        rf"(?P<v>(?<![\w./-]){_SHORT}(?:\s?(?:-|–|to)\s?{_SHORT})?)(?![\d/%]|\.\d|-\d)",
        needs="/",
        check=_short,
    ),
    rule(
        "date",
        r"\b(?:d\.?o\.?b\b\.?|date of birth|birth ?date|born|dos|date of service)\W{0,4}"
        r"(?:(?:on|is|was)\W{1,2})?(?P<v>\d{1,2}[-. /]\d{1,2}[-. /]\d{2,4}|(?:19|20)\d{6}"
        r"|\d{8}|\d{6})(?![\d/-])",
        needs="dob d birth born birthdate dos service",
        flags=_I,
    ),
    rule("date", r"(?<![\w./-])(?:0[1-9]|1[0-2])/(?:19|20)\d\d(?![\w/]|\.\d)", needs="/"),
)
