"""The small language in which expectations are written, compiled to regular expressions over
folded text.

    word        that word, in any case
    wor*        any word that begins so
    (a|b c)     one of these
    word?       may be missing; so may (a|b)?
    ..          up to six words of the same sentence
    #           a number, in digits or words
    {name}      any of the patterns of that name in ``lexicon.json``

Text is folded first (``folding.py``): lower case, no accents, no hyphens, ``do not`` for ``don't``.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache

from medtune.errors import DataError
from medtune.text.word_lists import NUMBERS

Lexicon = Mapping[str, Sequence[str]]

GAP = r"((?:[^\s.?]\S* ){0,6}?)"
_NUMBERS = f"half|{NUMBERS.one_of('units')}|ten|twelve|fifteen|twenty"
_NUMBER = rf"(?:\d\S* |(?:{_NUMBERS}) )"
_PART = re.compile(r"\{\w+\}|\.\.|[(|)?#]|[a-z0-9]+\*?|\s+")


def _atom(part: str, lexicon: Lexicon, inside: tuple[str, ...]) -> str:
    """The regular expression of one part of a pattern; every word ends with a blank, as in folded
    text.
    """
    if part.startswith("{"):
        name = part[1:-1]
        if name not in lexicon or name in inside:
            raise DataError(
                f"the lexicon holds no usable phrases {part}",
                fix=f"It holds: {', '.join(lexicon)}.",
            )
        phrases = (translate(pattern, lexicon, (*inside, name)) for pattern in lexicon[name])
        return f"(?:{'|'.join(phrases)})"
    if part.endswith("*"):
        return rf"(?:{part[:-1]}\S* )"
    signs = {"(": "(?:", "|": "|", ")": ")", "?": "?", "..": GAP, "#": _NUMBER}
    return signs.get(part) or f"(?:{part} )"


def translate(pattern: str, lexicon: Lexicon, inside: tuple[str, ...] = ()) -> str:
    """A pattern as the text of a regular expression, whose only capturing groups are its gaps.

    Raises:
        DataError: a sign that the language does not have, or a name that the lexicon does not hold.
    """
    parts = _PART.findall(pattern)
    if "".join(parts) != pattern or not pattern.strip():
        raise DataError(
            f"the pattern {pattern!r} cannot be read",
            fix="Lower-case words, and the signs of patterns.py.",
        )
    return "".join(_atom(part, lexicon, inside) for part in parts if not part.isspace())


@cache
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\S)(?:{expression})")


def compile_pattern(pattern: str, lexicon: Lexicon) -> re.Pattern[str]:
    """A pattern ready to search folded text, from the beginning of a word.

    Raises:
        DataError: as ``translate``, or for unbalanced brackets.
    """
    try:
        return _compiled(translate(pattern, lexicon))
    except re.error as error:
        raise DataError(
            f"the pattern {pattern!r} cannot be read: {error}", fix="Balance its brackets."
        ) from error
