"""Parts in which rows were published are kept, and nothing leaks from one to another."""

import json
from pathlib import Path

import pytest
from preparing import pairs, run, shared_with_training, table

from medtune.data.published_split import (
    TEST,
    TRAIN,
    UNKNOWN,
    VALIDATION,
    part_number,
    parts_of_files,
)
from medtune.data.sources.open_source import open_source
from medtune.errors import DataError
from medtune.recipe.schema import Columns


def in_parts(column="split", names=("train", "validation", "test"), counts=(20, 6, 8)):
    """Rows of several parts that share nothing."""
    starts = [sum(counts[:i]) for i in range(len(counts))]
    return [
        row
        for name, count, start in zip(names, counts, starts, strict=True)
        for row in pairs(count, start, **{column: name})
    ]


def questions(prepared, split):
    """The numbers of the rows in a split."""
    return sorted(int(c.question.split()[-1].strip("?")) for c in prepared.splits[split])


@pytest.mark.parametrize(
    ("names", "part"),
    [
        ("train Training TRAIN trainset auxiliary_train train_dev train-00000-of-00002", TRAIN),
        ("validation Valid val dev development dev_5opt", VALIDATION),
        ("test Test held-out hold_out heldout test1 TestSet clinicalnlp_taskB_test1", TEST),
        ("gold A 3 dev_test pretraining contest latest", UNKNOWN),
    ],
)
def test_the_names_of_parts(names, part):
    assert {name: part_number(name) for name in names.split()} == dict.fromkeys(names.split(), part)


@pytest.mark.parametrize("column", ["split", "Split", " subset", "fold", "partition", "set"])
def test_rows_stay_in_the_part_they_were_published_in(tmp_path, column):
    prepared = run(str(table(tmp_path, in_parts(column, ("Train", "dev", "held-out")))))
    assert questions(prepared, "train") == list(range(20))
    assert questions(prepared, "validation") == list(range(20, 26))
    assert questions(prepared, "test") == list(range(26, 34))
    published = prepared.audit.published_split
    assert published.rows == {"train": 20, "validation": 6, "test": 8}
    assert published.missing == []
    assert prepared.audit.sources[0].unused == {}


def test_a_part_that_was_not_published_is_made_of_the_training_rows(tmp_path):
    prepared = run(str(table(tmp_path, in_parts(names=("train", "test"), counts=(40, 8)))))
    assert questions(prepared, "test") == list(range(40, 48))
    made = questions(prepared, "validation")
    assert made
    assert set(made) < set(range(40))
    assert prepared.audit.published_split.missing == ["validation"]


def test_training_rows_that_share_with_held_out_rows_are_left_out_and_counted(tmp_path):
    rows = in_parts()
    rows += [
        rows[30] | {"split": "train"},  # a test row once more
        {**rows[31], "answer": "Something else is said of it here.", "split": "train"},
        {**rows[32], "answer": "Yet another thing is said of it.", "split": "validation"},
        {**rows[22], "answer": "A third thing is said of that one.", "split": "train"},
    ]
    prepared = run(str(table(tmp_path, rows)))
    audit = prepared.audit
    assert [len(prepared.splits[name]) for name in ("train", "validation", "test")] == [20, 6, 8]
    assert audit.dropped["repeated"] == 1
    assert audit.dropped["shared_with_held_out"] == audit.published_split.left_out == 3
    assert audit.published_split.leaked == 2  # of test by its question, of validation
    assert audit.leaked == shared_with_training(prepared.splits) == 0
    assert any("2 held-out rows shared" in warning for warning in audit.warnings)


def test_the_published_split_is_ignored_where_the_recipe_says_so(tmp_path):
    prepared = run(str(table(tmp_path, in_parts())), published_split="ignore")
    assert set(questions(prepared, "test")) != set(range(26, 34))
    assert any("is ignored" in warning for warning in prepared.audit.warnings)


