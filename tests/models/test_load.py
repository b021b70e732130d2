import json
import shutil
from pathlib import Path

import pytest

from medtune.errors import ModelError
from medtune.models.load import LocalModelRef, locate, read_config


def test_a_missing_path_is_named(tmp_path):
    with pytest.raises(ModelError, match="no model directory"):
        locate(str(tmp_path / "nothing"))


def test_a_hub_name_while_offline_says_so():
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE"):
        locate("nobody/no-such-model")


def test_a_near_miss_of_a_packaged_name_is_suggested():
    with pytest.raises(ModelError, match="medtune-base"):
        locate("medtune-bas")


def test_pickled_weights_are_refused(tiny_model, tmp_path):
    directory = tmp_path / "pickled"
    directory.mkdir()
    shutil.copy(tiny_model / "config.json", directory)
    (directory / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ModelError, match="safetensors"):
        locate(str(directory))


def test_an_encoder_is_no_language_model(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit"}))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="neither a causal language model"):
        read_config(locate(str(tmp_path)))


@pytest.mark.parametrize(
    "name",
    ["config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json"],
)
def test_the_fingerprint_follows_what_decides_how_a_model_answers(tiny_model, tmp_path, name):
    directory = Path(shutil.copytree(tiny_model, tmp_path / "copy"))
    before = locate(str(directory)).fingerprint()
    values = json.loads((directory / name).read_text()) if (directory / name).exists() else {}
    (directory / name).write_text(json.dumps(values | {"changed": True}))
    assert locate(str(directory)).fingerprint() != before


def test_an_adapter_s_own_settings_and_tokenizer_count_too(tiny_model, tmp_path):
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_model.safetensors").write_bytes(b"weights")
    actual = LocalModelRef("adapter", tiny_model, adapter)
    seen = [actual.fingerprint()]
    for name in ("adapter_config.json", "tokenizer.json", "chat_template.jinja"):
        (adapter / name).write_text("{}")
        seen.append(actual.fingerprint())
    assert len(set(seen)) == len(seen)


def test_the_fingerprint_follows_weights_and_template(tiny_model, tmp_path):
    directory = tmp_path / "copy"
    shutil.copytree(tiny_model, directory)
    first = locate(str(directory))
    before = first.fingerprint(), first.weights_hash()
    (directory / "chat_template.jinja").write_text("{{ messages[0].content }}")
    assert locate(str(directory)).fingerprint() != before[0]
    assert locate(str(directory)).weights_hash() == before[1]


def test_weights_that_lack_a_part_are_refused_instead_of_filled_with_random_numbers(
    tiny_model, tmp_path
):
    import torch
    from safetensors.torch import load_file, save_file

    from medtune.models.load import load_weights

    shutil.copytree(tiny_model, tmp_path / "m")
    (file,) = (tmp_path / "m").glob("*.safetensors")
    tensors = load_file(file)
    lost = sorted(name for name in tensors if "layers.0" in name or "h.0" in name)[:2]
    save_file(
        {name: t for name, t in tensors.items() if name not in lost},
        file,
        metadata={"format": "pt"},
    )
    with pytest.raises(ModelError, match="lack 2 of the model's parameters"):
        load_weights(locate(str(tmp_path / "m")), torch.float32, "sdpa")
