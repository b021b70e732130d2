import json
import os

import pytest

from medtune.data.sources import open_source as sources
from medtune.data.sources.catalogue import KNOWN
from medtune.data.sources.open_source import FORMS, open_source, source_files
from medtune.errors import DataError
from medtune.recipe.schema import Columns


def load(source, data_dir=None, **columns):
    return open_source(str(source), data_dir, Columns(**columns))


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_a_path_and_a_name_below_the_data_directory_are_the_same_file(tmp_path):
    path = write(tmp_path / "mine.csv", "question,answer\nWhat is gout?,Crystals.\n")
    by_path, by_name = load(path), load("mine.csv", tmp_path)
    assert list(by_path.read()) == list(by_name.read())
    assert (by_path.name, by_path.files) == (by_name.name, by_name.files) == ("mine", (path,))
    assert by_path.columns == {"question": "question", "answer": "answer"}


@pytest.mark.parametrize("content", ["", "question,answer\n", "\n\n"])
def test_a_file_without_rows_is_an_error_with_its_name(tmp_path, content):
    with pytest.raises(DataError, match=r"none\.csv: the file has no rows"):
        load(write(tmp_path / "none.csv", content))


@pytest.mark.parametrize(
    ("name", "content"), [("none.jsonl", ""), ("none.json", "[]"), ("none.json", "")]
)
def test_a_json_file_without_rows_is_an_error_with_its_name(tmp_path, name, content):
    with pytest.raises(DataError, match=rf"{name}: the file has no rows"):
        load(write(tmp_path / name, content))


def test_a_missing_file_lists_the_known_sources(tmp_path):
    with pytest.raises(DataError) as caught:
        load(tmp_path / "absent.csv")
    assert "absent.csv" in str(caught.value)
    assert all(name in str(caught.value) for name in KNOWN)


def test_a_misspelt_source_names_the_nearest():
    with pytest.raises(DataError, match=r"Did you mean curated\?"):
        load("curatd")


@pytest.mark.parametrize("data_dir", [True, False])
def test_a_known_source_that_is_not_here_says_where_it_is_published(tmp_path, data_dir):
    with pytest.raises(DataError) as caught:
        load("medquad", tmp_path if data_dir else None)
    assert "medquad.csv" in str(caught.value)
    assert "github.com/abachaa/MedQuAD" in str(caught.value)
    assert (str(tmp_path) if data_dir else "--data-dir") in str(caught.value)


def test_a_file_of_another_kind_names_the_readable_ones(tmp_path):
    with pytest.raises(DataError, match=r"no reader for notes\.pages"):
        load(write(tmp_path / "notes.pages", "x"))


def test_a_directory_without_xml_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no table, XML, HL7 or text file below"):
        load(tmp_path)


def test_curated_carries_topic_and_specialty():
    loaded = load("curated")
    assert (loaded.name, loaded.licence) == ("curated", "CC BY 4.0")
    assert all(row.question and row.answer and row.entity and row.label for row in loaded.read())


def test_notes_ask_for_the_specialty():
    loaded = load("notes")
    assert all(row.label == row.answer and row.question.endswith("?") for row in loaded.read())
    assert all(row.answer not in {m.content for m in row.messages[:-1]} for row in loaded.read())


def test_files_are_found_without_being_read(tmp_path):
    path = write(tmp_path / "mine.csv", '"broken')
    assert source_files(str(path), None) == [path]
    assert [p.name for p in source_files("curated", None)] == ["curated.jsonl"]


def test_numbers_as_answers_of_a_table_with_a_focus(tmp_path):
    path = write(
        tmp_path / "mine.jsonl",
        '{"question": "How many lobes has the left lung?", "answer": 2, "focus": "lung"}\n',
    )
    assert [(row.answer, row.entity) for row in load(path).read()] == [("2", "lung")]


def test_columns_may_be_named_for_a_known_source_too(tmp_path):
    write(
        tmp_path / "medquad.csv",
        "question,answer,source,focus_area\nWhat is gout?,Crystals.,NIH,gout\n",
    )
    rows = load("medquad", tmp_path, question="question", answer="answer").read()
    assert [(row.question, row.answer, row.entity) for row in rows] == [
        ("What is gout?", "Crystals.", "gout")
    ]


