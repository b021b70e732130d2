"""i2b2, BioC and brat: texts whole, tags as labels, identifiers from the tags that name them."""

import json

import pytest

from medtune.data.clinical.annotated import read_bioc, read_brat, read_i2b2
from medtune.data.clinical.detect import clinical_format
from medtune.data.clinical.document import RecordErrors
from medtune.errors import DataError


def test_i2b2_of_2014_names_patient_and_identifiers(tmp_path):
    path = tmp_path / "110-03.xml"
    path.write_text(
        "<deIdi2b2><TEXT><![CDATA[\nErika Testmann, seen 2094-03-02.\n  BP < 120\n]]></TEXT><TAGS>"
        '<NAME id="P0" start="1" end="15" text="Erika Testmann" TYPE="PATIENT" comment=""/>'
        '<DATE id="P1" start="22" end="32" text="2094-03-02" TYPE="DATE" comment=""/>'
        '<SMOKER id="S" status="past" STATUS="past"/></TAGS></deIdi2b2>'
    )
    [read] = read_i2b2([path], RecordErrors())
    assert read.text == "Erika Testmann, seen 2094-03-02.\n  BP < 120"
    assert (read.patient, read.id) == ("110", "110-03")
    assert [(i.kind, i.value) for i in read.identifiers] == [
        ("name", "Erika Testmann"),
        ("date", "2094-03-02"),
    ]
    assert read.labels == {"SMOKER": "past"}


def test_n2c2_selection_and_smoking_records(tmp_path):
    selection = tmp_path / "1.xml"
    selection.write_text(
        "<PatientMatching><TEXT>Note</TEXT><TAGS>"
        '<ABDOMINAL met="not met"/><ASP-FOR-MI met="met"/></TAGS></PatientMatching>'
    )
    [read] = read_i2b2([selection], RecordErrors())
    assert read.labels == {"ABDOMINAL": "not met", "ASP-FOR-MI": "met"}
    smoking = tmp_path / "s.xml"
    smoking.write_text(
        '<ROOT><RECORD ID="1"><SMOKING STATUS="SMOKER"/>'
        '<TEXT>a <PHI TYPE="DOCTOR">Muster</PHI></TEXT></RECORD>'
        '<RECORD ID="2"><SMOKING STATUS="UNKNOWN"/><TEXT>b</TEXT></RECORD></ROOT>'
    )
    first, second = read_i2b2([smoking], RecordErrors())
    assert (first.text, first.labels, second.labels) == (
        "a Muster",
        {"SMOKING": "SMOKER"},
        {"SMOKING": "UNKNOWN"},
    )
    assert [(i.kind, i.value) for i in first.identifiers] == [("name", "Muster")]


BIOC = {
    "source": "made up",
    "documents": [
        {
            "id": "d1",
            "infons": {"kind": "case"},
            "passages": [
                {"infons": {"type": "title"}, "offset": 0, "text": "Pr(>|t|) of a test"},
                {"infons": {"type": "abstract"}, "offset": 20, "text": "10 mg daily",
                 "annotations": [{"infons": {"type": "Dose"}, "text": "10 mg"}]},
            ],
        }
    ],
}  # fmt: skip
BIOC_XML = """<collection><source>x</source><document><id>d1</id><infon key="kind">case</infon>
<passage><infon key="type">title</infon><offset>0</offset>
<text>Pr(&gt;|t|) of a test</text></passage>
<passage><infon key="type">abstract</infon><offset>20</offset><text>10 mg daily</text>
<annotation id="1"><infon key="type">Dose</infon><location offset="20" length="5"/>
<text>10 mg</text></annotation></passage></document></collection>"""


