"""Numbers that a label announces: medical record, account, licence, serial number, and what they
are called in forms.
"""

import re

from medtune.text.identifiers.check_digits import digits_of
from medtune.text.identifiers.spans import Span, before, words

_I = re.IGNORECASE

# What may stand between "medical record" and its number; a scan may have read N0 for No and lD for
# ID.
LINK = (
    r"(?:\s?(?:numbers?\b|n[o0]s?\b\.?|nr\b\.?|num\b\.?|[il1]ds?\b|identifier\b|identification\b|code\b|is\b|was\b|are\b|it['’]?s\b|ending\b|in\b|"
    r"\((?:if known|optional|required|self|spouse|home|[a-z /]{2,20})\)|[:#=–,;()/\]\[.-])){0,6}+\s{0,4}"
)
VALUE = (
    r"(?<![A-Za-z0-9])(?P<v>(?:[A-Z]{1,5} (?=[A-Za-z/-]{0,6}(?:\d|O\d)))?(?=[A-Za-z/-]{0,6}(?:\d|O\d))[A-Za-z0-9]{1,24}+(?: ?[-/] ?[A-Za-z0-9]{1,20}+|\.\d{1,9}+){0,6}"
    r"(?: (?:\d{3,6}|\d{2}(?= \d{3})|(?=[A-Z]{0,3}\d)(?=\d{0,3}[A-Z])[A-Z0-9]{4,8})\b(?![-/.]\d| ?(?:mg|ml|mcg|years?)\b)){0,4})"
)
_NO = r"(?:ids?|[il1]d|identifiers?|identification|numbers?|n[o0]s?\.?|nr\.?|num\.?|#)"

_RECORD = (
    rf"m ?r ?n|mr ?(?:{_NO})|med(?:ical)?\.? ?(?:rec(?:ord)?s?|chart)\.?|(?:health|hosp(?:ital)?\.?|clinic|unit|case|path|adm|charts?|patient|pt\.?|encounter|visit|"
    r"accession|acc\.?(?!t)|specimen|sample|admission|study|subject|participant|requisition|order|file|folder|lab|barcode|registration|reg\.?|referral|episode|"
    rf"x-?ray|radiology|pathology|slide|dossier|wristband|armband|surgical|trauma) ?(?:record |registration |reg\.? |reference |file |chart )?(?:{_NO}|mrn)|"
    rf"(?:duplicate |merged )?charts?|records? ?{_NO}|(?:nhs|chi|h&c|phn|emr|ehr|epic|empi|hcn|ihi|ur|crn|uhid|hn|opd|ipd?|cpr|fin|csn) ?{_NO}|"
    rf"empi|emrn|nhs|case(?= ?:)|accession|urn|nhi|mpi|pmi|pid|hrn|(?:study )?(?:subject|participant)|uhid|csn|chi|phn|patient ?{_NO}|our ref(?:erence)?\.?|your ref(?:erence)?\.?|ref(?:erence)?\.? ?{_NO}"
)
_ACCOUNT = (
    r"(?:bank |patient |billing |checking |savings |hospital |guarantor )?(?:account|accts?\.?|a/c|acc\.?)(?: ?har)?|"
    rf"(?:insurance |health plan |group |dental |claim |medical )?(?:pol(?:icy)?|claim|gro?u?p|invoice|bill|statement|contract|authori[sz]ation|auth|case ref|payment)(?: ?{_NO}| ?:)|claim|invoice|member|subscriber|bcbs|aetna|cigna|humana|tricare|(?:bcbs|aetna|cigna|humana|uhc|kaiser|blue cross|anthem|tricare|plan|insurer)(?: member)? ?{_NO}|"
    rf"(?:health )?plan ?(?:beneficiary )?{_NO}|(?:member(?:ship)?|mbr|subscriber|insurance|beneficiary|medicare|medicaid|tricare|hicn?|mbi|insured|payer|payor|"
    rf"cardholder|guarantor|financial|fin|har|enrollee|policy ?holder|certificate holder|rx ?(?:grp|group|bin|pcn)?|health card|ohip|billing)(?:['’]s)? ?(?:beneficiary |card |policy )?(?:{_NO}|:)|"
    r"hicn|mbi|har|medicaid|medicare|iban|routing(?: number)?|sort code|credit card|debit card|(?:credit |debit |insurance |medicare |health )?card|(?:card|visa|mastercard|amex|discover|account|debit|credit)(?: number)? ending(?: in| with)?|policy"
)
_LICENCE = (
    r"(?:driver['’]?s?['’]?|driving|medical|state|nursing|physician|professional|pharmacy|pilot|commercial|operator['’]?s?)? ?licen[sc]ed?|lic\b\.?|dea|d\.e\.a\.|npi|n\.p\.i\.|upin|"
    rf"passport|certificate|gmc|nmc|hcpc|ahpra|bmdc|mci|c?dl|permit|(?:provider|prescriber|physician|doctor|registration|council|board|bon|visa|badge|state|national|voter|certification) ?{_NO}|bar ?{_NO}"
)
_DEVICE = (
    rf"ser(?:ial|\.)?(?: ?(?:{_NO}|s))?|s ?/ ?n|(?-i:SN)|sn ?[:#]|(?:device|implant|pump|pacemaker|generator|meter|transmitter|sensor|lead|icd|monitor|ventilator|"
    rf"machine|unit serial|hearing aid|cpap|pacer|glucometer|scooter|wheelchair|prosthesis|stimulator|recorder|asset) ?(?:serial|sn|{_NO})(?: ?{_NO})?|imei|udi|mac address"
)

