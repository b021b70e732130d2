"""Rules for numbers that a label announces (medical record, account, licence, serial number), in
digits as in forms, or in words as in dialogues.
"""

import re

from medtune.text.identifiers.check_digits import digits_of
from medtune.text.identifiers.spans import Span, before, rule
from medtune.text.word_lists import NUMBERS, lists_beside

_LISTS = lists_beside(__file__)

_I = re.IGNORECASE

# What may stand between "medical record" and its number; a scan may have read N0 for No and lD for
# ID.
LINK = (
    r"(?:\s?(?:numbers?\b|n[o0]s?\b\.?|nr\b\.?|num\b\.?|[il1]ds?\b|identifier\b"
    r"|identification\b|code\b|is\b|was\b|are\b|it['’]?s\b|ending\b|in\b|"
    r"\((?:if known|optional|required|self|spouse|home|[a-z /]{2,20})\)"
    r"|[:#=–,;()/\]\[.-])){0,6}+\s{0,4}"
)
VALUE = (
    r"(?<![A-Za-z0-9])(?P<v>(?:[A-Z]{1,5} (?=[A-Za-z/-]{0,6}(?:\d|O\d)))?(?=[A-Za-z/-]{0,6}"
    r"(?:\d|O\d))[A-Za-z0-9]{1,24}+(?: ?[-/] ?[A-Za-z0-9]{1,20}+|\.\d{1,9}+){0,6}"
    r"(?: (?:\d{3,6}|\d{2}(?= \d{3})|(?=[A-Z]{0,3}\d)(?=\d{0,3}[A-Z])[A-Z0-9]{4,8})\b"
    r"(?![-/.]\d| ?(?:mg|ml|mcg|years?)\b)){0,4})"
)
_NO = rf"(?:{_LISTS.one_of('number')})"


LABEL_WORDS = _LISTS.words("label_words")


_LABELS = tuple(
    (kind, count, re.compile(rf"(?:^|[^A-Za-z0-9])(?:{_LISTS.one_of(kind)}){LINK}$", _I))
    for kind, count in (("device", 3), ("record", 4), ("licence", 4), ("account", 4))
)
NO_VALUE = re.compile(
    r"(?:1-)?8(?:00|33|44|55|66|77|88)-\d{3}-\d{4}|1-\d{3}-\d{3}-\d{4}|(?:19|20)\d\d"
    r"|\d{1,2}/\d{1,2}/\d{2,4}|(?:19|20)\d\d-\d\d-\d\d|(?:19|20)\d\d-(?:19|20)\d\d"
)


# A letter that a scan has read as a digit inside a word: SER1AL, N0.
_MISREAD = re.compile(r"(?<=[A-Za-z])[01](?=[A-Za-z])|(?<=[A-Za-z]{2})[01](?![A-Za-z0-9])")
_LETTERS = re.compile(r"[a-z]+|#")
_PREFIX = re.compile(r"[A-Z]{1,5} (?=\S)")


def labelled(match: re.Match[str]) -> Span | None:
    """Classifies a number by the label before it; years and dates do not count."""
    start, end = match.span("v")
    value = match["v"]
    # Capitals belong to the number (RN 712233), or they are its label (MRN 712233).
    capitals = _PREFIX.match(value)
    prefix = capitals.group() if capitals else ""
    digits = len(digits_of(value.replace("O", "0")))
    if digits < 3 or NO_VALUE.fullmatch(value[len(prefix) :]):
        return None
    context = before(match, 60)
    if LABEL_WORDS.isdisjoint(_LETTERS.findall((context + prefix).lower())):
        return None
    context = _MISREAD.sub(lambda m: "o" if m.group() == "0" else "i", context)
    if kind := _label(context, digits):
        return Span(kind, start, end)
    if prefix and (kind := _label(context + prefix, digits)):
        return Span(kind, start + len(prefix), end)
    again = None if prefix else _AGAIN.search(context)
    kind = _label(context[: again.start()], digits) if again else None
    if kind is None and not _COUNTED.match(match.string, end):
        kind = _near(value, context)
    return Span(kind, start, end) if kind else None


