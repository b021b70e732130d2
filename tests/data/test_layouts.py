import contextlib
import json

import pytest

from medtune.data.layouts import resolve_columns
from medtune.data.sources import load_source
from medtune.errors import DataError
from medtune.recipe.schema import Columns

PAIR = [("user", "What is gout?"), ("assistant", "Crystals in a joint.")]


def load(tmp_path, rows, columns=None, name="mine.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return load_source(str(path), None, columns or Columns())


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
                {"from": name, "value": text} for name, (_, text) in zip(("human", "gpt"), PAIR, strict=True)
            ]
        },
        {"answer": f"  {PAIR[1][1]}\n", "question": f"\t{PAIR[0][1]} "},
    ],
    ids=lambda row: "+".join(name.strip() for name in row),
)
def test_usual_layouts_are_recognised(tmp_path, row):
    assert [turns(r) for r in load(tmp_path, [row]).rows] == [PAIR]


def test_alpaca_joins_an_instruction_that_varies_with_its_input(tmp_path):
    rows = [
        {"instruction": "Name the disease.", "input": "Crystals in a joint.", "output": "Gout"},
        {"instruction": "What is gout?", "input": "", "output": "Crystals in a joint."},
    ]
    loaded = load(tmp_path, rows)
    assert [turns(r) for r in loaded.rows] == [
        [("user", "Name the disease.\n\nCrystals in a joint."), ("assistant", "Gout")],
        PAIR,
    ]
    assert loaded.columns == {"question": "input", "answer": "output", "instruction": "instruction"}


def test_alpaca_takes_a_constant_instruction_as_the_system_message(tmp_path):
    rows = [
        {"instruction": "Answer truthfully.", "input": f"Question {i}?", "output": f"Answer {i}."} for i in range(3)
    ]
    loaded = load(tmp_path, rows)
    assert turns(loaded.rows[2]) == [
        ("system", "Answer truthfully."),
        ("user", "Question 2?"),
        ("assistant", "Answer 2."),
    ]
    assert loaded.columns["system"] == "instruction"


def test_columns_of_the_recipe_win_over_the_usual_names(tmp_path):
    rows = [{"question": "wrong", "answer": "wrong", "frage": "What is gout?", "antwort": "Crystals in a joint."}]
    loaded = load(tmp_path, rows, Columns(question="frage", answer="antwort"))
    assert turns(loaded.rows[0]) == PAIR
    assert loaded.columns == {"question": "frage", "answer": "antwort"}


def test_one_named_column_leaves_the_other_to_be_found(tmp_path):
    loaded = load(tmp_path, [{"frage": "What is gout?", "answer": "Crystals in a joint."}], Columns(question="frage"))
    assert turns(loaded.rows[0]) == PAIR


def test_context_and_system_columns(tmp_path):
    rows = [{"question": "Which disease?", "answer": "Gout", "context": "Urate high.", "system": "Be brief."}]
    assert turns(load(tmp_path, rows).rows[0]) == [
        ("system", "Be brief."),
        ("user", "Urate high.\n\nWhich disease?"),
        ("assistant", "Gout"),
    ]


def test_entity_label_and_id_are_carried(tmp_path):
    rows = [{"question": "q", "answer": "a", "disease": "gout", "specialty": "Rheumatology", "number": 7}]
    row = load(tmp_path, rows, Columns(id="number")).rows[0]
    assert (row.entity, row.label, row.id) == ("gout", "Rheumatology", "7")


def test_rows_know_their_place(tmp_path):
    rows = load(tmp_path, [{"question": "q", "answer": str(i)} for i in range(3)]).rows
    assert [row.place for row in rows] == [f"mine.jsonl, row {i}" for i in (1, 2, 3)]


def test_messages_of_both_spellings_in_one_file(tmp_path):
    rows = [
        {"messages": [{"role": role, "content": text} for role, text in PAIR]},
        {"messages": [{"from": "human", "value": PAIR[0][1]}, {"from": "gpt", "value": PAIR[1][1]}]},
    ]
    assert [turns(r) for r in load(tmp_path, rows).rows] == [PAIR, PAIR]


def test_no_recognisable_columns_lists_what_was_seen(tmp_path):
    with pytest.raises(DataError) as caught:
        load(tmp_path, [{"alpha": "x", "beta": "y"}])
    text = str(caught.value)
    assert "mine.jsonl" in text
    assert "alpha, beta" in text
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
        ([{"role": "narrator", "content": "x"}], "unknown role 'narrator'"),
        ("plain text", "not a list of messages"),
        (["plain text"], "a turn is not an object"),
    ],
)
def test_a_broken_conversation_is_named_with_its_row(tmp_path, value, what):
    good = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
    path = tmp_path / "chat.jsonl"
    path.write_text(json.dumps({"messages": value}) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=rf"chat\.jsonl, row 1: .*{what}"):
        load_source(str(path), None, Columns())
    assert load(tmp_path, [good]).rows


def test_a_list_in_a_text_column_never_becomes_program_text(tmp_path):
    row = {"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "a"}]}
    rows = []
    with contextlib.suppress(DataError):
        rows = load(tmp_path, [row]).rows
    assert all("{" not in message.content for found in rows for message in found.messages)


def test_an_answer_column_is_never_taken_as_the_question():
    with pytest.raises(DataError, match="question"):
        resolve_columns(["output"], Columns(), "t.csv")
