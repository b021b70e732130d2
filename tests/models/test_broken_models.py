"""Directories of models that are damaged: one sentence before any work, never a Python error."""

import json
import shutil
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from medtune.errors import MedtuneError, ModelError, RecipeError
from medtune.models import attach
from medtune.models.interface import DecodingSettings, InferenceSettings
from medtune.models.load import load_tokenizer, load_weights, locate, read_config


@pytest.fixture
def model(tiny_model, tmp_path):
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def load(directory):
    ref = locate(str(directory))
    load_tokenizer(ref)
    return load_weights(ref, torch.float32, None)


def configured(directory, **values):
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def with_weight(directory, value):
    tensors = load_file(directory / "model.safetensors")
    name = next(name for name in tensors if "down_proj" in name)
    tensors[name] = tensors[name].clone()
    tensors[name][0, 3] = value
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})


def cut(directory):
    weights = directory / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def lying_header(directory):
    (directory / "model.safetensors").write_bytes(struct.pack("<Q", 2**60) + b"{}")


def missing_shard(directory):
    (directory / "model.safetensors").rename(directory / "model-00001-of-00002.safetensors")
    names = {"lm_head.weight": "model-00002-of-00002.safetensors"}
    index = {"metadata": {}, "weight_map": names}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))


DAMAGES = {
    "not-a-number": (lambda path: with_weight(path, float("nan")), "numbers that are none"),
    "infinite": (lambda path: with_weight(path, float("inf")), "numbers that are none"),
    "cut weights": (cut, "weights cannot be read"),
    "no bytes": (lambda path: (path / "model.safetensors").write_bytes(b""), "weight"),
    "lying header": (lying_header, "weight"),
    "text for weights": (lambda path: (path / "model.safetensors").write_text("x" * 99), "weight"),
    "missing shard": (missing_shard, "weights cannot be read"),
    "size as text": (lambda path: configured(path, hidden_size="wide"), "configuration"),
    "size below zero": (lambda path: configured(path, hidden_size=-32), "."),
    "no heads": (lambda path: configured(path, num_attention_heads=0), "."),
    "no kind": (lambda path: configured(path, model_type=None), "configuration"),
    "unknown kind": (lambda path: configured(path, model_type="zebra"), "configuration"),
    "a million layers": (lambda path: configured(path, num_hidden_layers=10**6), "can hold"),
    "a wide model": (lambda path: configured(path, hidden_size=2**40), "can hold"),
    "many words": (lambda path: configured(path, vocab_size=10**12), "can hold"),
    "config cut": (lambda path: (path / "config.json").write_text('{"model_'), "configuration"),
    "config a list": (lambda path: (path / "config.json").write_text("[]"), "configuration"),
    "tokenizer cut": (lambda path: (path / "tokenizer.json").write_text('{"version'), "tokenizer"),
    "tokenizer empty": (lambda path: (path / "tokenizer.json").write_text("{}"), "tokenizer"),
    "no tokenizer": (lambda path: (path / "tokenizer.json").unlink(), "tokenizer"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_is_one_sentence(model, damage):
    break_it, what = DAMAGES[damage]
    break_it(model)
    with pytest.raises(ModelError, match=what) as caught:
        load(model)
    assert str(model) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def test_a_whole_model_loads(model):
    assert load(model).num_parameters() > 0
    assert read_config(locate(str(model))).num_hidden_layers == 2


@pytest.fixture
def adapter(model, tmp_path):
    from peft import LoraConfig, get_peft_model

    wrapped = get_peft_model(load(model), LoraConfig(target_modules=["q_proj"], r=2))
    wrapped.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def settings(directory, **values):
    path = directory / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"base_model_name_or_path": None}, "no base model"),
        ({"base_model_name_or_path": 7}, "no base model"),
        ({"base_model_name_or_path": "  "}, "no base model"),
        ({"base_model_name_or_path": "./nowhere/at/all"}, "no model directory"),
        ({"peft_type": "ZEBRA"}, "cannot be put on its base"),
        ({"r": "two"}, "cannot be put on its base"),
        ({"target_modules": "(((q_proj"}, "no regular expression"),
    ],
)
def test_a_damaged_adapter_is_one_sentence(adapter, values, what):
    settings(adapter, **values)
    with pytest.raises(ModelError, match=what):
        load_weights(locate(str(adapter)), torch.float32, None)


def test_an_adapter_of_itself_or_of_an_adapter_is_refused(adapter, tmp_path):
    settings(adapter, base_model_name_or_path=str(adapter))
    with pytest.raises(ModelError, match="the adapter itself"):
        locate(str(adapter))
    other = Path(shutil.copytree(adapter, tmp_path / "other"))
    settings(adapter, base_model_name_or_path=str(other))
    with pytest.raises(ModelError, match="adapter"):
        locate(str(adapter))


def test_broken_json_of_an_adapter_names_the_file(adapter):
    (adapter / "adapter_config.json").write_text('{"base_model')
    with pytest.raises(MedtuneError, match=r"adapter_config\.json: not whole JSON"):
        locate(str(adapter))
    settings_file = adapter / "medtune.json"
    settings_file.write_text('{"max_new_tokens": "many"}')
    with pytest.raises(MedtuneError, match=r"medtune\.json: not what medtune writes"):
        InferenceSettings.read(adapter)


@pytest.mark.parametrize("field", ["target_modules", "exclude_modules", "rank_pattern"])
def test_a_pattern_that_never_ends_is_stopped(adapter, monkeypatch, field):
    monkeypatch.setattr(attach, "PATTERN_SECONDS", 0.5)
    pattern = r"((\w+\.?)+)+!"
    settings(adapter, **{field: {pattern: 4} if field == "rank_pattern" else pattern})
    with pytest.raises(ModelError, match="takes more than"):
        load_weights(locate(str(adapter)), torch.float32, None)


def test_an_ordinary_pattern_is_matched(adapter):
    settings(adapter, target_modules=r".*\.(q_proj)")
    assert load_weights(locate(str(adapter)), torch.float32, None)


@pytest.mark.parametrize("temperature", [1e-320, 1e-9, -1.0, float("nan"), float("inf"), 1e9])
def test_a_temperature_that_cannot_be_sampled_with_is_refused(temperature):
    with pytest.raises(RecipeError, match="temperature is 0"):
        DecodingSettings(8, temperature)
    assert DecodingSettings(8, 0.0).temperature == 0
