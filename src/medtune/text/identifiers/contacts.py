"""Rules for e-mail, web and network addresses, telephone and fax numbers.

Where a pattern would begin with arbitrary words, it begins with the rare part instead (an @, a dot
before com, seven digits) and its check looks back from there: the same matches, much faster.
"""

import re

from medtune.text.identifiers.labelled_numbers import digits_of, is_ip, is_phone
from medtune.text.identifiers.spans import Offsets, Span, before, rule
from medtune.text.words import lists_beside

_I = re.IGNORECASE
_LISTS = lists_beside(__file__)
_TRAILING = ").,;:!?]}'*"
_LOCAL = r"(?<![\w.+%-])[\w.+%'-]{1,64}+"
_DOMAIN = r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}+"
_AT_DOMAIN = r"[\w-]{1,63}(?:(?:\.|\s?[\[(]\s?dot\s?[\])]\s?|\sdot\s)[\w-]{1,63}){1,4}"
_DOMAIN_END = (
    r"\.(?:(?:com|org|net|edu|gov|info|biz|health)(?:\.[a-z]{2})?|(?:co|org|ac|nhs|gov)\.uk"
    r"|(?P<country>de|fr|eu|ca|au|uk|nl|pl|ch|ie|nz))"
    r"(?![\w@-]|\.[a-z])(?:/[^\s<>\"']{0,500}+)?"
)
_HOST = re.compile(r"(?<![\w.@/-])[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,4}$")
_LOCAL_BEFORE = re.compile(_LOCAL + r"\s?$")

# Ten digits as they are written in North America; the groups are set apart.
_NANP = (
    r"(?<![\w./+-])(?:\+?1[-. ]{0,2})?(?:\(\d{3}\)[-. ]?|\d{3}(?P<sep>[-./ ]))\d{3}[-. ]\d{4}"
    r"(?![-/]?\d)"
)
_LETTERED = (
    r"[18](?<![\w-].)(?:(?<=1)-8|(?<=8))(?:00|33|44|55|66|77|88)-(?=[A-Z0-9-]{0,8}[A-Z])"
    r"[A-Z0-9]{1,7}(?:-[A-Z0-9]{1,7}){0,2}(?![\w-])"
)
_SPACED = r"[(\d](?<![\w./+-].)(?:1? ?[-.]? ?\d{2,3}) ?\)? ?[-.]? ?\d{3} ?[-.] ?\d{4}(?![-/]?\d)"
_EXTENSION = r"(?:,?\s?(?i:ext(?:ension)?\.?|x)\s?\d{1,6}\b)?"
_ANY = r"(?<![\w.])(?P<v>\+?\(?\d[\d ()./-]{5,20}\d" + _EXTENSION + r")(?!\d)"
_INTERNATIONAL = (
    r"[+0](?<![\w+.,-].)(?:(?<=\+)|(?<!\d 0)0(?=[1-9]))\d{1,3}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d"
    r"[\d .-]{5,14}\d(?![\w-])"
)
_NATIONAL = r"[(0](?<![\w.,/:-].)(?<!\d .)(?:(?<=\()0)?\d{1,4}\)?[ /-]\d{3,4}[ -]?\d{3,5}(?![\w/-])"
_FILLER = rf"(?:[\s:.,#=()/–-]|(?:{_LISTS.one_of('fillers')})\b){{0,10}}$"
_WORDS_BETWEEN = (
    r"(?:(?!\b(?:phone|tel|telephone|call|cell|mobile|office|or)\b|\. |[;\n\d]).){0,40}$"
)
_FAX = re.compile(
    rf"(?:\b(?:{_LISTS.one_of('fax')})\b(?:{_FILLER}|{_WORDS_BETWEEN})|(?:^|[\s,;|])F\b{_FILLER})",
    _I,
)
_PHONE = re.compile(
    rf"(?:\b(?:{_LISTS.one_of('phones')})\b|(?:{_LISTS.one_of('lines')})(?= ?(?:#|:|numb"
    rf"|no\b))|(?:^|[\s,;|])[TPMC](?=:)){_FILLER}",
    _I,
)
_CALLS = _LISTS.words("call_words")


def _url(match: re.Match[str]) -> Offsets | None:
    return match.start(), match.start() + len(match.group().rstrip(_TRAILING))


def _domain(match: re.Match[str]) -> Offsets | None:
    """Adds the host name before ".com". Before a country code, which may be a word, it needs four
    characters.
    """
    host = _HOST.search(before(match, 100))
    if host is None or (match["country"] and len(host.group()) < 4):
        return None
    return match.start() - len(host.group()), match.start() + len(match.group().rstrip(_TRAILING))


def _spelled_out(match: re.Match[str]) -> Offsets | None:
    local = _LOCAL_BEFORE.search(before(match, 66))
    return (match.start() - len(local.group()), match.end()) if local else None


