"""Quantities with units, read from text.

Numbers are read whole ("1.0 mg" is "1 mg" and never "10 mg"), units of one kind are converted (g,
mg, µg), ranges are kept.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from medtune.text.quantities.number_convention import Decimal
from medtune.text.quantities.written_numbers import (
    AFTER_A_DOSE,
    CASED_UNITS,
    COLDEST,
    DAY,
    LATIN_TIMES,
    TIME_ADVERBS,
    TIMES_WORDS,
    UNIT_PATTERN,
    UNITS,
    Unit,
    WrittenNumber,
    find_numbers,
    folded,
)

_UNIT = re.compile(rf"\s?[-\u2010\u2011]?\s?{UNIT_PATTERN}")
_HALF = re.compile(rf"\s(?:(?i:of)\s)?(?:(?i:an?)\s)?{UNIT_PATTERN}")
_PER = re.compile(rf"(?:\s?/\s?|\s(?i:per)\s)(?:(?P<count>\d+)\s?)?{UNIT_PATTERN}")
_A_TIME = re.compile(r"\s(?i:an?|each|every)\s(?P<unit>(?i:minute|hour|day|week|month|year))\b")
_ADVERB = re.compile(rf"\s(?P<adverb>(?i:{'|'.join(TIME_ADVERBS)}))\b")
_OLD = re.compile(r"[\s-](?i:olds?|of age)\b")
_RANGE = re.compile(r"[^\S\n]?[-\u2010\u2011–—−]\s?|[\s-](?i:to)[\s-]")
_PAIR = re.compile(r"\s?/\s?|\s(?i:or|over)\s")
_EVERY = re.compile(r"(?<!times )(?<!twice )(?<!thrice )\b(?:every\s|q\.?\s?)$", re.IGNORECASE)
_WAY = r"(?:p\.?o\.?|i\.?[vm]\.?|orally|by mouth|tab(?:let)?s?|cap(?:sule)?s?|puffs?)"
_TO_LATIN = re.compile(rf"[\s,(]{{0,2}}(?:{_WAY}[\s,(]{{1,2}}){{0,2}}", re.IGNORECASE)
TOLERANCE = 1e-6
Bound = Literal["", "<", ">"]
_BOUND = re.compile(
    r"(?:(?P<below>[<≤⩽≦]=?|=<|\b(?:(?:no|not) (?:more|greater|higher) than|at most|up to|less than"
    r"|lower than|below|maximum(?: of)?|höchstens|weniger als|bis zu|au plus|moins de))"
    r"|(?P<above>(?<![-=])[>≥⩾≧]=?|\b(?:(?:no|not) (?:less|lower) than|at least|more than"
    r"|greater than|higher than|above|minimum(?: of)?|mindestens|mehr als|au moins|plus de)))\s*$",
    re.IGNORECASE,
)
_MINUS = re.compile(r"(?<![\d.,]\s)(?:(?<=[\s(\[=:<>≤≥])|^)[-−]$")
_MAYBE_NEGATIVE = frozenset({"temperature", "pressure", "share", "length"})
_POWER = re.compile(
    r"(?:\s?[x×✕*·]\s?|\s)10(?:(?P<raised>[⁻⁺]?[⁰¹²³⁴-⁹]{1,2})"
    r"|\s?(?:\^|\*\*?|[eE])\s?\+?(?P<level>[-−]?\d{1,2}))(?![\d.,]\d)"
)
_TIMES = {"K": 1e3, "k": 1e3, "Thou": 1e3, "M": 1e6, "Mio": 1e6, "G": 1e9, "Gpt": 1e9}
_TIMES |= {"T": 1e12, "Tpt": 1e12}
_VOLUMES = {"l": 1.0, "litre": 1.0, "liter": 1.0, "ml": 1e3, "ul": 1e6, "microliter": 1e6}
_VOLUMES |= {"microlitre": 1e6, "nl": 1e9} | dict.fromkeys(
    ("mm3", "cumm", "cmm", "cubicmillimeter", "cubicmillimetre"), 1e6
)
_PER_VOLUME = re.compile(
    rf"\s?(?P<times>{'|'.join(_TIMES)})?\s?(?P<cells>(?:[a-zA-Z]+\s)?(?i:cells?|copies|platelets"
    r"|leu[ck]ocytes|WBCs?|RBCs?|Zellen|cellules))?"
    r"(?:\s?/\s?|\s(?:per|pro|par)\s)(?P<volume>(?i:[mµμun]?l|mm\s?\^?[3³]|cu\.?\s?mm|cmm"
    r"|(?:micro)?lit(?:re|er)|cubic millimet(?:re|er)))(?!\w)"
)
OFTEN_KIND = "times an hour"
# Kinds that are no doses: "2 % a year" is no frequency.
NEVER_GIVEN = frozenset({"share", "time", "age", "length", "temperature", "energy"})


@dataclass(frozen=True)
class Quantity:
    """A quantity as written, its kind, and its value or range in that kind's base unit."""

    text: str
    kind: str
    low: float
    high: float
    rough: float = 0.0
    every: bool = False  # a time from one to the next: "every 8 hours"
    bound: Bound = ""  # "<": at most or below, ">": at least or above

    @property
    def ambiguous(self) -> bool:
        """Whether its number may be read in two ways ("1.000")."""
        return self.low != self.low or self.high != self.high

    def holds(self, value: float, rough: float) -> bool:
        """Whether a value of this kind equals this one or lies in its range, but for rounding."""
        slack = TOLERANCE if rough == self.rough else max(rough, self.rough)
        return self.low - slack * abs(self.low) <= value <= self.high + slack * abs(self.high)


