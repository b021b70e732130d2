import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medtune.data.formats.delimited import delimited_header, delimited_rows
from medtune.data.formats.tables import open_table, read_table
from medtune.errors import DataError


def rows_of(path):
    """All rows of a table, read twice: a stream begins anew each time."""
    table = open_table(path)
    rows = list(table.rows())
    assert list(table.rows()) == rows
    assert (table.first or None) == (rows[0] if rows else None)
    return rows


def put(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def json_lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


TWO = [
    {"question": "What is gout?", "answer": "A naïve µg of crystals."},
    {"question": "Why?", "answer": "Because."},
]
COMMA = "question,answer\nWhat is gout?,A naïve µg of crystals.\nWhy?,Because.\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.csv", COMMA),
        ("bom.csv", COMMA.encode("utf-8-sig")),
        ("utf16.csv", COMMA.encode("utf-16")),
        ("utf16be.csv", b"\xfe\xff" + COMMA.encode("utf-16-be")),
        ("windows_lines.csv", COMMA.replace("\n", "\r\n")),
        ("no_last_line_end.csv", COMMA.rstrip("\n")),
        ("blank_lines.csv", COMMA.replace("\n", "\n\n")),
        ("upper.CSV", COMMA),
        ("semicolon.csv", COMMA.replace(",", ";")),
        ("pipe.csv", COMMA.replace(",", "|")),
        ("tab.csv", COMMA.replace(",", "\t")),
        ("tab.tsv", COMMA.replace(",", "\t")),
        (
            "quoted.csv",
            '"question","answer"\n"What is gout?","A naïve µg of crystals."\n"Why?","Because."\n',
        ),
        ("lines.jsonl", json_lines(*TWO)),
        ("bom.jsonl", json_lines(*TWO).encode("utf-8-sig")),
        ("lines.ndjson", "\n" + json_lines(*TWO) + "\n"),
        ("list.json", json.dumps(TWO)),
        ("pretty.json", json.dumps(TWO, indent=2)),
        ("pretty_windows_lines.json", json.dumps(TWO, indent=2).replace("\n", "\r\n")),
        ("utf16.json", json.dumps(TWO, ensure_ascii=False).encode("utf-16")),
        ("bom.json", json.dumps(TWO, ensure_ascii=False).encode("utf-8-sig")),
        ("leading_blank_lines.csv", "\n\n" + COMMA),
        ("comma_in_a_name.csv", COMMA.replace(",", ";").replace("question", '"question"')),
        ("wrapped.json", json.dumps({"version": 1, "data": TWO})),
        ("lines_in.json", json_lines(*TWO)),
    ],
)
def test_the_same_two_rows_in_every_form(tmp_path, name, content):
    assert rows_of(put(tmp_path, name, content)) == TWO


def test_parquet_rows(tmp_path):
    pq.write_table(pa.Table.from_pylist(TWO), tmp_path / "two.parquet")
    assert rows_of(tmp_path / "two.parquet") == TWO


def test_semicolons_with_commas_and_line_breaks_inside_fields(tmp_path):
    path = put(
        tmp_path, "s.csv", 'question;answer\n"Red, hot; swollen?";"Rest,\nice; and ""elevation"""\n'
    )
    assert rows_of(path) == [
        {"question": "Red, hot; swollen?", "answer": 'Rest,\nice; and "elevation"'}
    ]


def test_json_values_keep_their_types(tmp_path):
    rows = [
        {"messages": [{"role": "user", "content": "Hi"}], "score": 2},
        {"messages": None, "score": None},
    ]
    assert rows_of(put(tmp_path, "t.jsonl", json_lines(*rows))) == rows


def test_a_key_that_only_some_rows_have_is_null_elsewhere(tmp_path):
    path = put(tmp_path, "t.jsonl", json_lines({"a": "1"}, {"b": "2"}))
    assert read_table(path).to_pylist() == [{"a": "1", "b": None}, {"a": None, "b": "2"}]


def test_a_column_of_mixed_types_is_read_as_text(tmp_path):
    path = put(tmp_path, "t.jsonl", json_lines({"answer": "Rest"}, {"answer": 5}, {"answer": None}))
    assert read_table(path).column("answer").to_pylist() == ["Rest", "5", None]


