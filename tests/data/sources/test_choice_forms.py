"""MedQA, MedMCQA, MMLU and PubMedQA in each form in which they are published."""

import json
from collections import Counter

import pytest

from medtune.data.sources.open_source import open_source
from medtune.errors import DataError
from medtune.recipe.schema import Columns

STEM = "Which vitamin prevents scurvy?"
OPTIONS = ("Vitamin A", "Vitamin B12", "Vitamin C", "Vitamin D")
ASKED = f"{STEM}\n\nA. Vitamin A\nB. Vitamin B12\nC. Vitamin C\nD. Vitamin D"
LETTERED = dict(zip("ABCD", OPTIONS, strict=True))


def assert_is_the_question(row, source):
    assert (row.question, row.answer) == (ASKED, "C. Vitamin C")
    assert (row.options, row.answer_key, row.source) == (OPTIONS, "C", source)


# MedQA


@pytest.mark.parametrize(
    ("name", "row"),
    [
        (
            "medqa.parquet",
            {"question": STEM, **LETTERED, "E": None, "answer_idx": "C", "answer": "Vitamin C"},
        ),
        (
            "medqa.csv",
            {"question": STEM, **LETTERED, "E": "", "answer_idx": "C", "answer": "Vitamin C"},
        ),
        (
            "phrases_no_exclude_test.jsonl",
            {"question": STEM, "answer": "Vitamin C", "options": LETTERED, "answer_idx": "C"},
        ),
        (
            "medqa/data_clean/questions/US/dev.jsonl",
            {"question": STEM, "options": LETTERED, "answer_idx": "C"},
        ),
        (
            "MedQA-USMLE-4-options/train.jsonl",
            {"question": STEM, "options": LETTERED, "answer_idx": "C", "meta_info": "step1"},
        ),
        ("medqa/test.parquet", {"question": STEM, "options": LETTERED, "answer_idx": "C"}),
    ],
)
def test_medqa_in_its_published_forms(put, read, name, row):
    path = put(name, [row])
    if name != "medqa.csv":  # found by path only
        assert_is_the_question(read("medqa")[0], "medqa")
    assert_is_the_question(read(path)[0], "medqa")


def test_medqa_has_a_fifth_option_in_some_rows(put, read):
    row = {"question": STEM, **LETTERED, "answer_idx": "E"}
    put("medqa.parquet", [{**row, "E": "None of them"}, {**row, "E": None, "answer_idx": "A"}])
    five, four = read("medqa")
    assert (five.options, five.answer) == ((*OPTIONS, "None of them"), "E. None of them")
    assert (four.options, four.answer) == (OPTIONS, "A. Vitamin A")


@pytest.mark.parametrize("key", ["E", "F", "3", "AB", "?"])
def test_an_answer_that_is_no_option_is_named_with_its_row(put, read, key):
    put("medqa.parquet", [{"question": STEM, **LETTERED, "E": None, "answer_idx": key}])
    with pytest.raises(DataError, match=r"medqa\.parquet, row 1: the answer is"):
        read("medqa")


@pytest.mark.parametrize("options", [["a", "b"], {"A": "a", "C": "c"}, {"1": "a"}, None, "a; b"])
def test_options_of_another_kind_are_named_with_their_row(put, read, options):
    put(
        "phrases_no_exclude_test.jsonl", [{"question": STEM, "options": options, "answer_idx": "A"}]
    )
    with pytest.raises(DataError, match="row 1: the column 'options' is no object"):
        read("medqa")


def test_the_split_is_that_of_the_column_else_of_the_files_name(put, read):
    row = {"question": STEM, "options": LETTERED, "answer_idx": "C"}
    for split in ("train", "dev", "test"):
        put(f"medqa/questions/US/{split}.jsonl", [row])
    assert sorted(row.published_split for row in read("medqa")) == ["dev", "test", "train"]
    put(
        "medqa.parquet",
        [{"question": STEM, **LETTERED, "E": None, "answer_idx": "C", "split": "dev_5opt"}],
    )
    assert [row.published_split for row in read("medqa")] == ["dev_5opt"]


