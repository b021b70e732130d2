"""Whether a text writes decimals with a point or a comma: "1.000 mg" is one milligram in the one
and a thousand in the other.

A text's other numbers tell, else its language, by a few words that are frequent in it or by its
script. Where neither does, a number such as "1.000" is not read at all.
"""

import re
from typing import Literal

from medtune.text.pieces import word_pieces
from medtune.text.words import lists_beside

Decimal = Literal["point", "comma"]

_LISTS = lists_beside(__file__)
_LANGUAGES: dict[Decimal, frozenset[str]] = {
    "point": _LISTS.words("point"),
    "comma": _LISTS.words("comma"),
}
_WORD = re.compile(r"[^\W\d_]+")
_START = r"(?<![\d.,])"
# Numbers that can be read in one way only; three digits after one mark may be thousands.
_COMMA = re.compile(
    rf"{_START}(?:0,\d|\d+,\d{{1,2}}(?!\d|,\d)|\d{{1,3}}(?:\.\d{{3}})+,\d|[1-9]\d{{0,2}}(?:\.\d{{3}}){{2,}})"
)
_POINT = re.compile(
    rf"{_START}(?:0\.\d|\d+\.(?:\d{{1,2}}|\d{{4,}})(?![\d.])|\d{{1,3}}(?:,\d{{3}})+\.\d"
    rf"|[1-9]\d{{0,2}}(?:,\d{{3}}){{2,}})"
)
# Russian, Ukrainian, Greek write commas; Chinese, Japanese, Korean, Thai, Hindi and so on points.
_COMMA_SCRIPTS = re.compile("[\u0370-\u052f\u1f00-\u1fff]")
_POINT_SCRIPTS = re.compile("[\u0900-\u0eff\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def decimal_mark(*texts: str) -> Decimal | None:
    """What decimals are written with, by the first of these texts that tells.

    Where its numbers say one thing and its language another ("um 8.30 Uhr"), nothing is known.
    """
    for text in texts:
        comma, point = bool(_COMMA.search(text)), bool(_POINT.search(text))
        language = _of_language(text)
        numbers: Decimal | None = None if comma == point else "comma" if comma else "point"
        if numbers and language and numbers != language:
            return None
        if numbers or language:
            return numbers or language
    return None


def _of_language(text: str) -> Decimal | None:
    telling = frozenset[str]().union(*_LANGUAGES.values())
    words: set[str] = set()
    for piece in word_pieces(text):
        words |= telling.intersection(word.casefold() for word in _WORD.findall(piece))
    comma, point = (
        len(words & _LANGUAGES["comma"]) + bool(_COMMA_SCRIPTS.search(text.replace("μ", ""))),
        len(words & _LANGUAGES["point"]) + bool(_POINT_SCRIPTS.search(text)),
    )
    if comma == point:
        return None
    return "comma" if comma > point else "point"
