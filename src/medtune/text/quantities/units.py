"""Units of medical quantities as texts spell them: their kind, and their worth in that kind's
base unit.
"""

import re
from dataclasses import dataclass

DAY = 24.0  # hours
MONTH, YEAR = 30.4375 * DAY, 365.25 * DAY


@dataclass(frozen=True)
class Unit:
    """One unit: a value x of it is ``x · factor + offset`` base units of its kind.

    ``rough`` is the share by which people round when they say it in another unit: 150 pounds are 68
    kg, a month 4 weeks.
    """

    kind: str
    factor: float = 1.0
    offset: float = 0.0
    rough: float = 0.0


def _spelled(kind: str, units: dict[float, str], rough: float = 0.0) -> dict[str, Unit]:
    """Spellings, divided by commas, to units; in lower case, as ``str.casefold`` makes it."""
    return {
        name.casefold(): Unit(kind, factor, 0.0, rough)
        for factor, names in units.items()
        for name in names.split(",")
    }


def _counted(names: str) -> dict[str, Unit]:
    """Things that are counted, each a kind of its own, singular and plural."""
    return {form: Unit(name) for name in names.split() for form in (name, f"{name}s")}


UNITS: dict[str, Unit] = {
    **_spelled(
        "mass",
        {
            1e9: "kg,kgs,kilo,kilos,kilogram,kilograms,kilogramme,kilogrammes",
            1e6: "gm,gms,gram,grams,gramme,grammes",
            1e3: "mg,mgs,milligram,milligrams,milligramme,milligrammes",
            1.0: "µg,ug,mcg,mcgs,microgram,micrograms,microgramme,microgrammes",
            1e-3: "ng,nanogram,nanograms",
            1e-6: "pg,picogram,picograms",
        },
    ),
    **_spelled("mass", {453.59237e6: "lb,lbs,pound,pounds"}, rough=0.02),
    **_spelled(
        "volume",
        {
            1e3: "l,liter,liters,litre,litres",
            100.0: "dl,deciliter,deciliters,decilitre,decilitres",
            10.0: "cl",
            1.0: "ml,mls,cc,milliliter,milliliters,millilitre,millilitres",
            1e-3: "µl,ul,microliter,microliters,microlitre,microlitres",
            5.0: "tsp,teaspoon,teaspoons,teaspoonful,teaspoonfuls",
            15.0: "tbsp,tablespoon,tablespoons,tablespoonful,tablespoonfuls",
        },
    ),
    **_spelled("amount", {1e3: "mol", 1.0: "mmol", 1e-3: "µmol,umol", 1e-6: "nmol", 1e-9: "pmol"}),
    **_spelled("equivalents", {1.0: "meq", 1e3: "eq"}),
    **_spelled(
        "units of activity",
        {
            1.0: "iu,u,unit,units,international unit,international units",
            1e-3: "miu,mu",
            1e-6: "µiu,uiu",
        },
    ),
    **_spelled("pressure", {1.0: "mmhg,mm hg,mm of mercury"}),
    **_spelled("pressure", {7.500617: "kpa", 0.735559: "cmh2o,cm h2o"}, rough=0.02),
    **_spelled("share", {1.0: "%,percent,per cent"}),
    **_spelled("energy", {1.0: "kcal,kcals,calorie,calories"}),
    **_spelled("energy", {0.239006: "kj"}, rough=0.02),
    **_spelled(
        "length",
        {
            1.0: "mm,millimeter,millimeters,millimetre,millimetres",
            10.0: "cm,centimeter,centimeters,centimetre,centimetres",
            1000.0: "meter,meters,metre,metres",
        },
    ),
    **_spelled("length", {25.4: "inch,inches"}, rough=0.02),
    **_spelled(
        "time",
        {
            1 / 3600: "sec,secs,second,seconds",
            1 / 60: "min,mins,minute,minutes",
            1.0: "h,hr,hrs,hour,hours",
            DAY: "day,days",
            7 * DAY: "wk,wks,week,weeks",
        },
    ),
    **_spelled("time", {MONTH: "mo,mos,month,months", YEAR: "yr,yrs,year,years"}, rough=0.1),
    **_spelled(
        "temperature", {1.0: "°c,° c,ºc,º c,celsius,degree celsius,degrees celsius,degrees c,deg c"}
    ),
    **{
        name: Unit("temperature", 5 / 9, -160 / 9, rough=0.003)
        for name in (
            "°f",
            "° f",
            "ºf",
            "º f",
            "fahrenheit",
            "degree fahrenheit",
            "degrees fahrenheit",
            "degrees f",
            "deg f",
        )
    },
    **_counted(
        "tablet pill capsule drop puff patch sachet ampoule vial lozenge suppository cup glass spray dose beat breath"
    ),
    **{f"{name}es": Unit(name) for name in ("patch", "glass")},
    "suppositories": Unit("suppository"),
    **_spelled("times", {1.0: "times,time"}),
}
# Letters that are units in one case only: "3 D" is no duration, and "4 G" no mass.
CASED: dict[str, Unit] = {"C": UNITS["°c"], "F": UNITS["°f"], "d": UNITS["day"], "g": UNITS["gram"]}
COLDEST = 20.0  # for "C" and "F" alone: "type 2C" is no temperature
ADVERBS: dict[str, float] = {
    "daily": DAY,
    "weekly": 7 * DAY,
    "monthly": MONTH,
    "yearly": YEAR,
    "annually": YEAR,
}
FRACTIONS = {"½": 0.5, "¼": 0.25, "¾": 0.75, "⅓": 1 / 3, "⅔": 2 / 3}
_TO_NINETEEN = """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
WORDS = {
    **{word: float(n) for n, word in enumerate(_TO_NINETEEN.split(), 1)},
    **{word: 10.0 * n for n, word in enumerate(_TENS.split(), 2)},
}
SCALES = {"hundred": 100.0, "thousand": 1e3, "million": 1e6}
OFTEN = {"once": 1.0, "twice": 2.0, "thrice": 3.0}  # numbers that bring their unit along
# How often a day, as prescriptions say it; with or without dots. "qod" is every other day.
LATIN = {
    "qd": 1.0,
    "od": 1.0,
    "bid": 2.0,
    "bd": 2.0,
    "tid": 3.0,
    "tds": 3.0,
    "qid": 4.0,
    "qds": 4.0,
    "qod": 0.5,
}
AFTER_A_DOSE = frozenset(
    {"od", "bid", "bd", "tds", "qds"}
)  # elsewhere a right eye, a verb, a disease
_TURKISH = str.maketrans("ıİ", "ii")
_NAMES = "|".join(re.escape(name) for name in sorted(UNITS, key=len, reverse=True))
NAME = rf"(?P<unit>(?i:{_NAMES})|{'|'.join(CASED)})(?!\w)"  # a pattern


def folded(name: str) -> str:
    """In lower case, with the Turkish i's as i: patterns that pass over case take them for it
    ("5 mınutes").
    """
    return name.translate(_TURKISH).casefold()
