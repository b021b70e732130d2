"""Lists and objects as JSON, and saved as text by JSON, Python and NumPy: read, or refused."""

import csv
import json

import numpy as np
import pytest
from preparing import table

from medtune.data.formats.json import nested_value
from medtune.data.sources.open_source import open_source
from medtune.errors import DataError
from medtune.recipe.schema import Columns

PARTS = ["Gout is an illness.", 'It hurts: the patient\'s toe, [1] and "more".']
ARRAY = np.array(PARTS, dtype=object)


def read(path):
    """All rows of a file."""
    return list(open_source(str(path), None, Columns()).read())


def as_csv(directory, row, name="mine.csv"):
    """A CSV of one row; its values are written as ``str`` gives them, as pandas does."""
    with open(directory / name, "w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(row))
        writer.writeheader()
        writer.writerow(row)
    return directory / name


@pytest.mark.parametrize(
    "text", [json.dumps(PARTS), str(PARTS), repr(ARRAY), str(ARRAY), json.dumps(PARTS, indent=1)]
)
def test_a_list_that_was_saved_as_text_is_read_back(text):
    assert nested_value(text) == PARTS


def test_objects_and_arrays_of_objects_are_read_back():
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert nested_value(str(np.array(turns, dtype=object))) == turns
    assert nested_value(str({"contexts": ARRAY, "n": -1, "x": None})) == {
        "contexts": PARTS,
        "n": -1,
        "x": None,
    }


@pytest.mark.parametrize("text", ["", "A text.", "[1", "[see above] it hurts", "{x} is a set"])
def test_a_plain_text_is_no_list(text):
    assert nested_value(text) is None


@pytest.mark.parametrize(
    "text", ["['a', ..., 'z']", "array(['a', ..., 'z'], dtype=object)", "['a', 'b", '{"a": ["b"']
)
def test_what_is_cut_is_refused(text):
    with pytest.raises(ValueError, match="cannot be read back"):
        nested_value(text)


@pytest.mark.parametrize("array", [PARTS, ARRAY])
@pytest.mark.parametrize("name", ["mine.csv", "pubmedqa.csv"])
def test_pubmedqa_as_csv_is_asked_with_its_abstract(tmp_path, array, name):
    row = {
        "pubid": 1,
        "question": "Does it help?",
        "context": {"contexts": array, "labels": ["A", "B"]},
        "long_answer": "It helps.",
        "final_decision": "yes",
    }
    (got,) = read(as_csv(tmp_path, row, name))
    assert got.question == "\n\n".join([*PARTS, "Does it help?"])


@pytest.mark.parametrize("context", [PARTS, {"contexts": PARTS}, "\n\n".join(PARTS)])
def test_a_context_may_be_a_list(tmp_path, context):
    row = {"context": context, "question": "Which illness?", "answer": "Gout it is."}
    for path in (table(tmp_path, [row]), as_csv(tmp_path, row)):
        assert read(path)[0].question == "\n\n".join([*PARTS, "Which illness?"])


def test_a_context_that_was_cut_is_refused_without_its_text(tmp_path):
    row = {"context": "['secret', ..., 'z']", "question": "Which?", "answer": "Gout it is."}
    with pytest.raises(DataError, match=r"row 1: the column 'context'") as caught:
        read(as_csv(tmp_path, row))
    assert "secret" not in str(caught.value)


def test_an_array_as_the_answer_is_refused(tmp_path):
    row = {"question": "Which?", "answer": {"text": ARRAY, "start": [3]}}
    with pytest.raises(DataError, match="'answer' holds an array"):
        read(as_csv(tmp_path, row))
    answer = '{"drugs": [["aspirin", "100 mg"]]}'
    assert read(table(tmp_path, [{"question": "Which?", "answer": answer}]))[0].answer == answer


@pytest.mark.parametrize("context", [PARTS, "\n\n".join(PARTS)])
@pytest.mark.parametrize("key", ["answer_idx", "answer"])
def test_a_question_with_options_keeps_its_case(tmp_path, context, key):
    row = {
        "id": 7,
        "context": context,
        "question": "Which is the most likely diagnosis?",
        "options": {"A": "Gout", "B": "Asthma"},
        key: "B",
    }
    for path in (table(tmp_path, [row]), as_csv(tmp_path, row)):
        (got,) = read(path)
        assert got.question.startswith("\n\n".join([*PARTS, "Which is the most"]))
        assert got.question.endswith("A. Gout\nB. Asthma")
        assert (got.answer_key, got.options) == ("B", ("Gout", "Asthma"))


def test_options_printed_by_numpy_are_not_run_together(tmp_path):
    options = np.array(["Gout", "Asthma", "Flu"], dtype=object)
    row = {"question": "Which?", "options": options, "answer": "Flu"}
    assert read(as_csv(tmp_path, row))[0].options == ("Gout", "Asthma", "Flu")


def test_conversations_that_were_saved_as_text_are_read(tmp_path):
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    for value in (json.dumps(turns), str(turns), str(np.array(turns, dtype=object))):
        assert len(read(as_csv(tmp_path, {"messages": value}))[0].messages) == 2
    turns[1]["weight"] = 0
    with pytest.raises(DataError, match="weight"):
        read(as_csv(tmp_path, {"messages": str(turns)}))


def test_the_history_of_an_alpaca_row_stands_before_its_question(tmp_path):
    past = [["What is gout?", "An illness."], ["Does it hurt?", "It does."]]
    row = {"instruction": "And then?", "input": "", "output": "It passes.", "history": past}
    for path in (table(tmp_path, [row, row]), as_csv(tmp_path, row)):
        texts = [m.content for m in read(path)[0].messages if m.role != "system"]
        assert texts[:4] == [text for pair in past for text in pair]
        assert texts[-1] == "It passes."


def test_a_history_that_is_a_text_is_counted_as_not_used(tmp_path):
    row = {"question": "What now?", "answer": "Rest a while.", "history": "Gout since 1990."}
    source = open_source(str(table(tmp_path, [row])), None, Columns())
    (got,) = source.read()
    assert len(got.messages) == 2
    assert source.use.unused() == {"history": 1}


def test_a_history_beside_options_is_kept(tmp_path):
    row = {"question": "Which?", "A": "x", "B": "y", "answer": "A", "history": [["Hello", "Hi."]]}
    assert [m.content for m in read(table(tmp_path, [row]))[0].messages][:2] == ["Hello", "Hi."]
