"""FHIR: texts in their charset, patients wherever they stand, what is not read is counted."""

import base64
import json

import pytest

from medtune.data.clinical.document import RecordErrors
from medtune.data.clinical.fhir import base64_bytes, read_fhir
from medtune.data.clinical.fhir_values import resource_labels
from medtune.errors import DataError


def encoded(text, charset="utf-8"):
    return base64.b64encode(text.encode(charset)).decode()


PATIENT = {
    "resourceType": "Patient",
    "id": "7",
    "identifier": [{"value": "MRN-0042"}],
    "name": [{"family": "Testmann", "given": ["Erika", "Ottilie"]}],
    "birthDate": "1961-04-09",
    "telecom": [{"system": "phone", "value": "030 000 11 22"}],
    "address": [{"line": ["Musterweg 3"], "city": "Beispielstadt", "postalCode": "00000"}],
}
NOTE = {
    "resourceType": "DocumentReference",
    "id": "note-1",
    "status": "current",
    "type": {"coding": [{"code": "18842-5", "display": "Discharge summary"}]},
    "subject": {"reference": "https://ehr.example/fhir/Patient/7/_history/2"},
    "context": {"encounter": [{"reference": "Encounter/e1"}]},
    "content": [
        {
            "attachment": {
                "contentType": "text/plain; charset=iso-8859-1",
                "data": encoded("Erika Testmann: Fieber 38,5 °C, größer", "latin-1"),
            }
        }
    ],
}


def written(path, *resources):
    if path.suffix == ".ndjson":
        path.write_text("\n".join(json.dumps(r) for r in resources))
    else:
        entries = [{"fullUrl": f"urn:uuid:{n}", "resource": r} for n, r in enumerate(resources)]
        path.write_text(json.dumps({"resourceType": "Bundle", "entry": entries}))
    return path


def documents(path, on_error="stop"):
    errors = RecordErrors(on_error)
    return list(read_fhir([path], errors)), errors


@pytest.mark.parametrize("name", ["bulk.ndjson", "bundle.json"])
def test_a_note_in_its_own_charset_with_its_patient_who_comes_later(tmp_path, name):
    [note], _ = documents(written(tmp_path / name, NOTE, PATIENT))
    assert note.text == "Erika Testmann: Fieber 38,5 °C, größer"
    assert (note.patient, note.encounter) == ("Patient/7", "Encounter/e1")
    assert note.labels["DocumentReference.type"] == "Discharge summary"
    values = {(i.kind, i.value) for i in note.identifiers}
    assert {("name", "Erika Ottilie Testmann"), ("name", "Testmann"), ("record", "MRN-0042"),
            ("date", "09.04.1961"), ("date", "April 9, 1961"),
            ("zip", "00000")} <= values  # fmt: skip


def test_a_patient_named_by_the_full_url_of_its_entry(tmp_path):
    note = NOTE | {"subject": {"reference": "urn:uuid:0"}}
    [read], _ = documents(written(tmp_path / "b.json", PATIENT, note))
    assert read.patient == "Patient/7"
    assert ("name", "Testmann") in {(i.kind, i.value) for i in read.identifiers}


def test_a_contained_patient_is_this_record_s_own(tmp_path):
    own = {"resourceType": "Patient", "id": "p", "name": [{"family": "Beispielfrau"}]}
    notes = [NOTE | {"id": i, "contained": [own], "subject": {"reference": "#p"}} for i in "ab"]
    read, _ = documents(written(tmp_path / "b.ndjson", *notes))
    assert read[0].patient != read[1].patient
    assert all(("name", "Beispielfrau") in {(i.kind, i.value) for i in r.identifiers} for r in read)


def test_only_those_whom_a_document_names_are_its_identifiers(tmp_path):
    doctor = {"resourceType": "Practitioner", "id": "d1", "name": [{"family": "Musterarzt"}]}
    other = {"resourceType": "Practitioner", "id": "d2", "name": [{"family": "Fremdarzt"}]}
    note = NOTE | {"author": [{"reference": "Practitioner/d1", "display": "Dr. Musterarzt"}]}
    [read], _ = documents(written(tmp_path / "b.ndjson", doctor, other, note))
    names = {i.value for i in read.identifiers}
    assert {"Musterarzt", "Dr. Musterarzt"} <= names
    assert "Fremdarzt" not in names


def test_base64_of_both_alphabets_gives_the_same_bytes():
    raw = bytes(range(248, 256)) * 3
    assert base64_bytes(base64.urlsafe_b64encode(raw).decode()) == raw
    assert base64_bytes(base64.b64encode(raw).decode().rstrip("=")) == raw
    with pytest.raises(ValueError, match="no base64"):
        base64_bytes("YWJj*ZGVm")


