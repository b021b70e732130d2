"""Every field of a source is used, named with a count, or refused."""

import json

import pytest
from preparing import pairs, run, table

from medtune.data.sources.open_source import open_source
from medtune.errors import DataError
from medtune.recipe.schema import Columns

SENTENCE = "A woman of 63 has had chest pain since morning."


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
        ("mask", True),
        ("label_mask", [0, 1]),
        ("label_mask", "[0, 1]"),
        ("loss", False),
        ("ignore", 1),
        ("exclude_from_training", "yes"),
        ("Skip Row", "TRUE"),
        ("doNotTrain", True),
        ("train_on_turn", False),
        ("is_test", True),
        ("held_out", 1),
        ("is_correct", False),
        ("labels", [-100, 5]),
        ("metadata", {"exclude": True}),
        ("case", SENTENCE),
        ("Background", SENTENCE),
        ("evidence", [SENTENCE]),
        ("clinical_history", SENTENCE),
        ("label", False),
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
    [
        ("weight", 1),
        ("weight", None),
        ("train", True),
        ("images", []),
        ("history", []),
        ("mask", "surgical"),
        ("exclude", "False"),
        ("weight_loss", 0),
        ("hearing_loss", "no"),
        ("test", "yes"),
        ("test_result", 1),
        ("case", "17"),
        ("evidence", "grade IIa"),
        ("documents", "https://example.org/1"),
    ],
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
        ({}, {"train_on_turn": False}),
        ({}, {"masked": True}),
        ({}, {"ignore": "true"}),
        ({"train_on_turn": True}, {}),
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


@pytest.mark.parametrize("form", [list, json.dumps])
@pytest.mark.parametrize("column", ["vignette", "Clinical Vignette", "passages", "documents"])
def test_a_text_that_a_question_is_about_is_read(tmp_path, column, form):
    rows, unused = read(tmp_path, pairs(3, **{column: form([SENTENCE, "She smokes."])}))
    assert rows[0].question.startswith(f"{SENTENCE}\n\nShe smokes.\n\n")
    assert not unused


def test_the_line_of_the_error_reads_a_text_that_a_question_is_about(tmp_path):
    rows = pairs(3, case=SENTENCE)
    with pytest.raises(DataError, match=r"--set data\.columns\.context=case "):
        read(tmp_path, rows)
    assert read(tmp_path, rows, context="case")[0][0].question.startswith(SENTENCE)
    with pytest.raises(DataError, match="image"):  # to name a context is no choice of all columns
        read(tmp_path, [row | {"image": "scan.png"} for row in rows], context="case")


def test_contexts_as_pubmedqa_holds_them_are_read_beside_question_and_answer(tmp_path):
    rows, _ = read(tmp_path, pairs(3, contexts={"contexts": [SENTENCE], "labels": ["METHODS"]}))
    assert rows[0].question.startswith(SENTENCE)
    titled = pairs(3, passages=[{"title": "Angina", "text": SENTENCE}])
    assert read(tmp_path, titled)[0][0].question.startswith(f"Angina\n{SENTENCE}")


def test_a_column_of_patients_is_no_question(tmp_path):
    rows = [{"patient": f"P{i:03}", "text": SENTENCE, "label": "angina"} for i in range(3)]
    assert read(tmp_path, rows)[0][0].question.startswith(SENTENCE)
    with pytest.raises(DataError, match="which column holds the question"):
        read(tmp_path, [{"patient": 4711 + i, "answer": SENTENCE} for i in range(3)])
    said = [{"patient": f"Why do I cough {i}?", "doctor": SENTENCE} for i in range(3)]
    assert read(tmp_path, said)[0][0].question == "Why do I cough 0?"


@pytest.mark.parametrize("column", ["subject", "drug", "Disease Name", "patient", "Subject_ID"])
def test_a_column_that_may_be_a_subject_is_proposed_with_a_line_to_copy(tmp_path, column):
    rows = [row | {column: f"x{i % 10}"} for i, row in enumerate(pairs(30))]
    path = str(table(tmp_path, rows))
    named = f"'{column}'" if " " in column else column
    (note,) = [text for text in run(path).audit.warnings if "--set data.columns.entity=" in text]
    assert f"--set data.columns.entity={named} keeps them together" in note
    tied = run(path, columns={"entity": column}).audit
    assert not any("--set" in text for text in tied.warnings)
    assert len({row.entity for row in read(tmp_path, rows, entity=column)[0]}) == 10


def test_a_subject_that_is_named_leaves_the_options_of_a_question(tmp_path):
    choice = {"question": "Which?", "A": "one", "B": "two", "answer": "B", "drug": "aspirin"}
    (row,) = read(tmp_path, [choice], entity="drug")[0]
    assert (row.options, row.answer_key, row.entity) == (("one", "two"), "B", "aspirin")


def test_rejected_answers_are_not_learnt_and_said_so(tmp_path):
    rows = [
        {"prompt": row["question"], "chosen": row["answer"], "rejected": f"Nothing {i}."}
        for i, row in enumerate(pairs(30))
    ]
    prepared = run(str(table(tmp_path, rows)))
    assert not any("Nothing" in c.reference for c in prepared.splits["train"])
    (note,) = [text for text in prepared.audit.warnings if "preferences" in text]
    assert "chosen is learnt; that rejected is worse (30 rows) is not" in note
