"""The embedded default: whole, small enough, described, and better than chance at its language."""

import json
import math

import pytest

from medtune.conversation import user_asks
from medtune.models.causal import CausalModel
from medtune.models.load import locate
from medtune.models.model_names import PACKAGED
from medtune.recipe.read import read_recipe

BASE = PACKAGED / "medtune-base"


@pytest.fixture(scope="module")
def base():
    return CausalModel.load(locate("medtune-base"))


def test_it_is_bf16_safetensors_below_45_megabytes():
    from safetensors import safe_open

    assert sum(f.stat().st_size for f in BASE.iterdir()) < 45e6
    assert not {f.suffix for f in BASE.iterdir()} & {".bin", ".pt", ".pkl"}
    with safe_open(BASE / "model.safetensors", framework="pt") as weights:
        assert {weights.get_slice(name).get_dtype() for name in weights.keys()} == {"BF16"}  # noqa: SIM118


def test_its_card_states_corpus_licence_figures_and_limits():
    card = (BASE / "README.md").read_text()
    for part in (
        "license: cc-by-4.0",
        "OpenStax",
        "Held-out bits per byte",
        "| med |",
        "| gen |",
        "## Samples",
        "## Limits",
    ):
        assert part in card
    recipe = read_recipe("medtune-base")
    assert f"width {recipe.model.width}, {recipe.model.layers} layers" in card


def test_its_shape_is_that_of_its_recipe():
    shape, config = (
        read_recipe("medtune-base").model,
        json.loads((BASE / "config.json").read_text()),
    )
    assert (config["hidden_size"], config["num_hidden_layers"]) == (shape.width, shape.layers)
    assert config["max_position_embeddings"] == shape.context


def test_it_predicts_medical_english_far_better_than_chance(base):
    text = "Patients with high blood pressure have an increased risk of heart disease and stroke."
    scored = base.text_loglikelihoods([text])[0]
    bits = -scored.loglikelihood / math.log(2) / scored.bytes
    assert bits < 2.0


def test_a_true_ending_is_likelier_than_an_absurd_one(base):
    question = user_asks("What does the heart do?")
    good, bad = base.loglikelihoods(
        [
            (question, "It pumps blood through the body."),
            (question, "It blood the body pumps through."),
        ]
    )
    assert good.loglikelihood > bad.loglikelihood
