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

from medtune.data.clinical.coded_values import charset, media_type, resource_type
from medtune.data.clinical.document import (
    ClinicalDocument,
    DocumentSection,
    KnownIdentifier,
    RecordErrors,
    known,
    one_section,
)
from medtune.data.clinical.fhir_linked import FhirLinks, attachments
from medtune.data.clinical.fhir_people import (
    PEOPLE,
    FhirPeople,
    Resource,
    is_object,
    listed,
    person_key,
)
from medtune.data.clinical.fhir_values import coded, resource_labels, string_value
from medtune.data.clinical.identifiers import written_name
from medtune.data.clinical.narrative import html_text
from medtune.data.formats.compression import open_binary, plain_path

TEXT_RESOURCES = ("DocumentReference", "DiagnosticReport", "Composition", "Observation")
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)


def read_fhir(files: list[Path], errors: RecordErrors) -> Iterator[ClinicalDocument]:
    """Documents of all files; patients, and what resources refer to, are collected first, wherever
    they stand.
    """
    people, links = FhirPeople(), FhirLinks()
    for location, url, resource in _resources(files, RecordErrors("skip")):
        people.collect(resource, url, location)
        links.ask(resource)
    for _, url, resource in _resources(files, RecordErrors("skip")) if links.asked else ():
        links.collect(resource, url)
    for location, _, resource in _resources(files, errors):
        kind = resource["resourceType"]
        if kind not in TEXT_RESOURCES:
            if kind not in (*PEOPLE, "Encounter") and (
                f"{kind}/{resource.get('id')}" not in links.binaries
            ):
                errors.not_read(f"FHIR {resource_type(kind)}")
            continue
        try:
            sections = _sections(resource, links, location, errors)
        except ValueError as error:
            errors.add(str(error), location, "Export it again.")
            continue
        if sections:
            yield _document(resource, sections, people, location)


def _resources(files: list[Path], errors: RecordErrors) -> Iterator[tuple[str, str, Resource]]:
    """Location, the entry's full URL where it has one, and resource; bundles are opened."""
    for path in files:
        lines = plain_path(path).suffix.lower() in (".ndjson", ".jsonl") or _is_lines(path)
        for location, value in _json_values(path, errors, lines=lines):
            yield from _unbundled(value, location, "", errors)


def _is_lines(path: Path) -> bool:
    """Whether a ``.json`` file is a resource a line: its first line is one, and more follow."""
    with open_binary(path) as handle:
        first = handle.readline()
        if not handle.read(64).strip():
            return False
    try:
        return isinstance(json.loads(first.decode("utf-8-sig")), dict)
    except (ValueError, RecursionError):
        return False


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
        # Not its id, which may be a number of the patient's.
        yield f"{location}, {resource_type(value['resourceType'])}", url, value
        return
    for number, entry in enumerate(listed(value.get("entry")), 1):
        if isinstance(entry, dict) and "resource" in entry:
            yield from _unbundled(
                entry["resource"],
                f"{location}, entry {number}",
                str(entry.get("fullUrl") or ""),
                errors,
            )
        else:
            errors.not_read("FHIR bundle entry without a resource")


def _document(
    resource: Resource,
    sections: tuple[DocumentSection, ...],
    people: FhirPeople,
    location: str,
) -> ClinicalDocument:
    subject = next(iter(listed(resource.get("subject") or resource.get("patient"))), None)
    patient = person_key(subject)
    if (patient or "").startswith("#"):
        patient = f"{location}{patient}"
    display = subject.get("display") if isinstance(subject, dict) else None
    return ClinicalDocument(
        sections=sections,
        location=location,
        id=str(resource["id"]) if resource.get("id") else None,
        patient=people.key(patient) or None,
        encounter=_encounter(resource),
        title=string_value(resource.get("title"))
        or string_value(resource.get("description"))
        or None,
        labels=resource_labels(resource),
        identifiers=tuple(
            dict.fromkeys(
                (
                    *people.of(patient),
                    *people.named_in(resource, location),
                    *written_name(display if isinstance(display, str) else None),
                    *_numbers(resource),
                )
            )
        ),
    )


def _numbers(resource: Resource) -> Iterator[KnownIdentifier]:
    """Numbers of the document itself, which texts repeat."""
    for name in ("identifier", "masterIdentifier"):
        for identifier in filter(is_object, listed(resource.get(name))):
            yield from known("record", string_value(identifier.get("value")))


