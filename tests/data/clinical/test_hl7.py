"""HL7 v2: every segment end, escape, repetition and character set, and nothing lost behind them."""

import base64

import pytest

from medtune.data.clinical.document import RecordErrors
from medtune.data.clinical.hl7 import read_hl7
from medtune.data.clinical.hl7_fields import Delimiters, unescape
from medtune.errors import DataError

SEGMENTS = [
    r"MSH|^~\&|LAB|H|EHR|H|20260101||ORU^R01|1|P|2.5||||||{charset}",
    "PID|1||0042^^^HOSP^MR||Testmann^Erika^O||19610409|F|||"
    "Musterweg 3^^Beispielstadt^^00000||030 0001122",
    "PV1|1|I|||||77^Musterarzt^Max|||MED|||||||||V9",
    "OBR|1||R1|24331-1^Chest X-ray",
    r"OBX|1|FT|F1^Findings||Heart is normal.\.br\No effusion \T\ no pneumothorax.~"
    "Größe 3 cm||||||F",
    "OBX|2|NM|718-7^Hemoglobin||7.40|g/dL|12-16|L|||F",
    "OBX|3|CWE|I^Impression||J18.9^Pneumonia^I10||||||F",
    "OBR|2||R2|CBC^Blood count",
    "NTE|1||Haemolysed sample",
]


def message(charset="UNICODE UTF-8", codec="utf-8", end="\r"):
    return (end.join(SEGMENTS).format(charset=charset) + end).encode(codec)


def documents(tmp_path, raw, on_error="stop"):
    path = tmp_path / "m.hl7"
    path.write_bytes(raw)
    errors = RecordErrors(on_error)
    return list(read_hl7([path], errors)), errors


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize(
    ("charset", "codec"),
    [("UNICODE UTF-8", "utf-8"), ("8859/1", "latin-1"), ("ISO IR6~8859/1", None), ("", "utf-8")],
)
def test_reports_of_a_message(tmp_path, end, charset, codec):
    if codec is None:
        with pytest.raises(DataError, match="no text of its character set"):
            documents(tmp_path, message(charset, "utf-8", end))
        return
    first, second = documents(tmp_path, message(charset, codec, end))[0]
    assert [(s.heading, s.text) for s in first.sections] == [
        ("Findings", "Heart is normal.\nNo effusion & no pneumothorax.\nGröße 3 cm"),
        ("Hemoglobin", "7.40 g/dL (12-16)"),
        ("Impression", "Pneumonia"),
    ]
    assert (first.title, first.id) == ("Chest X-ray", "R1")
    assert first.patient == second.patient == "0042^HOSP"
    assert first.encounter == "V9"
    assert second.text == "Haemolysed sample"
    values = {(i.kind, i.value) for i in first.identifiers}
    assert {("name", "Testmann"), ("name", "Erika O Testmann"), ("record", "0042"),
            ("date", "04/09/1961"), ("phone", "030 0001122"), ("name", "Musterarzt"),
            ("zip", "00000"), ("record", "V9")} <= values  # fmt: skip
    assert first.labels["OBR-4"] == "Chest X-ray"


def test_several_messages_in_frames_and_batches(tmp_path):
    framed = b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + b"".join(
        b"\x0b" + message() + b"\x1c\r" for _ in range(3)
    )
    read, _ = documents(tmp_path, framed + b"BTS|3\r")
    assert len(read) == 6
    assert read[5].location == "m.hl7, message 3, report 2"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (r"a\T\b\F\c\S\d\R\e\E\f", "a&b|c^d~e\\f"),
        (r"line\.br\next\.sp2\last", "line\nnext\n\nlast"),
        (r"\H\bold\N\ and \X0D\ hex", "bold and \n hex"),
        (r"a single \ sign and C:\dir", r"a single \ sign and C:\dir"),
        (r"unknown \Zxy\ stays", r"unknown \Zxy\ stays"),
    ],
)
def test_escape_sequences(text, plain):
    assert unescape(text, Delimiters()) == plain


def test_other_delimiters_are_taken_from_the_header(tmp_path):
    swap = str.maketrans("|^~\\&", "#@*/%")
    raw = message().decode().translate(swap)
    first, _ = documents(tmp_path, raw.encode())[0]
    assert first.patient == "0042^HOSP"
    assert "No effusion % no pneumothorax." in first.text  # the subcomponent separator of here


def test_encapsulated_texts_are_read_and_documents_counted(tmp_path):
    text = base64.b64encode("Note äöü".encode()).decode()
    raw = message().decode() + (
        f"OBX|4|ED|N^Note||^TEXT^plain^Base64^{text}\rOBX|5|ED|P^Report||^APPLICATION^pdf^Base64^AA=="
    )
    read, errors = documents(tmp_path, raw.encode())
    assert read[1].sections[-1].text == "Note äöü"
    assert errors.unread == {"HL7 encapsulated APPLICATION pdf": 1}


