"""The store: where it lies, what it keeps under a name, and GGUF files named by their path."""

import json
import shutil
from pathlib import Path

import pytest

from medtune.errors import ModelError, RecipeError
from medtune.files import read_json
from medtune.models.load import locate
from medtune.models.model_facts import model_facts
from medtune.models.model_names import lasting_name
from medtune.models.store.machine_models import machine_models
from medtune.models.store.model_store import (
    store_directory,
    store_gguf,
    stored_model,
    stored_models,
)


@pytest.mark.parametrize(
    ("cache", "expected"),
    [("/var/cache/user", "/var/cache/user/medtune"), ("", "~/.cache/medtune"),
     ("not/absolute", "~/.cache/medtune")],
)  # fmt: skip
def test_the_store_follows_the_rule_for_caches(monkeypatch, cache, expected):
    monkeypatch.setenv("XDG_CACHE_HOME", cache)
    assert store_directory() == Path(expected.replace("~", str(Path.home())))


def test_a_file_is_kept_under_a_name(tiny_gguf, store):
    record, directory = store_gguf(tiny_gguf, "mine", "stick")
    assert directory == store / "models" / "mine"
    assert locate("mine").base == directory
    assert stored_models() == [record]
    assert store_gguf(tiny_gguf, "mine", "stick") == (record, directory)  # the same file


def test_another_file_does_not_take_the_name(tiny_gguf, tmp_path):
    store_gguf(tiny_gguf, "mine", "stick")
    other = tmp_path / "other.gguf"
    other.write_bytes(tiny_gguf.read_bytes() + b"\0")
    with pytest.raises(RecipeError, match="another model is kept under the name mine"):
        store_gguf(other, "mine", "stick")


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a b", "-x"])
def test_a_name_stays_inside_the_store(tiny_gguf, name):
    with pytest.raises(RecipeError, match="no name for a model"):
        store_gguf(tiny_gguf, name, "stick")
    assert stored_model(name) is None


def test_a_file_that_cannot_be_converted_leaves_nothing(tiny_gguf, tmp_path, store):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tiny_gguf.read_bytes()[:-4000])
    with pytest.raises(ModelError, match="cut"):
        store_gguf(cut, "mine", "stick")
    assert stored_model("mine") is None
    assert not list((store / "models").iterdir())


def test_a_path_to_a_file_is_a_model_and_is_converted_once(tiny_gguf, tmp_path, monkeypatch):
    path = shutil.copy(tiny_gguf, tmp_path / "mine.gguf")
    first = locate(str(path))
    assert first.name == str(path)
    assert any(first.base.glob("*.safetensors"))
    monkeypatch.setattr("medtune.models.store.model_store.convert_gguf", None)
    assert locate(str(path)) == first
    assert locate(str(shutil.move(path, tmp_path / "moved.gguf"))).base == first.base


def test_a_changed_file_is_another_model(tiny_gguf, tmp_path):
    path = tmp_path / "mine.gguf"
    shutil.copy(tiny_gguf, path)
    first = locate(str(path)).base
    path.write_bytes(path.read_bytes() + bytes(32))
    assert locate(str(path)).base != first


def test_a_missing_file_is_named(tiny_gguf):
    with pytest.raises(ModelError, match=r"there is no file \./none\.gguf"):
        locate("./none.gguf")
    with pytest.raises(ModelError, match=r"no config\.json") as refusal:
        locate(str(tiny_gguf.parent))
    assert "tiny.gguf" in refusal.value.fix


def test_an_adapter_finds_its_base_from_any_directory(tiny_gguf, tmp_path, monkeypatch):
    monkeypatch.chdir(tiny_gguf.parent)
    (tmp_path / "medtune-base").mkdir()
    store_gguf(tiny_gguf, "mine", "stick")
    assert lasting_name("tiny.gguf") == str(tiny_gguf)
    assert lasting_name(".") == str(tiny_gguf.parent)
    monkeypatch.chdir(tmp_path)
    names = ["mine", "medtune-base", "smollm2-135m", "someone/model"]
    assert [lasting_name(name) for name in names] == names


def test_a_revision_is_of_the_hub(tiny_gguf):
    for name in ("medtune-base", "smollm2-135m", str(tiny_gguf)):
        with pytest.raises(ModelError, match="revision is of a model on the hub"):
            locate(name, "main")


