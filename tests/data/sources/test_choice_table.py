"""Questions with options in files of one's own: every layout gives the same rows, what cannot be
told is an error.
"""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medtune.data.eval_items import read_benchmark
from medtune.data.sources.open_source import open_source
from medtune.errors import DataError
from medtune.recipe.schema import Columns

STEM = "Which vitamin prevents scurvy?"
OPTIONS = ("Vitamin A", "Vitamin B12", "Vitamin C", "Vitamin D")
ASKED = f"{STEM}\n\nA. Vitamin A\nB. Vitamin B12\nC. Vitamin C\nD. Vitamin D"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def in_columns(name):
    return lambda options: {name(place): option for place, option in enumerate(options)}


def lettered(options):
    return dict(zip(LETTERS, options, strict=False))


# Layout: how options stand in a row.
LAYOUTS = {
    "A": in_columns(lambda place: LETTERS[place]),
    "a": in_columns(lambda place: LETTERS[place].lower()),
    "option_a": in_columns(lambda place: f"option_{LETTERS[place].lower()}"),
    "Option A": in_columns(lambda place: f"Option {LETTERS[place]}"),
    "opa": in_columns(lambda place: f"op{LETTERS[place].lower()}"),
    "choiceA": in_columns(lambda place: f"choice{LETTERS[place]}"),
    "option1": in_columns(lambda place: f"option{place + 1}"),
    "choice_0": in_columns(lambda place: f"choice_{place}"),
    "choices": lambda options: {"choices": list(options)},
    "Options": lambda options: {"Options": list(options)},
    "object": lambda options: {"options": lettered(options)},
    "small object": lambda options: {
        "Choices": {name.lower(): text for name, text in lettered(options).items()}
    },
    "turned object": lambda options: {"options": dict(reversed(lettered(options).items()))},
    "json": lambda options: {"options": json.dumps(list(options))},
    "json object": lambda options: {"options": json.dumps(lettered(options))},
    "python": lambda options: {"choices": str(list(options))},
    "arc": lambda options: {
        "choices": {"text": list(options), "label": list(LETTERS[: len(options)])}
    },
}
FLAT = [
    name
    for name, layout in LAYOUTS.items()
    if all(isinstance(v, str) for v in layout(OPTIONS).values())
]
FILES = [
    (name, suffix)
    for name in LAYOUTS
    for suffix in ("csv", "jsonl", "parquet")
    if suffix != "csv" or name in FLAT
]

# Spelling of an answer: of the option at a place, and of the second of two options, which shows
# what is meant.
SPELLINGS = {
    "A": (lambda place, options: LETTERS[place], "B"),
    "a": (lambda place, options: LETTERS[place].lower(), "b"),
    "A.": (lambda place, options: f"{LETTERS[place]}.", "B."),
    "(A)": (lambda place, options: f"({LETTERS[place]})", "(B)"),
    "text": (lambda place, options: options[place], "right"),
    "from 0": (lambda place, options: str(place), None),
    "from 1": (lambda place, options: str(place + 1), "2"),
}
EVIDENCE = ("wrong", "right")


