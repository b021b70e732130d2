"""HL7 v2 messages (ORU, MDM and others that carry OBX): one document for each report (OBR or TXA)
of each patient (PID).

Segments may end in CR, LF or both; delimiters come from MSH, the character set from MSH-18;
repetitions and escape sequences are resolved.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from medtune.data.clinical.coded_values import hl7_data, hl7_type
from medtune.data.clinical.document import (
    ClinicalDocument,
    DocumentSection,
    KnownIdentifier,
    RecordErrors,
)
from medtune.data.clinical.fhir import base64_bytes
from medtune.data.clinical.hl7_fields import (
    NULL,
    Delimiters,
    Segment,
    component,
    raw_field,
    repetitions,
    unescape,
)
from medtune.data.clinical.hl7_people import patient_number, segment_identifiers
from medtune.data.clinical.narrative import html_text
from medtune.data.formats.compression import open_binary

_FRAME = re.compile(rb"[\x0b\x1c]")  # of the minimal lower layer protocol (MLLP)
_MARK = codecs.BOM_UTF8
# HL7 table 0211: names of character sets in MSH-18.
_CHARSETS = {
    "": "utf-8",
    "ASCII": "ascii",
    "UNICODE": "utf-16",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UNICODE UTF-16": "utf-16",
    "UNICODE UTF-32": "utf-32",
    "ISO IR6": "ascii",
    "ISO IR14": "shift_jis",
    "ISO IR87": "iso2022_jp_2",
    "ISO IR159": "iso2022_jp_2",
    "GB 18030-2000": "gb18030",
    "BIG-5": "big5",
    "KS X 1001": "euc_kr",
}
_TEXT_TYPES = ("TX", "FT", "ST", "DT", "TM", "TS", "DTM", "ID", "IS", "")
_CODED_TYPES = ("CE", "CWE", "CF", "CNE")
_WITHDRAWN = {"D": "deleted", "W": "posted as wrong"}  # HL7 table 0085, OBX-11


@dataclass
class _Patient:
    """The PID segment that holds, those that belong to the patient, and who is named there."""

    rows: list[Segment] = field(default_factory=list)

    def first(self, name: str) -> Segment:
        return next((row for row in self.rows if row[0] == name), [])


@dataclass
class _Report:
    """Texts of one OBR or TXA, as they come in OBX and NTE segments."""

    patient: _Patient
    title: str = ""
    number: str = ""
    parts: list[tuple[str, list[str]]] = field(default_factory=list)
    rows: list[Segment] = field(default_factory=list)

    def add(self, heading: str, lines: list[str]) -> None:
        if self.parts and self.parts[-1][0] == heading:
            self.parts[-1][1].extend(lines)
        else:
            self.parts.append((heading, lines))


def read_hl7(files: list[Path], errors: RecordErrors) -> Iterator[ClinicalDocument]:
    """Documents of all messages of the files; a file may hold many."""
    for path in files:
        with open_binary(path) as handle:
            raw = _FRAME.sub(b"\r", handle.read())
        number = 0
        for number, message in enumerate(split_messages(raw), 1):
            location = f"{path.name}, message {number}"
            try:
                yield from _documents(message, location, errors)
            except ValueError as error:
                errors.add(str(error), location, "Export the message again.")
        if not number:
            errors.add("no HL7 message (no MSH segment)", path.name, "Export the messages again.")


def split_messages(raw: bytes) -> Iterator[bytes]:
    """Messages of a file, each from its MSH on, those of a file with a byte order mark with one;
    batch headers (FHS, BHS) are left out.
    """
    mark = b""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raw, mark = raw.decode("utf-16").encode(), _MARK
    elif raw.startswith(_MARK):
        mark = _MARK
    starts = [m.end(1) for m in re.finditer(rb"(^|[\r\n])(?=[ \t]*\xef?\xbb?\xbf?MSH\W)", raw)]
    for start, end in zip(starts, [*starts[1:], len(raw)], strict=False):
        yield mark + raw[start:end].strip(b" \t\r\n\xef\xbb\xbf")


def _decoded(message: bytes) -> tuple[str, str]:
    """The message's text and the codec of its characters."""
    if message.startswith(_MARK):
        return message.decode("utf-8-sig"), "utf-8"
    header = re.split(r"[\r\n]", message.decode("latin-1"), maxsplit=1)[0]
    fields = header.split(header[3]) if len(header) > 3 else []
    names = [name.strip().upper() for name in fields[17].split("~")] if len(fields) > 17 else [""]
    # Further sets are switched to by escapes, which the codec of the Japanese ones reads.
    name = next((n for n in names if n in ("ISO IR87", "ISO IR159")), names[0])
    name = re.sub(r"^(?:ISO[ -]?)?8859[/-]", "8859/", name)
    charset = f"iso8859-{name[5:]}" if name.startswith("8859/") else _CHARSETS.get(name)
    if charset is None:
        raise ValueError("a character set in MSH-18 that is not known")
    try:
        return message.decode(charset), charset
    except (UnicodeDecodeError, LookupError) as error:
        known = name in _CHARSETS or re.fullmatch(r"8859/\d{1,2}", name)
        stated = "not known" if name and not known else name or "none stated, so UTF-8"
        raise ValueError(f"no text of its character set (MSH-18: {stated})") from error


