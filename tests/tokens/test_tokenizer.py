"""Tokenizers by themselves, without a model."""

import pytest

from medtune.errors import ModelError
from medtune.tokens.chat_templates import TEMPLATES, load_tokenizer_only

FIRST = {"gpt2": "Hello", "llama": "▁Hello", "mistral": "▁Hello", "t5": "▁Hello"}
SIZES = {"gpt2": 50257, "llama": 32000, "mistral": 32000, "t5": 32100}


@pytest.mark.parametrize("name", FIRST)
def test_real_tokenizers_load_from_their_files_alone(real_tokenizers, name):
    tokenizer = load_tokenizer_only(str(real_tokenizers / name))
    assert len(tokenizer) == SIZES[name]
    assert tokenizer.tokenize("Hello there")[0] == FIRST[name]
    assert tokenizer.chat_template == TEMPLATES["plain"]
    assert (
        load_tokenizer_only(str(real_tokenizers / name), "zephyr").chat_template
        == TEMPLATES["zephyr"]
    )


def test_a_model_directory_gives_its_own_tokenizer(tiny_model):
    from transformers import AutoTokenizer

    ours = AutoTokenizer.from_pretrained(tiny_model)
    assert (
        load_tokenizer_only(str(tiny_model))("What is gout?")["input_ids"]
        == ours("What is gout?")["input_ids"]
    )


def test_a_directory_without_a_tokenizer_says_what_it_looks_for(tmp_path):
    with pytest.raises(ModelError, match=r"holds no tokenizer\n.*spiece\.model"):
        load_tokenizer_only(str(tmp_path))
    with pytest.raises(ModelError, match="no such directory"):
        load_tokenizer_only(str(tmp_path / "none"))
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be read"):
        load_tokenizer_only(str(tmp_path))
