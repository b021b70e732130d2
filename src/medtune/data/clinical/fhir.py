"""FHIR R4 and R5 in JSON: bundles, single resources, and the NDJSON of a bulk export.

Texts come from DocumentReference and DiagnosticReport (attachments, conclusion), Composition
(sections), Observation (value and notes) and from narratives. Patients are groups; their names,
numbers, dates and addresses are identifiers of all their documents.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medtune.data.clinical.document import (
    ClinicalDocument,
    DocumentSection,
    RecordErrors,
    known,
    one_section,
)
from medtune.data.clinical.fhir_people import PEOPLE, FhirPeople, Resource, is_object, listed
from medtune.data.clinical.narrative import html_text
from medtune.data.formats.compression import open_binary, plain_path

TEXT_RESOURCES = ("DocumentReference", "DiagnosticReport", "Composition", "Observation")
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)


def read_fhir(files: list[Path], errors: RecordErrors) -> Iterator[ClinicalDocument]:
    """Documents of all files; the patients are collected first, wherever they stand."""
    people = FhirPeople()
    for location, url, resource in _resources(files, RecordErrors("skip")):
        people.collect(resource, url, location)
    for location, _, resource in _resources(files, errors):
        if resource["resourceType"] not in TEXT_RESOURCES:
            if resource["resourceType"] not in (*PEOPLE, "Encounter"):
                errors.not_read(f"FHIR {resource['resourceType']}")
            continue
        sections = _sections(resource, location, errors)
        if sections:
            yield _document(resource, sections, people, location)


def _resources(files: list[Path], errors: RecordErrors) -> Iterator[tuple[str, str, Resource]]:
    """Location, the entry's full URL where it has one, and resource; bundles are opened."""
    for path in files:
        lines = plain_path(path).suffix.lower() in (".ndjson", ".jsonl")
        for location, value in _json_values(path, errors, lines=lines):
            yield from _unbundled(value, location, "", errors)


def _json_values(path: Path, errors: RecordErrors, *, lines: bool) -> Iterator[tuple[str, Any]]:
    fix = "Export it again."
    with open_binary(path) as handle:
        parts = enumerate(handle, 1) if lines else [(0, handle.read())]
        for number, raw in parts:
            location = f"{path.name}, line {number}" if number else path.name
            if not raw.strip():
                continue
            try:
                # A number is kept as it is written: 1.00 says more than 1.0.
                yield location, json.loads(raw.decode("utf-8-sig"), parse_float=str, parse_int=str)
            except UnicodeDecodeError:
                errors.add("not UTF-8, as FHIR's JSON must be", location, fix)
            except (ValueError, RecursionError):
                errors.add("not valid JSON", location, fix)


def _unbundled(
    value: Any, location: str, url: str, errors: RecordErrors
) -> Iterator[tuple[str, str, Resource]]:
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        errors.add("no FHIR resource (no resourceType)", location, "Export it again.")
        return
    if value["resourceType"] != "Bundle":
        name = "/".join(str(part) for part in (value["resourceType"], value.get("id")) if part)
        yield f"{location}, {name}", url, value
        return
    for number, entry in enumerate(listed(value.get("entry")), 1):
        if isinstance(entry, dict) and "resource" in entry:
            yield from _unbundled(
                entry["resource"],
                f"{location}, entry {number}",
                str(entry.get("fullUrl") or ""),
                errors,
            )


def _document(
    resource: Resource,
    sections: tuple[DocumentSection, ...],
    people: FhirPeople,
    location: str,
) -> ClinicalDocument:
    subject = resource.get("subject") or resource.get("patient")
    patient = _reference(subject)
    patient = people.alias.get(patient or "", patient)
    if (patient or "").startswith("#"):
        patient = f"{location}{patient}"
    display = subject.get("display") if isinstance(subject, dict) else None
    return ClinicalDocument(
        sections=sections,
        location=location,
        id=str(resource["id"]) if resource.get("id") else None,
        patient=patient,
        encounter=_encounter(resource),
        title=_text(resource.get("title")) or _text(resource.get("description")) or None,
        labels=resource_labels(resource),
        identifiers=tuple(
            dict.fromkeys(
                (
                    *people.of(patient),
                    *people.named_in(resource, location),
                    *known("name", _text(display) or None),
                )
            )
        ),
    )


def _reference(value: Any) -> str | None:
    """A reference as ``Patient/7``, whatever server and version stand around it."""
    text = value.get("reference") if isinstance(value, dict) else None
    if not isinstance(text, str):
        identifier = value.get("identifier") if isinstance(value, dict) else None
        number = identifier.get("value") if isinstance(identifier, dict) else None
        return f"identifier {number}" if number else None
    text = text.split("/_history/")[0]
    match = re.search(r"(?:^|/)((?:Patient|Encounter)/[^/]+)$", text)
    return match[1] if match else text