@pytest.mark.parametrize(
    ("name", "content", "line", "what"),
    [
        (
            "quote_inside.csv",
            'question,answer\nq1,a1\nq2,"he said "no" to it"\nq3,a3\n',
            3,
            "quoting",
        ),
        (
            "never_closed.csv",
            'question,answer\nq1,a1\nq2,"never closed\nq3,a3\nq4,a4\n',
            3,
            "quoting",
        ),
        ("too_many.csv", "question,answer\nq1,a1\nq2,a2,x\n", 3, "3 fields where the header has 2"),
        ("too_few.csv", "question,answer\nq1\nq2,a2\n", 2, "1 fields where the header has 2"),
        ("after_long_field.csv", 'question,answer\nq1,"a\nb\nc"\nq2,a2,x\n', 5, "3 fields"),
        (
            "windows.csv",
            b"question,answer\nq1,a1\nq2,na\x81ve\n",
            3,
            "not UTF-8 (byte 0x81)",
        ),
        (
            "windows.jsonl",
            b'{"answer": "a"}\n{"answer": "na\x81ve"}\n',
            2,
            "not UTF-8",
        ),
        ("nul.csv", b"question,answer\nq1,a1\nq2,a\0b\n", 3, "NUL byte"),
        ("nul.jsonl", b'{"a": "b"}\n{"a": "\0"}\n', 2, "NUL byte"),
        ("one_bad.jsonl", '{"a": "b"}\n{"a": \n{"a": "b"}\n', 2, "not valid JSON"),
        ("not_an_object.jsonl", '{"a": "b"}\n\n[1, 2]\n', 3, "not a JSON object"),
        ("broken.json", '[\n{"a": "b"},\n{"a": }\n]\n', 3, "not valid JSON"),
        ("one_bad_line_in.json", '{"a": "b"}\n{"a": "b"}\n{"a": \n', 3, "not valid JSON"),
    ],
)
def test_a_broken_file_is_named_with_the_line(tmp_path, name, content, line, what):
    with pytest.raises(DataError) as caught:
        rows_of(put(tmp_path, name, content))
    first = str(caught.value).splitlines()[0]
    assert f"{name}, line {line}:" in first
    assert what in first
    assert caught.value.fix


@pytest.mark.parametrize("keep", [0, 3, 0.3, 0.5, 0.95])
def test_a_truncated_parquet_is_named(tmp_path, keep):
    whole = tmp_path / "whole.parquet"
    pq.write_table(
        pa.table(
            {"question": [f"q{i}" for i in range(500)], "answer": [f"a{i}" for i in range(500)]}
        ),
        whole,
    )
    raw = whole.read_bytes()
    cut = put(
        tmp_path, "cut.parquet", raw[: keep if isinstance(keep, int) else int(keep * len(raw))]
    )
    with pytest.raises(DataError, match=r"cut\.parquet: not a whole Parquet file"):
        rows_of(cut)


def test_an_unknown_ending_names_the_readable_ones(tmp_path):
    with pytest.raises(DataError, match=r"notes\.docx") as caught:
        open_table(put(tmp_path, "notes.docx", "x"))
    assert ".parquet" in str(caught.value)


@pytest.mark.parametrize("content", ["[1, 2]", '"text"', "3", '[{"a": 1}, 2]'])
def test_json_that_is_no_list_of_objects(tmp_path, content):
    with pytest.raises(DataError, match=r"odd\.json"):
        rows_of(put(tmp_path, "odd.json", content))


@pytest.mark.parametrize("content", ["", "\n\n", "question,answer\n", "question,answer"])
def test_a_table_without_rows_has_no_rows(tmp_path, content):
    path = put(tmp_path, "empty.csv", content)
    assert rows_of(path) == []
    assert read_table(path).num_rows == 0


def test_a_column_named_twice_is_an_error_not_a_lost_column(tmp_path):
    with pytest.raises(DataError, match=r"twice\.csv"):
        open_table(put(tmp_path, "twice.csv", "question,answer,answer\nq,kept or lost?,\n"))


def test_an_integer_too_large_for_arrow_is_kept_as_text(tmp_path):
    path = put(tmp_path, "big.jsonl", f'{{"id": {2**70}}}\n')
    assert read_table(path).to_pylist() == [{"id": str(2**70)}]


def test_half_a_surrogate_pair_is_an_error_with_its_file(tmp_path):
    with pytest.raises(DataError, match=r"half\.jsonl"):
        rows_of(put(tmp_path, "half.jsonl", '{"answer": "a"}\n{"answer": "half \\ud83d"}\n'))


def test_objects_by_key_become_rows_that_know_their_key(tmp_path):
    path = put(
        tmp_path, "keyed.json", json.dumps({"21645374": TWO[0], "16418930": TWO[1]}, indent=1)
    )
    assert rows_of(path) == [{"key": "21645374", **TWO[0]}, {"key": "16418930", **TWO[1]}]


def test_one_object_alone_is_one_row(tmp_path):
    assert rows_of(put(tmp_path, "one.json", json.dumps(TWO[0]))) == [TWO[0]]


def test_a_delimiter_in_a_name_does_not_mislead(tmp_path):
    path = put(tmp_path, "s.csv", '"question, asked; once";answer\nWhy?;Because\nHow?;So\n')
    assert open_table(path).names == ["question, asked; once", "answer"]


def test_one_column_may_hold_any_delimiter(tmp_path):
    path = put(tmp_path, "one.csv", 'text\na; b|c\n"d, e"\n')
    assert [row["text"] for row in rows_of(path)] == ["a; b|c", "d, e"]


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"'])
def test_a_line_that_names_the_delimiter_is_no_row(tmp_path, first):
    path = tmp_path / "mine.csv"
    path.write_text(f"{first}\nquestion;answer\nq, or r;a\nq;a;b\n")
    assert next(iter(delimited_rows(path, *delimited_header(path)))) == {
        "question": "q, or r",
        "answer": "a",
    }
    with pytest.raises(DataError, match=r"line 4: 3 fields"):
        open_table(path)