def test_a_known_source_of_other_columns_is_not_guessed_at(tmp_path):
    write(tmp_path / "mtsamples.csv", "question,answer\nq,a\n")
    with pytest.raises(DataError, match=r"mtsamples\.csv: not the columns of mtsamples") as caught:
        load("mtsamples", tmp_path)
    assert "question, answer" in caught.value.fix
    assert [
        row.answer
        for row in load("mtsamples", tmp_path, question="question", answer="answer").read()
    ] == ["a"]


def test_a_directory_of_tables_of_no_known_data_set_is_an_error(tmp_path):
    for name in "ab":
        write(tmp_path / f"{name}.csv", "question,answer\nq,a\n")
    with pytest.raises(DataError, match="tables of no known data set"):
        load(tmp_path)


@pytest.mark.parametrize(
    "known", [k for k in KNOWN.values() if not k.packaged], ids=lambda known: known.name
)
def test_every_known_source_says_what_a_reader_needs(known, tmp_path):
    assert known.title
    assert known.licence
    assert known.published
    assert known.columns
    plain = [name for name in known.files if "*" not in name and "{" not in name]
    assert plain, "the error names files to put there"
    assert known.find(tmp_path) is None
    (tmp_path / plain[0]).parent.mkdir(parents=True, exist_ok=True)
    write(tmp_path / plain[0], "")
    assert known.find(tmp_path) == tmp_path / plain[0]


def test_a_directory_of_a_data_sets_own_name_is_searched(tmp_path):
    (tmp_path / "genmedgpt" / "data").mkdir(parents=True)
    for name in ("train-00000-of-00002", "train-00001-of-00002"):
        text = json.dumps({"instruction": "i", "input": "q", "output": name})
        write(tmp_path / "genmedgpt" / "data" / f"{name}.jsonl", text)
    assert [row.answer for row in load("genmedgpt", tmp_path).read()] == [
        "train-00000-of-00002",
        "train-00001-of-00002",
    ]


def test_every_known_source_has_its_forms():
    assert set(FORMS) == set(KNOWN)


def test_packaged_sources_count_their_rows():
    for name in ("curated", "notes"):
        assert KNOWN[name].rows() == sum(1 for _ in load(name).read())


REAL = {
    "medquad": 42_248,
    "wikidoc_patient": 5_337,
    "wikidoc_medquad_2k": 2_000,
    "mtsamples": 4_491,
    "healthcaremagic": 454,
    "genmedgpt": 4_904,
    "medical_glossary": 5_379,
    "mts_dialog": 1_519,
    "aci_bench": 186,
    "pubmedqa": 1_000,
    "medqa": 3_468,
    "medmcqa": 3_750,
    "mmlu_medical": 2_494,
}


@pytest.mark.long
@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
def test_every_real_file_loads_by_name_and_by_path(real_data, name):
    by_name = load(name, real_data)
    rows = list(by_name.read())
    assert len(rows) == REAL[name]
    assert KNOWN[name].size is None or len(rows) <= KNOWN[name].size
    by_path = load(by_name.files[0])
    assert (by_path.name, by_path.licence, by_path.columns) == (
        name,
        by_name.licence,
        by_name.columns,
    )
    assert next(iter(by_path.read())) == rows[0]
    assert all(row.messages[-1].role == "assistant" and row.source == name for row in rows)


def test_the_files_of_a_source_are_looked_up_again_only_where_a_directory_changed(
    tmp_path, monkeypatch
):
    looked_up = []
    look_up = sources._look_up
    monkeypatch.setattr(sources, "_look_up", lambda *key: looked_up.append(key) or look_up(*key))
    monkeypatch.setattr(sources, "_lookups", {})
    directory, part = tmp_path / "data", tmp_path / "data" / "pqa_labeled" / "train.parquet"
    part.parent.mkdir(parents=True)
    part.write_text("")

    def age(seconds=60):
        for path in (directory, part.parent):
            os.utime(path, ns=(1, path.stat().st_mtime_ns - seconds * 10**9))

    age()
    assert source_files("pubmedqa", directory) == source_files("pubmedqa", directory) == [part]
    assert len(looked_up) == 1
    (part.parent / "test.parquet").write_text("")
    assert len(source_files("pubmedqa", directory)) == 2
    age()
    assert len(source_files("pubmedqa", directory)) == 2
    (directory / "pubmedqa.parquet").write_text("")  # the form that is looked for first
    assert source_files("pubmedqa", directory) == [directory / "pubmedqa.parquet"]