@dataclass(frozen=True)
class _Number:
    """A number of a text with its unit, if it has one; ``start`` and ``end`` are offsets."""

    value: float
    start: int
    end: int
    unit: Unit | None = None
    often: float | None = None  # times an hour, where the text says how often
    scale: float = 1.0


def find_quantities(text: str, decimal: Decimal | None = None) -> list[Quantity]:
    """Every quantity with a unit, in the text's order.

    "5 to 10 mg" is one range, "5 or 10 mg" and "120/80 mmHg" are two. ``decimal`` is the mark of
    decimals where it is known (``decimal_mark``).
    """
    return list(iter_quantities(text, decimal))


def iter_quantities(text: str, decimal: Decimal | None = None) -> Iterator[Quantity]:
    """The same one by one: a long text may hold millions."""
    numbers = _numbers(text, decimal)
    first = next(numbers, None)
    while first is not None:
        second = next(numbers, None)
        first = _scaled(text, first, second)
        if (
            second
            and second.unit
            and first.unit in (None, second.unit)
            and _ranges(text, first, second)
        ):
            yield from _between(text, first, second)
            first = next(numbers, None)
            continue
        if (
            second
            and second.unit
            and first.unit is None
            and _PAIR.fullmatch(text, first.end, second.start)
        ):
            first = replace(first, unit=second.unit, end=second.end)
        yield from _between(text, first, first)
        first = second


def _numbers(text: str, decimal: Decimal | None) -> Iterator[_Number]:
    """The numbers of a text; a denominator ("250 mg/5 ml") belongs to the quantity before it."""
    before: _Number | None = None
    for one in find_numbers(text, decimal):
        below = before and one.start < before.end
        if not below and (one.word not in AFTER_A_DOSE or (before and _doses(text, before, one))):
            before = _measured(text, one)
            yield before


def _doses(text: str, dose: _Number, latin: WrittenNumber) -> bool:
    """Whether an ambiguous abbreviation follows a dose: "5 mg bid", but not "the OD"."""
    gap = text[dose.end : latin.start]
    if not dose.unit or not (
        _TO_LATIN.fullmatch(gap) or _RANGE.fullmatch(gap) or _PAIR.fullmatch(gap)
    ):
        return False
    return latin.word == "bid" or (
        dose.unit.kind not in NEVER_GIVEN | {"drop"} and "(" not in gap and "," not in gap
    )


def _scaled(text: str, first: _Number, second: _Number | None) -> _Number:
    """A number with the scale of the next: "two to three hundred mg", "5 or 10 million units"."""
    if (
        not second
        or second.scale == 1
        or first.unit
        or first.scale > 1
        or first.value * second.scale >= second.value
    ):
        return first
    joined = _PAIR.fullmatch(text, first.end, second.start) or _ranges(text, first, second)
    return replace(first, value=first.value * second.scale) if joined else first


def _ranges(text: str, first: _Number, second: _Number) -> bool:
    """Whether two numbers are the ends of a range."""
    between = _follows(text, first.start, "between")
    joined = _RANGE.fullmatch(text, first.end, second.start)
    return first.value < second.value and bool(
        joined or (between and text[first.end : second.start].strip() == "and")
    )


def _follows(text: str, position: int, word: str) -> bool:
    """Whether a word stands before a position, blanks aside."""
    while position and text[position - 1].isspace():
        position -= 1
    return text[max(0, position - len(word)) : position].casefold() == word


