"""Rules for street addresses and postal codes."""

import re

from medtune.text.identifiers.spans import Offsets, before, rule
from medtune.text.words import NUMBERS, lists_beside

_I = re.IGNORECASE
_LISTS = lists_beside(__file__)
_SUFFIX = _LISTS.one_of("street_suffixes")
_WORD = r"(?:[A-ZÀ-Þ][\w'’-]{0,30}\.?|\d{1,3}(?:st|nd|rd|th|ST|ND|RD|TH))"
_UNIT = (
    r"(?:,? {0,2}(?:Apt|Apartment|APT|STE|UNIT|Suite|Ste|Unit|Floor|Fl|Room|Rm|Flat|Bldg"
    r"|Building|Lot|#)\.? ?#?\w{1,6})?"
)
_STATES = _LISTS.one_of("state_codes")
_STATE_NAMES = _LISTS.one_of("state_names")
# A town only where a state or a postal code says that it is one.
_TOWN = rf"(?:,?\s{{1,2}}[A-Z][A-Za-z.' -]{{1,30}}(?=,?\s{{1,2}}(?:{_STATES}|{_STATE_NAMES})\b))?"
_UK_AREAS = _LISTS.words("uk_areas")


# Words that end a street as well as a sentence: not after a measure or a count.
_WEAK = _LISTS.words("weak_suffixes")
_MEASURE = re.compile(rf" (?:{_LISTS.one_of('measures')}) ")


def _street(match: re.Match[str]) -> Offsets | None:
    """Refuse a dose or a finding whose words happen to end like a street (2 mm ST depression)."""
    following = match.string[match.end() : match.end() + 14]
    if match["suffix"] in ("ST", "St") and re.match(
        r"[- ]?(?:elev|depr|segment|T\b|change)", following, _I
    ):
        return None
    if match["suffix"] in _WEAK and _MEASURE.search(match.group()):
        return None
    if match["suffix"] == "Dr" and re.match(r"\.? [A-Z][a-z]", following):
        return None
    return match.start(), match.start() + len(match.group().rstrip("."))


def _uk_code(match: re.Match[str]) -> Offsets | None:
    return match.span() if match["area"] in _UK_AREAS else None


_STATE_BEFORE = re.compile(rf"\b(?:{_STATES}|{_STATE_NAMES})[.,]?\s{{1,2}}$")
_ZIP_BEFORE = re.compile(
    r"\b(?:(?:z[il1]p|plz)(?:[ -]?codes?)?|(?:postal|post) ?codes?)\b(?:[^\d.;\n]{0,35}|[:#])$", _I
)
_STREET_BEFORE = re.compile(
    rf"(?:\b(?:{_SUFFIX})\b\.?(?:,? (?:Apt|Suite|Unit|#)\.? ?\w{{1,5}})?|(?:stra(?:ß|ss)e"
    rf"|str\.|weg|allee|platz|gasse|straat|laan|gatan) \d{{1,4}}[a-z]?|[Bb]ox \d{{1,6}}"
    rf"|\b[Rr]ue [\w' -]{{2,30}})"
    r"(?:,? [A-Z][a-z]+){0,2},?[\s\n]{1,4}(?:[DFAI]-)?$"
)
_TOWN_AFTER = re.compile(
    r",? (?:Berlin|M[üu]nchen|Hamburg|K[öo]ln|Paris|Lyon|Marseille|Madrid|Barcelona|Roma"
    r"|Milano|Wien|Warszawa|[A-ZÄÖÜ][a-zäöüß]{2,20})\b"
)


def _us_code(match: re.Match[str]) -> Offsets | None:
    lead = match.string[max(0, match.start() - 60) : match.start()]
    foreign = (
        re.search(r"(?:[,\n]|[DFAI]-) ?$", lead)
        and _TOWN_AFTER.match(match.string, match.end())
        and re.search(r"\d[a-z]?, ?$|[DFAI]-$", lead)
    )
    named = (
        _STATE_BEFORE.search(lead[-20:]) or _ZIP_BEFORE.search(lead) or _STREET_BEFORE.search(lead)
    )
    return match.span() if named or foreign else None