def _ip(match: re.Match[str]) -> Offsets | None:
    context = before(match, 30).lower()
    numbering = re.search(
        r"(?:\bec(?: (?:number|no\.?))?(?: of the \w+)?(?: is)?|section|version|ver\.?"
        r"|release|v\.?|chapter|table|§)\s*$",
        context,
    )
    if numbering or not is_ip(match.group()):
        return None
    small = all(len(part) < 2 for part in re.split(r"[.:]", match.group()))
    return (
        match.span()
        if not small or re.search(r"\b(?:ip|address|server|host)\W*$", context)
        else None
    )


def _nanp(match: re.Match[str]) -> Span | None:
    """A North American number. Groups separated by blanks or dots must be valid in the numbering
    plan, or be announced by a word.
    """
    digits, context = digits_of(match.group())[:11].removeprefix("1")[:10], before(match, 60)
    is_fax = _FAX.search(context) or re.match(
        r"\s?\((?:fax|f)\)", match.string[match.end() : match.end() + 8], _I
    )
    loose = match["sep"] in (" ", ".", "/") and "555" not in (digits[:3], digits[3:6])
    if loose and not is_fax and not _PHONE.search(context) and not is_phone(digits, "US"):
        return None
    return Span("fax" if is_fax else "phone", *match.span())


def _spaced(match: re.Match[str]) -> Span | None:
    """A number whose groups a scan or a form has set apart: ( 610 ) 555 - 0175."""
    return (
        Span("fax" if _FAX.search(before(match, 60)) else "phone", *match.span())
        if " " in match.group()
        else None
    )


def _called(match: re.Match[str]) -> Span | None:
    """Any other number after a word such as phone or fax. Ranges of counts have other groups."""
    number = re.split(r",?\s?(?:e?x)", match["v"], maxsplit=1)[0]
    groups, digits = re.findall(r"\d+", number), digits_of(number)
    local = 7 <= len(digits) <= 9 and re.fullmatch(
        r"\d{3}[-. ]?\d{4}|0[\d /-]+|\+[\d ()-]+|\d{4} \d{4}|\d{7,8}", number
    )
    if not local and not (10 <= len(digits) <= 15 and len(groups) <= 6):
        return None
    context = before(match, 60)
    kind = "fax" if _FAX.search(context) else "phone" if _PHONE.search(context) else None
    return Span(kind, *match.span("v")) if kind else None


def _foreign(match: re.Match[str]) -> Span | None:
    kind = "fax" if _FAX.search(before(match, 30)) else "phone"
    return Span(kind, *match.span()) if is_phone(match.group()) else None


CONTACT_RULES = (
    rule(
        "url",
        r"(?i:\b(?:https?|ftp)://|\bwww\.)[^\s<>\"']{2,2000}",
        needs="http https ftp www",
        digits=False,
        check=_url,
    ),
    rule(
        "email",
        rf"{_LOCAL} ?@ ?[\w-]{{1,63}}(?: ?\. ?[\w-]{{1,63}}){{0,4}} ?[.,] ?(?:com|org|net"
        rf"|edu|gov|de|fr|uk|ca|au|info|example)\b",
        needs="@",
        digits=False,
        flags=_I,
    ),
    rule("email", rf"{_LOCAL}@{_DOMAIN}", needs="@", digits=False),
    rule(
        "email",
        rf"[\[(]\s?(?i:at)\s?[\])]\s?(?i:{_AT_DOMAIN})",
        needs="at",
        also="( [",
        digits=False,
        check=_spelled_out,
    ),
    rule(
        "email",
        rf"(?:(?<![\w.])[\w-]{{1,30}} (?:dot|underscore|dash) ){{0,3}}{_LOCAL} at "
        rf"[\w-]{{1,63}}(?: dot [\w-]{{2,63}}){{1,3}}",
        needs="dot",
        also="at",
        digits=False,
        flags=_I,
    ),
    rule("url", _DOMAIN_END, digits=False, check=_domain),
    rule("ip", r"\d(?<![\w.]\d)\d{0,2}(?:\.\d{1,3}){3}(?![\w]|\.\d)", check=_ip),
    rule(
        "ip",
        r"(?<![\w:.])(?=[0-9a-f:]{0,8}[0-9a-f]{2})[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,7}(?![\w:])",
        needs=":",
        check=_ip,
        flags=_I,
    ),
)

PHONE_RULES = (
    rule("phone", _NANP + _EXTENSION, check=_nanp),
    rule("phone", _SPACED, check=_spaced),
    rule("phone", _LETTERED),
    rule("phone", _INTERNATIONAL, check=_foreign),
    rule("phone", _NATIONAL, check=_foreign),
    rule(
        "phone",
        r"\b(?i:pager|beeper|bleep|extension|ext\.?|pgr|(?:reach(?:ed)?|call|contact|office"
        r"|desk|ward)(?: me| us)?(?: at| on)?(?= x\d))(?: ?(?:numbers?|no\.?|#|is|:"
        r"|at)){0,2} ?(?P<v>x?\d{4,6})(?![\w-]|\.\d)",
        needs="pager beeper bleep extension ext pgr reach reached call contact office desk ward",
    ),
    rule("phone", _ANY, needs=_CALLS, check=_called),
)
