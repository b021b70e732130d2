"""MIMIC-IV-Note: patients as groups, sections at headings, marks of removal kept."""

import gzip

import pytest

from medtune.data.clinical.detect import clinical_format
from medtune.data.clinical.document import RecordErrors, text_sections
from medtune.data.clinical.mimic import read_mimic
from medtune.errors import DataError
from medtune.recipe.schema import Corpus
from medtune.training.corpus import read_corpus

TABLE = """note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text
7-DS-1,7,70,DS,1,2180-05-07 00:00:00,2180-05-09 15:26:00," \nName: ___\n
Chief Complaint:\nCough
Brief Hospital Course:\n1. Dose of 2.5 mg.\n\n2. WBC < 4."
8-RR-1,8,,RR,1,2180-05-07 00:00:00,2180-05-09 15:26:00,No effusion.
""".replace("\\n", "\n")


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "discharge.csv.gz"
    path.write_bytes(gzip.compress(TABLE.encode()))
    return path


def test_notes(table):
    assert clinical_format([table]).name == "MIMIC-IV-Note"
    first, second = read_mimic([table], RecordErrors())
    assert first.text.startswith(" \nName: ___\n\nChief Complaint:\nCough\n")
    assert [(s.heading, s.text) for s in text_sections(first.text)] == [
        ("", " \nName: ___"),
        ("Chief Complaint", "Cough"),
        ("Brief Hospital Course", "1. Dose of 2.5 mg.\n\n2. WBC < 4."),
    ]
    assert (first.patient, first.encounter, first.title) == ("7", "70", "Discharge summary")
    assert (second.text, second.encounter, second.labels) == (
        "No effusion.",
        None,
        {"note_type": "RR"},
    )


def test_a_row_without_a_patient_is_an_error(table):
    table.write_bytes(gzip.compress(TABLE.replace(",8,,RR", ",,,RR").encode()))
    with pytest.raises(DataError, match="row 2: no subject_id"):
        list(read_mimic([table], RecordErrors()))


def test_a_corpus_holds_patients_together(table):
    documents = read_corpus(table, Corpus(source=str(table)))
    assert [(d.kind, d.group) for d in documents] == [
        ("MIMIC-IV-Note", "7"),
        ("MIMIC-IV-Note", "8"),
    ]


def test_a_quoted_header_is_known_too(tmp_path):
    path = tmp_path / "d.csv"
    head, rest = TABLE.split("\n", 1)
    path.write_text(",".join(f'"{name}"' for name in head.split(",")) + "\r\n" + rest)
    assert clinical_format([path]).name == "MIMIC-IV-Note"
