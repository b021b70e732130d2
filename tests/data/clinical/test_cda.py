"""C-CDA: sections with their tables, the patient of the header, bodies that are plain text."""

import base64

import pytest

from medtune.data.clinical.cda import read_cda
from medtune.data.clinical.document import RecordErrors
from medtune.errors import DataError

HEADER = """<?xml version="1.0"?>
<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="2.16.1" extension="doc-9"/>
<code code="34133-9" displayName="Summarization of Episode Note"/><title>Visit</title>
<recordTarget><patientRole><id root="2.16.9" extension="0042"/>
<addr><streetAddressLine>Musterweg 3</streetAddressLine><city>Beispielstadt</city></addr>
<telecom value="tel:030-0001122"/><patient>
<name><given>Erika</given><family>Testmann</family></name>
<birthTime value="19610409"/></patient></patientRole></recordTarget>
<author><assignedAuthor><assignedPerson><name><given>Max</given><family>Musterarzt</family></name>
</assignedPerson></assignedAuthor></author>
<componentOf><encompassingEncounter><id root="2.16.7" extension="V9"/>
</encompassingEncounter></componentOf>
<component>%s</component></ClinicalDocument>"""
BODY = """<structuredBody>
<component><section><code displayName="Results"/><title>Results</title><text>
<table><thead><tr><th>Test</th><th>Value</th></tr></thead>
<tbody><tr><td>WBC</td><td>20 x 10<sup>9</sup>/L</td></tr>
<tr><td>CRP</td><td>&lt; 5 mg/L</td></tr></tbody></table>
<list><item>No fever<br/>since Monday</item><item>Rest</item></list></text>
<component><section><title>Comment</title><text>Stable.</text></section></component>
</section></component>
<component><section nullFlavor="NI"><title>Allergies</title><text>No information</text></section>
</component>
</structuredBody>"""


def documents(tmp_path, body, on_error="stop"):
    path = tmp_path / "d.xml"
    path.write_text(HEADER % body)
    errors = RecordErrors(on_error)
    return list(read_cda([path], errors)), errors


def test_sections_tables_and_patient(tmp_path):
    [read], _ = documents(tmp_path, BODY)
    assert [(s.heading, s.text.splitlines()) for s in read.sections] == [
        (
            "Results",
            [
                "Test | Value",
                "WBC | 20 x 10⁹/L",
                "CRP | < 5 mg/L",
                "",
                "- No fever",
                "since Monday",
                "- Rest",
            ],
        ),
        ("Comment", ["Stable."]),
    ]
    assert (read.id, read.patient, read.encounter) == ("2.16.1^doc-9", "2.16.9^0042", "2.16.7^V9")
    assert read.labels["ClinicalDocument.code"] == "Summarization of Episode Note"
    values = {(i.kind, i.value) for i in read.identifiers}
    assert {("name", "Testmann"), ("name", "Musterarzt"), ("date", "04/09/1961"),
            ("record", "0042"), ("phone", "030-0001122"), ("record", "V9")} <= values  # fmt: skip


def test_a_plain_body_and_one_that_is_no_text(tmp_path):
    text = base64.b64encode("Größe 3 cm".encode()).decode()
    body = (
        f'<nonXMLBody><text mediaType="text/plain" representation="B64">{text}</text></nonXMLBody>'
    )
    assert documents(tmp_path, body)[0][0].text == "Größe 3 cm"
    read, errors = documents(tmp_path, body.replace("text/plain", "application/pdf"))
    assert read == []
    assert errors.unread == {
        "C-CDA body of type application/pdf": 1,
        "C-CDA document without a text": 1,
    }


def test_xml_that_is_cut_is_named_or_counted(tmp_path):
    with pytest.raises(DataError, match=r"d\.xml: not valid XML \(line \d+\)"):
        documents(tmp_path, "<structuredBody>")
    assert documents(tmp_path, "<structuredBody>", "skip")[1].locations == ["d.xml"]


def test_entities_are_refused(tmp_path):
    path = tmp_path / "d.xml"
    path.write_text('<!DOCTYPE x [<!ENTITY e "t">]><ClinicalDocument>&e;</ClinicalDocument>')
    with pytest.raises(DataError, match="not valid XML"):
        list(read_cda([path], RecordErrors()))


def test_names_without_parts_and_several_patients(tmp_path):
    second = (
        '<recordTarget><patientRole><id root="2.16.9" extension="0043"/><addr>Hof 1</addr>'
        "<telecom value='tel:+49 40 123 456'/><patient><name>Dr. Ida Plainname</name>"
        '<birthTime value="19700203"/></patient></patientRole></recordTarget></ClinicalDocument>'
    )
    path = tmp_path / "d.xml"
    path.write_text((HEADER % BODY).replace("</ClinicalDocument>", second))
    errors = RecordErrors()
    [read] = read_cda([path], errors)
    values = {i.value for i in read.identifiers}
    assert {"Plainname", "Ida", "0043", "Hof 1", "+49 40 123 456", "1970-02-03"} <= values
    assert errors.unread == {"C-CDA section without information": 1}
