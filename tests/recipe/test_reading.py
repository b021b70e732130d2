import copy

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.errors import RecipeError
from medtune.recipe.base import keyed_fields
from medtune.recipe.read import (
    apply_overrides,
    find_recipe,
    parse_recipe,
    read_recipe,
    read_run_recipe,
    shipped_recipes,
    to_yaml,
)
from medtune.recipe.schema import PretrainRecipe, Recipe, SourceSpec, TaskSpec

PLAIN = "name: mine\ndata:\n  source: curated\nmodel:\n  name: medtune-base\n"


def read(tmp_path, text, *overrides, **options):
    path = tmp_path / "mine.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return read_recipe(str(path), overrides, **options)


def error_of(tmp_path, text, *overrides):
    with pytest.raises(RecipeError) as caught:
        read(tmp_path, text, *overrides)
    assert caught.value.exit_code == 2
    assert 1 <= len(str(caught.value).splitlines()) <= 2
    return str(caught.value)


def test_a_plain_recipe_has_the_documented_defaults(tmp_path):
    recipe = read(tmp_path, PLAIN)
    assert isinstance(recipe, Recipe)
    assert (recipe.seed, recipe.data.source, recipe.data.limit) == (
        42,
        [SourceSpec(name="curated")],
        None,
    )
    assert (recipe.data.split.train, recipe.data.split.validation, recipe.data.split.test) == (
        0.8,
        0.1,
        0.1,
    )
    assert (recipe.train.method, recipe.train.lora.r, recipe.train.lora.alpha) == ("lora", 8, 32)
    assert (recipe.train.learning_rate, recipe.train.batch_size) == (1e-4, 4)


@pytest.mark.parametrize(
    ("text", "line", "key", "near"),
    [
        (PLAIN + "train:\n  method: full\n  epoch: 2\n", 8, "train.epoch", "train.epochs"),
        (PLAIN + "sed: 1\n", 6, "sed", "seed"),
        (PLAIN + "train:\n  lora:\n    rank: 4\n", 8, "train.lora.rank", None),
        (PLAIN.replace("  source", "  sourc: x\n  source"), 3, "data.sourc", "data.source"),
        (PLAIN + "batch_size: 8\n", 6, "batch_size", "train.batch_size"),
        (PLAIN + "train:\n  temperature: 1\n", 7, "train.temperature", "chat.temperature"),
        (
            PLAIN + "evaluate: {decoding: {max_tokens: 5}}\n",
            6,
            "evaluate.decoding.max_tokens",
            "max_new_tokens",
        ),
        (
            PLAIN + "\n# a comment\n\nevaluate:\n  task: [topics]\n",
            10,
            "evaluate.task",
            "evaluate.tasks",
        ),
    ],
)
def test_an_unknown_key_names_its_line_and_the_nearest_key(tmp_path, text, line, key, near):
    message = error_of(tmp_path, text)
    assert message.startswith(f"mine.yaml, line {line}: unknown key {key}\n")
    if near:
        assert f"Did you mean {near}" in message.replace("evaluate.decoding.max_new", "max_new")


def test_an_unknown_key_without_a_neighbour_lists_the_valid_ones(tmp_path):
    message = error_of(tmp_path, PLAIN + "zzzqqq: 1\n")
    assert all(key in message for key in ("name", "seed", "data", "model", "train", "evaluate"))


def test_a_dotted_key_is_not_corrected_to_itself(tmp_path):
    message = error_of(tmp_path, PLAIN + "train.epochs: 2\n")
    assert message.startswith("mine.yaml, line 6: unknown key train.epochs")
    assert "Did you mean train.epochs?" not in message


def test_an_unknown_key_of_a_pretraining_recipe(tmp_path):
    text = "name: base\nkind: pretrain\ncorpus:\n  source: x.txt\nmodel:\n  with: 8\n"
    assert error_of(tmp_path, text).startswith(
        "mine.yaml, line 6: unknown key model.with\nDid you mean model.width?"
    )


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("train.learning_rate=1e-4", 1e-4),
        ("train.learning_rate=1.0e-5", 1e-5),
        ("train.learning_rate=2E-3", 2e-3),
        ("train.epochs=2", 2.0),
        ("train.epochs=0.5", 0.5),
        ("train.max_steps=4", 4),
        ("train.max_steps=null", None),
        ("train.max_steps=", None),
        ("train.keep_best=false", False),
        ("train.lora.targets=auto", "auto"),
        ("train.lora.targets=[q_proj, v_proj]", ["q_proj", "v_proj"]),
        ("train.betas=[0.9, 0.999]", (0.9, 0.999)),
        ("data.source=my.csv", [SourceSpec(name="my.csv")]),
        ("data.source=[curated, my.csv]", [SourceSpec(name="curated"), SourceSpec(name="my.csv")]),
        ("data.split.group_by=[question]", ["question"]),
        ("data.columns.question=Frage", "Frage"),
        ("model.name=org/model=1", "org/model=1"),
        ("evaluate.tasks=[perplexity]", [TaskSpec(task="perplexity")]),
        ("description='yes: a text'", "yes: a text"),
        (" seed =7", 7),
    ],
)
def test_an_override_has_the_type_of_its_key(tmp_path, override, value):
    found = read(tmp_path, PLAIN, override)
    for part in override.partition("=")[0].strip().split("."):
        found = getattr(found, part)
    assert found == value
    assert type(found) is type(value)