def test_a_directory_of_the_same_name_is_no_silent_choice(tiny_gguf, tmp_path, monkeypatch):
    store_gguf(tiny_gguf, "mine", "stick")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    with pytest.raises(ModelError, match="and a directory") as refusal:
        locate("mine")
    assert "./mine" in refusal.value.fix


def add_to_ollama(root: Path, name: str, blob: Path, *, kinds=("model",)) -> None:
    """What `ollama pull` leaves: a manifest that names the blob by its digest."""
    digest = "sha256:" + "ab" * 32
    (root / "blobs").mkdir(parents=True, exist_ok=True)
    shutil.copy(blob, root / "blobs" / digest.replace(":", "-"))
    manifest = root / "manifests" / name
    manifest.parent.mkdir(parents=True)
    layers = [{"mediaType": f"application/vnd.ollama.image.{k}", "digest": digest} for k in kinds]
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": layers}))


@pytest.mark.parametrize(
    ("manifest", "name"),
    [
        ("registry.ollama.ai/library/tiny/1b", "ollama:tiny:1b"),
        ("registry.ollama.ai/library/tiny/latest", "ollama:tiny"),
        ("registry.ollama.ai/someone/tiny/latest", "ollama:someone/tiny:latest"),
        ("hf.co/someone/tiny-GGUF/Q4_K_M", "ollama:hf.co/someone/tiny-GGUF:Q4_K_M"),
    ],
)
def test_ollama_s_models_are_taken_by_their_names(tiny_gguf, manifest, name):
    add_to_ollama(Path.home() / ".ollama" / "models", manifest, tiny_gguf)
    (listed,) = machine_models()
    assert listed.program == "Ollama"
    assert listed.name.removesuffix(":latest") == name.removesuffix(":latest")
    assert locate(name).base == locate(listed.name).base == locate(str(tiny_gguf)).base


def test_ollama_s_directory_may_be_another(tiny_gguf, tmp_path, monkeypatch):
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "ollama"))
    add_to_ollama(tmp_path / "ollama", "registry.ollama.ai/library/tiny/latest", tiny_gguf)
    assert locate("ollama:tiny").base.is_dir()


@pytest.mark.parametrize("kinds", [("model", "adapter"), ("model", "projector"), ("template",)])
def test_a_model_of_several_parts_is_refused(tiny_gguf, kinds):
    root = Path.home() / ".ollama" / "models"
    add_to_ollama(root, "registry.ollama.ai/library/tiny/latest", tiny_gguf, kinds=kinds)
    with pytest.raises(ModelError, match="more than one GGUF file"):
        locate("ollama:tiny")
    assert machine_models() == []


@pytest.mark.parametrize(
    "name", ["ollama:none", "ollama:../../x", "ollama:", "lmstudio:none.gguf", "lmstudio:../x.gguf"]
)
def test_what_is_not_here_is_said(name):
    with pytest.raises(ModelError, match="not on this machine"):
        locate(name)


def test_lm_studio_s_files_are_taken_by_their_names(tiny_gguf):
    directory = Path.home() / ".lmstudio" / "models" / "someone" / "tiny-GGUF"
    directory.mkdir(parents=True)
    shutil.copy(tiny_gguf, directory / "tiny.gguf")
    shutil.copy(tiny_gguf, directory / "mmproj-tiny.gguf")  # the part for pictures
    (listed,) = machine_models()
    assert listed.name == "lmstudio:someone/tiny-GGUF/tiny.gguf"
    assert locate(listed.name).base == locate(str(tiny_gguf)).base


def test_facts_of_a_file_need_no_conversion(tiny_gguf, store):
    facts = model_facts(str(tiny_gguf))
    assert (facts.architecture, facts.context) == ("llama", 128)
    assert facts.provenance == "from 4-bit weights (Q4_1)"
    assert not store.exists()


def test_facts_of_a_stored_a_packaged_and_an_absent_model(tiny_gguf):
    record, directory = store_gguf(tiny_gguf, "mine", "stick")
    facts = model_facts("mine")
    assert (facts.directory, facts.source) == (str(directory), "stick")
    assert facts.parameters == record.parameters
    assert model_facts("medtune-base").context == 512
    assert model_facts("gemma3-270m").directory is None
    with pytest.raises(ModelError, match="not on this machine"):
        model_facts("someone/else")


def test_the_record_says_where_a_converted_file_lies(tiny_gguf):
    record = read_json(locate(str(tiny_gguf)).base / "model_source.json")
    assert record["source"] == str(tiny_gguf.resolve())
