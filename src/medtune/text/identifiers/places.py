"""Rules for street addresses and postal codes."""

import re

from medtune.text.identifiers.spans import Place, Rule, before, words

_I = re.IGNORECASE
_SUFFIX = (
    r"Street|Avenue|Road|Boulevard|Lane|Drive|Court|Place|Terrace|Circle|Parkway|Highway|Square|Close|Crescent|Way|Trail|Alley|"
    r"Hollow|Ridge|Rise|Run|Pass|Path|Point|Heights|Bend|Cove|Crossing|Landing|Parade|Vale|Wharf|Quay|Freeway|Expressway|Route|Broadway|Trace|"
    r"Rectory|Vicarage|Cottage|Cottages|Farm|Manor|Lodge|Villas|Barn|House|Mount|Green|Esplanade|Estate|"
    r"Gardens|Grove|Mews|Row|Plaza|Pike|Turnpike|Loop|Walk|St|Ave|Rd|Blvd|Ln|Dr|Ct|Pl|Ter|Cir|Pkwy|Hwy|Sq|Cres|"
    r"STREET|AVENUE|ROAD|BOULEVARD|LANE|DRIVE|ST|AVE|RD|BLVD|PKWY|HWY|COURT|CT|PLACE|PL|TERRACE|TER|CIRCLE|CIR|SQUARE|SQ|WAY|TRAIL|TRL|DR|LN|CLOSE|CRESCENT|PIKE|Trl|Bvd|Xing|Tpke|Rte"
)
_WORD = r"(?:[A-ZÀ-Þ][\w'’-]{0,30}\.?|\d{1,3}(?:st|nd|rd|th|ST|ND|RD|TH))"
_UNIT = r"(?:,? {0,2}(?:Apt|Apartment|APT|STE|UNIT|Suite|Ste|Unit|Floor|Fl|Room|Rm|Flat|Bldg|Building|Lot|#)\.? ?#?\w{1,6})?"
_STATES = (
    "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA PR "
    "RI SC SD TN TX UT VT VA WA WV WI WY"
).replace(" ", "|")
_STATE_NAMES = (
    "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|Indiana|Iowa|"
    "Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|"
    "New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island|"
    "South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin|Wyoming"
)
# A town only where a state or a postal code says that it is one.
_TOWN = rf"(?:,?\s{{1,2}}[A-Z][A-Za-z.' -]{{1,30}}(?=,?\s{{1,2}}(?:{_STATES}|{_STATE_NAMES})\b))?"
_UK_AREAS = words(
    "AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH EN EX FK FY G GL GU HA "
    "HD HG HP HR HS HU HX IG IP IV KA KT KW KY L LA LD LE LL LN LS LU M ME MK ML N NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG "
    "RH RM S SA SE SG SK SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO ZE"
)


# Words that end a street as well as a sentence: not after a measure or a count.
_WEAK = words(
    "Run Pass Path Point Rise Mount Green House Farm Barn Trace Route Bend Vale Estate Way Place Drive Walk Close Court Square Circle Loop Row Ridge Heights Parade House"
)
_MEASURE = re.compile(
    r" (?:Miles?|Meters?|Minutes?|Hours?|Days?|Weeks?|Months?|Years?|Steps?|Points?|Mg|Ways?|Times?|Percent|New|More|Patients|Cases|Small|Large|Open|White) "
)


def _street(match: re.Match[str]) -> Place | None:
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


def _uk_code(match: re.Match[str]) -> Place | None:
    return match.span() if match["area"] in _UK_AREAS else None


_STATE_BEFORE = re.compile(rf"\b(?:{_STATES}|{_STATE_NAMES})[.,]?\s{{1,2}}$")
_ZIP_BEFORE = re.compile(
    r"\b(?:(?:z[il1]p|plz)(?:[ -]?codes?)?|(?:postal|post) ?codes?)\b(?:[^\d.;\n]{0,35}|[:#])$", _I
)
_STREET_BEFORE = re.compile(
    rf"(?:\b(?:{_SUFFIX})\b\.?(?:,? (?:Apt|Suite|Unit|#)\.? ?\w{{1,5}})?|(?:stra(?:ß|ss)e|str\.|weg|allee|platz|gasse|straat|laan|gatan) \d{{1,4}}[a-z]?|[Bb]ox \d{{1,6}}|\b[Rr]ue [\w' -]{{2,30}})"
    r"(?:,? [A-Z][a-z]+){0,2},?[\s\n]{1,4}(?:[DFAI]-)?$"
)
_TOWN_AFTER = re.compile(
    r",? (?:Berlin|M[üu]nchen|Hamburg|K[öo]ln|Paris|Lyon|Marseille|Madrid|Barcelona|Roma|Milano|Wien|Warszawa|[A-ZÄÖÜ][a-zäöüß]{2,20})\b"
)