def test_later_overrides_and_the_seed_option_win(tmp_path):
    recipe = read(
        tmp_path, PLAIN + "seed: 1\n", "train.epochs=2", "train.epochs=3", "seed=5", seed=9
    )
    assert (recipe.train.epochs, recipe.seed) == (3, 9)


def test_a_section_override_replaces_and_a_deep_one_adds(tmp_path):
    text = PLAIN + "train:\n  epochs: 5\n"
    assert read(tmp_path, text, "train.batch_size=8").train.epochs == 5
    assert read(tmp_path, text, "train={batch_size: 8}").train.epochs == 1


def test_overrides_leave_their_input_alone():
    values = {"data": {"source": "curated", "split": {"train": 0.8}}}
    before = copy.deepcopy(values)
    assert apply_overrides(values, ["data.split.train=0.5", "data.limit=3"])["data"]["split"] == {
        "train": 0.5
    }
    assert values == before


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Question: {question}", "Question: {question}"),
        ("{r: 4, alpha: 8}", {"r": 4, "alpha": 8}),
        ('"Question: {question}"', "Question: {question}"),
        ("0.5", 0.5),
    ],
)
def test_a_sentence_with_a_colon_is_text_and_braces_make_a_mapping(text, value):
    assert apply_overrides({}, [f"model.prompt={text}"])["model"]["prompt"] == value


@pytest.mark.parametrize("override", ["train.epochs", "=3", "", "data.source=[a", "a: b"])
def test_an_override_of_the_wrong_form_is_shown(tmp_path, override):
    assert f"--set {override!r}" in error_of(tmp_path, PLAIN, override)


@pytest.mark.parametrize("override", ["train.epoch=2", "train.epochs=abc", "data.split.train=0.9"])
def test_a_wrong_override_is_not_blamed_on_a_line_of_the_file(tmp_path, override):
    text = (
        PLAIN.replace("  source: curated\n", "  source: curated\n  split:\n    train: 0.8\n")
        + "train:\n  epochs: 2\n"
    )
    message = error_of(tmp_path, text, override)
    assert ", line " not in message
    assert "--set" in message


@pytest.mark.parametrize(
    ("text", "start", "fix"),
    [
        ("name: mine\nmodel: {name: a}\n", "mine.yaml: data is missing", "--set data="),
        (PLAIN.replace("  source: curated", "  limit: 5"), "mine.yaml, line 2: data.source is "
            "missing", "--set data.source="),
        (PLAIN.replace("  name: medtune-base", "  dtype: auto"), "mine.yaml, line 4: model.name "
            "is missing", "--set model.name="),
        (PLAIN.removeprefix("name: mine\n"), "mine.yaml: name is missing", "--set name="),
    ],
)  # fmt: skip
def test_a_missing_key_is_named_with_the_way_to_give_it(tmp_path, text, start, fix):
    message = error_of(tmp_path, text)
    assert message.startswith(start)
    assert fix in message


