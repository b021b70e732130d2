"""HL7 v2: every segment end, escape, repetition and character set, and nothing lost behind them."""

import base64

import pytest

from medtune.data.clinical.document import RecordErrors
from medtune.data.clinical.hl7 import Delimiters, read_hl7, unescape
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
