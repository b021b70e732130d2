"""Units of medical quantities as texts spell them, with their kind and factor."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

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
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
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
