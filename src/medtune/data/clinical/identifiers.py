"""Identifiers that a file's structure names, in the spellings that notes use."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from medtune.data.clinical.document import KnownIdentifier, known


def name_spellings(family: str, given: Sequence[str]) -> tuple[KnownIdentifier, ...]:
    """A person's name whole, by its parts, with the family name first, and by the
    words of a double name.
    """
    family, given = family.strip(), [part.strip() for part in given if part.strip()]
    full = " ".join([*given, family]).strip()
    first_last = f"{given[0]} {family}" if given and family else None
    reversed_name = f"{family}, {given[0]}" if given and family else None
    parts = [
        part
        for name in (family, *given)
        if len(words := re.split(r"[\s‐‑-]+", name)) > 1
        for part in words
        if len(part) > 2 and part[0].isupper()  # no particle: van, de la
    ]
    return known("name", full, reversed_name, first_last, family, *given, *parts)


_TITLES = re.compile(
    r"(?i:dr|prof|mr|mrs|ms|miss|mx|herr|frau|med|dipl|pd|md|do|phd|rn|np|pa|mbbs|frcp|jr|sr|esq|"
    r"ii|iii|iv)(?:\.|$)|\([^)]*\)|\W+"
)


def written_name(text: str | None) -> tuple[KnownIdentifier, ...]:
    """A name that stands in one text (``Dr. Erika Testmann, MD``, ``Testmann, Erika``): whole and
    by its parts, without titles.
    """
    if not isinstance(text, str) or not text.strip():
        return ()
    parts = [
        [word for word in part.split() if not _TITLES.fullmatch(word)]
        for part in re.sub(r"\([^)]*\)", " ", text).split(",")
    ]
    parts = [part for part in parts if part]
    if not parts:
        return ()
    first = parts[0]
    if len(parts) > 1:
        spellings = name_spellings(" ".join(first), parts[1])
    else:
        spellings = name_spellings(first[-1], first[:-1])
    # Particles (van, de la) and what is no word are no names alone.
    alone = tuple(i for i in spellings if " " in i.value or not i.value[:1].islower())
    return tuple(dict.fromkeys((*known("name", text), *alone)))


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