# MedMCQA


def medmcqa(cop, **more):
    options = dict(zip(("opa", "opb", "opc", "opd"), OPTIONS, strict=True))
    return {
        "id": f"id-{cop}",
        "question": STEM,
        **options,
        "cop": cop,
        "exp": "Ans-c. Vitamin C",
        **more,
    }


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("medmcqa.parquet", 1),
        ("medmcqa/dev.jsonl", 1),
        ("medmcqa/dev.json", 1),
        ("medmcqa/validation.parquet", 0),
    ],
)
def test_medmcqa_counts_from_where_its_own_numbers_say(put, read, name, base):
    path = put(name, [medmcqa(base + index) for index in (2, 0, 1, 3, 2)])
    for rows in (read("medmcqa"), read(path)):
        assert [row.answer_key for row in rows] == ["C", "A", "B", "D", "C"]
        assert_is_the_question(rows[0], "medmcqa")
        assert rows[0].id == f"id-{base + 2}"


def test_the_explanation_gives_the_answer_away_and_is_not_used(put, read):
    put("medmcqa.parquet", [medmcqa(4)])
    assert all("Ans-c" not in message.content for message in read("medmcqa")[0].messages)


def test_medmcqa_whose_numbers_tell_nothing_is_an_error_and_not_a_guess(put, read):
    put("medmcqa.parquet", [medmcqa(2), medmcqa(3)])
    with pytest.raises(DataError, match="from 0 or from 1"):
        read("medmcqa")


def test_the_original_json_counts_from_one_even_where_its_numbers_tell_nothing(put, read):
    put("medmcqa/dev.json", [medmcqa(2), medmcqa(3)])
    assert [row.answer_key for row in read("medmcqa")] == ["B", "C"]


def test_medmcqa_of_both_countings_is_an_error(put, read):
    put("medmcqa.parquet", [medmcqa(4), medmcqa(0)])
    with pytest.raises(DataError, match=r"row 2: the column 'cop' holds a text of 1 character,"):
        read("medmcqa")


def test_a_test_set_without_answers_comes_through_to_be_counted(put, read):
    put("medmcqa/test.parquet", [medmcqa(-1), medmcqa(-1)])
    assert [(row.question, row.answer, row.answer_key) for row in read("medmcqa")] == [
        (ASKED, "", None)
    ] * 2


# MMLU


@pytest.mark.parametrize("answer", ["A", "C"])
def test_mmlu_in_its_published_forms(put, read, answer):
    subject = {"subject": "nutrition"}
    path = put("mmlu_medical.parquet", [{"question": STEM, **LETTERED, "answer": "C", **subject}])
    assert_is_the_question(read("mmlu_medical")[0], "mmlu_medical")
    path.unlink()
    path = put(
        "mmlu/nutrition/test-00000-of-00001.parquet",
        [{"question": STEM, **subject, "choices": list(OPTIONS), "answer": n} for n in (2, 0)],
    )
    assert_is_the_question(read("mmlu_medical")[0], "mmlu_medical")
    assert (read(path)[0].options, read(path)[0].answer_key) == (
        OPTIONS,
        "C",
    )  # by the numbers of the whole column
    path.unlink()
    row = {"question": STEM, **LETTERED, "answer": "C"}
    path = put("mmlu/data/test/nutrition_test.csv", [{**row, "answer": answer}, row], header=False)
    put("mmlu/data/test/astronomy_test.csv", [row], header=False)
    rows = read("mmlu_medical")
    assert [row.answer_key for row in rows] == [answer, "C"]
    assert [row.published_split for row in rows] == ["test", "test"]
    assert_is_the_question(rows[1], "mmlu_medical")
    assert_is_the_question(read(path)[1], "mmlu_medical")


def test_a_file_of_ones_own_that_is_named_like_a_subject_keeps_its_header(put, read):
    path = put("nutrition_test.csv", [{"question": "What is gout?", "answer": "Crystals."}])
    assert [(row.question, row.answer, row.source) for row in read(path)] == [
        ("What is gout?", "Crystals.", "nutrition_test")
    ]