def _label(context: str, digits: int) -> str | None:
    return next(
        (kind for kind, least, label in _LABELS if digits >= least and label.search(context)), None
    )


# What is counted is no number of a record.
_COUNTED = re.compile(r" (?:deaths|[a-z]{3,14}s|people|children|men|women|of)\b")


def _near(value: str, context: str) -> str | None:
    """A long number a few words after its label ("NPI, we have 1300554171"; "The licence? Patient:
    K1234567").
    """
    if len(digits_of(value)) < 5 or _QUANTITY.match(value) or (value.isdigit() and len(value) < 6):
        return None
    tail = re.split(r"\d", context)[-1]
    near = [(m.end(), kind) for kind, label in _NEAR for m in label.finditer(tail)]
    return max(near)[1] if near else None


_QUANTITY = re.compile(r"\d{1,3}(?:,\d{3})+$|\d+(?:mg|ml|mcg|kg)$", _I)
_NEAR = tuple(
    (
        kind,
        re.compile(
            rf"(?<![A-Za-z0-9])(?:{_LISTS.one_of(f'near_{kind}')})(?![A-Za-z])"
            rf"(?=[^\d.;]{{0,30}}$|[^\d.;]{{0,20}}\? ?(?:\[?\w+\]?:? )?[^\d.;]{{0,12}}$)",
            _I,
        ),
    )
    for kind in ("record", "licence", "account", "device", "ssn")
)
# Charts 88213470 and 88213471.
_AGAIN = re.compile(r"(?=[A-Za-z0-9/-]{0,20}\d{3})[A-Za-z0-9/-]{4,20} ?(?:and|,|&|/|or) $")


# Numbers that a dialogue spells out (three one two, five five five): what they are, the label
# before them says.
_DIGIT = rf"(?:zero|oh|{NUMBERS.one_of('units')})"
_SIGN = rf"(?:(?:double |triple )?{_DIGIT}|[a-z](?!['’])|hundred|dash|hyphen|slash)"
_GAP = r"[ ,-]{1,3}"
# Two digits side by side; what belongs to them on both sides is found from there.
_TWO_DIGITS = rf"\b{_DIGIT}{_GAP}{_DIGIT}\b"
_SIGNS_BEFORE = re.compile(rf"(?<![\w'’-])(?:{_SIGN}{_GAP}){{1,12}}$", _I)
_SIGNS_AFTER = re.compile(rf"(?:{_GAP}{_SIGN}(?![\w'’])){{0,20}}", _I)
_SPOKEN_LABELS = tuple(
    (kind, re.compile(rf"\b(?:{_LISTS.one_of(f'spoken_{kind}')})\b", _I))
    for kind in ("ssn", "fax", "phone", "record", "licence", "account", "device", "vehicle", "zip")
)


def _spelled(match: re.Match[str]) -> Span | None:
    """Seven, nine or more digits need no label; fewer digits, or letters among them, do."""
    left, right = (
        _SIGNS_BEFORE.search(before(match, 60)),
        _SIGNS_AFTER.match(match.string, match.end()),
    )
    start = match.start() - (len(left.group()) if left else 0)
    end = right.end() if right else match.end()
    digits = len(re.findall(_DIGIT, match.string[start:end], _I))
    context = match.string[max(0, start - 90) : start]
    near = [(m.end(), kind) for kind, label in _SPOKEN_LABELS for m in label.finditer(context)]
    kind = (
        max(near)[1]
        if near and digits > 2
        else {7: "phone", 9: "ssn", 10: "phone", 11: "phone"}.get(digits)
    )
    return Span(kind, start, end) if kind and end - start > 15 else None


SPOKEN_NUMBER_RULES = (
    rule(
        "phone",
        _TWO_DIGITS,
        needs=frozenset({"zero", "oh"}) | NUMBERS.words("units"),
        digits=False,
        check=_spelled,
        flags=_I,
    ),
)
