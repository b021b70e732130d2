"""Units of quantities, and numbers as a text writes them, in digits or words, whole or not at all.

"twenty-five" is never "five", nor "1 500" "500"; where two readings are likely ("12 500 mg
tablets") there is none.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from medtune.text.quantities.number_convention import Decimal
from medtune.text.words import CALENDAR, NUMBERS, lists_beside

DAY = 24.0  # hours
MONTH, YEAR = 30.4375 * DAY, 365.25 * DAY


@dataclass(frozen=True)
class Unit:
    """A unit: x of it are ``x * factor + offset`` base units of its kind.

    ``rough`` is the relative error of everyday conversions: 150 pounds are 68 kg, a month is 4
    weeks.
    """

    kind: str
    factor: float = 1.0
    offset: float = 0.0
    rough: float = 0.0


def _read_units() -> dict[str, Unit]:
    """Units by their spellings in lower case."""
    table = tomllib.loads(Path(__file__).with_name("units.toml").read_text(encoding="utf-8"))
    units = {}
    for entry in table["units"]:
        spellings = entry.pop("spellings")
        units.update(dict.fromkeys(spellings, Unit(**entry)))
    for name in table["counted"].split():
        units |= {name: Unit(name), f"{name}s": Unit(name)}
    return units | {plural: Unit(name) for plural, name in table["counted_plurals"].items()}


UNITS = _read_units()
# Letters that are units in one case only: "3 D" is no duration, and "4 G" no mass.
CASED_UNITS = {"C": UNITS["°c"], "F": UNITS["°f"], "d": UNITS["day"], "g": UNITS["gram"]}
COLDEST = 20.0  # for "C" and "F" alone: "type 2C" is no temperature
# Hours from one time to the next.
TIME_ADVERBS = {"daily": DAY, "weekly": 7 * DAY, "monthly": MONTH, "yearly": YEAR, "annually": YEAR}
_TURKISH = str.maketrans("ıİ", "ii")
_NAMES = "|".join(re.escape(name) for name in sorted(UNITS, key=len, reverse=True))
UNIT_PATTERN = rf"(?P<unit>(?i:{_NAMES})|{'|'.join(CASED_UNITS)})(?!\w)"


def folded(name: str) -> str:
    """In lower case, with Turkish i's as i, since case-insensitive patterns match them ("5
    mınutes").
    """
    return name.translate(_TURKISH).casefold()


_LISTS = lists_beside(__file__)

FRACTIONS = {"½": 0.5, "¼": 0.25, "¾": 0.75, "⅓": 1 / 3, "⅔": 2 / 3}
NUMBER_WORDS = {
    word: float(n) for n, word in enumerate((*NUMBERS["units"], *NUMBERS["teens"]), 1)
} | {word: 10.0 * n for n, word in enumerate(NUMBERS["tens"], 2)}
SCALES = dict(zip(NUMBERS["scales"], (100.0, 1e3, 1e6), strict=True))
TIMES_WORDS = {"once": 1.0, "twice": 2.0, "thrice": 3.0}  # numbers that bring their unit along
# How often a day, as prescriptions say it; with or without dots. "qod" is every other day.
LATIN_TIMES = {"qd": 1.0, "od": 1.0, "bid": 2.0, "bd": 2.0, "tid": 3.0, "tds": 3.0, "qid": 4.0}
LATIN_TIMES |= {"qds": 4.0, "qod": 0.5}
# Only after a dose: elsewhere they are a right eye, a verb, a disease.
AFTER_A_DOSE = frozenset({"od", "bid", "bd", "tds", "qds"})

# 1,000 · 1'000 (Swiss) · 1,00,000 (Indian) · 1.000.000 and 1.000,5 (decimal comma)
_GROUPS = (
    r"(?:[1-9]\d{0,2}(?:[,\u00a0\u2009\u202f]\d{3})+(?:\.\d+)?(?!\d|,\d{1,2}(?!\d))"
    r"|[1-9]\d{0,2}(?:['’]\d{3})+(?:[.,]\d+)?(?!\d)"
    r"|[1-9]\d?(?:,\d{2})+,\d{3}(?:\.\d+)?(?!\d)"
    r"|[1-9]\d{0,2}(?:(?:\.\d{3}){2,}(?:,\d+)?|(?:\.\d{3})+,\d+|(?:[\u00a0\u2009\u202f]\d{3})+,\d{1,2})(?!\d))"
)
# Thousands in one convention and a decimal number in the other.
_AMBIGUOUS = re.compile(r"[1-9]\d{0,2}([.,])\d{3}")
_BLANKS = r"(?<!\d[ /])[1-9]\d{0,2}(?: \d{3})+(?:\.\d+|,\d{1,2})?(?! ?\d|[.,/]\d)"
_FRACTION = r"(?:1/[2348]|2/3|3/[48])(?![\d/.,])"
_SIGNS = "".join(FRACTIONS)
_AND = r"\s(?:and\s)?|-"  # between a number and its half: "1 and 1/2", "1-1/2"
_HYPHENS, _DASHES = r"\-\u2010\u2011", r"\-\u2010\u2011–—−"
_DIGITS = (
    rf"{_GROUPS}|\d+[.,]\d+|(?:[1-9]\d*(?:{_AND}))?{_FRACTION}|\d+(?:{_AND})?[{_SIGNS}]|\d+"
    rf"|(?<!q)\.\d+|[{_SIGNS}]"
)
_HALF = r"[\s-]and[\s-](?:an?[\s-]|one[\s-])?half(?!\w)"
_WORD = rf"(?:{'|'.join([*NUMBER_WORDS, *SCALES])})(?![^\W_])"
_SCALED = "|".join(rf"(?<={scale})" for scale in SCALES)
_JOINT = rf"(?:(?:{_SCALED})(?:,\s|[\s-])(?:and[\s-])?|\s?[{_DASHES}]\s?|\s{{1,2}})"
_RUN = (
    rf"(?:point\s|(?:half|quarter\sof)\s(?=a\s))?(?:a\s(?=(?:{'|'.join(SCALES)})\b))?{_WORD}"
    rf"(?:{_JOINT}{_WORD})*"
)
_SINGLES = {"half": 0.5, **TIMES_WORDS, **LATIN_TIMES}
_SINGLE = rf"(?:half|{'|'.join(TIMES_WORDS)})(?![^\W_])"
_DOT = r"\.?"
# "Qd" is no "qd", nor is one in a web address.
_CASES = [
    case for name in sorted(LATIN_TIMES, key=len, reverse=True) for case in (name, name.upper())
]
_LATIN = rf"(?<![?&=/])(?P<latin>(?:{'|'.join(_DOT.join(case) for case in _CASES)})\b\.?)(?![\w=/])"


def _beginnings(words: Iterable[str]) -> str:
    """A pattern of the first three letters of these words, which rules out most words of a text at
    little cost.
    """
    thirds: dict[str, str] = {}
    for word in words:
        thirds[word[:2]] = thirds.get(word[:2], "") + word[2]
    return "|".join(
        "".join(f"[{part}{part.upper()}]" for part in (*two, last)) for two, last in thirds.items()
    )


_BEGIN = (
    rf"{_beginnings([*NUMBER_WORDS, *SCALES, *TIMES_WORDS, 'half', 'point', 'quarter'])}"
    rf"|[aA]\s[hHtTmM]"
)
_LATIN_BEGIN = "|".join(
    sorted(
        {rf"[{name[0]}{name[0].upper()}]\.?[{name[1]}{name[1].upper()}]" for name in LATIN_TIMES}
    )
)
_FIGURES = rf"(?=[\d.{_SIGNS}qQ])[qQ]?(?<!\d[.,])(?i:(?P<blanks>{_BLANKS})|(?P<digits>{_DIGITS}))"
_SCALE = rf"\s(?:{'|'.join(SCALES)})\b(?!{_JOINT}{_WORD})"
_WORDED = rf"(?={_BEGIN}|{_LATIN_BEGIN})(?:(?i:(?P<run>{_RUN})|(?P<single>{_SINGLE}))|{_LATIN})"
_NUMBER = re.compile(
    rf"(?<![^\WxX])(?:{_FIGURES}|{_WORDED})(?i:(?P<half>{_HALF})?(?P<scale>{_SCALE})?)"
)
_COMPOUND = re.compile(rf"(?:[{_HYPHENS}]|,?\s+)(?:and[\s-]+)?", re.IGNORECASE)
_BREAK = re.compile(rf"\s?[–—−]\s?|\s[{_HYPHENS}]\s")
_HYPHEN = re.compile(rf"[{_HYPHENS}]")
_SCALED_HYPHEN = re.compile(rf"(?:{_SCALED})[{_HYPHENS}]", re.IGNORECASE)
_AND_WORD = re.compile(r"[\s-]and[\s-]", re.IGNORECASE)
_BETWEEN = re.compile(r"\bbetween\s$", re.IGNORECASE)

# What is numbered itself, so that the next three digits begin a number of their own: "on day 1 500
# mg", "omega 3 500 mg".
_NUMBERED = re.compile(
    rf"(?:\b(?:{_LISTS.one_of('numbered')}|{CALENDAR.one_of('months', 'month_abbreviations')})"
    r"|\b[b-z])\s$|[^\W\d]-$|#\s?$",
    re.IGNORECASE,
)
_MAYBE_NUMBERED = re.compile(r"\b(?:doses?|levels?)\s$", re.IGNORECASE)
_STRENGTH = re.compile(
    rf"(?P<joint>\s?[{_HYPHENS}]?\s?){UNIT_PATTERN}(?P<after>(?:\s[^\W\d]+){{0,2}})"
)
_FORMS = _LISTS.one_of("forms")
_FORM = re.compile(rf"\s(?:{_FORMS})s?\b", re.IGNORECASE)
_COUNTED_FORM = re.compile(rf"\s(?:{_FORMS}|dose)s?\b", re.IGNORECASE)
# "1 or" before "2 500 mg".
_COUNT = re.compile(r"(?P<count>\d+)(?:\s?[-–x×/]\s?|\s(?:to|or)\s)$", re.IGNORECASE)

# Before what is no whole number: "10^6", "nought point 5".
_PART = re.compile(r"(?:\^|\bpoint\s)$", re.IGNORECASE)
_LONGEST_PART = 8
# A number and where it ends, a larger one and where it begins.
_Ends = tuple[tuple[float, int], tuple[float, int]]
_LONG = 200  # no number takes as many characters


class WrittenNumber(NamedTuple):
    """A number as written: offsets, and the ``word`` if it says more than a number ("twice").

    ``scale`` is the "hundred" or "thousand" that it ends with, which the lower end of a range may
    omit.
    """

    value: float
    start: int
    end: int
    scale: float = 1.0
    word: str = ""


def find_numbers(text: str, decimal: Decimal | None = None) -> Iterator[WrittenNumber]:
    """The numbers of a text, in order.

    ``decimal`` is the mark that its decimals are written with; where it is not known, "1.000" is
    not-a-number, and "1,000" a thousand as in English.
    """
    for match in _NUMBER.finditer(text):
        if _PART.search(text, max(0, match.start() - _LONGEST_PART), match.start()):
            continue
        if match["digits"]:
            yield _finished(match, _digits(match["digits"], decimal))
        elif match["run"]:
            yield from _worded(text, match)
        elif match["blanks"]:
            yield from _spaced(text, match)
        else:
            word = folded(match["single"] or match["latin"]).replace(".", "")
            yield _finished(match, _SINGLES[word], word=word)


def _finished(
    match: re.Match[str], value: float, scale: float = 1.0, word: str = ""
) -> WrittenNumber:
    """Adds the half and the scale that follow a number: "two and a half", "1.2 million"."""
    times = SCALES[folded(match["scale"].strip())] if match["scale"] else 1.0
    half = 0.5 if match["half"] else 0.0
    start = match.start("digits") if match["digits"] else match.start()  # after the q of "q8h"
    return WrittenNumber((value + half) * times, start, match.end(), max(scale, times), word)


def _spaced(text: str, match: re.Match[str]) -> Iterator[WrittenNumber]:
    """Groups of digits with blanks between: one number, or two ("two tablets of 500 mg"), or none
    if ambiguous.
    """
    digits, start = match["blanks"], match.start("blanks")
    lead, *rest = digits.split(" ")
    apart = _apart(text, match, int(lead)) if len(rest) == 1 and rest[0][0] != "0" else False
    if apart is False:
        yield _finished(match, float(digits.replace(" ", "").replace(",", ".")))
    elif apart:
        middle = start + len(lead)
        yield WrittenNumber(float(lead), start, middle)
        yield WrittenNumber(float(rest[0].replace(",", ".")), middle + 1, match.end())


def _apart(text: str, match: re.Match[str], lead: int) -> bool | None:
    """Whether "2 500" is a 2 and a 500; None if ambiguous."""
    start, strength = match.start("blanks"), _STRENGTH.match(text, match.end())
    before = text[max(0, start - 16) : start]
    if _NUMBERED.search(before):
        return True
    if strength and _COUNTED_FORM.match(strength["after"]):
        return True if 2 <= lead <= 9 else None
    counted = _COUNT.search(before)
    ranged = (counted and int(counted["count"]) <= lead) or _MAYBE_NUMBERED.search(before)
    unsure = ranged or (strength and (_FORM.search(strength["after"]) or _describes(strength)))
    return None if unsure else False


def _describes(strength: re.Match[str]) -> bool:
    """Whether a unit describes a thing beside it: "500-mg", "500 milligram", "aged 27 114 lb"."""
    name = folded(strength["unit"])
    unit = UNITS.get(name)
    body = unit is not None and (
        unit.kind == "length" or (unit.kind == "mass" and unit.factor > 1e8)
    )
    return body or bool(strength["joint"].strip()) or (len(name) > 3 and f"{name}s" in UNITS)


def _worded(text: str, match: re.Match[str]) -> Iterator[WrittenNumber]:
    """The number of a run of number words, or both ends of a range; nothing if it is no number as a
    whole.
    """
    run, start = match["run"], match.start()
    ends, whole = _parted(text, match), _worth(run)
    if ends:
        (low, length), (high, begin) = ends
        yield WrittenNumber(low, start, start + length, _scale(run[:length]))
        yield _finished(match, high, _scale(run))._replace(start=start + begin)
    elif whole is not None and not _BREAK.search(run) and not _two(run, _SCALED_HYPHEN):
        yield _finished(match, whole, _scale(run))


def _parted(text: str, match: re.Match[str]) -> _Ends | None:
    """Both ends of a run that is a range: "one-two", "ten – twenty", "between five hundred and one
    thousand".
    """
    run, before = match["run"], text[max(0, match.start() - 8) : match.start()]
    if _BREAK.search(run):
        return _two(run, _BREAK)
    if _BETWEEN.search(before) and not _AND_WORD.match(text, match.end()):
        return _two(run, _AND_WORD)
    return (_two(run, _AND_WORD) or _two(run, _HYPHEN)) if _worth(run) is None else None


def _two(run: str, joint: re.Pattern[str]) -> _Ends | None:
    """Two ascending numbers, with the end of the first and the start of the second, if a run can be
    split in exactly one way.
    """
    parted = []
    for match in joint.finditer(run) if len(run) < _LONG else ():
        low, high = _worth(run[: match.start()]), _worth(run[match.end() :])
        if low is not None and high is not None and low < high:
            parted.append(((low, match.start()), (high, match.end())))
    return parted[0] if len(parted) == 1 else None


def _scale(run: str) -> float:
    return SCALES.get(_COMPOUND.split(folded(run))[-1], 1.0)


def _worth(run: str) -> float | None:
    """The value of number words as one number; None for "fifty-fifty".

    The next word must be less than ``room``: at most nine after "twenty", ninety-nine after
    "hundred".
    """
    total, part, largest, room = 0.0, 0.0, float("inf"), float("inf")
    for word in _COMPOUND.split(folded(run)):
        value = 1.0 if word == "a" else NUMBER_WORDS.get(word, 0.0)
        scale = SCALES.get(word, 0.0)
        if scale > 100 and 0 < part < 1000 and scale < largest:
            total, part, largest, room = total + part * scale, 0.0, scale, float("inf")
        elif scale == 100 and 0 < part < (10 if total else 100):
            part, room = part * scale, scale
        elif 0 < value < room:
            part, room = part + value, 10.0 if value >= 20 else 1.0
        else:
            return None
    return total + part


def _digits(text: str, decimal: Decimal | None) -> float:
    if text.isdecimal():
        return float(text)
    if two := _AMBIGUOUS.fullmatch(text):
        if decimal is None and two[1] == ".":
            return float("nan")
        mark = "." if decimal != "comma" else ","
        return float(text.replace(",", ".") if two[1] == mark else re.sub("[.,]", "", text))
    parts = re.findall(rf"[\d.,/]+(?:['’\u00a0\u2009\u202f]\d{{3}})*(?:[.,]\d+)?|[{_SIGNS}]", text)
    return sum(_part(part) for part in parts)


def _part(text: str) -> float:
    if text in FRACTIONS:
        return FRACTIONS[text]
    if "/" in text:
        above, below = text.split("/")
        return float(above) / float(below)
    if re.fullmatch(_GROUPS, text):
        return _grouped(text)
    return float(text.replace(",", "."))


def _grouped(text: str) -> float:
    """A number in groups: a mark that stands once after another kind, or once before other than
    three digits, begins its decimals.
    """
    last = max(text.rfind(mark) for mark in ".,")
    decimals = ""
    if last >= 0 and text.count(text[last]) == 1 and re.search(r"[^\d]", text[:last]):
        text, decimals = text[:last], text[last + 1 :]
    return float(f"{re.sub(r'[^0-9]', '', text)}.{decimals or 0}")
