import re
from pathlib import Path

import pytest

from medtune.recipe.reference import reference_page
from medtune.recipe.schema import PretrainRecipe, Recipe

PAGE = Path(__file__).parents[2] / "docs" / "recipe-reference.md"


def documented_keys(page, chapter):
    """Dotted keys of the tables below a chapter's heading, each with its cells."""
    keys, section = {}, ""
    text = page.split(f"\n# {chapter}", 1)[1]
    for line in re.split(r"\n# ", text)[0].splitlines():
        if line.startswith("## "):
            section = "" if line == "## top level" else line[3:].strip("`") + "."
        elif row := re.match(r"\| `(\w+)` \|", line):
            keys[section + row.group(1)] = [
                cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]
            ]
    return keys


def defined_keys(kind):
    """Dotted keys of a recipe's JSON schema: a second way to the same list."""
    schema = kind.model_json_schema()

    def walk(node, prefix):
        for name, value in node["properties"].items():
            target = value.get("$ref") or next((v["$ref"] for v in value.get("allOf", [])), None)
            if target:
                yield from walk(schema["$defs"][target.rsplit("/", 1)[1]], f"{prefix}{name}.")
                continue
            yield f"{prefix}{name}"
            optional = next((v["$ref"] for v in value.get("anyOf", []) if "$ref" in v), None)
            if optional:
                yield from walk(schema["$defs"][optional.rsplit("/", 1)[1]], f"{prefix}{name}.")
            element = value.get("items", {}).get("$ref")
            if element:
                yield from walk(schema["$defs"][element.rsplit("/", 1)[1]], f"{prefix}{name}[…].")

    return set(walk(schema, ""))


@pytest.mark.parametrize(("chapter", "kind"), [("Runs", Recipe), ("Pre-training", PretrainRecipe)])
def test_the_page_lists_exactly_the_keys_there_are(chapter, kind):
    keys = documented_keys(reference_page(), chapter)
    assert set(keys) == defined_keys(kind)
    assert len(keys) > 20


@pytest.mark.parametrize("chapter", ["Runs", "Pre-training"])
def test_every_key_has_a_type_a_default_and_a_meaning(chapter):
    for key, cells in documented_keys(reference_page(), chapter).items():
        assert len(cells) == 4, key
        assert cells[1], key
        if key != "kind":
            assert all(cells), key


@pytest.mark.parametrize(
    ("key", "kind", "default"),
    [
        ("seed", "whole number", "`42`"),
        ("model.name", "text", "required"),
        ("data.limit", "whole number or null", "`null`"),
        ("data.split.train", "number", "`0.8`"),
        ("train.learning_rate", "number", "`0.0001`"),
        ("train.keep_best", "true or false", "`true`"),
        ("train.method", "`full`, `lora`, `qlora`, `hosted`", "`lora`"),
        ("data.source", "list of mapping", "required"),
    ],
)
def test_types_and_defaults_read_as_in_yaml(key, kind, default):
    assert documented_keys(reference_page(), "Runs")[key][1:3] == [kind, default]


def test_the_page_in_the_documentation_is_this_page():
    if not PAGE.exists():
        pytest.skip("docs/recipe-reference.md is not written yet")
    assert PAGE.read_text(encoding="utf-8") == reference_page()