def _segments(message: str, mark: str) -> list[str]:
    """The segments: where they end in CR, an LF inside one is a line break of its text."""
    lone = rf"\n(?=[A-Z][A-Z0-9]{{2}}{re.escape(mark)}|$)" if "\r" in message else r"\n"
    return [part for part in re.split(rf"\r\n?|{lone}", message) if part.strip()]


def _documents(raw: bytes, location: str, errors: RecordErrors) -> Iterator[ClinicalDocument]:
    message, charset = _decoded(raw)
    marks = Delimiters.of(re.split(r"[\r\n]", message, maxsplit=1)[0], charset)
    rows = [segment.split(marks.field) for segment in _segments(message, marks.field)]
    bad = next((n for n, row in enumerate(rows, 1) if not re.fullmatch(r"[A-Z]\w{2}", row[0])), 0)
    if bad:
        raise ValueError(f"line {bad} is no segment")
    reports = [report for report in _reports(rows, marks, errors) if report.parts]
    if not reports:
        errors.not_read("HL7 message without a text")
    for number, report in enumerate(reports, 1):
        yield ClinicalDocument(
            sections=tuple(
                DocumentSection(heading, "\n".join(lines)) for heading, lines in report.parts
            ),
            location=f"{location}, report {number}" if len(reports) > 1 else location,
            id=report.number or None,
            patient=patient_number(report.patient.first("PID"), marks),
            encounter=component(report.patient.first("PV1"), 19, marks) or None,
            title=report.title or None,
            labels=_labels(rows[0], report, marks),
            identifiers=_identifiers(report, marks),
        )


def _reports(rows: list[Segment], marks: Delimiters, errors: RecordErrors) -> list[_Report]:
    """Reports in their order; each is of the patient whose PID stands last before it."""
    patient = _Patient()
    reports = [_Report(patient)]
    for row in rows:
        match row[0]:
            case "PID":
                patient = _Patient([row])
                reports.append(_Report(patient))
            case "OBR" | "TXA":
                number = 3 if row[0] == "OBR" else 12
                column = 4 if row[0] == "OBR" else 2
                title = component(row, column, marks, 2) or component(row, column, marks)
                reports.append(_Report(patient, title, component(row, number, marks), rows=[row]))
            case "OBX":
                heading = component(row, 3, marks, 2) or component(row, 3, marks)
                lines = list(_observation(row, marks, errors))
                reports[-1].rows.append(row)
                if lines:
                    reports[-1].add("" if heading == reports[-1].title else heading, lines)
            case "NTE":
                notes = _values(raw_field(row, 3), marks)
                if any(notes):
                    reports[-1].add("", notes)
            case _:
                patient.rows.append(row)
    return reports


