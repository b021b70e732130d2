"""No cell of a file stands in a message, whatever is wrong with the file: a marker in every cell
of many broken files is in nothing that is printed, tracebacks included.
"""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medtune.data.column_names import shown_column, shown_columns
from medtune.errors import described, without_values

SECRET = "Zqxsecret"
S = f"{SECRET} Meier, born 1970-01-01."
DIGITS = "9081726354"


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def answers(**fields):
    return lines({"question": S, "answer": S}, {"question": S, "answer": S} | fields)


def options(answer, **fields):
    texts = {letter: f"{S} {letter}" for letter in "ABCD"}
    return lines({"question": S, "options": texts, "answer": answer} | fields)


def turns(*messages):
    return lines({"messages": [{"role": "user", "content": S}, *messages]})


BROKEN = {
    "headless.csv": f"{S},{S} two\n" * 3,
    "headless_words.csv": f"{SECRET},{SECRET}two\n" * 3,
    "headless_options.csv": f"{S},A,B,C,D,A\n" * 3,
    "one_column.tsv": f"{SECRET},two\n{S},a\n",
    "one_column.csv": f"{SECRET}\n{S}\n",
    "twice.csv": f"{SECRET},{SECRET}\na,b\n",
    "blanks.csv": f"{SECRET},{SECRET} ,three,four\n{S},b,c,d\n",
    "wide.csv": f'question,answer\n"{S}",a\n"{S}","{S}","{S}"\n',
    "narrow.csv": f'question,answer,split\n"{S}",a,b\n"{S}"\n',
    "quoting.csv": f'question,answer\n{SECRET},"{S}" {SECRET}"\n',
    "open_quote.csv": f'question,answer\n{SECRET},"{S}\n{S}\n',
    "latin.csv": f"question,answer\n{SECRET},é {S}\n".encode("latin-1"),
    "utf16.csv": f"question,answer\n{SECRET},{S}\n".encode("utf-16")[:-3],
    "nul.csv": f"question,answer\n{SECRET},{SECRET}\0\n",
    "weights.csv": f'question,answer,weight\n{SECRET},{SECRET},"{S}"\n',
    "array.csv": f'question,answer\n{SECRET},"[array([{SECRET}]) {SECRET}"\n',
    "context.csv": f"question,answer,context\n{SECRET},{SECRET},\"['{SECRET}' 'a'\"\n",
    "numbers.csv": f"question,A,B,answer\n{SECRET},{SECRET}a,b,{DIGITS}\n",
    "letters.csv": f"question,A,B,answer\n{SECRET},a,b,{SECRET}\n",
    "cut.jsonl": answers() + f'{{"question": "{S}", "ans',
    "unquoted.jsonl": f'{{"question": {SECRET}, "answer": "{S}"}}\n',
    "escape.jsonl": f'{{"question": "{SECRET}\\q{SECRET}", "answer": "{S}"}}\n',
    "half_pair.jsonl": f'{{"question": "{SECRET}\\ud800", "answer": "{S}"}}\n',
    "twice.jsonl": f'{{"question": "{S}", "{SECRET}": 1, "{SECRET}": 2}}\n',
    "list.jsonl": answers(answer=[S]),
    "object.jsonl": answers(answer={SECRET: S}),
    "text.jsonl": f'"{S}"\n',
    "deep.jsonl": f'{{"question": "{S}", "answer": {"[" * 5000}"{S}"{"]" * 5000}}}\n',
    "digits.jsonl": f'{{"question": "{S}", "answer": {DIGITS * 500}}}\n',
    "key.jsonl": options(S),
    "key_letter.jsonl": options("Q", answer_idx=S),
    "no_letters.jsonl": lines({"question": S, "options": {S: S, f"{S} b": S}, "answer": "A"}),
    "option_list.jsonl": options("A", options=[[S], S]),
    "plain_options.jsonl": options("A", options=S),
    "empty_option.jsonl": options("A", options=[S, "", S]),
    "role.jsonl": turns({"role": S, "content": S}),
    "role_list.jsonl": turns({"role": [S], "content": S}),
    "turn.jsonl": turns(S),
    "weighted.jsonl": turns({"role": "assistant", "content": S, "weight": S}),
    "images.jsonl": turns({"role": "assistant", "content": S, "images": [S]}),
    "messages.jsonl": lines({"messages": S}),
    "messages_text.jsonl": lines({"messages": f"[{{'role': '{SECRET}'"}),
    "history.jsonl": answers(history=[[S, S, S]]),
    "names.json": json.dumps({S: {"question": S}, f"{S} two": {"question": S}}),
    "cut.json": f'[{{"question": "{S}", "answer": "{S}"}}, {{"question": "{S}"',
    "comma.json": f'[{{"question": "{S}", "answer": "{S}"}} {{"question": "{S}"}}]',
    "tail.json": f'[{{"question": "{S}", "answer": "{S}"}}] {S}',
    "number.json": f'["{S}"]',
    "deep.json": f'[{{"question": {"[" * 5000}"{S}"',
    "few.jsonl": lines({"question": S, "answer": ""}),
}


def parquet(path, columns):
    pq.write_table(pa.table(columns), path)


@pytest.mark.parametrize("name", BROKEN)
def test_no_cell_of_a_broken_file_is_printed(medtune, tmp_path, name):
    content = BROKEN[name]
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    process = medtune("data", "audit", name, "--verbose")
    printed = process.stdout + process.stderr
    assert SECRET.lower() not in printed.lower(), printed
    assert DIGITS not in printed
    assert process.returncode in (0, 2)
    assert name in printed


def test_no_cell_of_a_broken_parquet_file_is_printed(medtune, tmp_path):
    binary = pa.array([S.encode() + b"\xff", S.encode()], pa.binary())
    as_text = pa.Array.from_buffers(pa.string(), 2, binary.buffers())
    parquet(tmp_path / "utf8.parquet", {"question": as_text, "answer": [S, S]})
    parquet(tmp_path / "bytes.parquet", {"question": binary, "answer": [S, S]})
    parquet(tmp_path / "labels.parquet", {S: [S], "b": [S]})
    dates = pa.array([2**62], pa.timestamp("us"))
    parquet(tmp_path / "dates.parquet", {"question": [S], "answer": dates})
    whole = (tmp_path / "bytes.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[:-20] + b"PAR1")
    for name in ("utf8", "bytes", "labels", "dates", "cut"):
        process = medtune("data", "audit", f"{name}.parquet", "--verbose")
        assert SECRET not in process.stdout + process.stderr, name
        assert process.returncode == 2, name
        assert f"{name}.parquet" in process.stderr


def test_columns_are_named_where_a_header_is_sure_and_counted_elsewhere():
    assert shown_columns(["question", "comment"]) == "question, comment"
    assert shown_columns(["John Smith", "asthma"]).startswith("2, ")
    assert shown_columns(["text", "John Smith, born 12.03.1970"]).startswith("2, ")
    assert shown_column("note", ["note", "b"]) == "column 'note'"
    assert shown_column("asthma", ["fever", "asthma"]) == "column 2"


def test_values_are_described_and_taken_out_of_the_messages_of_libraries():
    assert described("John") == "a text of 4 characters"
    assert described(["a"]) == "a list of 1"
    for message in ("could not convert string to float: 'John'", "bad \"John's cough", "`John`"):
        assert "John" not in without_values(ValueError(message))
        assert without_values(ValueError(message))
    assert "John" not in without_values(KeyError("John"))
    assert without_values(ValueError("can't read what isn't there")).endswith("isn't there")
    assert "'shape'" in without_values(AttributeError("no attribute 'shape'"))
