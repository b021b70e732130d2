"""Recipes and --set by the core schema of YAML 1.2: a plain word is the text that it looks like."""

import math

import pytest
import yaml

from medtune.errors import RecipeError
from medtune.recipe.read import apply_overrides, read_recipe, to_yaml
from medtune.recipe.yaml_core import dump_yaml, load_yaml

TEXTS = tuple("yes no on off Yes NO y n tRUE 1:30 190:20:30 1_000 0b11 0o9 0xg 12e 1.2.3 =".split())
TEXTS += ("2024-01-01", "2001-12-14t21:59:43.10-05:00")
OTHERS = {"017": 17, "0o17": 15, "0x1F": 31, "1e3": 1000.0, "1.5e-4": 1.5e-4, "-5": -5, "+7": 7}
OTHERS |= {"~": None, "null": None, "": None, "true": True, "False": False, ".inf": math.inf}


@pytest.mark.parametrize("text", TEXTS)
def test_a_word_is_a_text(text):
    assert load_yaml(text) == text
    assert load_yaml(f"[{text}]") == [text]


@pytest.mark.parametrize("text", OTHERS)
def test_numbers_and_constants_of_the_core_schema(text):
    assert load_yaml(text) == OTHERS[text]
    assert type(load_yaml(text)) is type(OTHERS[text])


def test_what_is_written_is_read_as_the_same_by_both_versions_of_yaml():
    values = [*TEXTS, *OTHERS, *OTHERS.values(), "a: b", "- a", "#", "\x1b", 1e-5, 1e22, "<<"]
    assert load_yaml(dump_yaml(values)) == values
    assert yaml.safe_load(dump_yaml(values)) == values


def test_set_reads_words_as_words_and_says_where_a_number_is_meant():
    values = apply_overrides({}, ["a=[yes, no]", "b=1:30", "c={k: off}", "d=2024-01-01"])
    assert values == {"a": ["yes", "no"], "b": "1:30", "c": {"k": "off"}, "d": "2024-01-01"}
    with pytest.raises(RecipeError, match=r"--set seed: seed: .*integer.*1:30"):
        read_recipe("quickstart", ["seed=1:30"])
    recipe = read_recipe("quickstart", ["data.where.label=[yes, no]", "data.identifiers=off"])
    assert recipe.data.where.label == ["yes", "no"]
    assert recipe.data.identifiers == "off"
    assert load_yaml(to_yaml(recipe)) == recipe.model_dump(mode="json")


@pytest.mark.parametrize("labels", ["[true, false]", "[1, 2]", "[null]", "[1e3]"])
def test_labels_that_are_no_texts_are_asked_for_in_quotes(labels):
    with pytest.raises(RecipeError, match="in quotes"):
        read_recipe("quickstart", [f"data.where.label={labels}"])


def bomb(width, depth):
    lines = [f"a0: &a0 {{k: [{', '.join('x' * width)}]}}"]
    for number in range(1, depth):
        inner = ", ".join(f"k{i}: *a{number - 1}" for i in range(width))
        lines.append(f"a{number}: &a{number} {{{inner}}}")
    return "\n".join(lines)


BOMBS = {
    "aliases": bomb(9, 12),
    "list in itself": "&a [*a]",
    "mapping in itself": "a: &a {b: *a}",
    "lists": "[" * 5000 + "]" * 5000,
    "mappings": "{a: " * 5000 + "1" + "}" * 5000,
    "lines": "\n".join(" " * n + "a:" for n in range(1200)),
    "dashes": "- " * 5000 + "x",
    "long": "x" * 2**21,
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_what_is_larger_or_deeper_than_a_recipe_is_refused_at_once(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=r"mine\.yaml"):
        read_recipe(str(path))
    with pytest.raises(RecipeError):
        apply_overrides({}, [f"name={text}", "name.b=1", f"train={{a: {text}}}"])


@pytest.mark.parametrize(
    "override",
    ["train.epochs=.nan", "train.epochs=.inf", "train.epochs=1e300", "train.learning_rate=nan",
     "train.learning_rate=.inf", "seed=-1", "seed=1" + "0" * 30, "train.batch_size=-4",
     "train.batch_size=1" + "0" * 20, "train.max_steps=" + "9" * 5000, "chat.temperature=1e-320",
     "chat.temperature=-1", "chat.temperature=.nan", "evaluate.decoding.temperature=1e-9",
     "evaluate.decoding.max_new_tokens=-1", "data.limit=-5", "train.warmup=.inf"],
)  # fmt: skip
def test_numbers_that_cannot_be_meant_are_refused(override):
    with pytest.raises(RecipeError):
        read_recipe("quickstart", [override])