def test_a_limit_takes_of_each_part_in_proportion(tmp_path):
    rows = in_parts(counts=(40, 10, 10))
    prepared = run(str(table(tmp_path, rows)), limit=30)
    sizes = [len(prepared.splits[name]) for name in ("train", "validation", "test")]
    assert sizes == [20, 5, 5]


def test_near_duplicates_do_not_cross_published_parts(tmp_path):
    words = " ".join(f"word{i}" for i in range(40))
    rows = in_parts()
    rows[0]["answer"], rows[30]["answer"] = f"{words} end.", f"{words} close."
    for policy in ("group", "drop"):
        prepared = run(str(table(tmp_path, rows)), near_duplicates={"policy": policy})
        assert 30 in questions(prepared, "test")
        assert 0 not in questions(prepared, "train")


def test_only_held_out_rows_are_refused_and_audited(tmp_path):
    path = str(table(tmp_path, in_parts(names=("dev", "test"), counts=(20, 20))))
    with pytest.raises(DataError, match="nothing is left to train on") as caught:
        run(path)
    assert "data.published_split" in str(caught.value)
    assert len(run(path, published_split="ignore").splits["train"]) == 32


def test_a_part_that_no_one_knows_beside_known_ones_is_refused(tmp_path):
    path = str(table(tmp_path, in_parts(names=("train", "test", "gold"))))
    with pytest.raises(DataError, match="8 rows in a split that is none of") as caught:
        run(path)
    assert "gold" not in str(caught.value)


def test_a_column_whose_values_are_no_parts_is_not_taken(tmp_path):
    prepared = run(str(table(tmp_path, in_parts("set", ("drugs", "test", "train")))))
    assert prepared.audit.published_split is None
    assert prepared.audit.sources[0].unused == {"set": 34}


def test_a_column_that_the_recipe_names(tmp_path):
    path = str(table(tmp_path, in_parts("which")))
    prepared = run(path, columns={"question": "question", "answer": "answer", "split": "which"})
    assert questions(prepared, "test") == list(range(26, 34))


def test_a_directory_of_parts_and_a_list_of_them(tmp_path):
    rows = in_parts()
    files = {
        "train-00000-of-00002.jsonl": rows[:10],
        "train-00001-of-00002.jsonl": rows[10:20],
        "validation.jsonl": rows[20:26],
        "mine-test.json": rows[26:],
    }
    for name, part in files.items():
        part = [{key: row[key] for key in ("question", "answer")} for row in part]
        if name.endswith(".json"):
            (tmp_path / "data" / name).write_text(json.dumps(part))
        else:
            table(tmp_path / "data", part, name)
    (tmp_path / "data" / "dataset_infos.json").write_text("{}")
    whole = run(str(tmp_path / "data"))
    listed = run([str(tmp_path / "data" / name) for name in files])
    for prepared in (whole, listed):
        assert questions(prepared, "validation") == list(range(20, 26))
        assert questions(prepared, "test") == list(range(26, 34))
    assert whole.audit.sources[0].name == "data"


def test_a_directory_of_parts_with_other_columns_is_refused(tmp_path):
    table(tmp_path / "data", pairs(5), "train.jsonl")
    table(tmp_path / "data", [{"prompt": "Why?", "response": "So it is."}], "test.jsonl")
    with pytest.raises(DataError, match="different columns"):
        open_source(str(tmp_path / "data"), None, Columns())


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["test.csv"], [None]),  # a file alone is no part of anything
        (["notes.csv", "test.csv"], [None, "test"]),
        (["notes.csv", "test_results.csv"], [None, None]),
        (["train_notes.csv", "test_notes.csv"], ["train", "test"]),
        (["train/a.csv", "test/a.csv"], ["train", "test"]),
        (["MedQA-train.jsonl", "MedQA-held-out.jsonl"], ["train", "test"]),
        (["contest.csv", "latest.csv"], [None, None]),
    ],
)
def test_the_parts_of_files(names, parts):
    assert parts_of_files([Path(name) for name in names]) == parts
