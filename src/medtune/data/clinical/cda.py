"""C-CDA and other HL7 clinical documents in XML: the sections of the body with their narrative,
tables kept, and the patient of the header.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from medtune.data.clinical.coded_values import media_type
from medtune.data.clinical.document import (
    ClinicalDocument,
    DocumentSection,
    KnownIdentifier,
    RecordErrors,
    known,
    one_section,
)
from medtune.data.clinical.fhir import base64_bytes
from medtune.data.clinical.identifiers import date_spellings, name_spellings, written_name
from medtune.data.clinical.narrative import html_text, local_name, narrative_text, parse_xml
from medtune.data.formats.compression import open_binary
from medtune.errors import DataError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def read_cda(files: list[Path], errors: RecordErrors) -> Iterator[ClinicalDocument]:
    """One document of each file."""
    for path in files:
        with open_binary(path) as handle:
            raw = handle.read()
        try:
            root = parse_xml(raw, path.name)
            if local_name(root) != "ClinicalDocument":
                raise ValueError("no ClinicalDocument")
            document = _document(root, path.name, errors)
        except (DataError, ValueError) as error:
            what = error.what if isinstance(error, DataError) else str(error)
            errors.add(what, path.name, "Export the document again.")
            continue
        if document.text:
            yield document
        else:
            errors.not_read("C-CDA document without a text")


def child(element: "Element | None", *names: str) -> "Element | None":
    """The first element at a path of names, whatever their namespace."""
    for name in names:
        if element is None:
            return None
        element = next((inner for inner in element if local_name(inner) == name), None)
    return element


def children(element: "Element | None", name: str) -> "list[Element]":
    """All elements of a name right below one."""
    return [] if element is None else [e for e in element if local_name(e) == name]


def _document(root: "Element", location: str, errors: RecordErrors) -> ClinicalDocument:
    role = child(root, "recordTarget", "patientRole")
    visit = child(root, "componentOf", "encompassingEncounter", "id")
    code = child(root, "code")
    labels = {
        "ClinicalDocument.code": _coded(code),
        "ClinicalDocument.title": _text(child(root, "title")),
        "ClinicalDocument.languageCode": _attribute(child(root, "languageCode"), "code"),
        "encompassingEncounter.code": _coded(
            child(root, "componentOf", "encompassingEncounter", "code")
        ),
    }
    return ClinicalDocument(
        sections=tuple(_body(root, errors)),
        location=location,
        id=_number(child(root, "id")),
        patient=_number(child(role, "id")),
        encounter=_number(visit),
        title=labels["ClinicalDocument.title"] or None,
        labels={name: value for name, value in labels.items() if value},
        identifiers=tuple(dict.fromkeys(_identifiers(root, visit))),
    )


def _attribute(element: "Element | None", name: str) -> str:
    return (element.get(name) or "").strip() if element is not None else ""


def _text(element: "Element | None") -> str:
    return narrative_text(element) if element is not None else ""


def _coded(element: "Element | None") -> str:
    return _attribute(element, "displayName") or _attribute(element, "code")


def _number(element: "Element | None") -> str | None:
    """An instance identifier; the same extension of two roots is two numbers."""
    root, extension = _attribute(element, "root"), _attribute(element, "extension")
    return f"{root}^{extension}" if extension else root or None


def _body(root: "Element", errors: RecordErrors) -> Iterator[DocumentSection]:
    component = child(root, "component")
    plain = child(component, "nonXMLBody", "text")
    if plain is not None:
        yield from _plain_body(plain, errors)
    for part in children(child(component, "structuredBody"), "component"):
        yield from _sections(child(part, "section"), errors)


def _plain_body(text: "Element", errors: RecordErrors) -> Iterator[DocumentSection]:
    kind = (text.get("mediaType") or "text/plain").lower()
    content = "".join(text.itertext())
    if kind not in ("text/plain", "text/html") or not content.strip():
        errors.not_read(f"C-CDA body of type {media_type(kind)}")
        return
    if text.get("representation") == "B64":
        try:
            content = base64_bytes(content).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError("a body that is no UTF-8") from error
    yield from one_section(html_text(content) if kind == "text/html" else content.strip())


def _sections(section: "Element | None", errors: RecordErrors) -> Iterator[DocumentSection]:
    if section is None:
        return
    if section.get("nullFlavor"):
        errors.not_read("C-CDA section without information")
        return
    title = _text(child(section, "title")) or _coded(child(section, "code"))
    text = child(section, "text")
    if text is not None and (narrative := narrative_text(text)):
        yield DocumentSection(title, narrative)
    for part in children(section, "component"):
        yield from _sections(child(part, "section"), errors)


_PERSONS = frozenset(
    "patient assignedPerson guardianPerson associatedPerson relatedPerson informationRecipient "
    "playingEntity subject legalAuthenticatorPerson relatedSubject".split()
)


def _identifiers(root: "Element", visit: "Element | None") -> Iterator[KnownIdentifier]:
    for target in children(root, "recordTarget"):
        role = child(target, "patientRole")
        for number in children(role, "id"):
            yield from known("record", _attribute(number, "extension"))
        yield from date_spellings(_attribute(child(role, "patient", "birthTime"), "value"))
    for element in root.iter():
        name = local_name(element)
        if name in _PERSONS:
            for written in children(element, "name"):
                yield from _name(written)
        if name in ("patientRole", "guardian", "associatedEntity", "assignedAuthor"):
            yield from _contacts(element)
    yield from known("record", _attribute(visit, "extension"))


def _name(name: "Element") -> Iterator[KnownIdentifier]:
    """A name by its parts; one without parts is a plain text."""
    families = [_text(part) for part in children(name, "family")]
    given = [_text(part) for part in children(name, "given")]
    if families or given:
        yield from name_spellings(" ".join(families), given)
    else:
        yield from written_name(_text(name))


def _contacts(role: "Element") -> Iterator[KnownIdentifier]:
    for address in children(role, "addr"):
        if not len(address):
            yield from known("address", _text(address))
        for name, kind in (("streetAddressLine", "address"), ("city", "address"),
                           ("postalCode", "zip")):  # fmt: skip
            yield from known(kind, *(_text(part) for part in children(address, name)))
    for telecom in children(role, "telecom"):
        kind, _, value = _attribute(telecom, "value").rpartition(":")
        yield from known("email" if kind == "mailto" else "phone", value)
