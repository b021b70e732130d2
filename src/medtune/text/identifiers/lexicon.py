"""The names of people of many countries, from the package Faker, read when the first text is
scanned.

A name that is also a word, a place or an eponym needs more context than one that is not: see
``standing``.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib import import_module
from typing import NamedTuple

from medtune.text.identifiers.homonyms import BRANDS, COMMON, EPONYMS, PLACES
from medtune.text.identifiers.vocabulary import AMBIGUOUS, GIVEN, NOT_NAMES, SURNAMES

# The locales of Faker that write names in Latin letters, or give a romanised form.
_LOCALES = (
    "cs_CZ da_DK de_AT de_CH de_DE en en_GB en_IE en_IN en_KE en_NG en_NZ en_PK en_TH en_US es_AR es_CA es_CL es_CO es_ES "
    "es_MX fi_FI fr_BE fr_CA fr_CH fr_DZ fr_FR ga_IE ha_NG hr_HR hu_HU id_ID ig_NG it_IT ja_JP lt_LT lv_LV nl_BE nl_NL no_NO "
    "pl_PL pt_BR pt_PT ro_RO sk_SK sl_SI sv_SE sw tr_TR tw_GH vi_VN yo_NG zh_CN zh_TW zu_ZA"
).split()
_LATIN = re.compile(r"[^\W\d_]{2,}(?:['’-][^\W\d_]+)*")
_FIELDS = {
    True: (
        "first_names",
        "first_names_female",
        "first_names_male",
        "first_names_unisex",
        "first_romanized_names",
    ),
    False: ("last_names", "last_names_female", "last_names_male", "last_romanized_names"),
}


def fold(word: str) -> str:
    """A word in small letters without accents, as both the lexicon and a text are compared."""
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFD", word.lower().translate(_LETTERS))
    return "".join(c for c in plain if not unicodedata.combining(c))


_LETTERS = str.maketrans(
    {
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ß": "ss",
        "æ": "ae",
        "ı": "i",
        "’": "'",
    }
)


@cache
def given_names() -> frozenset[str]:
    """Given names, folded."""
    return GIVEN | _read(True)


@cache
def usual_given_names() -> frozenset[str]:
    """Given names of the national lists alone: the general English one holds many a surname."""
    return _read(True, [locale for locale in _LOCALES if locale != "en"])


@cache
def surnames() -> frozenset[str]:
    """Surnames, folded."""
    return SURNAMES | _read(False)


def _read(given: bool, locales: Sequence[str] = _LOCALES) -> frozenset[str]:
    found: set[str] = set()
    for locale in locales:
        provider = import_module(f"faker.providers.person.{locale}").Provider
        for field in _FIELDS[given]:
            names = getattr(provider, field, ())
            if not isinstance(names, property):  # a locale may build its surnames from parts
                found.update(fold(name) for name in names if _LATIN.fullmatch(name))
    return frozenset(name for name in found if name.isascii())


# A name of the vocabulary's short lists is that, whoever else gave it to a disease; a place is
# none.
_HOMONYMS = ((COMMON | EPONYMS) - GIVEN) | AMBIGUOUS | PLACES | BRANDS


class Standing(NamedTuple):
    """What a word is as a name: ``pure`` says that it is hardly another word, ``alone`` that it
    needs no context.
    """

    given: bool
    surname: bool
    pure: bool
    alone: bool


_NONE = Standing(False, False, False, False)


@lru_cache(maxsize=1 << 16)
def standing(word: str) -> Standing:
    """What a word is as a name. Of a double name one part is enough."""
    low = fold(word)
    parts = set(re.split(r"[-']", low)) - {low, ""}
    if low in NOT_NAMES or len(low) < 2:
        return _NONE
    longer = {low, *(part for part in parts if len(part) > 3)}
    given, surname = not longer.isdisjoint(given_names()), not longer.isdisjoint(surnames())
    pure = parts.isdisjoint(_HOMONYMS) and low not in _HOMONYMS
    usual = (
        low in GIVEN
        or low not in surnames()
        or (low in usual_given_names() and low not in SURNAMES)
    )
    double = not parts or low in given_names() or parts <= given_names()
    return Standing(given, surname, pure, given and pure and usual and double and len(low) > 2)
