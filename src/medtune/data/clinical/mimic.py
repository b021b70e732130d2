"""Notes of MIMIC-IV-Note (discharge.csv.gz, radiology.csv.gz) in their published columns."""

from collections.abc import Iterator
from pathlib import Path

from medtune.data.clinical.document import ClinicalDocument, RecordErrors, one_section
from medtune.data.formats.encoding import AUTO
from medtune.data.formats.tables import open_table

# The columns by which the tables are known; their order is the published one.
MIMIC_COLUMNS = ("note_id", "subject_id", "hadm_id", "note_type", "note_seq")
_TYPES = {"DS": "Discharge summary", "RR": "Radiology report", "AR": "Radiology report addendum"}


def read_mimic(
    files: list[Path], errors: RecordErrors, encoding: str = AUTO
) -> Iterator[ClinicalDocument]:
    """One document of each row; ``___`` marks what was taken out and stays as it is."""
    for path in files:
        for number, row in enumerate(open_table(path, encoding=encoding).rows(), 1):
            location = f"{path.name}, row {number}"
            text, subject = row.get("text") or "", row.get("subject_id") or ""
            if not subject:
                errors.add("no subject_id", location, "Use the file as it was published.")
                continue
            if not text.strip():
                errors.not_read("note without a text")
                continue
            kind = str(row.get("note_type") or "")
            yield ClinicalDocument(
                sections=one_section(text.strip("\n")),
                location=location,
                id=row.get("note_id") or None,
                patient=str(subject),
                encounter=row.get("hadm_id") or None,
                title=_TYPES.get(kind),
                labels={"note_type": kind} if kind else {},
            )