@pytest.mark.parametrize(
    ("text", "start"),
    [
        (PLAIN + "seed: many\n", "mine.yaml, line 6: seed: "),
        (PLAIN + "train:\n  epochs: 0\n", "mine.yaml, line 7: train.epochs: "),
        (PLAIN + "train:\n  method: magic\n", "mine.yaml, line 7: train.method: "),
        (PLAIN + "train:\n  batch_size: 2.5\n", "mine.yaml, line 7: train.batch_size: "),
        (PLAIN + "train:\n  lora:\n    targets: 5\n", "mine.yaml, line 8: train.lora.targets: "),
        (PLAIN + "train: 3\n", "mine.yaml, line 6: train: "),
        (
            PLAIN + "evaluate:\n  tasks: [perplexity, poetry]\n",
            "mine.yaml, line 7: evaluate.tasks.1.task: ",
        ),
        (PLAIN.replace("curated", "[]"), "mine.yaml, line 3: data.source: "),
        (
            PLAIN.replace("  name: medtune-base", "  name: medtune-base\n  quantization: 4bit"),
            "mine.yaml, line 6: model.quantization: ",
        ),
        (PLAIN.replace("name: mine", "name: ../outside"), "mine.yaml, line 1: name: "),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_line(tmp_path, text, start):
    assert error_of(tmp_path, text).startswith(start)


@pytest.mark.parametrize("name", ["../outside", "a/b", "", "..", "."])
def test_a_name_cannot_lead_out_of_the_runs_directory(tmp_path, name):
    assert "name" in error_of(tmp_path, PLAIN, f"name={name}")


@pytest.mark.parametrize(
    ("split", "what"),
    [
        ("{train: 0.9}", "must be 1, not 1.1"),
        ("{train: 0.5, validation: 0.1, test: 0.1}", "must be 1, not 0.7"),
        ("{train: 0, validation: 0.5, test: 0.5}", "above 0"),
        ("{train: 0.9, validation: 0.1, test: 0}", "above 0"),
        ("{train: 1.2, validation: -0.1, test: -0.1}", "data.split.train"),
    ],
)
def test_shares_of_the_split_must_make_sense(tmp_path, split, what):
    message = error_of(tmp_path, PLAIN.replace("curated\n", f"curated\n  split: {split}\n"))
    assert message.startswith("mine.yaml, line 4: data.split")
    assert what in message


def test_thirds_are_shares(tmp_path):
    split = "{train: 0.333333, validation: 0.333333, test: 0.333334}"
    assert (
        read(tmp_path, PLAIN.replace("curated\n", f"curated\n  split: {split}\n")).data.split.train
        == 0.333333
    )


def test_muon_with_lora_is_refused_with_a_way_out(tmp_path):
    message = error_of(tmp_path, PLAIN + "train:\n  optimizer: muon\n")
    assert "muon" in message
    assert "method: full" in message
    assert (
        read(tmp_path, PLAIN, "train.optimizer=muon", "train.method=full").train.optimizer == "muon"
    )


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "a recipe is a mapping"),
        ("- a\n- b\n", "a recipe is a mapping"),
        ("name: mine\ndata: [1\n", "not valid YAML"),
        ("name: mine\n\tdata: 1\n", "mine.yaml, line 2: not valid YAML"),
        ("name: naïve\n".encode("cp1252"), "not a UTF-8 text file"),
        (PLAIN.encode("utf-16"), "not a UTF-8 text file"),
        (PLAIN + "\0", "mine.yaml"),
        (PLAIN.replace("name: mine", "name: [2024-13-01"), "mine.yaml"),
        (PLAIN + "1: 2\n", "mine.yaml, line 6"),
        (PLAIN + "!!python/object/apply:os.getcwd []\n", "not valid YAML"),
    ],
)
def test_a_file_that_is_no_recipe_is_an_error_with_its_name(tmp_path, text, what):
    message = error_of(tmp_path, text)
    assert "mine.yaml" in message
    assert what in message


def test_a_section_given_twice_is_an_error_not_a_lost_section(tmp_path):
    message = error_of(tmp_path, PLAIN + "train:\n  epochs: 1\ntrain:\n  batch_size: 2\n")
    assert "train" in message
    assert "line 8" in message


def test_an_unknown_recipe_names_the_nearest_and_all():
    with pytest.raises(RecipeError, match=r"Did you mean quickstart\?") as caught:
        find_recipe("quikstart")
    assert all(name in str(caught.value) for name in shipped_recipes())


def test_a_pretraining_recipe_is_no_run():
    with pytest.raises(RecipeError, match="medtune pretrain medtune-base"):
        read_run_recipe("medtune-base")


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_shipped_recipes_are_read_and_written_without_loss(name):
    recipe = read_recipe(name)
    assert recipe.name == name
    assert recipe.description
    assert parse_recipe(yaml.safe_load(to_yaml(recipe))) == recipe


def test_the_promised_recipes_are_shipped():
    assert {"quickstart", "medquad", "medtune-base"} <= set(shipped_recipes())
    assert isinstance(read_recipe("medtune-base"), PretrainRecipe)
    assert read_recipe("quickstart").data.source == [SourceSpec(name="curated")]


def test_the_resolved_recipe_writes_every_default_out(tmp_path):
    values = yaml.safe_load(to_yaml(read(tmp_path, PLAIN)))

    def keys(value):
        return (
            {key: keys(inner) for key, inner in value.items()}
            if isinstance(value, dict) and value
            else None
        )

    def fields(model):
        kinds = {name: field.annotation for name, field in keyed_fields(model).items()}
        return {
            name: fields(kind) if hasattr(kind, "model_fields") else None
            for name, kind in kinds.items()
        }

    assert keys(values) == fields(Recipe)


@settings(max_examples=50, deadline=None)
@given(
    rate=st.floats(1e-12, 1e6),
    seed=st.integers(0, 2**63),
    prompt=st.one_of(
        st.none(), st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200)
    ),
    limit=st.one_of(st.none(), st.integers(1, 10**9)),
)
def test_any_values_survive_being_written_and_read(rate, seed, prompt, limit):
    data = {"source": ["curated"], "system_prompt": prompt, "limit": limit}
    recipe = parse_recipe(
        {
            "name": "x",
            "seed": seed,
            "data": data,
            "model": {"name": "m"},
            "train": {"learning_rate": rate},
        }
    )
    assert recipe.train.learning_rate == rate
    assert parse_recipe(yaml.safe_load(to_yaml(recipe))) == recipe
