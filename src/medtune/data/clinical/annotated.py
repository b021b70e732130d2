"""Annotated corpora: i2b2 and n2c2 XML, BioC XML and JSON, brat's ``.txt`` with ``.ann``.

Tags become labels of the document; tags of protected health information (PHI) are identifiers.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtune.data.clinical.cda import child, children
from medtune.data.clinical.document import (
    ClinicalDocument,
    DocumentSection,
    KnownIdentifier,
    RecordErrors,
    known,
    one_section,
)
from medtune.data.clinical.narrative import local_name, parse_xml
from medtune.data.formats.compression import open_binary
from medtune.errors import DataError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

# Types of PHI of the i2b2 sets of 2006 and 2014 → kinds of the scan; dates and ages are both.
PHI_KINDS = {
    "PATIENT": "name", "DOCTOR": "name", "USERNAME": "name", "NAME": "name", "DATE": "date",
    "AGE": "age", "PHONE": "phone", "FAX": "fax", "EMAIL": "email", "URL": "url", "IPADDR": "ip",
    "STREET": "address", "CITY": "address", "LOCATION": "address", "HOSPITAL": "address",
    "LOCATION-OTHER": "address", "ZIP": "zip", "MEDICALRECORD": "record", "ID": "record",
    "IDNUM": "record", "BIOID": "record", "HEALTHPLAN": "account", "ACCOUNT": "account",
    "LICENSE": "licence", "DEVICE": "device", "VEHICLE": "vehicle", "SSN": "ssn",
}  # fmt: skip


def read_i2b2(files: list[Path], errors: RecordErrors) -> Iterator[ClinicalDocument]:
    """Documents of i2b2 and n2c2 files: one of each file, or one of each RECORD.

    A file named ``110-03.xml`` is the third record of patient 110.
    """
    for path in files:
        with open_binary(path) as handle:
            raw = handle.read()
        try:
            root = parse_xml(raw, path.name)
        except DataError as error:
            errors.add(error.what, path.name, "Export the file again.")
            continue
        # RECORD of 2006, doc of 2008; a file of 2012 to 2018 is one record.
        records = children(root, "RECORD") or children(child(root, "docs"), "doc") or [root]
        for number, record in enumerate(records, 1):
            location = f"{path.name}, record {number}" if len(records) > 1 else path.name
            text = child(record, "TEXT")
            text = child(record, "text") if text is None else text
            if text is None:
                errors.not_read("i2b2 record without a text")
            else:
                yield _i2b2_record(record, text, path, location)


def _i2b2_record(record: "Element", text: "Element", path: Path, location: str) -> ClinicalDocument:
    labels: dict[str, list[str]] = defaultdict(list)
    identifiers: list[KnownIdentifier] = []
    for tag in [*text.iter("PHI"), *(child(record, "TAGS") or ()), *record]:
        kind = (tag.get("TYPE") or local_name(tag)).upper()
        if kind in PHI_KINDS:
            identifiers += known(PHI_KINDS[kind], tag.get("text") or "".join(tag.itertext()))
        elif value := tag.get("met") or tag.get("STATUS") or tag.get("indicator"):
            labels[local_name(tag)].append(value)
    match = re.fullmatch(r"(\d+)-\d+", path.stem)
    number = record.get("ID") or record.get("id")
    return ClinicalDocument(
        sections=one_section("".join(text.itertext()).strip("\n")),
        location=location,
        id=number or path.stem,
        patient=match[1] if match else number or path.stem,
        labels={name: "; ".join(dict.fromkeys(values)) for name, values in labels.items()},
        identifiers=tuple(dict.fromkeys(identifiers)),
    )


def read_bioc(files: list[Path], errors: RecordErrors) -> Iterator[ClinicalDocument]:
    """Documents of BioC collections in XML or JSON; passages are sections."""
    for path in files:
        with open_binary(path) as handle:
            raw = handle.read()
        try:
            if raw.lstrip()[:1] in (b"{", b"["):
                documents = _bioc_json(json.loads(raw.decode("utf-8-sig")))
            else:
                documents = [_xml_document(d) for d in parse_xml(raw, path.name).iter("document")]
        except (DataError, ValueError, TypeError, AttributeError, KeyError) as error:
            what = error.what if isinstance(error, DataError) else "not valid BioC"
            errors.add(what, path.name, "Export the collection again.")
            continue
        for number, document in enumerate(documents, 1):
            location = f"{path.name}, document {number}"
            try:
                yield _bioc_document(document, location, errors)
            except (TypeError, AttributeError):
                errors.add("not valid BioC", location, "Export the collection again.")


def _bioc_json(value: Any) -> list[dict[str, Any]]:
    collections = value if isinstance(value, list) else [value]
    return [document for collection in collections for document in collection["documents"]]


def _xml_document(document: "Element") -> dict[str, Any]:
    """A document of BioC XML in the form that BioC JSON has."""

    def infons(element: "Element") -> dict[str, str]:
        return {i.get("key", ""): i.text or "" for i in children(element, "infon")}

    def text(element: "Element", name: str) -> str:
        inner = child(element, name)
        return inner.text or "" if inner is not None else ""

    def annotations(element: "Element") -> list[dict[str, Any]]:
        return [
            {"infons": infons(a), "text": text(a, "text")} for a in children(element, "annotation")
        ]

    passages = [
        {
            "infons": infons(passage),
            # A passage has a text, or sentences that have theirs.
            "text": text(passage, "text")
            or " ".join(text(s, "text") for s in children(passage, "sentence")),
            "annotations": [
                *annotations(passage),
                *(a for s in children(passage, "sentence") for a in annotations(s)),
            ],
            "relations": [
                {}
                for holder in (passage, *children(passage, "sentence"))
                for _ in children(holder, "relation")
            ],
        }
        for passage in children(document, "passage")
    ]
    return {"id": text(document, "id"), "infons": infons(document), "passages": passages,
            "relations": [{} for _ in children(document, "relation")]}  # fmt: skip


def _bioc_document(
    document: Mapping[str, Any], location: str, errors: RecordErrors
) -> ClinicalDocument:
    labels: dict[str, list[str]] = defaultdict(list)
    sections, title = [], ""
    for passage in document.get("passages") or []:
        infons = passage.get("infons") or {}
        kind = str(infons.get("section_type") or infons.get("type") or "")
        text = str(passage.get("text") or "") or " ".join(
            str(sentence.get("text") or "") for sentence in passage.get("sentences") or []
        )
        if kind.lower() in ("title", "front") and not title:
            title = text.strip()
        sections.append(DocumentSection(kind, text.strip()))
        sentences = passage.get("sentences") or []
        for holder in (passage, *sentences):
            for _ in holder.get("relations") or []:
                errors.not_read("BioC relation")
        for annotation in (a for h in (passage, *sentences) for a in h.get("annotations") or []):
            name = str((annotation.get("infons") or {}).get("type") or "annotation")
            labels[name].append(str(annotation.get("text") or ""))
    for _ in document.get("relations") or []:
        errors.not_read("BioC relation")
    plain = {f"infon {k}": [str(v)] for k, v in (document.get("infons") or {}).items()}
    return ClinicalDocument(
        sections=tuple(section for section in sections if section.text),
        location=location,
        id=str(document.get("id") or "") or None,
        title=title or None,
        labels={n: "; ".join(dict.fromkeys(v)) for n, v in {**plain, **labels}.items() if any(v)},
    )


def read_brat(files: list[Path], errors: RecordErrors) -> Iterator[ClinicalDocument]:
    """Texts with brat's stand-off annotations beside them.

    Entities become labels by type; a document annotation (``A1 Diagnosis T0 …``) is not of the
    whole document and is left out. Offsets that do not lie in the text are errors.
    """
    for path in files:
        notes = path.with_suffix(".ann")
        if not notes.exists():
            errors.not_read("text without annotations (.ann)")
            continue
        try:
            with open_binary(path) as handle:
                text = handle.read().decode("utf-8-sig")
            lines = notes.read_bytes().decode("utf-8-sig").split("\n")
        except UnicodeDecodeError:
            errors.add("not UTF-8", path.name, "Save text and annotations as UTF-8.")
            continue
        labels: dict[str, list[str]] = defaultdict(list)
        number = 0
        try:
            for number, line in enumerate(lines, 1):  # noqa: B007 - named in the error
                _brat_line(line.rstrip("\r"), text, labels, errors)
        except ValueError as error:
            errors.add(
                str(error),
                f"{notes.name}, line {number}",
                "Keep each .ann with the .txt that it was made for, line ends unchanged.",
            )
            continue
        yield ClinicalDocument(
            sections=one_section(text),
            location=f"{path.parent.name}/{path.name}",
            id=path.stem,
            labels={name: "; ".join(dict.fromkeys(values)) for name, values in labels.items()},
        )


_BRAT_KINDS = {"R": "relation", "*": "relation", "E": "event", "A": "attribute", "M": "attribute",
               "N": "normalization", "#": "note"}  # fmt: skip


def _brat_line(line: str, text: str, labels: dict[str, list[str]], errors: RecordErrors) -> None:
    """Take an entity over; ``ValueError`` where it is not what the text has at its offsets."""
    if not line.startswith("T"):
        if kind := _BRAT_KINDS.get(line[:1]):
            errors.not_read(f"brat {kind}")
        return
    entity = re.fullmatch(r"T\S*\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?", line)
    if not entity:
        raise ValueError("an entity without a type and offsets")
    spans = [tuple(map(int, span.split())) for span in entity[2].split(";")]
    if any(end > len(text) or start >= end for start, end in spans):
        raise ValueError("an annotation that does not lie in the text")
    named = " ".join(text[start:end] for start, end in spans)
    if entity[3] is not None and "".join(named.split()) != "".join(entity[3].split()):
        raise ValueError("an annotation whose text is another at its offsets")
    labels[entity[1]].append(" ".join(named.split()))
