"""Signs, numbers and scripts that carry meaning, kept where punctuation is not.

In ``marked`` text each sign that counts is a character of the private use area, so that whatever a
caller does to punctuation leaves it alone; ``unmarked`` writes the signs again. Numbers have one
spelling (1,5 = 1.5 = 1·5 and 1,000 = 1000; "1.000" may be either and stays), exponents a caret
(10⁹ = 10^9), comparisons one sign (>= is ≥). Characters of scripts without blanks between words
(Chinese, Japanese, Thai, Lao, Khmer, Burmese) stand alone.
"""

import re
import unicodedata
from functools import cache

_SIGNS = "<>≤≥=≠~±+%‰÷∞→←↑↓↔√♀♂✓✗¬≡∝∆−"  # words of their own
_INSIDE = ".-^/:"  # parts of a number or a word
_FIRST = 0xE000  # of the private use area
_MARK = {sign: chr(_FIRST + i) for i, sign in enumerate(_SIGNS + _INSIDE)}
_SIGN_OF = {mark: sign for sign, mark in _MARK.items()}
MARKS = f"{chr(_FIRST)}-{chr(_FIRST + len(_MARK) - 1)}"  # for a class of a regular expression
_MARKED = re.compile(f"[{MARKS}]")
_DOT, _MINUS, _CARET = (_MARK[sign] for sign in _INSIDE[:3])

_UNSPACED = (
    "\u0e01-\u0e30\u0e32-\u0e33\u0e40-\u0e46\u0e80-\u0eb0\u0eb2-\u0eb3\u0ebd-\u0ec6\u0edc-\u0edf"
    "\u1000-\u102a\u1780-\u17b3\u3005-\u3007\u3031-\u3035\u3041-\u3096\u309d-\u309f\u30a1-\u30fa"
    "\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
# Patterns begin with what they look for and look behind after it: then the search is fast.
_MAY_MEAN = re.compile(r"[0-9<>=~+%^\-]|[^\x00-\x7f]")
_FRACTIONS = re.compile("[¼-¾⅐-⅞↉]")
_EXPONENT = re.compile(r"([⁺⁻]?)([⁰¹²³⁴-⁹]+)")
_INVISIBLE = re.compile("[\u00ad\u200c\u200d\u2060\ufeff\ufe00-\ufe0f\ue000-\uf8ff]")
_SPELLINGS = {
    "≈": "~", "≃": "~", "≅": "~", "∼": "~", "⩽": "≤", "≦": "≤", "⩾": "≥", "≧": "≥", "✔": "✓",
    "✘": "✗", "×": " x ", "٫": ".", "٬": ",", "‐": "-", "‑": "-", "–": "-", "⁄": "/", "∕": "/",
}  # fmt: skip
_WRITTEN = re.compile(r"\+/-|</?=|>/?=|=<|!=|->")
_ONE_SIGN = {
    "+/-": "±", "<=": "≤", "</=": "≤", "=<": "≤", ">=": "≥", ">/=": "≥", "!=": "≠", "->": "→"
}  # fmt: skip
_RULE = re.compile(r"([=~+<>%])\1{3,}")  # a line drawn with signs
_SEPARATE = re.compile(f"[{re.escape(_SIGNS)}]")
_SEPARATE_ASCII = re.compile(r"[<>=~+%]")
_NUMBER = re.compile(r"[0-9]+(?:[.,·][0-9]+)+|\.(?<![\w.]\.)[0-9]+(?!\.[0-9])")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?|[1-9]\d{0,2}(?:\.\d{3}){2,}(?:,\d+)?"
                        r"|[1-9]\d{0,2}(?:\.\d{3})+,\d+")  # fmt: skip
_POWER = re.compile(r"(?:\^(?<=[0-9].)|\*\*(?<=10..)|\*(?<=10.))\+?([-−]?)(?=[0-9])")
_BETWEEN = re.compile(r"[-/:](?<=[0-9].)(?=[0-9])")
_LEADING_MINUS = re.compile(
    rf"[-−](?<![^\W{_UNSPACED}].)(?<![{_MINUS}{_CARET}-].)(?=\.?[0-9{_DOT}])"
)
_TRAILING_MINUS = re.compile(rf"()[-−](?<=[^\W_{_UNSPACED}].)(?![\w-])")
# Symbols alone: "CD4-", "A-", "Rh-", "HIV-", but not "pre- and postoperative".
_SYMBOL_MINUS = re.compile(
    r"(?<![\w-])((?:[A-Z]{1,6}|[A-Z][a-z]|(?=\w*[^\W\d])\w*\d\w*))[-−](?![\w-])"
)
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")


