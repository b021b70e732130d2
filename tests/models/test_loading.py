import json
import shutil

import pytest

from medtune.errors import ModelError
from medtune.models.loading import locate, read_config


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
    place = tmp_path / "pickled"
    place.mkdir()
    shutil.copy(tiny_model / "config.json", place)
    (place / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ModelError, match="safetensors"):
        locate(str(place))


def test_an_encoder_is_no_language_model(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit"}))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="neither a causal language model"):
        read_config(locate(str(tmp_path)))


def test_the_fingerprint_follows_weights_and_template(tiny_model, tmp_path):
    place = tmp_path / "copy"
    shutil.copytree(tiny_model, place)
    first = locate(str(place))
    before = first.fingerprint(), first.weights_hash()
    (place / "chat_template.jinja").write_text("{{ messages[0].content }}")
    assert locate(str(place)).fingerprint() != before[0]
    assert locate(str(place)).weights_hash() == before[1]
