"""Numbers that a dialogue spells out: three one two, five five five ....

What they are, the label before them says.
"""

import re

from medtune.text.identifiers.spans import Rule, Span, before, words

_I = re.IGNORECASE
_DIGIT = r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)"
_SIGN = rf"(?:(?:double |triple )?{_DIGIT}|[a-z](?!['’])|hundred|dash|hyphen|slash)"
_GAP = r"[ ,-]{1,3}"
# Two digits side by side; what belongs to them on both sides is found from there.
_PAIR = re.compile(rf"\b{_DIGIT}{_GAP}{_DIGIT}\b", _I)
_LEFT = re.compile(rf"(?<![\w'’-])(?:{_SIGN}{_GAP}){{1,12}}$", _I)
_RIGHT = re.compile(rf"(?:{_GAP}{_SIGN}(?![\w'’])){{0,20}}", _I)
_LABELS = tuple(
    (kind, re.compile(rf"\b(?:{label})\b", _I))
    for kind, label in (
        ("ssn", "ssn|social(?: security)?"),
        ("fax", "fax|facsimile"),
        ("phone", "phone|telephone|cell|mobile|call|reach|pager|text|contact|home number"),
        (
            "record",
            "medical record|mrn|record number|chart(?: number)?|patient (?:id|number)|hospital number|case number",
        ),
        ("licence", "dea|npi|licen[sc]e|passport"),
        (
            "account",
            "account|member(?: id)?|policy|insurance|card|medicare|medicaid|subscriber|group number|claim",
        ),
        ("device", "serial|device|pacemaker|implant|pump"),
        ("vehicle", "plates?|vin|tag|registration"),
        ("zip", "zip(?: code)?|postal code|postcode"),
    )
)


def _spelled(match: re.Match[str]) -> Span | None:
    """Seven digits or more are a number in themselves.

    Fewer, or letters among them, need a label.
    """
    left, right = _LEFT.search(before(match, 60)), _RIGHT.match(match.string, match.end())
    start = match.start() - (len(left.group()) if left else 0)
    end = right.end() if right else match.end()
    digits = len(re.findall(_DIGIT, match.string[start:end], _I))
    context = match.string[max(0, start - 90) : start]
    near = [(m.end(), kind) for kind, label in _LABELS for m in label.finditer(context)]
    kind = (
        max(near)[1]
        if near and digits > 2
        else {7: "phone", 9: "ssn", 10: "phone", 11: "phone"}.get(digits)
    )
    return Span(kind, start, end) if kind and end - start > 15 else None


SPOKEN = (
    Rule(
        "phone",
        _PAIR,
        words("zero oh one two three four five six seven eight nine"),
        digits=False,
        check=_spelled,
    ),
)
