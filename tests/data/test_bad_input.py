"""Bad input: an error that names file, row and field, or all rows.

Never a crash, never a row less.
"""

import contextlib
import csv
import io
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medtune.data.formats.tables import TEXT_SUFFIXES
from medtune.data.sources.open_source import open_source, source_files
from medtune.errors import DataError
from medtune.recipe.schema import Columns


def read(path, **columns):
    return list(open_source(str(path), None, Columns(**columns)).read())


def written(suffix, rows):
    """The rows as the bytes of a file of this kind."""
    if suffix == ".parquet":
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), buffer)
        return buffer.getvalue()
    if suffix in (".csv", ".tsv"):
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(rows[0]), delimiter="\t" if suffix == ".tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()
    if suffix == ".json":
        return json.dumps(rows, ensure_ascii=False, indent=1).encode()
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


ROWS = [
    {"question": f"What is disease {i}, “so-called”?", "answer": f"An illness; no. {i}\nof many."}
    for i in range(30)
]


@pytest.mark.parametrize(
    ("name", "content", "where", "what"),
    [
        (
            "quoting.csv",
            'question,answer\nq,a\nq,"a "b" c"\n',
            "quoting.csv, line 3",
            "broken quoting",
        ),
        (
            "encoding.csv",
            b"question,answer\nq,\x81\n",
            "encoding.csv, line 2",
            "byte 0x81",
        ),
        ("nul.csv", b"question,answer\nq,a\0\n", "nul.csv, line 2", "NUL byte"),
        (
            "wide.csv",
            "question,answer\nq,a,b\n",
            "wide.csv, line 2",
            "3 fields where the header has 2",
        ),
        ("colon.csv", "question:answer\nq:a\n", "colon.csv", "which column holds the question"),
        (
            "tab.tsv",
            "question,answer\nq,a\n",
            "tab.tsv, line 1",
            "the delimiter is not the one expected",
        ),
        (
            "twice.csv",
            "question,answer,answer\nq,a,b\n",
            "twice.csv, line 1",
            "'answer' is there twice",
        ),
        (
            "twice.jsonl",
            '{"question": "q", "answer": "a", "answer": "b"}\n',
            "twice.jsonl, line 1",
            "'answer' is there twice",
        ),
        (
            "twice.json",
            '[{"question": "q", "answer": "a", "answer": "b"}]',
            "twice.json, line 1",
            "'answer' is there twice",
        ),
        ("missing.csv", "question,comment\nq,c\n", "missing.csv", "which column holds the answer"),
        (
            "bad.jsonl",
            '{"question": "q", "answer": "a"}\n{"question": \n',
            "bad.jsonl, line 2",
            "not valid JSON",
        ),
        (
            "type.jsonl",
            '{"question": "q", "answer": ["a"]}\n',
            "type.jsonl, row 1",
            "'answer' holds a list",
        ),
        (
            "type.json",
            '[{"question": {"en": "q"}, "answer": "a"}]',
            "type.json, row 1",
            "'question' holds an object",
        ),
        ("turns.jsonl", '{"messages": "hello"}\n', "turns.jsonl, row 1", "not a list of messages"),
        (
            "role.jsonl",
            '{"messages": [{"role": "nurse", "content": "x"}]}\n',
            "role.jsonl, row 1",
            "unknown role (a text of 5 characters)",
        ),
        ("cut.parquet", written(".parquet", ROWS)[:-20], "cut.parquet", "not a whole Parquet file"),
        ("none.csv", "question,answer\n", "none.csv", "no rows"),
        ("none.jsonl", "", "none.jsonl", "no rows"),
        # blank to Python, not to JSON
        ("blank.json", "\x0b\x1c\n", "blank.json, line 1", "not valid JSON"),
        ("none.json", "[]", "none.json", "no rows"),
        ("none.parquet", written(".parquet", ROWS)[:0], "none.parquet", "not a whole Parquet file"),
        ("text.rtf", "What is gout?", "data.source", "no reader for text.rtf"),
    ],
)
def test_each_fault_is_named_with_its_place_and_what_to_do(tmp_path, name, content, where, what):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as caught:
        read(path)
    first, *rest = str(caught.value).splitlines()
    assert first.split(": ")[0].endswith(where)
    assert what in first
    assert rest
    assert rest[0]


def test_a_parquet_of_no_rows_says_so(tmp_path):
    pq.write_table(
        pa.table({"question": pa.array([], pa.string()), "answer": pa.array([], pa.string())}),
        tmp_path / "e.parquet",
    )
    with pytest.raises(DataError, match=r"e\.parquet: the file has no rows"):
        read(tmp_path / "e.parquet")


@pytest.mark.parametrize("name", ["absent.csv", "absent/", "absent"])
def test_a_path_that_does_not_exist(tmp_path, name):
    with pytest.raises(DataError, match="no such file or known source"):
        source_files(str(tmp_path / name), None)


def test_a_directory_without_data(tmp_path):
    (tmp_path / "readme.md").write_text("nothing")
    with pytest.raises(DataError, match="no table, XML, HL7 or text file below"):
        source_files(str(tmp_path), None)