def _small_street(match: re.Match[str]) -> Offsets | None:
    prose = re.search(
        r" (?:the|a|an|new|solitary|single|other|same|different|safe|or|and|at|to|on|in"
        r"|from|of|this|any|feet|miles?|blocks?|people|years?|minutes?) ",
        match.group(),
    )
    return None if prose else match.span()


def _dwelt(match: re.Match[str]) -> Offsets | None:
    """A street without the word street, only after "lives at", "address" and the like."""
    return match.span("v") if _DWELLING.search(before(match, 50)) else None


def _lived_at(match: re.Match[str]) -> Offsets | None:
    """A street in lower case, only where somebody lives, moves or sends something."""
    lead = match.string[max(0, match.start() - 40) : match.start()]
    return (
        _small_street(match)
        if re.search(r"\b(?:at|address|still|to|is|on|near|live|lives|moved)\W{1,3}$", lead, _I)
        else None
    )


_ENDINGS = frozenset(_SUFFIX.lower().split("|"))

_NUMBER_WORD = rf"(?:{NUMBERS.one_of('units', 'teens', 'tens')}|hundred|thousand|oh)"
_DWELLING = re.compile(
    r"\b(?:(?:liv(?:es?|ing|ed)|resid(?:es?|ing|ed)|stay(?:s|ing|ed)|moved|delivered"
    r"|discharged|found|(?:home|house|apartment|address|residence)(?: is| was)?)"
    r"(?: \w+){0,2}? (?:at|to|near|is)|(?:address|residence|street|home)(?: is)? ?:?) {0,2}$",
    _I,
)

_ABROAD = _LISTS.words("abroad")

