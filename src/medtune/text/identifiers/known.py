"""Identifiers that are known beforehand, in the spellings that a text may give them: without
accents, with other separators, in capitals.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache

from medtune.text.identifiers.lexicon import is_ordinary_word
from medtune.text.identifiers.spans import PART

_SHORT = 3  # letters: a name no longer is taken as it is written or in capitals (Li, not li)
_LEAST_DIGITS = 6  # of a number whose separators may differ
_NUMBERS = ("phone", "fax", "ssn", "record", "account")
_GERMAN = {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}
_UNMARKED = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i"})
Known = Sequence[tuple[str, str]]


def known_patterns(known: Iterable[tuple[str, str]], texts: Sequence[str]) -> list[
    tuple[str, re.Pattern[str]]
]:  # fmt: skip
    """A pattern for each kind and value that may stand in the texts, the longest values first."""
    ordered = sorted(dict.fromkeys(known), key=lambda pair: (-len(pair[1]), pair))
    if not ordered:
        return []
    folded = "\n".join(map(_folded, texts))
    return [
        (kind, _pattern(kind, value))
        for kind, value in ordered
        if any(key in folded for key in _keys(kind, value))
    ]


@lru_cache(maxsize=4096)
def _keys(kind: str, value: str) -> tuple[str, ...]:
    """What a text holds, folded, if it holds the value: a look-up of these is cheap."""
    if _separable(kind, value):
        return (re.findall(r"\d", value)[0],)
    words = [re.split(r"[\W_]+", _folded(spelling)) for spelling in _spellings(kind, value)]
    return tuple(max(parts, key=len) for parts in words if any(parts))


def _folded(text: str) -> str:
    """The text without accents in lower case, as values are compared with it."""
    if text.isascii():
        return text.lower()
    plain = text.translate(_UNMARKED)
    parts = (plain[start : start + PART] for start in range(0, len(plain), PART))
    return "".join(map(_without_accents, parts)).lower()


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def _spellings(kind: str, value: str) -> tuple[str, ...]:
    """The value, and a name with umlauts as ASCII writes it (Müller, Mueller)."""
    if kind != "name":
        return (value,)
    spelt = "".join(_GERMAN.get(char, char) for char in value)
    return (value,) if spelt == value else (value, spelt)


def _separable(kind: str, value: str) -> bool:
    """Whether a value is a number whose digits others group in their own way."""
    digits = sum(char.isdecimal() for char in value)
    plain = re.fullmatch(r"[\d\s()+./-]*", value)
    return kind in _NUMBERS and digits >= _LEAST_DIGITS and plain is not None


@lru_cache(maxsize=4096)
def _pattern(kind: str, value: str) -> re.Pattern[str]:
    if _separable(kind, value):
        digits = r"[\s()./-]{0,2}".join(re.findall(r"\d", value))
        return re.compile(rf"(?<!\w)[(+]{{0,2}}{digits}(?!\w)")
    spellings = _spellings(kind, value)
    exact = max(len(word) for word in re.split(r"\W+", value)) <= _SHORT or _also_a_word(
        kind, value
    )
    if exact:  # Will, not will
        spellings += tuple(form for s in spellings for form in (s.upper(), s.title()))
    text = "|".join(dict.fromkeys(_spelt(kind, spelling) for spelling in spellings))
    return re.compile(rf"(?<!\w)(?:{text})(?!\w)", 0 if exact else re.IGNORECASE)


def _also_a_word(kind: str, value: str) -> bool:
    return kind == "name" and is_ordinary_word(value)


def _spelt(kind: str, value: str) -> str:
    """Blanks match any blanks; in a name, letters match with and without accents."""
    if kind != "name":
        return r"\s+".join(map(re.escape, value.split()))
    plain = unicodedata.normalize("NFD", value)
    parts = []
    for char in plain.translate(_UNMARKED):
        if unicodedata.combining(char):
            continue
        if char.isspace() or char in "-‐‑–":
            parts.append(r"(?:\s*[-‐‑–]\s*|\s+)" if not char.isspace() else r"[\s‐‑-]+")
        elif char in "'’ʼ´`":
            parts.append("['’ʼ´`]?")
        else:
            parts.append(f"[{char}{_marked()[char]}][\u0300-\u036f]*" if char in _marked()
                         else re.escape(char))  # fmt: skip
    return "".join(parts)


@cache
def _marked() -> dict[str, str]:
    """Latin letters → their forms with accents."""
    forms: dict[str, str] = {}
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        base = unicodedata.normalize("NFD", chr(code).translate(_UNMARKED))[0]
        if base.isascii() and base.isalpha():
            forms[base] = forms.get(base, "") + chr(code)
    return forms