def _us_code(match: re.Match[str]) -> Place | None:
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


def _small_street(match: re.Match[str]) -> Place | None:
    prose = re.search(
        r" (?:the|a|an|new|solitary|single|other|same|different|safe|or|and|at|to|on|in|from|of|this|any|feet|miles?|blocks?|people|years?|minutes?) ",
        match.group(),
    )
    return None if prose else match.span()


def _dwelt(match: re.Match[str]) -> Place | None:
    """Without the word street, only after lives at, address and the like."""
    return match.span("v") if _DWELLING.search(before(match, 50)) else None


def _lived_at(match: re.Match[str]) -> Place | None:
    """In small letters only where somebody lives, moves or sends there."""
    lead = match.string[max(0, match.start() - 40) : match.start()]
    return (
        _small_street(match)
        if re.search(r"\b(?:at|address|still|to|is|on|near|live|lives|moved)\W{1,3}$", lead, _I)
        else None
    )


_ENDINGS = frozenset(_SUFFIX.lower().split("|"))

_NUMBER_WORD = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|"
    r"twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|oh)"
)
_DWELLING = re.compile(
    r"\b(?:(?:liv(?:es?|ing|ed)|resid(?:es?|ing|ed)|stay(?:s|ing|ed)|moved|delivered|discharged|found|(?:home|house|apartment|address|residence)(?: is| was)?)"
    r"(?: \w+){0,2}? (?:at|to|near|is)|(?:address|residence|street|home)(?: is)? ?:?) {0,2}$", _I
)  # fmt: skip

_ABROAD = words(
    "avenida av calle c camino v via paseo carrera rua rue chemin boulevard avenue piazza corso viale pra plaza impasse jalan ulica ul unter"
)

