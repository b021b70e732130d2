"""HL7 v2 messages (ORU, MDM and others that carry OBX): one document for each report (OBR or TXA).

Segments may end in CR, LF or both; delimiters come from MSH, the character set from MSH-18;
repetitions and escape sequences are resolved, and PID names the patient.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from medtune.data.clinical.document import (
    ClinicalDocument,
    DocumentSection,
    KnownIdentifier,
    RecordErrors,
    known,
)
from medtune.data.clinical.fhir import base64_bytes
from medtune.data.clinical.identifiers import date_spellings, name_spellings
from medtune.data.clinical.narrative import html_text
from medtune.data.formats.compression import open_binary

_FRAME = re.compile(rb"[\x0b\x1c]")  # of the minimal lower layer protocol (MLLP)
_SEGMENT_END = re.compile(r"\r\n|\r|\n")
# HL7 table 0211: names of character sets in MSH-18.
_CHARSETS = {
    "": "utf-8",
    "ASCII": "ascii",
    "UNICODE": "utf-16",
    "UNICODE UTF-8": "utf-8",
    "UNICODE UTF-16": "utf-16",
    "UNICODE UTF-32": "utf-32",
    "ISO IR6": "ascii",
    "ISO IR87": "iso2022_jp",
    "GB 18030-2000": "gb18030",
    "BIG-5": "big5",
    "KS X 1001": "euc_kr",
}
_TEXT_TYPES = ("TX", "FT", "ST", "CE", "CWE", "CF", "NM", "SN", "DT", "TM", "TS", "")
# Formatting commands of an FT field that stand for a line break; others change the look alone.
_BREAKS = (".br", ".sp", ".ce", ".in", ".ti", ".fi", ".nf", ".sk")


@dataclass(frozen=True)
class Delimiters:
    """Field, component, repetition, escape and subcomponent separators of one message."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"


@dataclass
class _Report:
    """Texts of one OBR or TXA, as they come in OBX and NTE segments."""

    title: str = ""
    number: str = ""
    parts: list[tuple[str, list[str]]] = field(default_factory=list)

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
        for number, message in enumerate(split_messages(raw), 1):
            location = f"{path.name}, message {number}"
            try:
                yield from _documents(_decoded(message), location, errors)
            except ValueError as error:
                errors.add(str(error), location, "Export the message again.")