def test_a_directory_named_like_a_table(tmp_path):
    (tmp_path / "rows.csv").mkdir()
    with pytest.raises(DataError, match="no table, XML, HL7 or text file below"):
        read(tmp_path / "rows.csv")


def test_a_broken_link_is_no_file(tmp_path):
    (tmp_path / "link.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path / "link.csv")


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16", "utf-16-le", "utf-8"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl"])
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path, suffix, mark):
    text = written(suffix, ROWS).decode()
    path = tmp_path / f"marked{suffix}"
    path.write_bytes((b"\xff\xfe" if mark == "utf-16-le" else b"") + text.encode(mark))
    assert [row.question for row in read(path)] == [row["question"] for row in ROWS]


# Fuzzing. Longer: benchmarks/fuzz_reading.py.

WRITTEN = (*TEXT_SUFFIXES, ".parquet")
KINDS = st.sampled_from([*WRITTEN, ".xml"])
FUZZ = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=200)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def rows_or_error(path, source=None):
    """All rows, each with a place of its own in the file.

    None after an error that names the file and what to do.
    """
    error = None
    try:
        rows = read(
            source or path, **({} if source else {"question": "question", "answer": "answer"})
        )
    except DataError as caught:
        error = caught
    if error is not None:
        assert path.name in (error.where or "") + error.what
        assert error.fix
        return None
    assert rows
    assert len({row.location for row in rows}) == len(rows)
    assert all(path.stem in row.location for row in rows)
    return rows


@FUZZ
@given(suffix=KINDS, content=st.binary(max_size=200))
def test_arbitrary_bytes_are_rows_or_an_error(place, suffix, content):
    path = place / f"bytes{suffix}"
    path.write_bytes(content)
    once = rows_or_error(path, place if suffix == ".xml" else None)
    assert rows_or_error(path, place if suffix == ".xml" else None) == once
    if once is not None:  # nothing is invented: a file without a line to hold them has no rows
        assert suffix != ".parquet"
        assert len(once) <= content.count(b"\n") + content.count(b"\r") + content.count(b"{") + 1
    path.unlink()


ALMOST = st.text('[]{}",:;|\t\n\r \\uabc123.-e"', max_size=60)


@FUZZ
@given(
    delimiter=st.sampled_from(",;|\t"),
    content=ALMOST | st.lists(st.text('ab" ', max_size=6), max_size=9).map("\t".join),
)
def test_almost_a_table_is_the_rows_that_python_reads_or_an_error(place, delimiter, content):
    content = content.replace("\t", delimiter)
    path = place / ("almost.tsv" if delimiter == "\t" else "almost.csv")
    path.write_text(f"question{delimiter}answer\n{content}", encoding="utf-8", newline="")
    try:
        oracle = [
            r
            for r in csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
            if r
        ]
    except csv.Error:
        oracle = []
    rows = rows_or_error(path)
    if not oracle or any(len(record) != 2 for record in oracle):
        assert rows is None
    else:
        assert rows is not None
        assert [(row.question, row.answer) for row in rows] == [
            (q if q.strip() else "", a) for q, a in oracle
        ]


@FUZZ
@given(
    lines=st.lists(
        st.fixed_dictionaries(
            {"question": st.text('ab"\\', max_size=4), "answer": st.text("ab{}", max_size=4)}
        ).map(json.dumps)
        | st.sampled_from(
            ["", "{}", "[]", "null", "1", '{"question": "a"}', '{"question": 1, "answer": "b"}']
        )
        | ALMOST,
        max_size=5,
    )
)
def test_almost_json_lines_are_as_many_rows_as_json_reads_or_an_error(place, lines):
    path = place / "almost.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8", newline="")
    rows = rows_or_error(path)
    whole = [line for line in "\n".join(lines).split("\n") if line.strip(" \t\r")]
    if rows is not None:
        assert len(rows) == len(whole)
        assert all(isinstance(json.loads(line), dict) for line in whole)
    else:
        assert not whole or not all('", "answer": "' in line for line in whole)


@FUZZ
@given(
    suffix=st.sampled_from(WRITTEN),
    texts=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=30),
)
def test_rows_in_are_rows_out(place, suffix, texts):
    path = place / f"whole{suffix}"
    path.write_bytes(written(suffix, [{"question": q, "answer": a} for q, a in texts]))
    rows = read(path, question="question", answer="answer")
    assert [(row.question, row.answer) for row in rows] == [
        (q if q.strip() else "", a) for q, a in texts
    ]


@FUZZ
@given(suffix=st.sampled_from(WRITTEN), seed=st.integers(0, 2**32))
def test_a_damaged_table_gives_all_rows_or_an_error(place, suffix, seed):
    chance = random.Random(seed)
    content = bytearray(written(suffix, ROWS))
    at = chance.randrange(len(content))
    damage = chance.choice(("change", "cut", "remove"))
    if damage == "change":
        content[at] = chance.randrange(256)
    elif damage == "cut":
        del content[at:]
    else:
        del content[at]
    path = place / f"damaged{suffix}"
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        rows = read(path, question="question", answer="answer")
        # What is cut at the end of a line is a shorter file and no broken one.
        assert len(rows) == len(ROWS) or damage == "cut"