# PubMedQA

CONTEXTS = ["Sleep was measured.", "Pain fell by half."]
ABSTRACT = "Sleep was measured.\n\nPain fell by half.\n\nDoes sleep lessen pain?"
FINDING = {
    "question": "Does sleep lessen pain?",
    "long_answer": "It seems so.",
    "final_decision": "maybe",
}
ORIGINAL = {
    "QUESTION": FINDING["question"],
    "CONTEXTS": CONTEXTS,
    "LABELS": [],
    "LONG_ANSWER": "It seems so.",
    "final_decision": "maybe",
}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "pubmedqa.parquet",
            [{"pmid": "7", "split": "test", "contexts": json.dumps(CONTEXTS), **FINDING}],
        ),
        ("ori_pqal.json", {"7": ORIGINAL}),
        ("pubmedqa/data/ori_pqal.json", {"7": ORIGINAL}),
        (
            "pqa_labeled/train-0.parquet",
            [{"pubid": 7, "context": {"contexts": CONTEXTS, "labels": ["A", "B"]}, **FINDING}],
        ),
    ],
)
def test_pubmedqa_in_its_published_forms(put, read, name, content):
    path = put(name, content)
    for row in (read("pubmedqa")[0], read(path)[0]):
        assert (row.question, row.answer) == (ABSTRACT, "It seems so.")
        assert (row.label, row.options, row.answer_key, row.id) == (
            "maybe",
            ("yes", "no", "maybe"),
            "C",
            "7",
        )
        assert row.published_split == ("test" if "split" in str(content) else None)


def test_a_decision_of_another_kind_is_named_with_its_row(put, read):
    put(
        "pubmedqa.parquet",
        [{"pmid": "7", "contexts": "[]", **FINDING, "final_decision": "perhaps"}],
    )
    with pytest.raises(DataError, match="row 1: final_decision is a text of 7 characters"):
        read("pubmedqa")


# The real files


def real(name, place):
    return list(open_source(name, place, Columns()).read())


@pytest.mark.real
def test_pubmedqa_has_its_published_test_set_and_majority(real_data):
    rows = real("pubmedqa", real_data)
    assert Counter(row.label for row in rows) == {"yes": 552, "no": 338, "maybe": 110}
    test = [row for row in rows if row.published_split == "test"]
    assert len(test) == 500
    assert Counter(row.label for row in test).most_common(1)[0][1] / 500 == 0.552
    assert len({row.id for row in rows}) == 1_000
    assert all(row.question.rstrip().endswith("?") and "\n\n" in row.question for row in rows)


@pytest.mark.real
def test_medmcqa_has_the_skew_of_its_answers(real_data):
    rows = real("medmcqa", real_data)
    # 1,348 / 1,085 / 925 / 825 as published, of which about nine tenths are here.
    found = Counter(row.answer_key for row in rows)
    assert all(
        abs(found[key] / (0.9 * n) - 1) < 0.05
        for key, n in zip("ABCD", (1348, 1085, 925, 825), strict=True)
    )
    assert sum(found.values()) == 3_750


@pytest.mark.real
def test_the_right_option_of_medqa_is_the_published_answer(real_data):
    import pyarrow.parquet as pq

    rows, published = (
        real("medqa", real_data),
        pq.read_table(real_data / "medqa.parquet").to_pylist(),
    )
    assert [row.answer for row in rows] == [f"{p['answer_idx']}. {p['answer']}" for p in published]
    assert Counter(len(row.options) for row in rows) == {4: 2_307, 5: 1_161}
    assert Counter(row.published_split for row in rows)["test"] == 1_147


@pytest.mark.real
def test_mmlu_has_four_options_each_and_the_answers_it_says(real_data):
    rows = real("mmlu_medical", real_data)
    assert {len(row.options) for row in rows} == {4}
    assert Counter(row.answer_key for row in rows) == {"D": 695, "B": 631, "C": 601, "A": 567}