ADDRESS_RULES = (
    rule(
        "address",
        r"\b(?:R\.?R\.?|HC|Rural Route|RURAL ROUTE|HCR|RFD) ?#? ?\d{1,3},? (?:P\.?O\.? )?"
        r"(?:Box|BOX|box) ?#? ?\d{1,6}[A-Z]?\b",
        needs="box",
    ),
    rule(
        "address",
        r"\d(?<![\w./-]\d)\d{0,5}[A-Za-z]?,? (?:Avenida|Calle|Camino|V[ií]a|Paseo|Carrera"
        r"|Rua|[Rr]ue|Chemin|Boulevard|Avenue|Piazza|Corso|Viale|Praça|Plaza|Impasse|Jalan"
        r"|Ulica|Unter) (?:(?:de la|del|de las|de los|de l['’]|de|des|du|da|do|dos|della|di"
        r"|van|den|la|el|le) ?){0,2}[A-ZÀ-Þ][\w'’-]{1,30}(?: [A-ZÀ-Þ][\w'’-]{1,30})?",
    ),
    rule(
        "address",
        r"\b(?:Avenida|Av\.|Calle|C/|Camino|Via|Paseo|Carrera|Rua|Piazza|Corso|Viale|ul\."
        r"|Ulica|Jalan|Plaza) (?:(?:de la|del|de las|de los|de|da|do|dos|della|di|la"
        r"|el) ){0,2}[A-ZÀ-Þ][\w'’-]{1,30}(?: [A-ZÀ-Þ][\w'’-]{1,30})?,? "
        r"(?:n[ºo°.]{1,2} ?)?\d{1,5}[A-Za-z]?\b",
        needs=_ABROAD,
    ),
    rule(
        "address",
        rf"\d(?<![\w./-]\d)\d{{0,5}}[A-Za-z]? (?:(?:US|U\.S\.|State|County|Old|Interstate"
        rf"|Farm|Co\.?|{_STATES})\.? )?(?:Highway|HWY|Hwy|Road|Route|Rd|Rte"
        rf"|RTE)\.? \d{{1,4}}\b",
        needs="highway hwy road route rd rte lane",
    ),
    rule(
        "address",
        rf"\b(?i:lives?|living|lived|resides?|stays?|house|home|moved) (?:on|at|in|to) "
        rf"(?P<v>[A-ZÀ-Þ][\w'’-]{{1,30}} (?:[A-ZÀ-Þ][\w'’-]{{1,30}} )?(?:{_SUFFIX})\b)",
        needs="live lives living lived reside resides stay stays house home moved",
        also=_ENDINGS,
        digits=False,
    ),
    rule(
        "address",
        r"(?P<v>\d(?<![\w./-]\d)\d{0,5}[A-Za-z]? (?:(?:North|South|East|West|N\.?|S\.?|E\.?"
        r"|W\.?|The|Old|Upper|Lower) )?(?:[A-ZÀ-Þ][\w'’-]{1,30})"
        r"(?: [A-ZÀ-Þ][\w'’-]{1,30}){0,2})(?=[.,;\n]|\s*$| and\b| with\b| {2})",
        needs="at to near is address residence street home",
        check=_dwelt,
    ),
    rule(
        "address",
        rf"\b(?:{_NUMBER_WORD}[ -](?:and )?){{1,6}}(?:[a-z]{{3,20}} ){{1,2}}(?:street"
        rf"|avenue|road|drive|lane|boulevard|court|place|terrace|plaza|parkway|highway)\b",
        needs="street avenue road drive lane boulevard court place terrace plaza parkway highway",
        digits=False,
        check=_small_street,
        flags=_I,
    ),
    rule(
        "address",
        r"(?<![\w./-])\d{1,6} (?:[a-z]{3,20} ){1,2}(?:road|lane|drive|court|blvd|ave"
        r"|terrace|place|rd|ln)\b",
        needs="road lane drive court blvd ave terrace place rd ln",
        check=_lived_at,
    ),
    rule(
        "address",
        rf"(?<![\w./-])\d{{1,6}}(?:-\d{{1,4}})?[A-Za-z]? (?:[NSEW]\.? |North |South |East "
        rf"|West )?(?:{_WORD} ){{1,4}}(?P<suffix>{_SUFFIX})\b\.?(?! ?['’]s){_UNIT}{_TOWN}",
        needs=_ENDINGS,
        check=_street,
    ),
    rule(
        "address",
        rf"\b(?:liv(?:es?|ing|ed) at|resid(?:es?|ing|ed) at|(?:home |mailing "
        rf"|street )?address(?: is)?[: ]) ?(?P<v>\d{{1,6}}[A-Za-z]? "
        rf"(?:[\w'.-]{{1,20}} ){{1,4}}(?:street|avenue|road|boulevard|lane|drive|court"
        rf"|place|way|st|ave|rd|blvd|ln)\b\.?{_UNIT}{_TOWN})",
        needs="live lives living lived reside resides residing resided address",
        also=_ENDINGS,
        flags=_I,
    ),
    rule(
        "address",
        r"\b\d{1,6} (?:[a-z]{3,20} ){1,2}(?:street|avenue|boulevard)\b",
        needs="street avenue boulevard",
        check=_small_street,
    ),
    rule("address", r"\bP\.? ?O\.? ?Box \d{1,6}\b" + _TOWN, needs="box", flags=_I),
    rule(
        "address",
        r"\b[A-ZÄÖÜ][a-zäöüß-]{2,25}(?:straße|strasse|str\.|weg|allee|platz|gasse|damm|ufer"
        r"|straat|laan|plein|kade|gracht|gade|vej|gatan|vägen|gata|katu|tie"
        r"|utca) \d{1,4}[a-z]?\b",
    ),
)

ZIP_RULES = (
    rule(
        "zip",
        r"\b(?:post ?code|postal code|zip)(?: (?:is|was|now))*[ :#]{1,3}"
        r"(?P<v>(?=[\dOl]{0,4}\d)[\dOl]{5}(?:-\d{4})?|[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2}"
        r"|[a-z]\d[a-z] ?\d[a-z]\d)\b",
        needs="post postcode postal zip",
        flags=_I,
    ),
    rule(
        "zip",
        r"\d(?<![\w.,/$]\d)(?<![A-Za-z]{2}-\d)(?<!\d-\d)\d{4}(?:-\d{4})?(?![\w-]|[.,]\d|/)",
        check=_us_code,
    ),
    rule(
        "zip",
        r"(?P<area>[A-Z](?<![\w-].)[A-Z]?)\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2}(?![\w-])",
        check=_uk_code,
    ),
    rule(
        "zip",
        r"[ABCEGHJ-NPRSTVXY](?<![\w-].)\d[ABCEGHJ-NPRSTV-Z][ -]\d[ABCEGHJ-NPRSTV-Z]\d(?![\w-])",
    ),
)