def write(path, rows):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        names = list(dict.fromkeys(name for row in rows for name in row))
        with open(path, "w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, names)
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def trained(path, **columns):
    return list(open_source(str(path), None, Columns(**columns)).read())


def measured(path):
    return read_benchmark(str(path), None, None).items


@pytest.mark.parametrize(("layout", "suffix"), FILES)
@pytest.mark.parametrize("answer", ["C", "(C)", "Vitamin C"])
def test_every_layout_is_learnt_and_measured_alike(tmp_path, layout, suffix, answer):
    path = write(
        tmp_path / f"own.{suffix}",
        [{"question": STEM, **LAYOUTS[layout](OPTIONS), "answer": answer}],
    )
    for row in trained(path):
        assert (row.question, row.answer) == (ASKED, "C. Vitamin C")
        assert (row.options, row.answer_key, row.source, row.label) == (OPTIONS, "C", "own", None)
        assert row.is_choice
    (item,) = measured(path)
    assert (item.question, item.options, item.answer) == (ASKED, OPTIONS, "C")


@pytest.mark.parametrize(("layout", "suffix"), FILES)
@pytest.mark.parametrize("base", [0, 1])
def test_numbers_count_from_where_the_whole_column_says(tmp_path, layout, suffix, base):
    rows = [
        {"question": f"{place}?", **LAYOUTS[layout](OPTIONS), "answer": base + place}
        for place in (2, 1, 0, 3)
    ]
    path = write(tmp_path / f"own.{suffix}", rows)
    assert [row.answer_key for row in trained(path)] == ["C", "B", "A", "D"]
    assert [item.answer for item in measured(path)] == ["C", "B", "A", "D"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_numbers_that_tell_nothing_are_an_error_and_not_a_guess(tmp_path, layout):
    rows = [
        {"question": STEM, **LAYOUTS[layout](OPTIONS), "answer": number} for number in (1, 2, 3)
    ]
    path = write(tmp_path / "own.jsonl", rows)
    for read in (trained, measured):
        with pytest.raises(
            DataError, match=r"own\.jsonl: cannot tell whether 'answer' counts .* from 0 or from 1"
        ) as e:
            read(path)
        assert "Write letters" in e.value.fix


def test_numbers_that_count_from_both_are_an_error(tmp_path):
    rows = [{"question": STEM, "choices": OPTIONS, "answer": number} for number in (2, 4, 0)]
    with pytest.raises(
        DataError, match=r"from 0 \(own\.jsonl, row 3\) and from 1 \(own\.jsonl, row 2\)"
    ):
        trained(write(tmp_path / "own.jsonl", rows))


def test_numbers_that_parquet_wrote_as_fractions(tmp_path):
    rows = [{"question": f"{n}?", "choices": OPTIONS, "answer": n} for n in (0.0, 3.0, None)]
    assert [row.answer_key for row in trained(write(tmp_path / "own.parquet", rows))] == [
        "A",
        "D",
        None,
    ]


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
LISTS = st.lists(
    (
        TEXTS
        | st.sampled_from([*"ABC123", "A.", "(B)", "-1", "0", "A. B", "option_a", "[1]", "null"])
    )
    .map(str.strip)
    .filter(bool),
    min_size=2,
    max_size=26,
    unique=True,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("choices")


@pytest.mark.parametrize(("layout", "suffix"), FILES)
@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=15)
@given(options=LISTS, spelling=st.sampled_from(list(SPELLINGS)), data=st.data())
def test_any_options_come_back_with_their_key(place, layout, suffix, options, spelling, data):
    """Also options that read as letters or numbers: another row shows what is meant by the
    answers.
    """
    if suffix == "parquet" and "object" in layout and len(options) < 3:
        options = [*options, "a third option"]  # one struct for all rows
    key = data.draw(st.integers(0, len(options) - 1))
    spelt, shows = SPELLINGS[spelling]
    rows = [
        {"question": "Which?", **LAYOUTS[layout](options), "answer": spelt(key, options)},
        {"question": "What?", **LAYOUTS[layout](EVIDENCE), "answer": shows or "0"},
    ]
    path = write(place / f"own.{suffix}", rows)
    found, evidence = trained(path)
    assert (found.options, found.answer_key) == (tuple(options), LETTERS[key])
    assert found.answer == f"{LETTERS[key]}. {options[key]}"
    assert found.question == "\n".join(
        ["Which?", "", *(f"{a}. {b}" for a, b in zip(LETTERS, options, strict=False))]
    )
    assert (evidence.options, evidence.answer_key) == (EVIDENCE, "B" if shows else "A")
    items = measured(path)
    assert [(item.options, item.answer) for item in items] == [
        (tuple(options), LETTERS[key]),
        (EVIDENCE, evidence.answer_key),
    ]


# What answers may mean


def answered(tmp_path, *rows):
    path = write(
        tmp_path / "own.jsonl", [{"question": "?", "options": o, "answer": a} for o, a in rows]
    )
    return [row.answer_key for row in trained(path)]


def test_blood_groups_are_letters_and_texts_and_the_other_rows_say_which(tmp_path):
    groups = ["O", "A", "B", "AB"]
    assert answered(tmp_path, (groups, "A"), (groups, "D")) == ["A", "D"]
    assert answered(tmp_path, (groups, "A"), (groups, "AB")) == ["B", "D"]
    assert answered(tmp_path, (["A", "B"], "B")) == ["B"]  # either way the same
    assert answered(tmp_path, (groups, "B. A")) == ["B"]
    for rows in ([(groups, "A")], [(groups, "A"), (groups, "D"), (groups, "AB")]):
        what = "'answer' is a text of 1 character: a letter or an option's text"
        with pytest.raises(DataError, match=rf"own\.jsonl, row 1: .*{what}"):
            answered(tmp_path, *rows)


def test_doses_are_numbers_and_texts_and_the_other_rows_say_which(tmp_path):
    doses = ["1", "2", "4", "8"]
    assert answered(tmp_path, (doses, "2"), (doses, "8")) == ["B", "D"]
    assert answered(tmp_path, (doses, "2"), (["x", "y", "z"], "0")) == ["C", "A"]
    assert answered(tmp_path, (["500", "250"], "250")) == ["B"]
    assert answered(tmp_path, ([0.5, 2.5, True], "2.5")) == ["B"]
    with pytest.raises(DataError, match="a number or an option's text"):
        answered(tmp_path, (doses, "2"))


def test_letters_and_texts_may_stand_in_one_column(tmp_path):
    assert answered(tmp_path, (OPTIONS, "B"), (OPTIONS, " Vitamin C "), (OPTIONS, "")) == [
        "B",
        "C",
        None,
    ]


def test_names_of_the_file_are_answers_too(tmp_path):
    row = {"question": STEM, **LAYOUTS["option1"](OPTIONS), "Correct Answer": "Option3"}
    assert [row.answer_key for row in trained(write(tmp_path / "own.csv", [row]))] == ["C"]
    numbered = dict(zip("1234", OPTIONS, strict=True))
    assert answered(tmp_path, (numbered, "3")) == ["C"]
    assert answered(tmp_path, (dict(zip("0123", OPTIONS, strict=True)), 3)) == ["D"]


@pytest.mark.parametrize(
    "answer", ["E", "5", "vitamin c", "Because of collagen.", "AB", "A, B", "1.5", "?"]
)
@pytest.mark.parametrize("layout", ["A", "option1", "choices", "object"])
def test_an_answer_that_names_no_option_is_an_error_with_its_row_and_column(
    tmp_path, layout, answer
):
    rows = [
        {"question": STEM, **LAYOUTS[layout](OPTIONS), "Answer": value} for value in ("C", answer)
    ]
    for read in (trained, measured):
        with pytest.raises(
            DataError, match=r"own\.jsonl, row 2: the answer in the column 'Answer' is"
        ) as error:
            read(write(tmp_path / "own.jsonl", rows))
        assert "letter" in error.value.fix


def test_a_text_that_two_options_have_names_neither(tmp_path):
    with pytest.raises(DataError, match="not the text of one option"):
        answered(tmp_path, (["same", "same"], "same"))


# Rows


def test_rows_may_have_fewer_options_than_others(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("question,A,B,C,D,answer\none?,x,y,,,B\ntwo?,x,y,z, ,3\nthree?,x,y,z,w,D\n")
    assert [(row.options, row.answer_key) for row in trained(path)] == [
        (("x", "y"), "B"),
        (("x", "y", "z"), "C"),
        (("x", "y", "z", "w"), "D"),
    ]
    objects = [{"A": "x", "B": "y", "C": None}, {"A": "x", "B": "y", "C": "z"}]
    rows = [{"question": "?", "options": options, "answer": "B"} for options in objects]
    assert [row.options for row in trained(write(tmp_path / "own.parquet", rows))] == [
        ("x", "y"),
        ("x", "y", "z"),
    ]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["x"], "one option only"),
        ({"A": "x", "B": ""}, "one option only"),
        (["x"] * 27, "27 options, and letters for 26"),
        ({"A": "x", "C": "y"}, "an object of 2 fields, not of A, B"),
        ({"yes": "x", "no": "y"}, "an object of 2 fields"),
        ({"A": "x", "a": "y"}, "an object of 2 fields"),
        ({"A": "x", "option_b": "y"}, "an object of 2 fields"),
        (["x", ["y"]], "an option in the column 'options' is no text"),
        (
            [{"key": "A", "value": "x"}, {"key": "B", "value": "y"}],
            "an option in the column 'options' is no text",
        ),
        ("x; y", "neither a list nor an object"),
        (7, "neither a list nor an object"),
        (None, "the answer is a letter and there are no options"),
    ],
)
def test_options_that_cannot_be_used_are_an_error_with_their_row(tmp_path, options, what):
    with pytest.raises(DataError, match=rf"own\.jsonl, row 2: .*{what}") as error:
        answered(tmp_path, (OPTIONS, "A"), (options, "A"))
    assert error.value.fix


