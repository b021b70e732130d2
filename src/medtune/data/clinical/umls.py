"""UMLS in Rich Release Format as a glossary: MRDEF gives the meanings, MRCONSO the names, MRSTY the
semantic types (all in one directory, each possibly compressed).
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from medtune.data.clinical.coded_values import language as shown_language
from medtune.data.clinical.document import ClinicalDocument, RecordErrors, one_section
from medtune.data.formats.compression import open_binary, plain_path
from medtune.errors import DataError

# Columns of the files by their position (UMLS Reference Manual, chapter 3), and their number.
_FIELDS = {"MRCONSO.RRF": 18, "MRDEF.RRF": 8, "MRSTY.RRF": 6}


def read_umls(files: list[Path], errors: RecordErrors) -> Iterator[ClinicalDocument]:
    """A document for each definition that is not suppressed, of concepts with an English name.

    Title is the concept's preferred name, labels are semantic type and source vocabulary.
    """
    tables = {plain_path(path).name.upper(): path for path in files}
    missing = [name for name in ("MRCONSO.RRF", "MRDEF.RRF") if name not in tables]
    if missing:
        raise DataError(
            f"no {' and no '.join(missing)}",
            where=str(files[0].parent),
            fix="Name the directory that holds MRCONSO.RRF and MRDEF.RRF.",
        )
    for name in tables.keys() - _FIELDS.keys():
        errors.not_read(f"UMLS file {name}")
    defined = {row[0] for _, row in _rows(tables["MRDEF.RRF"], RecordErrors("skip"))}
    languages: dict[str, str] = {}
    names = _preferred_names(tables["MRCONSO.RRF"], defined, languages, errors)
    types: dict[str, list[str]] = defaultdict(list)
    if "MRSTY.RRF" in tables:
        for _, row in _rows(tables["MRSTY.RRF"], errors):
            if row[0] in names:
                types[row[0]].append(row[3])
    for location, row in _rows(tables["MRDEF.RRF"], errors):
        concept, vocabulary, text, suppressed = row[0], row[4], row[5], row[6]
        if suppressed not in ("N", ""):
            errors.not_read("UMLS definition that is suppressed")
        elif (language := languages.get(vocabulary, "ENG")) != "ENG":
            errors.not_read(
                f"UMLS definition of a vocabulary in another language ({shown_language(language)})"
            )
        elif concept not in names:
            errors.not_read("UMLS definition without an English name")
        else:
            yield ClinicalDocument(
                sections=one_section(text),
                location=location,
                id=concept,
                title=names[concept],
                labels={
                    "SAB": vocabulary,
                    **({"STY": "; ".join(types[concept])} if types[concept] else {}),
                },
            )


def _rows(path: Path, errors: RecordErrors) -> Iterator[tuple[str, list[str]]]:
    expected = _FIELDS[plain_path(path).name.upper()]
    with open_binary(path) as handle:
        for number, raw in enumerate(handle, 1):
            location = f"{path.name}, line {number}"
            try:
                row = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n").split("|")
            except UnicodeDecodeError:
                errors.add("not UTF-8", location, "Unpack the release again.")
                continue
            if len(row) - 1 != expected:
                what = f"{len(row) - 1} fields where {expected} belong"
                errors.add(what, location, "Unpack the release again.")
                continue
            yield location, row


def _preferred_names(
    path: Path, concepts: set[str], languages: dict[str, str], errors: RecordErrors
) -> dict[str, str]:
    """Concept → English name: the preferred one (TS=P, STT=PF, ISPREF=Y), else the first.

    ``languages`` gets the language of each vocabulary; one with English names is English.
    """
    names: dict[str, str] = {}
    preferred: set[str] = set()
    for _, row in _rows(path, errors):
        concept = row[0]
        if languages.get(row[11]) != "ENG":
            languages[row[11]] = row[1]
        if concept not in concepts or row[1] != "ENG" or row[16] not in ("N", ""):
            continue
        best = (row[2], row[4], row[6]) == ("P", "PF", "Y")
        if concept not in names or (best and concept not in preferred):
            names[concept] = row[14]
        if best:
            preferred.add(concept)
    return names
