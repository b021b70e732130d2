"""Rules for numbers that a label announces (medical record, account, licence, serial number), in
digits as in forms or in words as in dialogues; check digits and number plans.
"""

import re
from functools import lru_cache

from medtune.text.identifiers.spans import Span, before, rule
from medtune.text.words import NUMBERS, lists_beside

_VIN_VALUES = dict(
    zip(
        "ABCDEFGHJKLMNPRSTUVWXYZ",
        (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, *range(2, 10)),
        strict=True,
    )
)
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_REGIONS = ("US", "GB", "DE", "FR", "AU", "IN")


def digits_of(text: str) -> str:
    """The decimal digits of a text, in order."""
    return "".join(filter(str.isdigit, text))


def is_vin(text: str) -> bool:
    """Whether 17 characters have the check digit of a vehicle identification number."""
    text = text.upper()
    if len(text) != 17 or text.isdigit() or text.isalpha():
        return False
    total = sum(
        w * (int(c) if c.isdigit() else _VIN_VALUES[c])
        for w, c in zip(_VIN_WEIGHTS, text, strict=True)
    )
    return text[8] == "0123456789X"[total % 11]


def is_dea(text: str) -> bool:
    """Whether two letters and seven digits have the check digit of a DEA registration."""
    digits = [int(c) for c in text[-7:]]
    odd, even = digits[0] + digits[2] + digits[4], digits[1] + digits[3] + digits[5]
    return (odd + 2 * even) % 10 == digits[6]


def is_iban(text: str) -> bool:
    """Whether the country, the length and the check digits are those of a bank account."""
    from stdnum import iban

    return bool(iban.is_valid(text, check_country=False))


def is_card(text: str) -> bool:
    """Whether digits have the length, the first digit and the check digit of a payment card."""
    from stdnum import luhn

    digits = digits_of(text)
    return (
        13 <= len(digits) <= 19
        and digits[0] in "3456"
        and len(set(digits)) > 1
        and bool(luhn.is_valid(digits))
    )


def is_ssn(text: str) -> bool:
    """Whether area, group and serial of nine digits are in range for social security."""
    area, group, serial = digits_of(text)[:3], digits_of(text)[3:5], digits_of(text)[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


_DRUG_CODE = re.compile(rf"(?:{lists_beside(__file__).one_of('drug_codes')})[- ]?\d{{3,8}}")
_REGISTERED = re.compile(r"\b(?:dea|licen[sc]e|npi|plates?|registration)\b[^.;\n]{0,12}$", re.I)


def is_drug_code(text: str, context: str) -> bool:
    """Whether a number is spelled as the code of a drug, and what stands before it does not call it
    a licence or a plate.
    """
    return _DRUG_CODE.fullmatch(text) is not None and _REGISTERED.search(context) is None


@lru_cache(maxsize=4096)
def is_phone(text: str, region: str | None = None) -> bool:
    """Whether a number is valid in the numbering plan of its +prefix, of the region, or of one of
    six large countries.
    """
    import phonenumbers

    text = re.sub(r"^00", "+", text)
    for country in (region,) if region else _REGIONS:
        try:
            number = phonenumbers.parse(text, country)
        except phonenumbers.NumberParseException:
            continue
        fits = (
            phonenumbers.is_possible_number
            if text.startswith("+")
            else phonenumbers.is_valid_number
        )
        if fits(number):
            return True
        if text.startswith("+"):
            return False
    return False


def is_ip(text: str) -> bool:
    """Whether a text is an IPv4 or IPv6 address."""
    import ipaddress

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


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