def _observation(row: Segment, marks: Delimiters, errors: RecordErrors) -> Iterator[str]:
    """Lines of OBX-5; a number keeps its unit and range."""
    kind, value = raw_field(row, 2).strip().upper(), raw_field(row, 5)
    if state := _WITHDRAWN.get(raw_field(row, 11).strip()):
        errors.not_read(f"HL7 OBX {state}")
    elif kind in ("ED", "RP"):
        yield from _encapsulated(value, marks, errors)
    elif kind in ("NM", "SN"):
        for repeated in value.split(marks.repetition):
            number = "".join(unescape(part, marks) for part in repeated.split(marks.component))
            unit, limits = component(row, 6, marks), unescape(raw_field(row, 7), marks)
            if number.strip():
                yield " ".join(filter(None, (number.strip(), unit, limits and f"({limits})")))
    elif kind in _CODED_TYPES:
        for parts in repetitions(row, 5, marks):
            parts += [""] * (9 - len(parts))
            # Text, original text, alternate text, code: the first that is there.
            if text := next(filter(None, (parts[1], parts[8], parts[4], parts[0])), ""):
                yield text
    elif kind in _TEXT_TYPES:
        yield from _values(value, marks)
    else:
        errors.not_read(f"HL7 OBX of type {hl7_type(kind)}")


def _values(value: str, marks: Delimiters) -> list[str]:
    """The repetitions of a text field, each a line; the empty value ``""`` deletes."""
    texts = [unescape(text, marks) for text in value.split(marks.repetition)]
    return [] if texts in ([""], [NULL]) else texts


def _encapsulated(value: str, marks: Delimiters, errors: RecordErrors) -> Iterator[str]:
    """Encapsulated data: application, type, subtype, encoding, data."""
    parts = [unescape(part, marks) for part in value.split(marks.component, 4)]
    kind, subtype, encoding, data = [*parts, "", "", "", "", ""][1:5]
    subtype = subtype.lower()
    if kind.upper() not in ("TEXT", "TX", "FT") or subtype in ("rtf", "pdf", "xml"):
        errors.not_read(f"HL7 encapsulated {hl7_data(kind, subtype)}")
        return
    if encoding.lower() in ("base64", "hex"):
        data = _encoded(data, encoding.lower(), marks)
    yield html_text(data) if subtype == "html" else data.strip()


def _encoded(data: str, encoding: str, marks: Delimiters) -> str:
    raw = base64_bytes(data) if encoding == "base64" else bytes.fromhex(data)
    for charset in ("utf-8-sig", marks.charset):
        try:
            return raw.decode(charset)
        except UnicodeDecodeError:
            continue
    raise ValueError("encapsulated data that are neither UTF-8 nor of the message's characters")


def _labels(header: Segment, report: _Report, marks: Delimiters) -> dict[str, str]:
    request = next((row for row in report.rows if row[0] == "OBR"), [])
    document = next((row for row in report.rows if row[0] == "TXA"), [])
    visit = report.patient.first("PV1")
    values = {
        "MSH-9": raw_field(header, 9),
        "OBR-4": report.title if request else "",
        "TXA-2": report.title if document else "",
        "PV1-2": component(visit, 2, marks),
        "PV1-10": component(visit, 10, marks),
        "PID-8": component(report.patient.first("PID"), 8, marks),
        "DG1-3": component(report.patient.first("DG1"), 3, marks),
        "OBR-24": component(request, 24, marks),
    }
    return {name: value for name, value in values.items() if value}


def _identifiers(report: _Report, marks: Delimiters) -> tuple[KnownIdentifier, ...]:
    rows = (*report.patient.rows, *report.rows)
    return tuple(dict.fromkeys(i for row in rows for i in segment_identifiers(row, marks)))
