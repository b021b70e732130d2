"""An adapter that does not fit its base is an error, never the base's figures."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from medtune.errors import ModelError
from medtune.models.adapters import add_lora
from medtune.models.attach import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from medtune.models.load import load_weights, locate
from medtune.recipe.schema import Lora


@pytest.fixture
def adapter(tiny_model, tmp_path):
    directory = tmp_path / "adapter"
    model = add_lora(load_weights(locate(str(tiny_model)), torch.float32, "sdpa"), Lora(), 1)
    model.peft_config["default"].base_model_name_or_path = str(tiny_model)
    model.save_pretrained(str(directory))
    return directory


def rewrite(directory, change):
    tensors = change(load_file(directory / ADAPTER_WEIGHTS))
    save_file(tensors, directory / ADAPTER_WEIGHTS, metadata={"format": "pt"})


def load(directory):
    return load_weights(locate(str(directory)), torch.float32, "sdpa")


def test_a_whole_adapter_is_loaded_weight_by_weight(adapter):
    marked = {
        name: torch.full_like(t, 0.5) for name, t in load_file(adapter / ADAPTER_WEIGHTS).items()
    }
    save_file(marked, adapter / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    values = [p for name, p in load(adapter).named_parameters() if "lora_" in name]
    assert len(values) == len(marked)
    assert all((value == 0.5).all() for value in values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: {n.replace("base_model.model.", "base_model."): v for n, v in t.items()},
            "lack",
        ),
        (lambda t: {n.replace("q_proj", "qq_proj"): v for n, v in t.items()}, "lack"),
        (lambda t: dict(list(t.items())[: len(t) // 2]), "lack"),
        (lambda t: {n: v for n, v in t.items() if "lora_A" in n}, "lack"),
        (lambda t: t | {"base_model.model.more.lora_A.weight": torch.ones(2)}, "no place for"),
        (lambda t: t | {"other.weight": torch.ones(2)}, "no place for"),
        (lambda t: {n: torch.ones(3, 3) for n in t}, "cannot be put on its base"),
    ],
)
def test_an_adapter_with_missing_or_other_weights_is_refused(adapter, change, message, recwarn):
    rewrite(adapter, change)
    with pytest.raises(ModelError, match=message):
        load(adapter)
    assert not [w for w in recwarn if "adapter keys" in str(w.message)]


def test_an_adapter_of_layers_that_the_base_lacks_is_refused(adapter):
    config = json.loads((adapter / ADAPTER_CONFIG).read_text())
    (adapter / ADAPTER_CONFIG).write_text(json.dumps(config | {"target_modules": ["c_attn"]}))
    with pytest.raises(ModelError, match="cannot be put on its base"):
        load(adapter)


def test_a_prompt_that_scoring_would_pass_over_is_refused(tiny_model, tmp_path):
    from peft import PromptTuningConfig, get_peft_model

    model = load_weights(locate(str(tiny_model)), torch.float32, "sdpa")
    tuned = get_peft_model(model, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4))
    tuned.peft_config["default"].base_model_name_or_path = str(tiny_model)
    tuned.save_pretrained(str(tmp_path / "prompt"))
    with pytest.raises(ModelError, match="PROMPT_TUNING"):
        load(tmp_path / "prompt")


def test_activated_lora_is_refused(adapter):
    config = json.loads((adapter / ADAPTER_CONFIG).read_text())
    changed = config | {"alora_invocation_tokens": [5, 6]}
    (adapter / ADAPTER_CONFIG).write_text(json.dumps(changed))
    with pytest.raises(ModelError, match="activated LoRA"):
        load(adapter)


@pytest.mark.parametrize("pickled", [True, False])
def test_an_adapter_without_safetensors_is_refused_and_the_hub_not_asked(
    adapter, pickled, monkeypatch
):
    (adapter / ADAPTER_WEIGHTS).unlink()
    if pickled:
        (adapter / "adapter_model.bin").write_bytes(b"pickle")
        # another file of weights is not the adapter's
        save_file({"a": torch.ones(1)}, adapter / "other.safetensors")
    for name in ("huggingface_hub.snapshot_download", "huggingface_hub.hf_hub_download"):
        monkeypatch.setattr(name, lambda *_, **__: pytest.fail("the hub was asked"))
    with pytest.raises(ModelError, match=ADAPTER_WEIGHTS):
        locate(str(adapter))


def test_another_adapter_under_the_same_path_is_another_model(adapter):
    before = locate(str(adapter)).fingerprint()
    rewrite(adapter, lambda tensors: {name: value + 1 for name, value in tensors.items()})
    assert locate(str(adapter)).fingerprint() != before


def test_an_adapter_s_merged_copy_needs_the_same_weights(adapter):
    from medtune.models.adapters import merge

    rewrite(adapter, lambda tensors: dict(list(tensors.items())[1:]))
    with pytest.raises(ModelError, match="lack 1 of"):
        merge(locate(str(adapter)), [])


def test_an_adapter_of_the_hub_is_an_adapter(adapter, monkeypatch):
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(adapter))
    located = locate("someone/adapter")
    assert located.adapter == adapter
    (adapter / ADAPTER_WEIGHTS).unlink()
    with pytest.raises(ModelError, match=ADAPTER_WEIGHTS):
        locate("someone/adapter")


def test_weights_of_a_base_that_its_configuration_has_no_place_for_are_refused(
    tiny_model, tmp_path
):
    directory = tmp_path / "base"
    shutil.copytree(tiny_model, directory)
    (file,) = directory.glob("*.safetensors")
    tensors = load_file(file)
    save_file(tensors | {"model.layers.9.more.weight": torch.ones(2)}, file, {"format": "pt"})
    with pytest.raises(ModelError, match="hold 1 weights that the model has no place for"):
        load(directory)