ADDRESSES = (
    Rule("address", re.compile(r"\b(?:R\.?R\.?|HC|Rural Route|RURAL ROUTE|HCR|RFD) ?#? ?\d{1,3},? (?:P\.?O\.? )?(?:Box|BOX|box) ?#? ?\d{1,6}[A-Z]?\b"), words("box")),
    Rule("address", re.compile(r"\d(?<![\w./-]\d)\d{0,5}[A-Za-z]?,? (?:Avenida|Calle|Camino|V[ií]a|Paseo|Carrera|Rua|[Rr]ue|Chemin|Boulevard|Avenue|Piazza|Corso|Viale|Praça|Plaza|Impasse|Jalan|Ulica|Unter) (?:(?:de la|del|de las|de los|de l['’]|de|des|du|da|do|dos|della|di|van|den|la|el|le) ?){0,2}[A-ZÀ-Þ][\w'’-]{1,30}(?: [A-ZÀ-Þ][\w'’-]{1,30})?")),
    Rule("address", re.compile(r"\b(?:Avenida|Av\.|Calle|C/|Camino|Via|Paseo|Carrera|Rua|Piazza|Corso|Viale|ul\.|Ulica|Jalan|Plaza) (?:(?:de la|del|de las|de los|de|da|do|dos|della|di|la|el) ){0,2}[A-ZÀ-Þ][\w'’-]{1,30}(?: [A-ZÀ-Þ][\w'’-]{1,30})?,? (?:n[ºo°.]{1,2} ?)?\d{1,5}[A-Za-z]?\b"), _ABROAD),
    Rule("address", re.compile(rf"\d(?<![\w./-]\d)\d{{0,5}}[A-Za-z]? (?:(?:US|U\.S\.|State|County|Old|Interstate|Farm|Co\.?|{_STATES})\.? )?(?:Highway|HWY|Hwy|Road|Route|Rd|Rte|RTE)\.? \d{{1,4}}\b"), words("highway hwy road route rd rte lane")),
    Rule("address", re.compile(rf"\b(?i:lives?|living|lived|resides?|stays?|house|home|moved) (?:on|at|in|to) (?P<v>[A-ZÀ-Þ][\w'’-]{{1,30}} (?:[A-ZÀ-Þ][\w'’-]{{1,30}} )?(?:{_SUFFIX})\b)"), words("live lives living lived reside resides stay stays house home moved"), _ENDINGS, digits=False),
    Rule("address", re.compile(r"(?P<v>\d(?<![\w./-]\d)\d{0,5}[A-Za-z]? (?:(?:North|South|East|West|N\.?|S\.?|E\.?|W\.?|The|Old|Upper|Lower) )?(?:[A-ZÀ-Þ][\w'’-]{1,30})(?: [A-ZÀ-Þ][\w'’-]{1,30}){0,2})(?=[.,;\n]|\s*$| and\b| with\b| {2})"), words("at to near is address residence street home"), check=_dwelt),
    Rule("address", re.compile(rf"\b(?:{_NUMBER_WORD}[ -](?:and )?){{1,6}}(?:[a-z]{{3,20}} ){{1,2}}(?:street|avenue|road|drive|lane|boulevard|court|place|terrace|plaza|parkway|highway)\b", _I), words("street avenue road drive lane boulevard court place terrace plaza parkway highway"), digits=False, check=_small_street),
    Rule("address", re.compile(r"(?<![\w./-])\d{1,6} (?:[a-z]{3,20} ){1,2}(?:road|lane|drive|court|blvd|ave|terrace|place|rd|ln)\b"), words("road lane drive court blvd ave terrace place rd ln"), check=_lived_at),
    Rule("address", re.compile(rf"(?<![\w./-])\d{{1,6}}(?:-\d{{1,4}})?[A-Za-z]? (?:[NSEW]\.? |North |South |East |West )?(?:{_WORD} ){{1,4}}(?P<suffix>{_SUFFIX})\b\.?(?! ?['’]s){_UNIT}{_TOWN}"), _ENDINGS, check=_street),
    Rule("address", re.compile(rf"\b(?:liv(?:es?|ing|ed) at|resid(?:es?|ing|ed) at|(?:home |mailing |street )?address(?: is)?[: ]) ?(?P<v>\d{{1,6}}[A-Za-z]? (?:[\w'.-]{{1,20}} ){{1,4}}(?:street|avenue|road|boulevard|lane|drive|court|place|way|st|ave|rd|blvd|ln)\b\.?{_UNIT}{_TOWN})", _I), words("live lives living lived reside resides residing resided address"), _ENDINGS),
    Rule("address", re.compile(r"\b\d{1,6} (?:[a-z]{3,20} ){1,2}(?:street|avenue|boulevard)\b"), words("street avenue boulevard"), check=_small_street),
    Rule("address", re.compile(r"\bP\.? ?O\.? ?Box \d{1,6}\b" + _TOWN, _I), words("box")),
    Rule("address", re.compile(r"\b[A-ZÄÖÜ][a-zäöüß-]{2,25}(?:straße|strasse|str\.|weg|allee|platz|gasse|damm|ufer|straat|laan|plein|kade|gracht|gade|vej|gatan|vägen|gata|katu|tie|utca) \d{1,4}[a-z]?\b")),
)  # fmt: skip

ZIPS = (
    Rule("zip", re.compile(r"\b(?:post ?code|postal code|zip)(?: (?:is|was|now))*[ :#]{1,3}(?P<v>(?=[\dOl]{0,4}\d)[\dOl]{5}(?:-\d{4})?|[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2}|[a-z]\d[a-z] ?\d[a-z]\d)\b", _I), words("post postcode postal zip")),
    Rule("zip", re.compile(r"\d(?<![\w.,/$]\d)(?<![A-Za-z]{2}-\d)(?<!\d-\d)\d{4}(?:-\d{4})?(?![\w-]|[.,]\d|/)"), check=_us_code),
    Rule("zip", re.compile(r"(?P<area>[A-Z](?<![\w-].)[A-Z]?)\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2}(?![\w-])"), check=_uk_code),
    Rule("zip", re.compile(r"[ABCEGHJ-NPRSTVXY](?<![\w-].)\d[ABCEGHJ-NPRSTV-Z][ -]\d[ABCEGHJ-NPRSTV-Z]\d(?![\w-])")),
)  # fmt: skip
