"""Greedy answers in company: token for token those of transformers one at a time, and none of the work done twice."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, Gemma2Config, GenerationConfig, GPT2Config, LlamaConfig, MistralConfig

from medtune.models.greedy import TOKENS_AT_ONCE, greedy, portions

SIZE = {"vocab_size": 97, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 128}
KINDS = {
    "gpt2": GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4, n_positions=128),
    "llama": LlamaConfig(**SIZE, **HEADS),
    "mistral": MistralConfig(**SIZE, **HEADS, sliding_window=7),
    "gemma2": Gemma2Config(**SIZE, **HEADS, sliding_window=7),
}
ROOM = 14


def model_of(kind):
    torch.manual_seed(3)
    return AutoModelForCausalLM.from_config(KINDS[kind]).eval()


def prompts(count=7):
    rng = np.random.default_rng(0)
    return [rng.integers(5, 97, length) for length in rng.integers(1, 25, count)]


def alone(model, prompt, stops):
    settings = GenerationConfig(max_new_tokens=ROOM, do_sample=False, eos_token_id=sorted(stops), pad_token_id=0)
    made = model.generate(
        input_ids=torch.from_numpy(prompt)[None], attention_mask=torch.ones(1, len(prompt), dtype=torch.int64),
        generation_config=settings,
    )  # fmt: skip
    return made[0, len(prompt) :].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_token_for_token_as_transformers_one_at_a_time(kind):
    model, rows = model_of(kind), prompts()
    free = [alone(model, row, {96}) for row in rows]
    # Tokens that do come stop some rows early, others late.
    stops = frozenset({free[0][3], free[1][6], free[2][0]})
    wanted = [alone(model, row, stops) for row in rows]
    assert len({len(answer) for answer in wanted}) > 2
    assert greedy(model, rows, stops, ROOM) == wanted


def test_rows_that_end_are_not_computed_further():
    model, rows = model_of("llama"), prompts()
    stops = frozenset({alone(model, rows[0], {96})[2]})
    sizes = []
    handle = model.register_forward_pre_hook(
        lambda module, args, kwargs: sizes.append(kwargs["input_ids"].shape), with_kwargs=True
    )
    answers = greedy(model, rows, stops, ROOM)
    handle.remove()
    assert sum(rows for rows, _ in sizes) == sum(len(answer) for answer in answers)
    assert sum(rows * width for rows, width in sizes[1:]) == sum(len(answer) - 1 for answer in answers)


@given(st.lists(st.integers(1, 3_000), max_size=60), st.integers(1, 400), st.integers(1, 32))
@tries(max_examples=60, deadline=None)
def test_portions_hold_every_row_once_within_their_bounds(lengths, room, rows):
    made = list(portions(lengths, room, rows))
    assert sorted(i for part in made for i in part) == list(range(len(lengths)))
    for part in made:
        assert 1 <= len(part) <= rows
        assert len(part) == 1 or sum(lengths[i] + room for i in part) <= TOKENS_AT_ONCE