def test_sections_of_a_composition_keep_tables_and_exponents(tmp_path):
    div = (
        '<div xmlns="http://www.w3.org/1999/xhtml"><p>WBC 20 x 10<sup>9</sup>/L</p><table><tr>'
        "<th>Test</th><th>Value</th></tr>"
        "<tr><td>CO<sub>2</sub></td><td>&lt; 5</td></tr></table></div>"
    )
    composition = {
        "resourceType": "Composition", "id": "c",
        "section": [
            {"title": "Findings", "text": {"status": "generated", "div": div},
             "section": [{"title": "Plan",
                          "text": {"status": "generated", "div": "<div>Rest</div>"}}]}
        ],
    }  # fmt: skip
    [read], _ = documents(written(tmp_path / "b.ndjson", composition))
    assert [s.heading for s in read.sections] == ["Findings", "Plan"]
    assert read.sections[0].text.splitlines() == [
        "WBC 20 x 10⁹/L",
        "",
        "Test | Value",
        "CO₂ | < 5",
    ]


def test_numbers_of_an_observation_keep_their_digits():
    value = json.loads('{"value": 1.00, "unit": "mg/dL"}', parse_float=str)
    resource = {
        "resourceType": "Observation",
        "valueQuantity": value,
        "code": {"text": "Kreatinin"},
    }
    assert resource_labels(resource) == {
        "Observation.valueQuantity": "1.00 mg/dL",
        "Observation.code": "Kreatinin",
    }


def test_what_is_not_read_is_counted(tmp_path):
    pdf = NOTE | {
        "id": "2",
        "content": [{"attachment": {"contentType": "application/pdf", "data": ""}}],
    }
    elsewhere = NOTE | {"id": "3", "content": [{"attachment": {"url": "Binary/9"}}]}
    wrong = NOTE | {"id": "4", "status": "entered-in-error"}
    condition = {"resourceType": "Condition", "id": "x"}
    read, errors = documents(written(tmp_path / "b.ndjson", pdf, elsewhere, wrong, condition))
    assert read == []
    assert errors.unread == {
        "FHIR attachment application/pdf": 1,
        "FHIR DocumentReference without a text": 2,
        "FHIR attachment that stands elsewhere (url)": 1,
        "FHIR DocumentReference entered in error": 1,
        "FHIR Condition": 1,
    }


def test_a_broken_record_stops_or_is_counted_and_the_rest_goes_on(tmp_path):
    path = written(tmp_path / "b.ndjson", NOTE, NOTE | {"id": "2"})
    lines = path.read_text().splitlines()
    path.write_text(
        "\n".join([lines[0], '{"resourceType": "DocumentReference", "secret', lines[1]])
    )
    with pytest.raises(DataError, match="line 2: not valid JSON") as error:
        documents(path)
    assert "secret" not in str(error.value)
    read, errors = documents(path, "skip")
    assert len(read) == 2
    assert (errors.counts, errors.locations) == ({"not valid JSON": 1}, ["b.ndjson, line 2"])


def test_an_attachment_of_the_wrong_charset_is_an_error_and_no_other_text(tmp_path):
    bad = {"contentType": "text/plain;charset=utf-8", "data": encoded("größer", "latin-1")}
    path = written(tmp_path / "b.ndjson", NOTE | {"content": [{"attachment": bad}]})
    with pytest.raises(
        DataError, match="attachment 1: an attachment that is no text of its charset"
    ):
        documents(path)


def names_of(read):
    return {i.value for i in read.identifiers}


def test_a_text_in_a_binary_of_the_same_files(tmp_path):
    def pointing(number, url, kind="text/plain"):
        content = [{"attachment": {"contentType": kind, "url": url}}]
        return NOTE | {"id": number, "content": content}

    binary = {"resourceType": "Binary", "id": "b1",
              "contentType": "text/plain;charset=windows-1252",
              "data": encoded("“größer” 5 µg", "cp1252")}  # fmt: skip
    pdf = {"resourceType": "Binary", "id": "b2", "contentType": "application/pdf", "data": "AAAA"}
    own = pointing("4", "#b1") | {"contained": [binary | {"data": encoded("own", "cp1252")}]}
    path = written(
        tmp_path / "b.ndjson", pointing("1", "https://ehr.example/fhir/Binary/b1"), binary, pdf,
        pointing("2", "Binary/b2", "application/pdf"), pointing("3", "Binary/none"), own,
    )  # fmt: skip
    read, errors = documents(path)
    assert [r.text for r in read] == ["“größer” 5 µg", "own"]
    assert errors.unread == {
        "FHIR attachment application/pdf": 1,
        "FHIR DocumentReference without a text": 2,
        "FHIR attachment that stands elsewhere (url)": 1,
    }


