"""What a word is as a name: given name, surname, both, or also something else."""

import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from medtune.text.words import CALENDAR, NUMBERS, lists_beside, read_words

NAMES_FOLDER = Path(__file__).with_name("names")
_LISTS = lists_beside(__file__)

COMMON_GIVEN_NAMES = _LISTS.words("common_given")
COMMON_SURNAMES = _LISTS.words("common_surnames")
AMBIGUOUS_NAMES = _LISTS.words("ambiguous")
PLACEHOLDERS = _LISTS.words("placeholders")
PARTICLES = _LISTS.words("particles")
PLACES = _LISTS.words("places")
NOT_NAMES = (
    _LISTS.words("not_names")
    | CALENDAR.words("months", "weekdays")
    | NUMBERS.words("units", "unit_ordinals")
    | {"ten", "tenth"}
)
# A name of the short lists is one, whoever else gave it to a disease; a place is none.
_HOMONYMS = (
    (_LISTS.words("ordinary_words", "eponyms") - COMMON_GIVEN_NAMES)
    | AMBIGUOUS_NAMES
    | PLACES
    | _LISTS.words("brands")
)

NAMED_THING = rf"(?:['’]s|s['’]|['’])?[ -](?:{_LISTS.one_of('named_things')})\b"
# What makes the name before it that of an institution, a thing or an author.
NO_PERSON = re.compile(
    rf"{NAMED_THING}|,? et al\b|(?:['’]s)? (?:(?:{_LISTS.one_of('kinds_of_institution')}) ){{0,3}}"
    rf"(?:{_LISTS.one_of('institutions')})\b"
)

_LETTERS = str.maketrans(
    {"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}
    | {"ß": "ss", "æ": "ae", "ı": "i", "’": "'"}
)


def fold(word: str) -> str:
    """A word in lower case without accents, as the lexicon and the text are compared."""
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFD", word.lower().translate(_LETTERS))
    return "".join(c for c in plain if not unicodedata.combining(c))


@cache
def usual_given_names() -> frozenset[str]:
    """Given names of national lists, folded; the general English list holds many surnames."""
    return read_words(NAMES_FOLDER / "given.txt")


@cache
def given_names() -> frozenset[str]:
    """All given names, folded: common ones, and those of national and general lists."""
    general = read_words(NAMES_FOLDER / "given_general.txt")
    return COMMON_GIVEN_NAMES | usual_given_names() | general


@cache
def surnames() -> frozenset[str]:
    """All surnames, folded: common ones, and those of national lists."""
    return COMMON_SURNAMES | read_words(NAMES_FOLDER / "surnames.txt")


_ORDINARY_WORDS = _LISTS.words("ordinary_words") | AMBIGUOUS_NAMES | NOT_NAMES


def is_ordinary_word(word: str) -> bool:
    """Whether a name is also a word of every text (will, may, long); a name alone is none."""
    return fold(word) in _ORDINARY_WORDS


class NameStatus(NamedTuple):
    """What a word is as a name. ``unambiguous``: hardly any other word. ``sufficient``: a given
    name that needs no context.
    """

    given: bool
    surname: bool
    unambiguous: bool
    sufficient: bool


_NO_NAME = NameStatus(False, False, False, False)


@lru_cache(maxsize=1 << 16)
def name_status(word: str) -> NameStatus:
    """The status of a word as a name; one part of a double name is enough."""
    low = fold(word)
    parts = set(re.split(r"[-']", low)) - {low, ""}
    if low in NOT_NAMES or len(low) < 2:
        return _NO_NAME
    longer = {low, *(part for part in parts if len(part) > 3)}
    given, surname = not longer.isdisjoint(given_names()), not longer.isdisjoint(surnames())
    unambiguous = parts.isdisjoint(_HOMONYMS) and low not in _HOMONYMS
    usual = (
        low in COMMON_GIVEN_NAMES
        or low not in surnames()
        or (low in usual_given_names() and low not in COMMON_SURNAMES)
    )
    double = not parts or low in given_names() or parts <= given_names()
    sufficient = given and unambiguous and usual and double and len(low) > 2
    return NameStatus(given, surname, unambiguous, sufficient)