def _encounter(resource: Resource) -> str | None:
    for holder in (resource, resource.get("context")):
        value = holder.get("encounter") if isinstance(holder, dict) else None
        for each in listed(value):
            if reference := _reference(each):
                return reference
    context = listed(resource.get("context"))  # R5: context is a list of references
    return next((r for each in context if (r := _reference(each))), None)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _sections(
    resource: Resource, location: str, errors: RecordErrors
) -> tuple[DocumentSection, ...]:
    kind = resource["resourceType"]
    if resource.get("status") == "entered-in-error" or resource.get("docStatus") == (
        "entered-in-error"
    ):
        errors.not_read(f"FHIR {kind} entered in error")
        return ()
    if kind == "Composition":
        sections = tuple(_composition_sections(listed(resource.get("section"))))
    elif kind == "Observation":
        sections = _observation(resource)
    else:
        sections = tuple(_attachments(resource, location, errors))
        if conclusion := _text(resource.get("conclusion")):
            sections = (*sections, DocumentSection("Conclusion", conclusion))
    if not sections and (narrative := _narrative(resource)):
        sections = one_section(narrative)
    if not sections:
        errors.not_read(f"FHIR {kind} without a text")
    return sections


def _narrative(holder: Resource) -> str:
    text = holder.get("text")
    generated = isinstance(text, dict) and text.get("status") == "empty"
    return html_text(_text(text.get("div"))) if isinstance(text, dict) and not generated else ""


def _composition_sections(sections: list[Any]) -> Iterator[DocumentSection]:
    for section in filter(is_object, sections):
        if text := _narrative(section):
            yield DocumentSection(_text(section.get("title")) or coded(section.get("code")), text)
        yield from _composition_sections(listed(section.get("section")))


def _observation(resource: Resource) -> tuple[DocumentSection, ...]:
    texts = [_text(resource.get("valueString")), _text(resource.get("valueMarkdown"))]
    texts += [_text(n.get("text")) for n in filter(is_object, listed(resource.get("note")))]
    written = "\n\n".join(text for text in texts if text) or _narrative(resource)
    return (DocumentSection(coded(resource.get("code")), written),) if written else ()


def _attachments(
    resource: Resource, location: str, errors: RecordErrors
) -> Iterator[DocumentSection]:
    holders = [
        c.get("attachment") for c in filter(is_object, listed(resource.get("content")))
    ] + listed(resource.get("presentedForm"))
    seen: set[str] = set()
    for number, attachment in enumerate(filter(is_object, holders), 1):
        try:
            text = attachment_text(attachment, errors)
        except ValueError as error:
            errors.add(str(error), f"{location}, attachment {number}", "Export it again.")
            continue
        # The same text as plain text and as HTML is one text.
        plain = re.sub(r"\s+", "", text or "")
        if text and plain not in seen:
            seen.add(plain)
            yield DocumentSection(_text(attachment.get("title")) if len(holders) > 1 else "", text)


def attachment_text(attachment: Resource, errors: RecordErrors) -> str | None:
    """The text of an attachment in its own charset; nothing where it is no text or not here.

    Raises ``ValueError`` for data that are no base64 or no text of that charset.
    """
    kind = str(attachment.get("contentType") or "text/plain").lower()
    mime = kind.split(";")[0].strip()
    if mime not in ("text/plain", "text/html", "application/xhtml+xml", "text/markdown"):
        errors.not_read(f"FHIR attachment {mime}")
        return None
    if not attachment.get("data"):
        errors.not_read("FHIR attachment that stands elsewhere (url)")
        return None
    raw = base64_bytes(str(attachment["data"]))
    charset = _CHARSET.search(kind)
    try:
        text = raw.decode(charset[1] if charset else "utf-8-sig")
    except (UnicodeDecodeError, LookupError) as error:
        name = charset[1] if charset else "UTF-8"
        raise ValueError(f"an attachment that is no text of its charset ({name})") from error
    return (text if mime in ("text/plain", "text/markdown") else html_text(text)).strip()


def base64_bytes(text: str) -> bytes:
    """Base64 of the ordinary or the URL-safe alphabet; blanks and line breaks may stand in it.

    Raises ``ValueError`` for any other sign, where decoders drop it and give another text.
    """
    compact = re.sub(r"\s+", "", text).translate(str.maketrans("-_", "+/"))
    compact = compact.rstrip("=")
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("an attachment whose data are no base64") from error


def coded(value: Any) -> str:
    """A CodeableConcept or Coding as its text, else the display, else the code, of its first."""
    if isinstance(value, list):
        return next((text for each in value if (text := coded(each))), "")
    if not isinstance(value, dict):
        return _text(value)
    if text := _text(value.get("text")):
        return text
    for coding in [*filter(is_object, listed(value.get("coding"))), value]:
        if text := _text(coding.get("display")) or _text(coding.get("code")):
            return text
    return coded(value.get("concept")) if "concept" in value else ""  # R5: CodeableReference


_SKIPPED = frozenset(
    (
        "text",
        "contained",
        "content",
        "presentedForm",
        "section",
        "extension",
        "meta",
        "resourceType",
    )
)


def resource_labels(resource: Resource) -> dict[str, str]:
    """Coded and plain fields by path (``DiagnosticReport.code``, ``Observation.valueString``)."""
    kind = resource["resourceType"]
    labels = {}
    for name, value in resource.items():
        if name in _SKIPPED or name.startswith("_"):
            continue
        text = coded(value)
        if isinstance(value, dict) and "value" in value and not text:  # Quantity
            text = (
                f"{value['value']} {_text(value.get('unit')) or _text(value.get('code'))}".strip()
            )
        if text and isinstance(value, str | dict | list):
            labels[f"{kind}.{name}"] = text
    return labels
