"""Check digits and number plans, which tell an identifying number from any other of its length."""

import re
from functools import lru_cache

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
