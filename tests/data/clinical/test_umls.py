"""UMLS: definitions under preferred English names; suppressed ones are counted."""

import pytest

from medtune.data.clinical.document import RecordErrors
from medtune.data.clinical.umls import read_umls
from medtune.errors import DataError


def name(concept, language, status, form, preferred, text, suppressed="N"):
    head = f"{concept}|{language}|{status}|L|{form}|S|{preferred}"
    return f"{head}|A||||SRC|PT|C|{text}|0|{suppressed}||"


def release(tmp_path, *definitions):
    (tmp_path / "MRCONSO.RRF").write_text(
        "\n".join(
            [
                name("C1", "ENG", "S", "PF", "Y", "Low blood count"),
                name("C1", "GER", "P", "PF", "Y", "Blutarmut"),
                name("C1", "ENG", "P", "PF", "Y", "Anemia"),
                name("C2", "GER", "P", "PF", "Y", "Fieber"),
            ]
        )
    )
    (tmp_path / "MRDEF.RRF").write_text("\n".join(definitions))
    (tmp_path / "MRSTY.RRF").write_text("C1|T047|B2|Disease or Syndrome|AT||\n")
    return sorted(tmp_path.glob("*.RRF"))


def test_a_glossary_of_preferred_names(tmp_path):
    errors = RecordErrors()
    files = release(
        tmp_path,
        "C1|A|AT||MSH|Too few red cells|N||",
        "C1|A|AT||NCI|Old words|Y||",
        "C2|A|AT||MSH|Hot|N||",
    )
    [read] = read_umls(files, errors)
    assert (read.title, read.text, read.labels) == (
        "Anemia",
        "Too few red cells",
        {"SAB": "MSH", "STY": "Disease or Syndrome"},
    )
    assert errors.unread == {
        "UMLS definition that is suppressed": 1,
        "UMLS definition without an English name": 1,
    }


def test_a_row_of_too_few_fields_and_a_missing_file(tmp_path):
    files = release(tmp_path, "C1|A|AT||MSH|cut")
    with pytest.raises(DataError, match=r"MRDEF\.RRF, line 1: 5 fields where 8 belong"):
        list(read_umls(files, RecordErrors()))
    with pytest.raises(DataError, match=r"no MRCONSO\.RRF"):
        list(read_umls([tmp_path / "MRDEF.RRF"], RecordErrors()))


def test_definitions_of_a_vocabulary_in_another_language_are_counted(tmp_path):
    files = release(tmp_path, "C1|A|AT||MSHSPA|Pocos|N||", "C1|A|AT||SRC|Few|N||")
    names = tmp_path / "MRCONSO.RRF"
    names.write_text(
        names.read_text() + "\n" + name("C1", "SPA", "P", "PF", "Y", "x").replace("SRC", "MSHSPA")
    )
    (tmp_path / "MRREL.RRF").write_text("")
    errors = RecordErrors()
    [read] = read_umls([*files, tmp_path / "MRREL.RRF"], errors)
    assert read.text == "Few"
    assert errors.unread == {
        "UMLS file MRREL.RRF": 1,
        "UMLS definition of a vocabulary in another language (SPA)": 1,
    }
