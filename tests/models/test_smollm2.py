"""The real SmolLM2-135M-Instruct of the catalogue, where it was got: `medtune models get`."""

import pytest

from medtune.models.load import load_tokenizer, locate
from medtune.models.model_facts import model_facts
from medtune.models.store.model_store import stored_model

pytestmark = pytest.mark.skipif(
    stored_model("smollm2-135m") is None, reason="no medtune models get smollm2-135m"
)
LAB_TABLE = "Na   138\nK      4.1\nCl   102\nGlucose    95\n\nHb   13.2 g/dL\nWBC    7.4\nPlt  250"


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer(locate("smollm2-135m"))


def test_a_lab_table_is_cut_as_in_its_training(tokenizer):
    """49 tokens with its digits apart from the blanks; read as GPT-2's, it would cost 56."""
    ids = tokenizer.encode(LAB_TABLE, add_special_tokens=False)
    assert len(ids) == 49
    assert ids[:12] == [26062, 333, 33, 35, 40, 198, 59, 5013, 36, 30, 33, 198]
    assert tokenizer.decode(ids) == LAB_TABLE


def test_nothing_stands_before_a_text_and_its_marker_ends_a_turn(tokenizer):
    assert tokenizer("Why?").input_ids == [4898, 47]
    assert (tokenizer.bos_token, tokenizer.eos_token) == (None, "<|im_end|>")
    turn = tokenizer.encode("<|im_start|>user\nBP 120/80<|im_end|>")
    assert turn == [1, 4093, 198, 22304, 216, 33, 34, 32, 31, 40, 32, 2]


def test_its_facts_say_that_it_was_of_four_bits():
    facts = model_facts("smollm2-135m")
    assert (facts.parameters, facts.context) == (134_515_008, 8_192)
    assert facts.provenance == "from 4-bit weights (Q4_1, Q8_0)"
    assert facts.licence == "Apache-2.0"
