"""`medtune recipes`: the shipped recipes, listed, shown and copied."""

import json

import yaml

from medtune.recipe.read import shipped_recipes


def test_recipes_list_gives_every_shipped_recipe_a_line(medtune):
    lines = medtune("recipes", "list", check=True).stdout.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == sorted(
        shipped_recipes()
    )
    assert all(len(line) <= 80 for line in lines)
    rows = json.loads(medtune("recipes", "list", "--json", check=True).stdout)
    assert [row["name"] for row in rows] == sorted(shipped_recipes())


def test_recipes_show_writes_every_default_out(medtune):
    recipe = yaml.safe_load(
        medtune("recipes", "show", "quickstart", "--set", "train.epochs=9", check=True).stdout
    )
    assert recipe["data"]["source"] == ["curated"]
    assert recipe["train"]["epochs"] == 9
    assert recipe["train"]["lora"]["r"] == 8
    assert (
        json.loads(medtune("recipes", "show", "quickstart", "--json", check=True).stdout)["seed"]
        == 42
    )


def test_recipes_copy_brings_comments_and_never_overwrites(medtune, tmp_path):
    original = shipped_recipes()["quickstart"].read_text(encoding="utf-8")
    assert medtune("recipes", "copy", "quickstart").returncode == 0
    copy = tmp_path / "quickstart.yaml"
    assert copy.read_text(encoding="utf-8") == original
    copy.write_text(f"{original}# mine\n", encoding="utf-8")
    process = medtune("recipes", "copy", "quickstart")
    assert process.returncode == 2
    assert process.stderr.startswith("error: quickstart.yaml: exists already")
    assert copy.read_text(encoding="utf-8").endswith("# mine\n")
    assert medtune("recipes", "copy", "quickstart", "other.yaml").returncode == 0
    assert (
        medtune("recipes", "show", "./other.yaml").stdout
        == medtune("recipes", "show", "quickstart").stdout
    )


def test_only_recipes_are_copied(medtune, tmp_path):
    (tmp_path / "notes.txt").write_text("John Smith: gout\n")
    process = medtune("recipes", "copy", "notes.txt", "copy.yaml")
    assert process.returncode == 2
    assert not (tmp_path / "copy.yaml").exists()