LABEL_WORDS = words(
    "path adm licensed licenced bon accession acc urn nhi mpi pmi pid hrn participant bill payment bcbs aetna cigna humana uhc kaiser blue anthem insurer visa mastercard amex discover debit "
    "credit state national voter certification pacer glucometer scooter wheelchair ser no nr id n num # registration reg file folder lab sample subject referral ref med rec hosp charts empi uhid csn chi cdl lic permit "
    "financial har fin card iban tricare health statement contract guarantor rx bin hcpc ahpra badge council board visa lead monitor "
    "ventilator machine hearing prosthesis stimulator recorder cpap icd serial s sn device implant pump pacemaker generator meter transmitter sensor imei udi mac mrn mr record records health hospital "
    "clinic unit case chart patient pt encounter visit accession specimen admission study requisition order nhs chi phn emr ehr epic "
    "patientid license licence lic dea npi upin passport certificate gmc nmc dl provider prescriber account acct a policy claim group "
    "invoice plan member membership subscriber insurance insured beneficiary medicare medicaid hic hicn mbi payer routing sort card"
)


_LABELS = tuple(
    (kind, count, re.compile(rf"(?:^|[^A-Za-z0-9])(?:{label}){LINK}$", _I))
    for kind, count, label in (
        ("device", 3, _DEVICE),
        ("record", 4, _RECORD),
        ("licence", 4, _LICENCE),
        ("account", 4, _ACCOUNT),
    )
)
NO_VALUE = re.compile(
    r"(?:1-)?8(?:00|33|44|55|66|77|88)-\d{3}-\d{4}|1-\d{3}-\d{3}-\d{4}|(?:19|20)\d\d|\d{1,2}/\d{1,2}/\d{2,4}|(?:19|20)\d\d-\d\d-\d\d|(?:19|20)\d\d-(?:19|20)\d\d"
)


# A letter that a scan has read as a digit inside a word: SER1AL, N0.
_MISREAD = re.compile(r"(?<=[A-Za-z])[01](?=[A-Za-z])|(?<=[A-Za-z]{2})[01](?![A-Za-z0-9])")
_LETTERS = re.compile(r"[a-z]+|#")
_PREFIX = re.compile(r"[A-Z]{1,5} (?=\S)")


def labelled(match: re.Match[str]) -> Span | None:
    """A number by the label in front of it. A year and a date are no such number."""
    start, end = match.span("v")
    value = match["v"]
    capitals = _PREFIX.match(
        value
    )  # they belong to the number (RN 712233), or they are its label (MRN 712233)
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
    """A long number some words after its label (NPI, we have 1300554171.

    The licence? Patient: K1234567).
    """
    if len(digits_of(value)) < 5 or _QUANTITY.match(value) or (value.isdigit() and len(value) < 6):
        return None
    tail = re.split(r"\d", context)[-1]
    near = [(m.end(), kind) for kind, label in _NEAR for m in label.finditer(tail)]
    return max(near)[1] if near else None


_QUANTITY = re.compile(r"\d{1,3}(?:,\d{3})+$|\d+(?:mg|ml|mcg|kg)$", _I)
_NEAR = tuple(
    (kind, re.compile(rf"(?<![A-Za-z0-9])(?:{label})(?![A-Za-z])(?=[^\d.;]{{0,30}}$|[^\d.;]{{0,20}}\? ?(?:\[?\w+\]?:? )?[^\d.;]{{0,12}}$)", _I))
    for kind, label in (
        ("record", r"mrn|medical record(?: number)?|charts?(?: number)?|record number|hospital number|patient id"),
        ("licence", r"npi|dea(?: number)?|(?:driver['’]?s?['’]? |medical )?licen[sc]e(?: number)?|passport(?: number)?|\bcdl"),
        ("account", r"account(?: number)?|member id|policy(?: number)?|card(?: number)?|subscriber id|insurance (?:number|id)|claim number"),
        ("device", r"serial(?: number)?|implant card|device id"),
        ("ssn", r"ssn|social security(?: number)?"),
    )
)  # fmt: skip
# Charts 88213470 and 88213471.
_AGAIN = re.compile(r"(?=[A-Za-z0-9/-]{0,20}\d{3})[A-Za-z0-9/-]{4,20} ?(?:and|,|&|/|or) $")
