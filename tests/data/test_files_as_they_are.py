"""Encodings, compressed files and spreadsheets: the same rows as from plain UTF-8 text."""

import bz2
import gzip
import lzma
import zipfile

import pyarrow as pa
import pytest

from medtune.data.formats.encoding import text_encoding
from medtune.data.formats.tables import open_table
from medtune.errors import DataError
from office_files import workbook

ROWS = [
    {"question": "Größe der Läsion?", "answer": "3,5 mm – café-au-lait"},
    {"question": "Wie hoch?", "answer": "38,5 °C, “fièvre”"},
]
CSV = "question;answer\r\n" + "".join(f"{r['question']};{r['answer']}\r\n" for r in ROWS)
COMPRESS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda raw: pa.Codec("zstd").compress(raw, asbytes=True),
}


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-32"])
def test_encodings_are_told_and_those_but_utf8_are_named(tmp_path, codec, capsys):
    path = tmp_path / "a.csv"
    path.write_bytes(CSV.encode(codec))
    assert list(open_table(path).rows()) == ROWS
    assert ("read as" in capsys.readouterr().err) == (codec in ("cp1252", "utf-16-le"))


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp1250", "Łódź: pacjentka ma gorączkę; źródło zakażenia nieznane; wątroba powiększona"),
        ("cp1250", "hőmérséklet és fejfájás"),
        ("iso8859-2", "žluč a slezina"),
        ("cp1254", "ağrı ve ateş"),
        ("cp1250", "febră şi tuse în spaţiu"),
        ("cp1251", "У больного высокая температура и кашель"),
        ("shift_jis", "患者は発熱と咳があります"),
        ("gb18030", "患者有发热和咳嗽"),
    ],
)
def test_other_encodings_are_asked_for_and_never_guessed(tmp_path, codec, text):
    path = tmp_path / "a.csv"
    path.write_bytes(f"question,answer\n{text},1\n".encode(codec))
    with pytest.raises(DataError, match=r"line 2: not UTF-8 .*not to be told what else"):
        open_table(path)
    assert list(open_table(path, encoding=codec).rows()) == [{"question": text, "answer": "1"}]


@pytest.mark.parametrize(
    "text",
    ["Cost £5, 38.5°C, 5 µg", "½ tablet, ¾ full, 2×4, 3 cm³", "“It’s” – yes…", "¿Qué? 1º, as ações",
     "die Größe", "l’œil gonflé, août", "blåbær på brød", "§ 5 und 20 € ± 2"],
)  # fmt: skip
def test_signs_and_words_of_windows_1252(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_bytes(f'question,answer\n"{text}",1\n'.encode("cp1252"))
    assert list(open_table(path).rows()) == [{"question": text, "answer": "1"}]


def test_a_damaged_file_of_utf8_is_not_taken_for_another_encoding(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(CSV.encode() + b"cut,\xc3\r\n")
    with pytest.raises(DataError, match="line 4: not UTF-8"):
        open_table(path)


def test_a_wrong_name_of_an_encoding_and_a_wrong_encoding(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(CSV.encode("cp1252"))
    with pytest.raises(DataError, match="no encoding of the name 'utf-9'"):
        text_encoding(path, "utf-9")
    with pytest.raises(DataError, match=r"line 2: not utf-8"):
        list(open_table(path, encoding="utf-8").rows())


@pytest.mark.parametrize("ending", COMPRESS)
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json"])
def test_compressed_tables(tmp_path, ending, name):
    import json

    text = {
        "a.csv": CSV,
        "a.tsv": CSV.replace(";", "\t"),
        "a.jsonl": "\n".join(map(json.dumps, ROWS)),
        "a.json": json.dumps({"data": ROWS}),
    }[name]
    path = tmp_path / (name + ending)
    path.write_bytes(COMPRESS[ending](text.encode()))
    assert list(open_table(path).rows()) == ROWS


def test_a_zip_of_one_table_and_of_two(tmp_path):
    path = tmp_path / "a.csv.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner.csv", CSV)
    assert list(open_table(path).rows()) == ROWS
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other.csv", CSV)
    with pytest.raises(DataError, match=r"a \.zip of 2 files"):
        open_table(path)


@pytest.mark.parametrize("ending", COMPRESS)
def test_a_compressed_file_whose_name_does_not_say_so(tmp_path, ending):
    path = tmp_path / "a.csv"
    path.write_bytes(COMPRESS[ending](CSV.encode()))
    assert list(open_table(path).rows()) == ROWS
    path.write_bytes(COMPRESS[ending](CSV.encode() * 500)[:-20])
    with pytest.raises(DataError, match="a\\.csv"):
        list(open_table(path).rows())


def test_a_compressed_file_that_is_cut(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(CSV.encode() * 500)[:-20])
    with pytest.raises(DataError, match=r"not a whole \.gz file"):
        list(open_table(path).rows())


def test_a_spreadsheet_gives_the_texts_that_stand_in_it(tmp_path):
    path = workbook(
        tmp_path / "a.xlsx",
        {"Answers": [["question", "answer"], ["Dose?", 5], [None, None], ["Level?", 1.25],
                     ["Yes?", True], ["Größe?", " 3,5 mm"]], "Empty": []},
    )  # fmt: skip
    table = open_table(path)
    assert table.names == ["question", "answer"]
    assert [row["answer"] for row in table.rows()] == ["5", "1.25", "true", " 3,5 mm"]


def test_of_several_sheets_one_is_named(tmp_path):
    rows = [["question", "answer"], ["a", "b"]]
    path = workbook(tmp_path / "a.xlsx", {"One": rows, "Two": [*rows, ["c", "d"]]})
    with pytest.raises(DataError, match=r"2 sheets hold something") as error:
        open_table(path)
    assert "One, Two" in str(error.value)
    assert len(list(open_table(path, sheet="Two").rows())) == 2
    with pytest.raises(DataError, match="no sheet 'Three'"):
        open_table(path, sheet="Three")


def test_a_column_without_a_name_and_a_broken_workbook(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"One": [["question", "answer"], ["a", "b", "secret"]]})
    with pytest.raises(DataError, match="3 fields where the header has 2") as error:
        list(open_table(path).rows())
    assert "secret" not in str(error.value)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"not a whole \.xlsx file"):
        open_table(path)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1 + 0.2, "0.3"), (1e-7, "0.0000001"), (1.5, "1.5"), (-0.25, "-0.25"), (7.0, "7"),
     (1e20, "100000000000000000000")],
)  # fmt: skip
def test_numbers_of_a_spreadsheet_as_it_shows_them(tmp_path, value, text):
    path = workbook(tmp_path / "a.xlsx", {"A": [["question", "answer"], ["q", value]]})
    assert [row["answer"] for row in open_table(path).rows()] == [text]


def test_a_title_above_the_names_is_said(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"A": [["Export"], ["question", "answer"], ["a", "b"]]})
    with pytest.raises(DataError, match="with no title above it"):
        open_table(path)