def test_a_line_that_is_no_segment_names_its_message_and_never_its_text(tmp_path):
    broken = message().replace(b"OBR|2", b"secret words of a patient\rOBR|2")
    with pytest.raises(DataError, match="message 1: line 8 is no segment") as error:
        documents(tmp_path, broken)
    assert "secret" not in str(error.value)
    read, errors = documents(tmp_path, broken + message(), "skip")
    assert (len(read), errors.counts) == (2, {"line 8 is no segment": 1})


def test_every_report_is_of_the_patient_before_it(tmp_path):
    other = (
        "PID|1||0099^^^HOSP^MR||Beispiel^Otto||19700203\rNTE|1||Fasting\r"
        "OBR|1||R3|X^Second\rOBX|1|TX|A^A||Ottos text\r"
    )
    read, _ = documents(tmp_path, message() + other.encode())
    assert [r.patient for r in read] == ["0042^HOSP"] * 2 + ["0099^HOSP"] * 2
    assert [r.text for r in read[2:]] == ["Fasting", "A\nOttos text"]
    names = {i.value for i in read[3].identifiers}
    assert "Beispiel" in names
    assert "Testmann" not in names


def one(tmp_path, *segments, charset="UNICODE UTF-8", codec="utf-8", end="\r"):
    head = rf"MSH|^~\&|L|H|E|H|2026||ORU^R01|1|P|2.5||||||{charset}"
    [read], errors = documents(tmp_path, end.join([head, *segments]).encode(codec))
    return read, errors


@pytest.mark.parametrize(
    ("number", "patient"),
    [
        ("9^^^LAB^PI~0042^^^HOSP&1.2&ISO^MR", "0042^HOSP"),
        ("0042^^^HOSP", "0042^HOSP"),
        ('""', None),
    ],
)
def test_the_patient_s_number(tmp_path, number, patient):
    read, _ = one(tmp_path, f'PID|1||{number}||""', "OBX|1|TX|A^A||text")
    assert read.patient == patient
    assert '""' not in {i.value for i in read.identifiers}


@pytest.mark.parametrize(
    ("observation", "text"),
    [
        ("OBX|1|ST|A||5^6 & more", "A\n5^6 & more"),
        ("OBX|1|TX|A||one\rOBX|2|TX|A|2|two", "A\none\ntwo"),
        ("OBX|1|CWE|A||^^^^^^^^As written", "A\nAs written"),
        ('OBX|1|CWE|A||C1^""^L', "A\nC1"),
        ("OBX|1|SN|A||>^100|mg", "A\n>100 mg"),
        ("OBX|1|DTM|A||202601312359", "A\n202601312359"),
        ("OBX|1|FT|A||gr\\XC3\\\\XB6\\\u00dfer\\.BR\\b\\X0D0A\\c", "A\ngrößer\nb\nc"),
        ("OBX|1|TX|A||one\ntwo", "A\none\ntwo"),
        ("OBX|1|ED|A||^TEXT^plain^A^one^two", "A\none^two"),
    ],
)
def test_values(tmp_path, observation, text):
    assert one(tmp_path, "PID|1||7", observation)[0].text == text


def test_withdrawn_results_and_foreign_types_are_counted(tmp_path):
    _, errors = one(tmp_path, "OBX|1|TX|A||x", "OBX|2|TX|A||y||||||D", "OBX|3|TX|A||z||||||W",
                    "OBX|4|XAD|A||z", "ZXX|1|own")  # fmt: skip
    assert errors.unread == {
        "HL7 OBX deleted": 1, "HL7 OBX posted as wrong": 1, "HL7 OBX of type XAD": 1,
    }  # fmt: skip


def test_escapes_to_japanese_and_byte_order_marks(tmp_path):
    read, _ = one(tmp_path, "OBX|1|TX|A||発熱", charset="~ISO IR87", codec="iso2022_jp")
    assert read.text == "A\n発熱"
    for codec in ("utf-8-sig", "utf-16"):
        read, _ = one(tmp_path, "OBX|1|TX|A||größer", charset="UNICODE UTF-16", codec=codec)
        assert read.text == "A\ngrößer"


def test_all_whom_segments_name_are_identifiers(tmp_path):
    read, _ = one(
        tmp_path, "PID|1||7||Testmann^E||||||^^^^12345~Weg 9||(030)12^^^e@x.org~040 99",
        "NK1|1|Muttermann^Ida|MTH", "ORC|RE|||||||||||8^Ordermann^Ute",
        "TXA|1|CN|TX||||||9^Tipper^Al|||D1", "OBX|1|TX|A||x|||||||||||5^Messer^Jo",
    )  # fmt: skip
    values = {i.value for i in read.identifiers}
    assert {"Muttermann", "Ordermann", "Tipper", "Messer", "Weg 9", "040 99", "e@x.org"} <= values
    assert (read.id, read.title) == ("D1", "CN")


@pytest.mark.parametrize("raw", [b"MSH\rPID|1", b"no message at all", b"MSH|\rOBX|1"])
def test_what_is_no_message_is_an_error(tmp_path, raw):
    with pytest.raises(DataError):
        documents(tmp_path, raw)
    assert sum(documents(tmp_path, raw, "skip")[1].counts.values()) == 1