def test_an_empty_option_in_the_middle_is_an_error_for_training_and_measuring_alike(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("question,A,B,C,answer\none?,x,y,z,A\ntwo?,x,,z,A\n")
    for read in (measured, lambda place: list(open_source(str(place), None, Columns()).read())):
        with pytest.raises(DataError, match=r"own\.csv, row 2: option B is empty"):
            read(path)


def test_a_question_without_options_among_others_is_a_plain_one(tmp_path):
    rows = [
        {"question": "?", "options": o, "answer": a} for o, a in ((OPTIONS, "B"), (None, "Scurvy."))
    ]
    plain = trained(write(tmp_path / "own.jsonl", rows))[1]
    assert (plain.question, plain.answer, plain.options, plain.answer_key) == (
        "?",
        "Scurvy.",
        None,
        None,
    )


def test_the_other_columns_play_their_parts(tmp_path):
    row = {
        "id": 7,
        "Context": "A sailor.",
        "system": "Be brief.",
        "Topic": "scurvy",
        "category": "x",
        "split": "Test",
    }
    path = write(
        tmp_path / "own.csv", [row | {"question": STEM, **lettered(OPTIONS), "answer": "C"}]
    )
    (found,) = trained(path)
    assert [(m.role, m.content) for m in found.messages] == [
        ("system", "Be brief."),
        ("user", f"A sailor.\n\n{ASKED}"),
        ("assistant", "C. Vitamin C"),
    ]
    assert (found.id, found.entity, found.label, found.published_split) == (
        "7",
        "scurvy",
        None,
        "test",
    )
    taken = open_source(str(path), None, Columns()).columns
    assert (taken["options"], taken["question"], taken["answer"]) == (
        "A B C D",
        "question",
        "answer",
    )


def test_the_test_part_of_a_file_is_measured(tmp_path):
    rows = [
        {"question": f"{part}?", **lettered(OPTIONS), "answer": "C", "split": part}
        for part in ("train", "test")
    ]
    found = read_benchmark(str(write(tmp_path / "own.csv", rows)), None, None)
    assert [len(found.items), len(found.others)] == [1, 1]
    assert found.items[0].question.startswith("test?")


def test_an_instruction_beside_an_input_is_asked_too(tmp_path):
    rows = [
        {"instruction": f"Do {i}.", "input": STEM, **lettered(OPTIONS), "output": "C"}
        for i in range(2)
    ]
    assert trained(write(tmp_path / "own.csv", rows))[1].question == f"Do 1.\n\n{ASKED}"


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"correct": "C", "answer": "Because of collagen."}, "C"),
        ({"Answer Key": "C"}, "C"),
        ({"answer_idx": "2", "answer": "Vitamin C"}, "C"),
        ({"answer": "C", "answer_index": 2}, "C"),
        ({"question": "Which is it?", "text": "no question", "label": "C"}, "C"),
        ({"cop": "3"}, None),
    ],
)
def test_the_column_of_the_right_answer(tmp_path, more, key):
    path = write(tmp_path / "own.csv", [{"question": STEM, **lettered(OPTIONS)} | more])
    if key is None:
        with pytest.raises(DataError, match="from 0 or from 1"):
            trained(path)
    else:
        assert [row.answer_key for row in trained(path)] == [key]


