"""Names without the paths of a machine."""

import pytest

from medtune.recipe.published_names import distinct_names, published_name, published_recipe
from medtune.recipe.read import read_run_recipe, to_yaml


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("/home/ann/ward 7/notes.csv", "notes.csv"),
        ("/home/ann/models/tiny/", "tiny"),
        ("~/models/tiny", "tiny"),
        ("./tiny", "tiny"),
        ("../ward7/notes.csv", "notes.csv"),
        ("C:\\\\Users\\\\ann\\\\notes.csv", "notes.csv"),
        ("data/ward7/notes.csv", "notes.csv"),
        ("/home/ann/own.py:Task", "own.py:Task"),
        ("medqa", "medqa"),
        ("owner/model", "owner/model"),
        ("auto", "auto"),
    ],
)
def test_a_path_is_its_last_part_and_a_name_stays(name, shown):
    assert published_name(name) == shown


def test_a_directory_that_is_here_is_a_path(tmp_path, monkeypatch):
    (tmp_path / "ward7" / "tiny").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert published_name("ward7/tiny") == "tiny"
    assert published_name(".") == tmp_path.name


def test_names_that_are_alike_keep_what_tells_them_apart():
    assert distinct_names(["/a/x/tiny", "/a/y/tiny", "gpt2"]) == ["x/tiny", "y/tiny", "gpt2"]
    assert distinct_names(["/a/x/tiny", "owner/model"]) == ["tiny", "owner/model"]
    assert distinct_names(["/a/tiny", "/a/tiny"]) == ["tiny", "tiny"]
    assert distinct_names([]) == []


def test_every_path_of_a_recipe_becomes_a_name():
    marked = "/home/ann/ward7"
    tasks = [
        f"{{task: multiple_choice, source: {marked}/exam.jsonl}}",
        f"{{task: answers, encoder: {marked}/encoder}}",
        f"{{task: rubric, source: {marked}/rubric.jsonl, judge: {{name: {marked}/judge}}}}",
    ]
    values = [
        f"data.source=[{{name: {marked}/a.csv, weight: 1}}, {{name: {marked}/b.csv, weight: 2}}]",
        f"data.contamination.against=[{marked}/exam.jsonl, medqa]",
        f"model.name={marked}/tiny",
        f"evaluate.tasks=[{', '.join(tasks)}]",
        "evaluate.margin={}",
        "data.system_prompt=/no_think",
    ]
    recipe = read_run_recipe("quickstart", values)
    shown = to_yaml(published_recipe(recipe))
    assert marked not in shown
    for name in ("a.csv", "b.csv", "exam.jsonl", "encoder", "rubric.jsonl", "judge", "tiny"):
        assert name in shown
    assert "/no_think" in shown
    assert marked in to_yaml(recipe)