def test_a_tsv_with_commas_is_told_from_a_table_of_one_column(tmp_path):
    with pytest.raises(DataError, match=r"commas\.tsv, line 1: one column") as caught:
        open_table(put(tmp_path, "commas.tsv", COMMA))
    assert ".csv" in caught.value.fix


def test_a_column_named_twice_in_parquet(tmp_path):
    pq.write_table(
        pa.table([["q"], ["kept"], ["lost"]], names=["question", "answer", "answer"]),
        tmp_path / "t.parquet",
    )
    with pytest.raises(DataError, match="'answer' is there twice"):
        open_table(tmp_path / "t.parquet")


def test_a_path_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.csv: cannot be read"):
        open_table(tmp_path / "absent.csv")
    with pytest.raises(DataError, match=r"absent\.parquet: not a whole"):
        open_table(tmp_path / "absent.parquet")


LATE = 60_000


@pytest.mark.parametrize(
    ("name", "row", "bad", "what"),
    [
        ("late.csv", "q{i},a{i}\n", b"q,a,x\n", "3 fields"),
        ("late.csv", "q{i},a{i}\n", b"q,na\x81ve\n", "not UTF-8"),
        ("late.csv", "q{i},a{i}\n", b"q,\0\n", "NUL byte"),
        ("late.csv", "q{i},a{i}\n", b'q,"a" b\n', "quoting"),
        ("late.jsonl", '{{"question": "q{i}"}}\n', b'{"question": }\n', "not valid JSON"),
        ("late.jsonl", '{{"question": "q{i}"}}\n', b'["q"]\n', "not a JSON object"),
        ("late.json", '{{"question": "q{i}"}},\n', b'{"question": },\n', "not valid JSON"),
        ("late.json", '{{"question": "q{i}"}},\n', b'{"question": "q"}\n', "a comma or a bracket"),
        (
            "late.json",
            '{{"question": "q{i}"}},\n',
            b'{"question": "never closed},\n',
            "Invalid control character",
        ),
        ("late.json", '{{"question": "q{i}"}},\n', b'{"question": "\x81"},\n', "not UTF-8"),
        ("late.json", '{{"question": "q{i}"}},\n', b'{"question": "\0"},\n', "NUL byte"),
        (
            "late.json",
            '{{"question": "q{i}"}},\n',
            b'{"question": "\\ud83d"},\n',
            "no valid Unicode",
        ),
    ],
)
def test_the_line_is_right_late_in_a_file_that_is_read_as_a_stream(tmp_path, name, row, bad, what):
    head = "question,answer\n" if name.endswith("csv") else "[\n" if name.endswith("json") else "\n"
    good = "".join(row.format(i=i) for i in range(LATE)).encode()
    path = put(
        tmp_path,
        name,
        head.encode() + good + bad + good + (b'{"question": "z"}]' if name.endswith("n") else b""),
    )
    with pytest.raises(DataError) as caught:
        list(open_table(path).rows())
    first_line = str(caught.value).splitlines()[0]
    assert what in first_line
    line = LATE + 2
    # Where a comma is missing, the fault is seen at the next item.
    assert f", line {line}:" in first_line or (
        "comma" in what and f", line {line + 1}:" in first_line
    )


def test_a_list_of_items_larger_than_the_window(tmp_path):
    rows = [
        {"question": "q" * n, "answer": [n, -1.5e3, None, True]}
        for n in (1, 3_000_000, 5, 1_048_560, 2)
    ]
    assert rows_of(put(tmp_path, "large.json", json.dumps(rows))) == rows


@pytest.mark.parametrize(
    "content",
    ['[{"a": 1}', '[{"a": 1},', '[{"a": 1', '[{"a": "', "[", '[{"a": 1}] x', '[{"a": 1},]'],
)
def test_a_list_that_does_not_end_as_it_should(tmp_path, content):
    with pytest.raises(DataError, match=r"cut\.json, line 1: not"):
        rows_of(put(tmp_path, "cut.json", content))


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"a": ' * 100_000, '{"a": ' + "1" * 5000 + "}"]
)
def test_what_the_parser_gives_up_on_is_an_error_too(tmp_path, suffix, content):
    with pytest.raises(DataError, match="not valid JSON"):
        rows_of(put(tmp_path, f"deep.{suffix}", content))


def test_a_field_longer_than_any_text_is_named_with_its_line(tmp_path, monkeypatch):
    monkeypatch.setattr("medtune.data.formats.delimited._FIELD_LIMIT", 1_000)
    path = put(tmp_path, "long.csv", f"question,answer\nq1,a1\nq2,{'a' * 2_000}\n")
    with pytest.raises(DataError, match=r"more than 1,000 characters") as caught:
        list(open_table(path).rows())
    assert "long.csv, line 3" in str(caught.value)