def split_messages(raw: bytes) -> Iterator[bytes]:
    """Messages of a file, each from its MSH on; batch headers (FHS, BHS) are left out."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raw = raw.decode("utf-16").encode()
    starts = [m.end(1) for m in re.finditer(rb"(^|[\r\n])(?=[ \t]*\xef?\xbb?\xbf?MSH\W)", raw)]
    for start, end in zip(starts, [*starts[1:], len(raw)], strict=True):
        yield raw[start:end].strip(b" \t\r\n\xef\xbb\xbf")


def _decoded(message: bytes) -> str:
    header = _SEGMENT_END.split(message.decode("latin-1"))[0]
    fields = header.split(header[3])
    name = fields[17].split("~")[0].strip().upper() if len(fields) > 17 else ""
    name = re.sub(r"^(?:ISO[ -]?)?8859[/-]", "8859/", name)
    charset = f"iso8859-{name[5:]}" if name.startswith("8859/") else _CHARSETS.get(name)
    if charset is None:
        raise ValueError("a character set in MSH-18 that is not known")
    try:
        return message.decode(charset)
    except (UnicodeDecodeError, LookupError) as error:
        stated = name or "none stated, so UTF-8"
        raise ValueError(f"no text of its character set (MSH-18: {stated})") from error


def _documents(message: str, location: str, errors: RecordErrors) -> Iterator[ClinicalDocument]:
    segments = [line for line in _SEGMENT_END.split(message) if line.strip()]
    if len(segments[0]) < 8:
        raise ValueError("an MSH segment without delimiters")
    marks = Delimiters(segments[0][3], *segments[0][4:8])
    rows = [segment.split(marks.field) for segment in segments]
    bad = next((n for n, row in enumerate(rows, 1) if not re.fullmatch(r"[A-Z]\w{2}", row[0])), 0)
    if bad:
        raise ValueError(f"line {bad} is no segment")
    patient = _first(rows, "PID")
    visit = _first(rows, "PV1")
    reports = _reports(rows, marks, errors)
    if not reports:
        errors.not_read("HL7 message without a text")
    for number, report in enumerate(reports, 1):
        where = f"{location}, report {number}" if len(reports) > 1 else location
        yield ClinicalDocument(
            sections=tuple(
                DocumentSection(heading, "\n".join(lines)) for heading, lines in report.parts
            ),
            location=where,
            id=report.number or None,
            patient=_number(patient, marks),
            encounter=_component(visit, 19, marks) or None,
            title=report.title or None,
            labels=_labels(rows, report, marks),
            identifiers=_identifiers(patient, visit, marks),
        )


def _first(rows: list[list[str]], name: str) -> list[str]:
    return next((row for row in rows if row[0] == name), [])


def _field(row: list[str], number: int) -> str:
    """A field by its number in the standard; of MSH the first is the delimiter itself."""
    index = number - 1 if row and row[0] == "MSH" else number
    return row[index] if index < len(row) else ""


def _component(row: list[str], number: int, marks: Delimiters, part: int = 1) -> str:
    first = _field(row, number).split(marks.repetition)[0]
    parts = first.split(marks.component)
    return unescape(parts[part - 1], marks).strip() if part <= len(parts) else ""


def _number(patient: list[str], marks: Delimiters) -> str | None:
    """The patient's first number with the authority that gave it."""
    field = 3 if _component(patient, 3, marks) else 2
    number = _component(patient, field, marks)
    return f"{number}^{_component(patient, field, marks, 4)}" if number else None


def _reports(rows: list[list[str]], marks: Delimiters, errors: RecordErrors) -> list[_Report]:
    reports = [_Report()]
    for row in rows:
        match row[0]:
            case "OBR" | "TXA":
                number = 3 if row[0] == "OBR" else 12
                column = 4 if row[0] == "OBR" else 2
                title = _component(row, column, marks, 2) or _component(row, column, marks)
                reports.append(_Report(title, _component(row, number, marks)))
            case "OBX":
                heading = _component(row, 3, marks, 2) or _component(row, 3, marks)
                lines = list(_observation(row, marks, errors))
                if lines:
                    reports[-1].add("" if heading == reports[-1].title else heading, lines)
            case "NTE":
                notes = _values(_field(row, 3), marks)
                if any(notes):
                    reports[-1].add("", notes)
    return [report for report in reports if report.parts]


def _observation(row: list[str], marks: Delimiters, errors: RecordErrors) -> Iterator[str]:
    """Lines of OBX-5; a number keeps its unit and range."""
    kind, value = _field(row, 2), _field(row, 5)
    if kind in ("ED", "RP"):
        yield from _encapsulated(value, marks, errors)
    elif kind not in _TEXT_TYPES:
        errors.not_read(f"HL7 OBX of type {kind}")
    elif kind in ("NM", "SN"):
        number = "".join(unescape(part, marks) for part in value.split(marks.component))
        unit = _component(row, 6, marks)
        limits = unescape(_field(row, 7), marks)
        if number.strip():
            yield " ".join(filter(None, (number, unit, limits and f"({limits})")))
    elif kind in ("CE", "CWE", "CF"):
        for repeated in value.split(marks.repetition):
            parts = [unescape(part, marks) for part in repeated.split(marks.component)]
            if text := (parts[1] if len(parts) > 1 and parts[1] else parts[0]).strip():
                yield text
    else:
        yield from _values(value, marks)


def _values(value: str, marks: Delimiters) -> list[str]:
    """The repetitions of a text field, each a line; the empty value ``""`` deletes."""
    texts = [unescape(text, marks) for text in value.split(marks.repetition)]
    return [] if texts in ([""], ['""']) else texts


