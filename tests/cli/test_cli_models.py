"""`medtune models`: list, get, import, info; and a got model used by its name."""

import json
import shutil

import pytest

from store_fixtures import index, store, tiny_gguf, wheels  # noqa: F401


@pytest.fixture(autouse=True)
def _empty(store):  # noqa: F811
    pass


def test_list_names_what_can_be_got_and_what_is_here(medtune, tiny_gguf):  # noqa: F811
    text = medtune("models", "list", check=True).stdout
    assert "smollm2-135m" in text
    assert "Apache-2.0" in text
    assert "terms to accept: https://ai.google.dev/gemma/terms" in text
    assert "here: no" in text
    assert all(len(line) <= 80 for line in text.splitlines())
    medtune("models", "import", tiny_gguf, "--name", "mine", check=True)
    values = json.loads(medtune("models", "list", "--json", check=True).stdout)
    assert values["packaged"] == ["medtune-base"]
    assert [record["name"] for record in values["stored"]] == ["mine"]
    assert {model["name"]: model["here"] for model in values["catalogue"]}["smollm2-135m"] is None


def test_a_got_model_answers_by_its_name(medtune, index):  # noqa: F811
    refused = medtune("ask", "tiny-model", "Why?")
    assert refused.returncode == 2
    assert "medtune models get tiny-model" in refused.stderr
    got = json.loads(medtune("models", "get", "tiny-model", "--json", check=True).stdout)
    assert got["sha256"] == index.model.sha256
    info = medtune("models", "info", "tiny-model", check=True).stdout
    assert "from 4-bit weights (Q4_1)" in info
    assert "Tiny Licence" in info
    inspected = medtune(
        "inspect", "quickstart", "--set", "model.name=tiny-model", "--set", "data.limit=20"
    )
    assert inspected.returncode == 0, inspected.stderr


def test_terms_are_asked_for(medtune):
    process = medtune("models", "get", "gemma3-270m")
    assert process.returncode == 2
    assert "https://ai.google.dev/gemma/terms" in process.stderr
    assert "--accept-licence" in process.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["get", "nobody/no-such-model"], "HF_HUB_OFFLINE"),
        (["get", "smollm2-135"], "Did you mean smollm2-135m?"),
        (["info", "no-such-model"], "is not on this machine"),
        (["import", "none.gguf"], "there is no such file"),
        (["import", "notes.txt"], "a model is one .gguf file"),
        (["import", "a.gguf", "b.gguf"], "a model is one .gguf file"),
        (["import", "a.gguf"], "empty"),
        (["import", "a.whl", "--name", "x"], "keeps its own name"),
        (["import", "a.whl"], "no whole wheel"),
    ],
)
def test_what_cannot_be_had_is_said_in_a_sentence(medtune, tmp_path, arguments, message):
    for name in ("notes.txt", "a.gguf", "b.gguf", "a.whl"):
        (tmp_path / name).touch()
    process = medtune("models", *arguments)
    assert process.returncode == 2
    assert message in process.stderr


def test_a_wheel_carried_in_is_kept(medtune, index, tmp_path):  # noqa: F811
    stick = [shutil.copy(wheel, tmp_path / wheel.name) for wheel in index.wheels]
    assert "Kept in" in medtune("models", "import", *stick, check=True).stdout