@pytest.mark.parametrize(("name", "text"), [("b.json", json.dumps(BIOC)), ("b.xml", BIOC_XML)])
def test_bioc_of_both_forms(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    [read] = read_bioc([path], RecordErrors())
    assert [s.text for s in read.sections] == ["Pr(>|t|) of a test", "10 mg daily"]
    assert (read.id, read.title) == ("d1", "Pr(>|t|) of a test")
    assert read.labels == {"infon kind": "case", "Dose": "10 mg"}


def test_brat_entities_are_labels_and_offsets_are_checked(tmp_path):
    text, notes = tmp_path / "n.txt", tmp_path / "n.ann"
    text.write_text("Aspirin 100 mg täglich.")
    notes.write_text(
        "T1\tDrug 0 7\tAspirin\nT2\tDose 8 11;12 14\t100 mg\nR1\tHas Arg1:T1 Arg2:T2\n"
    )
    [read] = read_brat([text], RecordErrors())
    assert read.labels == {"Drug": "Aspirin", "Dose": "100 mg"}
    notes.write_text("T1\tDrug 0 99\tAspirin\n")
    with pytest.raises(DataError, match=r"n\.ann, line 1: an annotation that does not lie"):
        list(read_brat([text], RecordErrors()))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("T1\tDrug 0 7\tIbuprof", "whose text is another"),
        ("T1\tDrug 7 0\tAspirin", "does not lie"),
        ("T1 Drug 0 7 Aspirin", "without a type and offsets"),
    ],
)
def test_brat_entities_that_do_not_fit_are_errors(tmp_path, line, reason):
    (tmp_path / "n.txt").write_text("Aspirin 100 mg")
    (tmp_path / "n.ann").write_text(line + "\n")
    with pytest.raises(DataError, match=reason) as error:
        list(read_brat([tmp_path / "n.txt"], RecordErrors()))
    assert "Aspirin" not in str(error.value)


def test_brat_with_windows_line_ends_and_what_is_not_read(tmp_path):
    (tmp_path / "n.txt").write_bytes(b"Aspirin\r\n100 mg")
    (tmp_path / "n.ann").write_bytes(
        b"T1\tDose 9 15\t100 mg\r\nT2\tBoth 0 15\tAspirin 100 mg\r\nE1\tX:T1\r\nA1\tNeg T1\r\n"
    )
    (tmp_path / "README.txt").write_text("About the corpus")
    errors = RecordErrors()
    files = [tmp_path / "README.txt", tmp_path / "n.txt"]
    assert clinical_format(files).name == "brat"
    [read] = read_brat(files, errors)
    assert read.labels == {"Dose": "100 mg", "Both": "Aspirin 100 mg"}
    assert errors.unread == {
        "text without annotations (.ann)": 1, "brat event": 1, "brat attribute": 1,
    }  # fmt: skip


def test_i2b2_of_2008_and_2012(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text('<root><docs><doc id="7"><text>Note</text></doc><doc id="8"/></docs></root>')
    errors = RecordErrors()
    [read] = read_i2b2([path], errors)
    assert (read.text, read.id, errors.unread) == ("Note", "7", {"i2b2 record without a text": 1})
    path.write_text(
        "<ClinicalNarrativeTemporalAnnotation><TEXT>N</TEXT><TAGS/>"
        "</ClinicalNarrativeTemporalAnnotation>"
    )
    assert clinical_format([path]).name == "i2b2"


def test_bioc_sentences_relations_and_a_broken_document(tmp_path):
    path = tmp_path / "b.json"
    sentence = {"text": "10 mg", "annotations": [{"infons": {"type": "Dose"}, "text": "10 mg"}]}
    passage = {"infons": {}, "sentences": [sentence], "relations": [{}]}
    path.write_text(json.dumps({"documents": [
        {"id": "1", "passages": ["broken"]}, {"id": "2", "passages": [passage]}]}))  # fmt: skip
    errors = RecordErrors("skip")
    [read] = read_bioc([path], errors)
    assert (read.text, read.labels) == ("10 mg", {"Dose": "10 mg"})
    assert errors.unread == {"BioC relation": 1}
    assert errors.locations == ["b.json, document 1"]


def test_an_age_or_a_day_alone_is_no_identifier_of_other_numbers(tmp_path):
    path = tmp_path / "1-1.xml"
    path.write_text(
        '<deIdi2b2><TEXT>45 mg</TEXT><TAGS><AGE TYPE="AGE" text="45"/></TAGS></deIdi2b2>'
    )
    [read] = read_i2b2([path], RecordErrors())
    assert read.identifiers == ()
