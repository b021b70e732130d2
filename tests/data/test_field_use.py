"""Every field of a source is used, named with a count, or refused."""

import pytest
from preparing import pairs, run, table

from medtune.data.sources.open_source import open_source
from medtune.errors import DataError
from medtune.recipe.schema import Columns


def read(directory, rows, **columns):
    """All rows of a file, and what its reader did not use."""
    source = open_source(str(table(directory, rows)), None, Columns(**columns))
    return list(source.read()), source.use.unused()


def talk(*turns, **more):
    """A conversation's turns with further fields."""
    roles = ("user", "assistant") * len(turns)
    return [
        {"role": role, "content": f"Turn {number} about asthma."} | turn
        for number, (role, turn) in enumerate(zip(roles, turns, strict=False))
    ]


def test_columns_that_are_not_read_are_counted_where_they_hold_something(tmp_path, capsys):
    rows = [row | {"page": "12", "tags": "x" if i % 3 else ""} for i, row in enumerate(pairs(30))]
    prepared = run(str(table(tmp_path, rows)))
    assert prepared.audit.sources[0].unused == {"page": 30, "tags": 20}
    assert prepared.audit.as_json()["sources"][0]["unused"] == {"page": 30, "tags": 20}
    told = capsys.readouterr().err
    assert told.count("columns not used (rows): page (30), tags (20)") == 1


def test_reading_again_counts_again(tmp_path):
    source = open_source(str(table(tmp_path, pairs(3, page="1"))), None, Columns())
    assert len(list(source.read())) == len(list(source.read())) == 3
    assert source.use.unused() == {"page": 3}


def test_a_column_that_only_later_rows_have_is_counted(tmp_path):
    rows = [*pairs(150), *pairs(2, start=150, remark="late")]
    assert read(tmp_path, rows)[1] == {"remark": 2}


def test_columns_of_a_known_form_that_are_not_read_are_counted(tmp_path):
    row = {"question": "q", "opa": "a", "opb": "b", "opc": "c", "opd": "d", "cop": 4}
    assert read(tmp_path, [row | {"exp": "because of d"}])[1] == {"exp": 1}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("weight", 0),
        ("weight", 0.5),
        ("Sample_Weight", "0"),
        ("train", False),
        ("train", "false"),
        ("loss_mask", [1, 0]),
        ("image", "scan.png"),
        ("images", ["scan.png"]),
        ("tools", [{"name": "search"}]),
        ("thinking", "It may be asthma."),
    ],
)
def test_a_column_that_changes_the_meaning_and_is_not_read_is_refused(tmp_path, column, value):
    rows = [*pairs(2), *pairs(1, start=2, **{column: value})]
    with pytest.raises(DataError) as caught:
        read(tmp_path, rows)
    assert "row 3" in str(caught.value)
    assert column in str(caught.value)


@pytest.mark.parametrize(
    ("column", "value"),
    [("weight", 1), ("weight", None), ("train", True), ("images", []), ("history", [])],
)
def test_a_value_that_changes_nothing_is_no_error(tmp_path, column, value):
    assert len(read(tmp_path, [row | {column: value} for row in pairs(3)])[0]) == 3


def test_columns_that_a_person_chose_are_the_only_ones_read_but_a_weight_is_refused(tmp_path):
    named = {"question": "question", "answer": "answer"}
    assert read(tmp_path, pairs(3, image="scan.png"), **named)[1] == {"image": 3}
    with pytest.raises(DataError, match="weight"):
        read(tmp_path, pairs(3, weight=0), **named)


@pytest.mark.parametrize(
    "turns",
    [
        ({}, {"weight": 0}),
        ({}, {"train": False}),
        ({}, {"loss": False}),
        ({"train": True}, {}),
        ({}, {"tool_calls": [{"id": "1"}]}),
        ({}, {"reasoning_content": "Perhaps."}),
        ({"images": ["scan.png"]}, {}),
    ],
)
@pytest.mark.parametrize("column", ["messages", "conversations"])
def test_a_field_of_a_turn_that_changes_the_meaning_is_refused(tmp_path, column, turns):
    with pytest.raises(DataError, match="row 1"):
        read(tmp_path, [{column: talk(*turns)}])


def test_fields_of_turns_that_change_nothing_are_counted(tmp_path):
    turns = talk({"weight": 0, "name": "Ann"}, {"weight": 1, "train": True})
    rows, unused = read(tmp_path, [{"messages": turns}] * 2)
    assert len(rows[0].messages) == 2
    assert unused["messages.name"] == 2


def test_the_system_message_of_a_row_stands_before_its_conversation(tmp_path):
    rows, unused = read(tmp_path, [{"system": "Be brief.", "messages": talk({}, {})}])
    assert [m.role for m in rows[0].messages] == ["system", "user", "assistant"]
    assert rows[0].messages[0].content == "Be brief."
    assert not unused


def test_two_system_messages_that_differ_are_refused(tmp_path):
    turns = [{"role": "system", "content": "Be long."}, *talk({}, {})]
    with pytest.raises(DataError, match="system"):
        read(tmp_path, [{"system": "Be brief.", "messages": turns}])


@pytest.mark.parametrize(("first", "second"), [("answer", "Answer"), ("question", "QUESTION")])
def test_columns_that_differ_in_case_alone_are_refused(tmp_path, first, second):
    rows = [row | {second: "Something else."} for row in pairs(3)]
    with pytest.raises(DataError, match="differ in case or blanks alone") as caught:
        read(tmp_path, rows)
    assert "Something else" not in str(caught.value)
    named = {"question": "question", "answer": "answer"} | {first: second}
    texts = [m.content for m in read(tmp_path, rows, **named)[0][0].messages]
    assert "Something else." in texts


def test_doubled_columns_of_a_csv_and_of_later_rows_are_refused(tmp_path):
    place = tmp_path / "mine.csv"
    place.write_text("question,answer, Answer \nWhat is asthma?,An illness.,Another.\n")
    with pytest.raises(DataError, match="differ in case"):
        open_source(str(place), None, Columns())
    late = {"question": "Late?", "Answer": "It is late."}
    with pytest.raises(DataError, match="row 151"):
        read(tmp_path, [*pairs(150), late])