def test_a_report_s_results_stand_in_observations(tmp_path):
    observation = {
        "resourceType": "Observation", "id": "o1", "code": {"text": "CRP"},
        "referenceRange": [{"text": "< 5"}],
    }  # fmt: skip
    text = json.dumps(observation)[:-1] + (
        ', "valueQuantity": {"value": 5.00, "comparator": "<", "unit": "mg/L"}}'
    )
    report = {
        "resourceType": "DiagnosticReport", "id": "r", "subject": {"reference": "Patient/7"},
        "contained": [{"resourceType": "Observation", "id": "c", "code": {"text": "BP"},
                       "component": [{"code": {"text": "Systolic"},
                                      "valueQuantity": {"value": 120, "unit": "mmHg"}}]}],
        "result": [{"reference": "Observation/o1"}, {"reference": "#c"}], "conclusion": "Well.",
    }  # fmt: skip
    path = tmp_path / "r.ndjson"
    path.write_text(json.dumps(report) + "\n" + text)
    [read], _ = documents(path)
    assert [(s.heading, s.text) for s in read.sections] == [
        ("Results", "CRP: <5.00 mg/L (< 5)\nSystolic: 120 mmHg"),
        ("Conclusion", "Well."),
    ]


def test_one_patient_under_several_references(tmp_path):
    twin = {
        "resourceType": "Patient", "id": "8", "name": [{"text": "Dr. Erika Altname, MD"}],
        "link": [{"other": {"reference": "Patient/7"}, "type": "replaces"}],
    }  # fmt: skip
    number = {"identifier": {"system": "urn:mrn", "value": "MRN-0042"}}
    subjects = [
        [{"reference": "Patient/7"}],  # R5: Composition.subject is a list
        {"reference": "Patient/8"},
        number,
        {"reference": "Patient?identifier=urn:mrn|MRN-0042"},
    ]
    patient = PATIENT | {"identifier": [number["identifier"]]}
    notes = [NOTE | {"id": str(n), "subject": s} for n, s in enumerate(subjects)]
    read, _ = documents(written(tmp_path / "b.ndjson", *notes, twin, patient))
    assert len({r.patient for r in read}) == 1
    assert all({"Altname", "Testmann", "MRN-0042"} <= names_of(r) for r in read)


def test_persons_by_role_relation_and_display_alone(tmp_path):
    related = {"resourceType": "RelatedPerson", "patient": {"reference": "Patient/7"},
               "id": "m", "name": [{"family": "Muttermann"}]}  # fmt: skip
    role = {"resourceType": "PractitionerRole", "id": "x",
            "practitioner": {"reference": "Practitioner/d"}}  # fmt: skip
    doctor = {"resourceType": "Practitioner", "id": "d", "name": [{"family": "Rollmann"}]}
    note = NOTE | {
        "author": [{"reference": "PractitionerRole/x"}, {"display": "Prof. Anzeig, Otto"},
                   {"reference": "Organization/1", "display": "Haus am See"}],
        "identifier": [{"value": "ACC-77123"}],
    }  # fmt: skip
    [read], errors = documents(written(tmp_path / "b.ndjson", note, related, role, doctor, PATIENT))
    assert {"Muttermann", "Rollmann", "Anzeig", "Otto", "ACC-77123"} <= names_of(read)
    assert "Haus am See" not in names_of(read)
    assert errors.unread == {}


def test_components_of_an_observation_and_lines_in_a_json_file(tmp_path):
    path = tmp_path / "o.json"
    observation = {
        "resourceType": "Observation", "code": {"text": "Exam"},
        "component": [{"code": {"text": "Lungs"}, "valueString": "clear"}],
    }  # fmt: skip
    path.write_text("\n".join(json.dumps(observation | {"id": str(n)}) for n in range(2)))
    read, _ = documents(path)
    assert [r.text for r in read] == ["Exam\nLungs: clear"] * 2


def test_entries_without_a_resource_are_counted(tmp_path):
    path = tmp_path / "b.json"
    answer = {"response": {"status": "404"}}
    path.write_text(json.dumps({"resourceType": "Bundle", "type": "batch-response",
                                "entry": [answer, {"resource": NOTE}]}))  # fmt: skip
    read, errors = documents(path)
    assert (len(read), errors.unread) == (1, {"FHIR bundle entry without a resource": 1})
