import contextlib
import csv
import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medtune.data.columns import find_layout, resolve_columns
from medtune.data.formats.tables import open_table
from medtune.data.sources.open_source import open_source
from medtune.errors import DataError
from medtune.recipe.schema import Columns

PAIR = [("user", "What is gout?"), ("assistant", "Crystals in a joint.")]


def load(tmp_path, rows, columns=None, name="mine.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return open_source(str(path), None, columns or Columns())


def rows_of(source):
    """All rows; a source is read from the start each time."""
    rows = list(source.read())
    assert list(source.read()) == rows
    return rows


def table_file(path, rows):
    """The rows as a file of the kind that its name says."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix in (".csv", ".tsv"):
        with open(path, "w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(
                handle, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ","
            )
            writer.writeheader()
            writer.writerows(rows)
    else:
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        path.write_text(json.dumps(rows) if path.suffix == ".json" else lines, encoding="utf-8")
    return path


def turns(row):
    return [(m.role, m.content) for m in row.messages]


@pytest.mark.parametrize(
    "row",
    [
        {"question": PAIR[0][1], "answer": PAIR[1][1]},
        {"Question": PAIR[0][1], " Answer": PAIR[1][1]},
        {"input": PAIR[0][1], "output": PAIR[1][1]},
        {"prompt": PAIR[0][1], "response": PAIR[1][1]},
        {"prompt": PAIR[0][1], "completion": PAIR[1][1]},
        {"instruction": PAIR[0][1], "output": PAIR[1][1]},
        {"instruction": PAIR[0][1], "response": PAIR[1][1]},
        {"patient": PAIR[0][1], "doctor": PAIR[1][1]},
        {"messages": [{"role": role, "content": text} for role, text in PAIR]},
        {
            "conversations": [
                {"from": name, "value": text}
                for name, (_, text) in zip(("human", "gpt"), PAIR, strict=True)
            ]
        },
        {"answer": f"  {PAIR[1][1]}\n", "question": f"\t{PAIR[0][1]} "},
    ],
    ids=lambda row: "+".join(name.strip() for name in row),
)
def test_usual_layouts_are_recognised(tmp_path, row):
    found = [turns(r) for r in rows_of(load(tmp_path, [row]))]
    assert [[(role, text.strip()) for role, text in r] for r in found] == [PAIR]


def test_texts_come_as_they_stand_so_that_cleaning_can_count(tmp_path):
    row = rows_of(load(tmp_path, [{"question": " q ", "answer": "a\r\n"}]))[0]
    assert (row.question, row.answer) == (" q ", "a\r\n")


def test_alpaca_joins_an_instruction_that_varies_with_its_input(tmp_path):
    rows = [
        {"instruction": "Name the disease.", "input": "Crystals in a joint.", "output": "Gout"},
        {"instruction": "What is gout?", "input": "", "output": "Crystals in a joint."},
    ]
    loaded = load(tmp_path, rows)
    assert [turns(r) for r in rows_of(loaded)] == [
        [("user", "Name the disease.\n\nCrystals in a joint."), ("assistant", "Gout")],
        PAIR,
    ]
    assert loaded.columns == {"question": "input", "answer": "output", "instruction": "instruction"}


def test_alpaca_takes_a_constant_instruction_as_the_system_message(tmp_path):
    rows = [
        {"instruction": "Answer truthfully.", "input": f"Question {i}?", "output": f"Answer {i}."}
        for i in range(3)
    ]
    loaded = load(tmp_path, rows)
    assert turns(rows_of(loaded)[2]) == [
        ("system", "Answer truthfully."),
        ("user", "Question 2?"),
        ("assistant", "Answer 2."),
    ]
    assert loaded.columns["system"] == "instruction"


def test_columns_of_the_recipe_win_over_the_usual_names(tmp_path):
    rows = [
        {
            "question": "wrong",
            "answer": "wrong",
            "frage": "What is gout?",
            "antwort": "Crystals in a joint.",
        }
    ]
    loaded = load(tmp_path, rows, Columns(question="frage", answer="antwort"))
    assert turns(rows_of(loaded)[0]) == PAIR
    assert loaded.columns == {"question": "frage", "answer": "antwort"}


def test_one_named_column_leaves_the_other_to_be_found(tmp_path):
    loaded = load(
        tmp_path,
        [{"frage": "What is gout?", "answer": "Crystals in a joint."}],
        Columns(question="frage"),
    )
    assert turns(rows_of(loaded)[0]) == PAIR


def test_context_and_system_columns(tmp_path):
    rows = [
        {
            "question": "Which disease?",
            "answer": "Gout",
            "context": "Urate high.",
            "system": "Be brief.",
        }
    ]
    assert turns(rows_of(load(tmp_path, rows))[0]) == [
        ("system", "Be brief."),
        ("user", "Urate high.\n\nWhich disease?"),
        ("assistant", "Gout"),
    ]


def test_entity_label_and_id_are_carried(tmp_path):
    rows = [
        {
            "question": "q",
            "answer": "a",
            "disease": "gout",
            "specialty": "Rheumatology",
            "number": 7,
        }
    ]
    row = rows_of(load(tmp_path, rows, Columns(id="number")))[0]
    assert (row.entity, row.label, row.id) == ("gout", "Rheumatology", "7")


def test_rows_know_their_place(tmp_path):
    rows = rows_of(load(tmp_path, [{"question": "q", "answer": str(i)} for i in range(3)]))
    assert [row.location for row in rows] == [f"mine.jsonl, row {i}" for i in (1, 2, 3)]


def test_messages_of_both_spellings_in_one_file(tmp_path):
    rows = [
        {"messages": [{"role": role, "content": text} for role, text in PAIR]},
        {
            "messages": [
                {"from": "human", "value": PAIR[0][1]},
                {"from": "gpt", "value": PAIR[1][1]},
            ]
        },
    ]
    assert [turns(r) for r in rows_of(load(tmp_path, rows))] == [PAIR, PAIR]


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "tsv", "parquet"])
@pytest.mark.parametrize("at", [1, 299])
def test_an_instruction_is_constant_only_if_it_is_so_to_the_end(tmp_path, suffix, at):
    rows = [{"instruction": "Answer.", "input": f"q{i}?", "output": f"a{i}"} for i in range(300)]
    constant = rows_of(
        open_source(str(table_file(tmp_path / f"same.{suffix}", rows)), None, Columns())
    )
    rows[at]["instruction"] = "Explain."
    varied = rows_of(
        open_source(str(table_file(tmp_path / f"varied.{suffix}", rows)), None, Columns())
    )
    assert turns(constant[7]) == [("system", "Answer."), ("user", "q7?"), ("assistant", "a7")]
    assert turns(varied[7]) == [("user", "Answer.\n\nq7?"), ("assistant", "a7")]
    assert turns(varied[at])[0] == ("user", f"Explain.\n\nq{at}?")


def test_a_single_row_tells_nothing_of_a_constant_instruction(tmp_path):
    row = {"instruction": "Name the disease.", "input": "Crystals in a joint.", "output": "Gout"}
    assert turns(rows_of(load(tmp_path, [row]))[0])[0] == (
        "user",
        "Name the disease.\n\nCrystals in a joint.",
    )


def test_a_varied_instruction_is_read_no_further_than_needed(tmp_path):
    rows = [{"instruction": f"i{i}", "input": "q", "output": "a"} for i in range(500)]
    table = open_table(table_file(tmp_path / "t.jsonl", rows))
    taken = []
    counted = replace(
        table, column=lambda name: (taken.append(1) or value for value in table.column(name))
    )
    assert find_layout(counted, Columns()).constant is None
    assert len(taken) == 2


@pytest.mark.parametrize("column", ["question", "answer", "focus", "label", "system", "id"])
@pytest.mark.parametrize(("value", "kind"), [(["a", "b"], "a list"), ({"a": "b"}, "an object")])
def test_a_column_of_the_wrong_type_is_named_with_its_row(tmp_path, column, value, kind):
    good = {
        "question": "q",
        "answer": "a",
        "focus": "gout",
        "label": "l",
        "context": "c",
        "system": "s",
        "id": "1",
    }
    loaded = load(tmp_path, [good, {**good, column: value}], Columns(id="id"))
    with pytest.raises(DataError, match=rf"mine\.jsonl, row 2: the column '{column}' holds {kind}"):
        rows_of(loaded)


def test_bytes_are_no_text(tmp_path):
    table_file(tmp_path / "t.parquet", [{"question": b"q", "answer": "a"}])
    with pytest.raises(DataError, match="holds bytes"):
        rows_of(open_source(str(tmp_path / "t.parquet"), None, Columns()))


@pytest.mark.parametrize("missing", [None, float("nan"), "", "  "])
def test_what_is_missing_is_empty_and_not_a_word(tmp_path, missing):
    row = rows_of(load(tmp_path, [{"question": "q", "answer": missing, "label": missing}]))[0]
    assert (row.answer.strip(), row.label) == ("", None)


@pytest.mark.parametrize("missing", ["nan", "None", "N/A", "NULL", "-"])
def test_what_programs_write_for_a_missing_value_is_not_asked(tmp_path, missing):
    beside = dict.fromkeys(["context", "system", "entity", "number"], missing)
    good = {"question": "q", "answer": "a", "label": missing}
    row = rows_of(load(tmp_path, [good | beside], Columns(id="number", label="label")))[0]
    assert [(m.role, m.content) for m in row.messages] == [("user", "q"), ("assistant", "a")]
    assert (row.entity, row.id, row.label) == (None, None, missing)


def test_parts_of_text_are_read_and_other_parts_refused(tmp_path):
    text = {"type": "text", "text": "What is gout?"}
    image = {"type": "image_url", "image_url": {"url": "file:toe.png"}}
    answer = {"role": "assistant", "content": "Crystals."}

    def talk(*parts):
        return {"messages": [{"role": "user", "content": [*parts]}, answer]}

    row = rows_of(load(tmp_path, [talk(text, {"type": "text", "text": "In the toe."})]))[0]
    assert row.question == "What is gout?\nIn the toe."
    with pytest.raises(DataError, match=r"row 1: a turn's content is a list of parts"):
        rows_of(load(tmp_path, [talk(text, image)]))


def test_a_row_that_lacks_a_column_is_read_with_an_empty_text(tmp_path):
    rows = rows_of(
        load(tmp_path, [{"question": "q", "answer": "a"}, {"answer": "a"}, {"other": "x"}])
    )
    assert [(row.question, row.answer) for row in rows] == [("q", "a"), ("", "a"), ("", "")]


def test_one_column_only_asks_for_the_delimiter(tmp_path):
    (tmp_path / "colon.csv").write_text("question:answer\nq:a\n")
    with pytest.raises(DataError, match="is the file's delimiter"):
        open_source(str(tmp_path / "colon.csv"), None, Columns())


def test_no_recognisable_columns_lists_what_was_seen(tmp_path):
    with pytest.raises(DataError) as caught:
        load(tmp_path, [{"alpha": "x", "title": "y"}])
    text = str(caught.value)
    assert "mine.jsonl" in text
    assert "alpha, title" in text
    assert "data.columns.question" in text


def test_a_question_without_an_answer_column_asks_for_the_answer(tmp_path):
    with pytest.raises(DataError, match="which column holds the answer"):
        load(tmp_path, [{"question": "x", "beta": "y"}])


@pytest.mark.parametrize("part", list(Columns.model_fields))
def test_a_column_of_the_recipe_that_is_not_there_is_named(tmp_path, part):
    with pytest.raises(DataError) as caught:
        load(tmp_path, [{"question": "x", "answer": "y"}], Columns(**{part: "frage"}))
    text = str(caught.value)
    assert "mine.jsonl: no column 'frage'" in text
    assert f"data.columns.{part} must be one of: question, answer" in text


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ([{"role": "narrator", "content": "x"}], "unknown role \\(a text of 8 characters\\)"),
        ("plain text", "not a list of messages"),
        (["plain text"], "a turn is not an object"),
    ],
)
def test_a_broken_conversation_is_named_with_its_row(tmp_path, value, what):
    good = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
    path = tmp_path / "chat.jsonl"
    path.write_text(json.dumps({"messages": value}) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=rf"chat\.jsonl, row 1: .*{what}"):
        rows_of(open_source(str(path), None, Columns()))
    assert rows_of(load(tmp_path, [good]))


def test_a_list_in_a_text_column_never_becomes_program_text(tmp_path):
    row = {
        "prompt": [{"role": "user", "content": "q"}],
        "completion": [{"role": "assistant", "content": "a"}],
    }
    rows = []
    with contextlib.suppress(DataError):
        rows = rows_of(load(tmp_path, [row]))
    assert all("{" not in message.content for found in rows for message in found.messages)


def test_an_answer_column_is_never_taken_as_the_question():
    with pytest.raises(DataError, match="question"):
        resolve_columns(["output"], Columns(), "t.csv")