def _encapsulated(value: str, marks: Delimiters, errors: RecordErrors) -> Iterator[str]:
    """Encapsulated data: application, type, subtype, encoding, data."""
    parts = [unescape(part, marks) for part in value.split(marks.component)]
    kind, subtype, encoding, data = [*parts, "", "", "", "", ""][1:5]
    subtype = subtype.lower()
    if kind.upper() not in ("TEXT", "TX", "FT") or subtype in ("rtf", "pdf", "xml"):
        errors.not_read(f"HL7 encapsulated {kind} {subtype}".rstrip())
        return
    if encoding == "Base64":
        try:
            data = base64_bytes(data).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError("encapsulated data that are no UTF-8") from error
    yield html_text(data) if subtype == "html" else data.strip()


def unescape(text: str, marks: Delimiters) -> str:
    """A field's text with its escape sequences resolved.

    A single escape sign that begins no sequence stays as it is: nothing behind it is lost.
    """
    sign = marks.escape
    if sign not in text:
        return text
    plain = {
        "F": marks.field,
        "S": marks.component,
        "R": marks.repetition,
        "E": sign,
        "T": marks.subcomponent,
        "P": "#",
        "H": "",
        "N": "",
    }

    def resolve(match: re.Match[str]) -> str:
        name = match[1]
        if name in plain:
            return plain[name]
        if name.startswith("X") and len(name) % 2:
            return bytes.fromhex(name[1:]).decode("latin-1").replace("\r", "\n")
        lines = re.fullmatch(r"\.sp\+?(\d+)", name)
        return "\n" * int(lines[1]) if lines and int(lines[1]) < 100 else "\n"

    breaks = "|".join(re.escape(name) for name in _BREAKS)
    pattern = rf"(X(?:[0-9A-Fa-f]{{2}})+|[FSREPTHN]|(?:{breaks})[+\- ]?\d*)"
    return re.sub(f"{re.escape(sign)}{pattern}{re.escape(sign)}", resolve, text)


def _labels(rows: list[list[str]], report: _Report, marks: Delimiters) -> dict[str, str]:
    header, visit = _first(rows, "MSH"), _first(rows, "PV1")
    values = {
        "MSH-9": _field(header, 9),
        "OBR-4": report.title,
        "PV1-2": _component(visit, 2, marks),
        "PV1-10": _component(visit, 10, marks),
        "PID-8": _component(_first(rows, "PID"), 8, marks),
        "DG1-3": _component(_first(rows, "DG1"), 3, marks),
        "OBR-24": _component(_first(rows, "OBR"), 24, marks),
    }
    return {name: value for name, value in values.items() if value}


def _identifiers(
    patient: list[str], visit: list[str], marks: Delimiters
) -> tuple[KnownIdentifier, ...]:
    values: list[KnownIdentifier] = []
    for number in (2, 3, 4, 18):
        for repeated in _field(patient, number).split(marks.repetition):
            values += known("record", unescape(repeated.split(marks.component)[0], marks))
    for number in (5, 6, 9):
        for repeated in _field(patient, number).split(marks.repetition):
            parts = [unescape(part, marks) for part in repeated.split(marks.component)]
            values += name_spellings(parts[0].split(marks.subcomponent)[0], parts[1:3])
    values += date_spellings(_component(patient, 7, marks))
    for part, kind in ((1, "address"), (3, "address"), (5, "zip")):
        values += known(kind, _component(patient, 11, marks, part))
    for number in (13, 14):
        values += known("phone", _component(patient, number, marks))
    values += known("ssn", _component(patient, 19, marks))
    values += known("record", _component(visit, 19, marks))
    for number in (7, 8, 9, 17):  # attending, referring, consulting and admitting doctors
        family, given = (_component(visit, number, marks, part) for part in (2, 3))
        values += name_spellings(family, [given])
    return tuple(dict.fromkeys(values))