# Files


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("question,A,B,D,answer", "the options' columns are A, B, D"),
        ("question,B,C,D,answer", "the options' columns are B, C, D"),
        (
            "question,option1,option2,option4,answer",
            "the options' columns are option1, option2, option4",
        ),
        (
            "question,option2,option3,option4,answer",
            "the options' columns are option2, option3, option4",
        ),
        ("question,A,B,a,answer", "the column 'A' and the column 'a' differ in case"),
        ("question,A,B,C,remark", r"options \(A, B, C\), but no column that holds the answer"),
        ("case,A,B,C,answer", r"options \(A, B, C\), but no column that holds the question"),
    ],
)
def test_columns_of_options_that_cannot_be_used_are_an_error_and_not_passed_over(
    tmp_path, header, what
):
    path = tmp_path / "own.csv"
    path.write_text(f"{header}\n1,2,3,4,5\n")
    for read in (trained, measured):
        with pytest.raises(DataError, match=rf"own\.csv: .*{what}") as error:
            read(path)
        assert error.value.fix


def test_options_written_as_one_text_are_an_error_and_not_passed_over(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("question,options,answer\nWhich?,a; b; c,A\n")
    with pytest.raises(DataError, match="'options' holds neither lists nor objects") as error:
        trained(path)
    assert "data.columns.question" in error.value.fix


PLAIN = {"question": "What is gout?", "answer": "Crystals in a joint."}


@pytest.mark.parametrize(
    "more",
    [
        {"A": "x"},
        {"a": "x", "q": "y"},
        {"A": "x", "Z": "y"},
        {"x": "1", "y": "2", "z": "3"},
        {"option_a": "x"},
        {"options": ""},
        {"options": []},
        {"choices": None},
        {"1": "x", "2": "y", "3": "z"},
        {"answer_1": "x", "answer_2": "y"},
    ],
)
def test_a_file_of_questions_and_answers_stays_one(tmp_path, more):
    (row,) = trained(write(tmp_path / "own.jsonl", [PLAIN | more]))
    assert (row.question, row.answer, row.options) == (*PLAIN.values(), None)


def test_letters_alone_are_no_options_without_a_question_and_an_answer(tmp_path):
    with pytest.raises(DataError, match="cannot tell which column holds the question"):
        trained(write(tmp_path / "own.jsonl", [{"a": "1", "b": "2"}]))


def test_conversations_beside_choices_stay_conversations(tmp_path):
    talk = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    (row,) = trained(write(tmp_path / "own.jsonl", [{"messages": talk, "choices": ["x", "y"]}]))
    assert (row.question, row.answer, row.options) == ("q", "a", None)


@pytest.mark.parametrize("options", [lettered(OPTIONS), {"choices": OPTIONS}])
def test_columns_of_the_recipe_alone_are_read_and_what_is_not_is_said(tmp_path, capsys, options):
    path = write(tmp_path / "own.jsonl", [PLAIN | options])
    (row,) = trained(path, question="question", answer="answer")
    assert (row.question, row.answer, row.options) == (*PLAIN.values(), None)
    assert f"without the options in {', '.join(options)}" in capsys.readouterr().err
    trained(write(tmp_path / "plain.jsonl", [PLAIN]), question="question", answer="answer")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("row", "options"),
    [
        ({"question": STEM, "options": OPTIONS, "answer_idx": "C"}, OPTIONS),
        ({"question": STEM, **lettered(OPTIONS), "subject": "s", "answer": "Vitamin C"}, OPTIONS),
        (
            {"question": STEM, **lettered((*OPTIONS, "None")), "subject": "s", "answer": "C"},
            (*OPTIONS, "None"),
        ),
        ({"question": STEM, "choices": OPTIONS, "subject": "s", "answer": "C"}, OPTIONS),
        ({"question": STEM, **LAYOUTS["opa"](OPTIONS), "cop": "c"}, OPTIONS),
        (
            {"question": STEM, **lettered((*OPTIONS, "None")), "answer_idx": "Vitamin C"},
            (*OPTIONS, "None"),
        ),
    ],
)
def test_published_columns_with_answers_of_ones_own_are_ones_own(tmp_path, row, options):
    (found,) = trained(write(tmp_path / "own.jsonl", [row]))
    assert (found.options, found.answer_key, found.source) == (options, "C", "own")