def _between(text: str, first: _Number, last: _Number) -> list[Quantity]:
    """The quantity between two numbers in the unit of the last, and its frequency, if given."""
    unit, written = last.unit, text[first.start : last.end]
    if not unit:
        return []
    if unit.kind == "times":
        rate = last.often or 0.0  # "three times more likely" is no quantity
        return (
            [Quantity(written, OFTEN_KIND, first.value * rate, last.value * rate)] if rate else []
        )
    low, high = (one.value * unit.factor + unit.offset for one in (first, last))
    given = unit.kind not in NEVER_GIVEN
    often = [Quantity(written, OFTEN_KIND, last.often, last.often)] if last.often and given else []
    every = (
        _EVERY.search(text[max(0, first.start - 14) : first.start])
        if unit.kind == "time" and low > 0
        else None
    )
    return [
        Quantity(
            (every[0] if every else "") + written,
            unit.kind,
            low,
            high,
            unit.rough,
            bool(every),
            _bound(text[max(0, first.start - 24) : first.start]),
        ),
        *often,
    ]


def _measured(text: str, one: WrittenNumber) -> _Number:
    """A number with the unit that follows it, or that it implies ("twice", "tid")."""
    value, start, end, scale, word = one
    if not word and (counted := _count_per_volume(text, one)):
        return counted
    if not word and (power := _POWER.match(text, end)):
        value, end = value * 10.0 ** int(_exponent(power)), power.end()
    if word in LATIN_TIMES:
        return _Number(value, start, end, UNITS["times"], 1 / DAY)
    if word in TIMES_WORDS:
        return _divided(text, _Number(value, start, end, UNITS["times"]))
    match = (_HALF if word == "half" else _UNIT).match(text, end)
    if not match or (match["unit"] in ("C", "F") and value < COLDEST):
        return _Number(value, start, end, scale=scale)
    unit = _unit(match["unit"])
    number = _divided(text, _Number(value, start, match.end(), unit, scale=scale))
    kind = number.unit.kind if number.unit else ""
    if kind not in _MAYBE_NEGATIVE and " per " not in kind:
        return number
    negative = _MINUS.search(text, max(0, start - 3), start)
    return replace(number, value=-value, start=start - 1) if negative else number


def _divided(text: str, number: _Number) -> _Number:
    """A number with its denominator ("mg/kg", "per 100 ml"); a day or more is a frequency ("mg/day"
    is "mg").
    """
    unit, end, often = number.unit, number.end, None
    assert unit
    while match := _PER.match(text, end) or _A_TIME.match(text, end) or _ADVERB.match(text, end):
        named = match.groupdict()
        below = (
            Unit("time", TIME_ADVERBS[folded(named["adverb"])])
            if named.get("adverb")
            else _unit(named["unit"])
        )
        worth = below.factor * float(named.get("count") or 1)
        if below.kind == "time" and (worth >= DAY or unit.kind == "times"):
            total = worth == DAY and unit.kind != "times" and not named.get("adverb")
            often = None if total else 1 / worth
        else:
            unit = Unit(f"{unit.kind} per {below.kind}", unit.factor / worth)
        end = match.end()
    old = _OLD.match(text, end)
    if old and unit.kind == "time":
        unit, end = replace(unit, kind="age"), old.end()
    return replace(number, end=end, unit=unit, often=often)


def _count_per_volume(text: str, one: WrittenNumber) -> _Number | None:
    """A count of cells: "20 x 10^9/L", "20 G/L", "150,000/µL", "4.5 million cells per mm³"."""
    power = _POWER.match(text, one.end)
    start = power.end() if power else one.end
    match = _PER_VOLUME.match(text, start)
    if not match or not (power or match["times"] or match["cells"] or match["volume"] not in "lL"):
        return None
    times = 10.0 ** int(_exponent(power)) if power else _TIMES.get(match["times"] or "", 1.0)
    volume = re.sub(r"[\s.^]", "", unicodedata.normalize("NFKC", folded(match["volume"])))
    per_litre = _VOLUMES[volume.replace("μ", "u")]
    unit = Unit("count per volume", times * per_litre)
    return _Number(one.value, one.start, match.end(), unit, scale=one.scale)


def _exponent(power: re.Match[str]) -> str:
    written = (power["raised"] or power["level"]).replace("⁻", "-").replace("−", "-")
    return unicodedata.normalize("NFKC", written)


def _bound(before: str) -> Bound:
    """Whether what stands before a number makes it a bound: "≥ 5", "at most 5"."""
    match = _BOUND.search(before)
    if not match:
        return ""
    return "<" if match["below"] else ">"


def _unit(name: str) -> Unit:
    return CASED_UNITS.get(name) or UNITS[folded(name)]
