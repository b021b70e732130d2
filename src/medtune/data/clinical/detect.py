"""Which clinical format files have, by what stands at their beginning."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from medtune.data.clinical.annotated import read_bioc, read_brat, read_i2b2
from medtune.data.clinical.articles import read_articles
from medtune.data.clinical.cda import read_cda
from medtune.data.clinical.document import ReadDocuments
from medtune.data.clinical.fhir import read_fhir
from medtune.data.clinical.hl7 import read_hl7
from medtune.data.clinical.mimic import MIMIC_COLUMNS, read_mimic
from medtune.data.clinical.texts import TEXT_FILE_SUFFIXES, read_texts
from medtune.data.clinical.umls import read_umls
from medtune.data.formats.compression import open_binary, plain_path
from medtune.data.formats.encoding import AUTO
from medtune.errors import DataError

_HEAD = 2**16  # bytes looked at
# Files that are documents by their ending; JSON and XML are by what stands in them.
DOCUMENT_SUFFIXES = (".xml", ".nxml", ".hl7", ".er7", ".rrf", *TEXT_FILE_SUFFIXES)
DocumentUse = Literal["notes", "qa", "classification"]


@dataclass(frozen=True)
class ClinicalFormat:
    """A format: its name, its reader, and what its documents are for unless the recipe says so."""

    name: str
    read: ReadDocuments
    use: DocumentUse = "notes"

    def in_encoding(self, encoding: str) -> "ClinicalFormat":
        """The format read in an encoding that a person names.

        Raises ``DataError`` where its files, or its specification, say the encoding themselves.
        """
        if encoding == AUTO:
            return self
        if self.name not in _PLAIN:
            raise DataError(
                f"{self.name} files say their encoding themselves",
                where="data.encoding",
                fix="Leave it out, or name it at the source that it is for: "
                "data.source: [{name: …, encoding: …}].",
            )
        return replace(self, read=partial(_PLAIN[self.name], encoding=encoding))


FHIR = ClinicalFormat("FHIR", read_fhir)
HL7 = ClinicalFormat("HL7 v2", read_hl7)
CDA = ClinicalFormat("C-CDA", read_cda)
I2B2 = ClinicalFormat("i2b2", read_i2b2)
BIOC = ClinicalFormat("BioC", read_bioc)
BRAT = ClinicalFormat("brat", read_brat)
ARTICLES = ClinicalFormat("PubMed", read_articles, "qa")
TEXTS = ClinicalFormat("text files", read_texts)
MIMIC = ClinicalFormat("MIMIC-IV-Note", read_mimic)
UMLS = ClinicalFormat("UMLS", read_umls, "qa")
_PLAIN = {TEXTS.name: read_texts, MIMIC.name: read_mimic}
_ROOTS = {
    "ClinicalDocument": CDA,
    "PubmedArticleSet": ARTICLES,
    "PubmedArticle": ARTICLES,
    "pmc-articleset": ARTICLES,
    "article": ARTICLES,
    "collection": BIOC,
    "deIdi2b2": I2B2,
    "PatientMatching": I2B2,
    "ClinicalNarrativeTemporalAnnotation": I2B2,
    "ROOT": I2B2,
    "root": I2B2,
}
_ROOT = re.compile(
    rb"\s*(?:<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\])?[^>]*>|\s)*<(?:[\w.-]+:)?([\w.-]+)",
    re.DOTALL,
)


def clinical_format(files: Sequence[Path]) -> ClinicalFormat | None:
    """The format of the files; nothing where they are of none, such as ordinary tables.

    Raises ``DataError`` where they are of several formats, or FHIR in XML.
    """
    formats = {path: _format_of(path) for path in files}
    kinds = {kind.name: kind for kind in formats.values() if kind is not None}
    if not kinds:
        return None
    if set(kinds) == {BRAT.name, TEXTS.name} and None not in formats.values():
        return BRAT  # texts without annotations beside the corpus: README.txt
    if len(kinds) > 1 or None in formats.values():
        odd = next((path.name for path, kind in formats.items() if kind is None), "")
        names = ", ".join(sorted(kinds)) + (f", and {odd} of no such format" if odd else "")
        raise DataError(
            f"files of several formats: {names}",
            where=str(files[0].parent),
            fix="Name one file or directory of one format each in data.source.",
        )
    return next(iter(kinds.values()))


def _format_of(path: Path) -> ClinicalFormat | None:
    match plain_path(path).suffix.lower():
        case ".rrf":
            return UMLS
        case ".hl7" | ".er7":
            return HL7
        case ".xml" | ".nxml":
            return _xml_format(path)
        case ".csv":
            header = _head(path).split(b"\n", 1)[0].decode("utf-8", "replace").replace('"', "")
            return MIMIC if header.startswith(",".join(MIMIC_COLUMNS)) else None
        case ".json" | ".ndjson" | ".jsonl":
            return _json_format(path)
        case ".txt":
            return BRAT if path.with_suffix(".ann").exists() else _hl7_text(path) or TEXTS
        case ".docx" | ".pdf":
            return TEXTS
    return None


def _head(path: Path) -> bytes:
    with open_binary(path) as handle:
        return handle.read(_HEAD).removeprefix(b"\xef\xbb\xbf")


def _hl7_text(path: Path) -> ClinicalFormat | None:
    return HL7 if re.match(rb"[\x0b\s]*(?:MSH|FHS|BHS)[|^~\\&#]", _head(path)) else None


def _xml_format(path: Path) -> ClinicalFormat | None:
    head = _head(path)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head.decode("utf-16", "ignore").encode()
    root = _ROOT.match(head)
    name = root[1].decode() if root else ""
    if b"http://hl7.org/fhir" in head and name != "ClinicalDocument":
        raise DataError(
            "FHIR in XML is not read", where=str(path), fix="Export it as JSON or NDJSON."
        )
    return _ROOTS.get(name)


def _json_format(path: Path) -> ClinicalFormat | None:
    head = _head(path)
    first = head.lstrip().split(b"\n", 1)[0] if plain_path(path).suffix.lower() != ".json" else head
    if re.match(rb"\s*\{", first) and re.search(rb'"resourceType"\s*:\s*"[A-Z]\w+"', first):
        return FHIR
    if b'"passages"' in head and re.search(rb'"documents"\s*:', head):
        return BIOC
    return None