@pytest.mark.parametrize("place", ["answer_idx", "answer_index"])
@pytest.mark.parametrize("numbers", [False, True])
def test_the_letter_is_taken_and_the_text_of_the_answer_is_held_against_it(
    tmp_path, place, numbers
):
    texts = ["Gout", "Asthma", "Influenza", "Measles"]
    rows = [
        {
            "question": f"Which illness is number {number}?",
            **dict(zip("ABCD", texts, strict=True)),
            "answer": texts[number % 4],
            place: number % 4 if numbers else "ABCD"[number % 4],
        }
        for number in range(40)
    ]
    rows[5]["answer"] = "Astma"
    rows[6]["answer"] = "Measles"
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    opened = open_source(str(path), None, Columns())
    assert [row.answer_key for row in opened.read()] == list("ABCD") * 10
    assert opened.use.disagreeing == 2
    assert not opened.use.unused()


def test_in_a_published_form_the_text_of_the_answer_is_held_against_its_letter(tmp_path):
    row = {"question": "Which?", "options": {"A": "Gout", "B": "Flu"}, "answer_idx": "A"}
    path = tmp_path / "own.jsonl"
    answers = ["Gout", "Gouut", "Flu", "", "A"]
    rows = [row | {"question": f"Which {n}?", "answer": text} for n, text in enumerate(answers)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    opened = open_source(str(path), None, Columns())
    assert [row.answer_key for row in opened.read()] == ["A"] * 5
    assert opened.use.disagreeing == 2


def test_a_number_that_does_not_say_from_where_it_counts_gives_way_to_the_text(tmp_path):
    row = {"question": "Which?", "A": "Gout", "B": "Flu", "C": "Cold", "D": "Pox"}
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(row | {"answer": "Cold", "answer_index": 2}) + "\n")
    opened = open_source(str(path), None, Columns())
    assert [row.answer_key for row in opened.read()] == ["C"]
    assert opened.use.unused() == {"answer_index": 1}
