"""Identifiers that a file's structure names, in the spellings that notes use."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from medtune.data.clinical.document import KnownIdentifier, known


def name_spellings(family: str, given: Sequence[str]) -> tuple[KnownIdentifier, ...]:
    """A person's name whole, by its parts, and with the family name first."""
    family, given = family.strip(), [part.strip() for part in given if part.strip()]
    full = " ".join([*given, family]).strip()
    first_last = f"{given[0]} {family}" if given and family else None
    reversed_name = f"{family}, {given[0]}" if given and family else None
    return known("name", full, reversed_name, first_last, family, *given)


def date_spellings(value: Any) -> tuple[KnownIdentifier, ...]:
    """A date of the form 1961-04-09, 19610409 or longer, as notes may spell it."""
    match = re.match(r"(\d{4})-?(\d{2})-?(\d{2})", str(value or ""))
    try:
        day = date(*map(int, match.groups())) if match else None
    except ValueError:
        day = None
    if day is None:
        return ()
    year, month, number = day.year, day.month, day.day
    spellings = [f"{year}-{month:02}-{number:02}", f"{year}{month:02}{number:02}"]
    for first, second in ((month, number), (number, month)):
        for mark in "/.-":
            for years in (f"{year}", f"{year % 100:02}"):
                spellings.append(f"{first:02}{mark}{second:02}{mark}{years}")
                spellings.append(f"{first}{mark}{second}{mark}{years}")
    for name in (f"{day:%B}", f"{day:%b}"):
        spellings += [
            f"{name} {number}, {year}",
            f"{name} {number} {year}",
            f"{number} {name} {year}",
            f"{number}. {name} {year}",
            f"{number}-{name}-{year}",
        ]
    return known("date", *dict.fromkeys(spellings))