def _encounter(resource: Resource) -> str | None:
    for holder in (resource, resource.get("context")):
        value = holder.get("encounter") if isinstance(holder, dict) else None
        for each in listed(value):
            if reference := person_key(each):
                return reference
    context = listed(resource.get("context"))  # R5: context is a list of references
    return next((r for each in context if (r := person_key(each))), None)


def _sections(
    resource: Resource, links: FhirLinks, location: str, errors: RecordErrors
) -> tuple[DocumentSection, ...]:
    kind = resource["resourceType"]
    if resource.get("status") == "entered-in-error" or resource.get("docStatus") == (
        "entered-in-error"
    ):
        errors.not_read(f"FHIR {resource_type(kind)} entered in error")
        return ()
    if kind == "Composition":
        sections = tuple(_composition_sections(listed(resource.get("section"))))
    elif kind == "Observation":
        sections = _observation(resource)
    else:
        sections = tuple(_attachments(resource, links, location, errors))
        if not sections and (results := links.results_of(resource)):
            sections = (DocumentSection("Results", results),)
        if conclusion := string_value(resource.get("conclusion")):
            sections = (*sections, DocumentSection("Conclusion", conclusion))
    if not sections and (narrative := _narrative(resource)):
        sections = one_section(narrative)
    if not sections:
        errors.not_read(f"FHIR {resource_type(kind)} without a text")
    return sections


def _narrative(holder: Resource) -> str:
    text = holder.get("text")
    generated = isinstance(text, dict) and text.get("status") == "empty"
    return (
        html_text(string_value(text.get("div"))) if isinstance(text, dict) and not generated else ""
    )


def _composition_sections(sections: list[Any]) -> Iterator[DocumentSection]:
    for section in filter(is_object, sections):
        if text := _narrative(section):
            yield DocumentSection(
                string_value(section.get("title")) or coded(section.get("code")), text
            )
        yield from _composition_sections(listed(section.get("section")))


def _observation(resource: Resource) -> tuple[DocumentSection, ...]:
    texts = [string_value(resource.get("valueString")), string_value(resource.get("valueMarkdown"))]
    for part in filter(is_object, listed(resource.get("component"))):
        if text := string_value(part.get("valueString")):
            texts.append(f"{coded(part.get('code'))}: {text}".removeprefix(": "))
    texts += [string_value(n.get("text")) for n in filter(is_object, listed(resource.get("note")))]
    written = "\n\n".join(text for text in texts if text) or _narrative(resource)
    return (DocumentSection(coded(resource.get("code")), written),) if written else ()


def _attachments(
    resource: Resource, links: FhirLinks, location: str, errors: RecordErrors
) -> Iterator[DocumentSection]:
    holders = [links.attachment(each, resource) for each in attachments(resource)]
    seen: set[str] = set()
    for number, attachment in enumerate(holders, 1):
        try:
            text = attachment_text(attachment, errors)
        except ValueError as error:
            errors.add(str(error), f"{location}, attachment {number}", "Export it again.")
            continue
        # The same text as plain text and as HTML is one text.
        plain = re.sub(r"\s+", "", text or "")
        if text and plain not in seen:
            seen.add(plain)
            yield DocumentSection(
                string_value(attachment.get("title")) if len(holders) > 1 else "", text
            )


def attachment_text(attachment: Resource, errors: RecordErrors) -> str | None:
    """The text of an attachment in its own charset; nothing where it is no text or not here.

    Raises ``ValueError`` for data that are no base64 or no text of that charset.
    """
    kind = str(attachment.get("contentType") or "text/plain").lower()
    mime = kind.split(";")[0].strip()
    if mime not in ("text/plain", "text/html", "application/xhtml+xml", "text/markdown"):
        errors.not_read(f"FHIR attachment {media_type(mime)}")
        return None
    if not attachment.get("data"):
        errors.not_read("FHIR attachment that stands elsewhere (url)")
        return None
    raw = base64_bytes(str(attachment["data"]))
    stated = _CHARSET.search(kind)
    try:
        text = raw.decode(stated[1] if stated else "utf-8-sig")
    except (UnicodeDecodeError, LookupError) as error:
        name = charset(stated[1]) if stated else "UTF-8"
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
