import hashlib

import pytest

from medtune.data.sources import load_source, source_files
from medtune.data.sources.known import KNOWN
from medtune.errors import DataError
from medtune.recipe.schema import Columns


def load(source, data_dir=None, **columns):
    return load_source(str(source), data_dir, Columns(**columns))


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_a_path_and_a_name_below_the_data_directory_are_the_same_file(tmp_path):
    path = write(tmp_path / "mine.csv", "question,answer\nWhat is gout?,Crystals.\n")
    by_path, by_name = load(path), load("mine.csv", tmp_path)
    assert by_path == by_name
    assert by_path.name == "mine"
    assert by_path.files == [{"name": "mine.csv", "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "rows": 1}]


@pytest.mark.parametrize("content", ["", "question,answer\n", "\n\n"])
def test_a_file_without_rows_is_an_error_with_its_name(tmp_path, content):
    with pytest.raises(DataError, match=r"none\.csv: the file has no rows"):
        load(write(tmp_path / "none.csv", content))


@pytest.mark.parametrize(("name", "content"), [("none.jsonl", ""), ("none.json", "[]"), ("none.json", "")])
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
    assert "github.com/abachaa/MedQuAD" in str(caught.value)
    assert (str(tmp_path) if data_dir else "--data-dir") in str(caught.value)


def test_a_file_of_another_kind_names_the_readable_ones(tmp_path):
    with pytest.raises(DataError, match=r"no reader for notes\.docx"):
        load(write(tmp_path / "notes.docx", "x"))


def test_a_directory_without_xml_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no MedQuAD XML"):
        load(tmp_path)


def test_curated_carries_topic_and_specialty():
    loaded = load("curated")
    assert (loaded.name, loaded.licence) == ("curated", "CC BY 4.0")
    assert all(row.question and row.answer and row.entity and row.label for row in loaded.rows)


def test_notes_ask_for_the_specialty():
    loaded = load("notes")
    assert all(row.label == row.answer and row.question.endswith("?") for row in loaded.rows)
    assert all(row.answer not in {m.content for m in row.messages[:-1]} for row in loaded.rows)


def test_files_are_found_without_being_read(tmp_path):
    path = write(tmp_path / "mine.csv", '"broken')
    assert source_files(str(path), None) == [path]
    assert [p.name for p in source_files("curated", None)] == ["curated.jsonl"]


def test_numbers_as_answers_of_a_table_with_a_focus(tmp_path):
    path = write(
        tmp_path / "mine.jsonl", '{"question": "How many lobes has the left lung?", "answer": 2, "focus": "lung"}\n'
    )
    assert [(row.answer, row.entity) for row in load(path).rows] == [("2", "lung")]


def test_columns_may_be_named_for_a_known_source_too(tmp_path):
    write(tmp_path / "medquad.csv", "question,answer,source,focus_area\nWhat is gout?,Crystals.,NIH,gout\n")
    rows = load("medquad", tmp_path, question="question", answer="answer").rows
    assert [(row.question, row.answer, row.entity) for row in rows] == [("What is gout?", "Crystals.", "gout")]