@cache
def combining() -> str:
    """Combining marks of all scripts, which are no letters to ``re``, as ranges for a class."""
    ranges: list[list[int]] = []
    for code in range(0x300, 0x10000):
        if unicodedata.category(chr(code))[0] != "M" or 0xFE00 <= code <= 0xFE0F:
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{chr(low)}-{chr(high)}" for low, high in ranges)


@cache
def _one_character() -> re.Pattern[str]:
    return re.compile(f"[{_UNSPACED}][{combining()}]*")


def spaced(text: str) -> str:
    """The text with blanks around each character of a script that is written without."""
    return text if text.isascii() else _one_character().sub(r" \g<0> ", text)


def word_count(normal: str) -> float:
    """Words of a text in normal form, signs aside; two characters of a script without blanks count
    as one.
    """
    return sum(
        0.5 if _IS_UNSPACED.match(word) else 1.0
        for word in normal.split()
        if any(map(str.isalnum, word))
    )


@cache
def _other_spellings() -> tuple[re.Pattern[str], dict[str, str]]:
    """Characters that have another spelling here, the digits of all scripts among them."""
    digits = {
        chr(code): str(unicodedata.digit(chr(code)))
        for code in range(0x80, 0x10000)
        if unicodedata.category(chr(code)) == "Nd"
    }
    table = digits | _SPELLINGS
    return re.compile(f"[{''.join(table)}]"), table


def marked(text: str, *, prose: bool = False) -> str:
    """The text in compatibility form (NFKC) with its signs marked; case and punctuation stay.

    ``prose``: a hyphen at the end of a word counts only after a symbol ("CD4-", "A-").
    """
    if not text.isascii():
        text = _compatible(text)
    if not _MAY_MEAN.search(text):
        return text
    text = _WRITTEN.sub(lambda match: _ONE_SIGN[match[0]], _RULE.sub(" ", text))
    text = _NUMBER.sub(_one_spelling, text)
    if "^" in text or "*" in text:
        text = _POWER.sub(lambda m: _CARET + (_MINUS if m[1] else ""), text)
    text = _BETWEEN.sub(lambda match: _MARK[match[0]], text)
    if "-" in text or "−" in text:
        text = _LEADING_MINUS.sub(_MINUS, text)
        trailing = _SYMBOL_MINUS if prose else _TRAILING_MINUS
        text = trailing.sub(rf"\1{_MINUS}", text)
    separate = _SEPARATE_ASCII if text.isascii() else _SEPARATE
    return separate.sub(lambda match: f" {_MARK[match[0]]} ", text)


def unmarked(text: str) -> str:
    """The text with its signs written again."""
    return text if text.isascii() else _MARKED.sub(lambda match: _SIGN_OF[match[0]], text)


def _compatible(text: str) -> str:
    text = _FRACTIONS.sub(
        lambda match: f" {unicodedata.normalize('NFKC', match[0]).replace('⁄', '/')} ",
        _INVISIBLE.sub("", text),
    )
    text = unicodedata.normalize("NFKC", _EXPONENT.sub(_power, text))
    pattern, spelling = _other_spellings()
    return pattern.sub(lambda match: spelling[match[0]], text)


def _power(match: re.Match[str]) -> str:
    """A raised number after a number with a caret: 10⁹, but not m² or a note's."""
    start = match.start()
    if not match.string[max(0, start - 1) : start].isdecimal():
        return match[0]
    return f"^{'-' if match[1] == '⁻' else ''}{match[2]}"


def _one_spelling(match: re.Match[str]) -> str:
    """A number in one spelling, its point marked; several numbers between commas stay apart."""
    number = match[0].replace("·", ".")
    if _THOUSANDS.fullmatch(number):
        point = max(number.rfind("."), number.rfind(","))
        whole, part = number, ""
        if number.count(number[point]) == 1 and len({*number} & {".", ","}) == 2:
            whole, part = number[:point], number[point + 1 :]
        return _decimal(re.sub(r"[.,]", "", whole), part)
    whole, _, part = number.replace(",", ".").partition(".")
    if "." not in part:
        ambiguous = len(part) == 3 and whole.lstrip("0") != "" and "." in number
        return f"{whole}{_DOT}{part}" if ambiguous else _decimal(whole or "0", part)
    return number if "," in number else number.replace(".", _DOT)


def _decimal(whole: str, part: str) -> str:
    part = part.rstrip("0")
    return f"{whole}{_DOT}{part}" if part else whole
