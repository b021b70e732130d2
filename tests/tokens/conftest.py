"""Tokenizers that several tests share: the tiny byte-level one, and the real ones where they
are.
"""

from functools import cache

import pytest

from medtune.tokens.chat_templates import TEMPLATES, load_tokenizer_only

REAL = ("gpt2", "llama", "mistral", "t5")
MARKERS = [
    "<|im_start|>",
    "<|im_end|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<|eot_id|>",
    "<|end|>",
    "<|user|>",
]


@pytest.fixture(scope="session")
def tokenizer_for(request):
    """A tokenizer by name with a family's template.

    The family's markers are special tokens of it.
    """

    @cache
    def load(name, family):
        path = (
            request.getfixturevalue("tiny_model")
            if name == "tiny"
            else request.getfixturevalue("real_tokenizers") / name
        )
        tokenizer = load_tokenizer_only(str(path))
        extra = {"additional_special_tokens": MARKERS}
        if name in ("tiny", "t5"):
            extra |= {"bos_token": "<s>", "eos_token": "</s>"}
        tokenizer.add_special_tokens(extra)
        tokenizer.chat_template = TEMPLATES[family]
        return tokenizer

    return load
