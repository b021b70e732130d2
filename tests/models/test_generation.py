"""Greedy answers in company: token for token those of transformers one at a time, and none of
the work done twice.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    BambaConfig,
    Gemma2Config,
    GenerationConfig,
    GPT2Config,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
)

from medtune.models.generation import (
    TOKENS_AT_ONCE,
    generate_batch,
    keeps_keys_alone,
    length_batches,
    prompt_seed,
    sampled,
)

SIZE = {"vocab_size": 97, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
HEADS = {
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
}
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
    settings = GenerationConfig(
        max_new_tokens=ROOM, do_sample=False, eos_token_id=sorted(stops), pad_token_id=0
    )
    result = model.generate(
        input_ids=torch.from_numpy(prompt)[None],
        attention_mask=torch.ones(1, len(prompt), dtype=torch.int64),
        generation_config=settings,
    )
    return result[0, len(prompt) :].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_token_for_token_as_transformers_one_at_a_time(kind):
    model, rows = model_of(kind), prompts()
    free = [alone(model, row, {96}) for row in rows]
    # Tokens that do come stop some rows early, others late.
    stops = frozenset({free[0][3], free[1][6], free[2][0]})
    expected = [alone(model, row, stops) for row in rows]
    assert len({len(answer) for answer in expected}) > 2
    assert generate_batch(model, rows, stops, ROOM) == expected


@pytest.mark.parametrize("kind", ["gpt2", "mistral"])
@pytest.mark.parametrize("top_p", [1.0, 0.8])
def test_sampled_answers_are_those_of_their_seed_alone(kind, top_p):
    model, rows, stops = model_of(kind), prompts(), frozenset(range(5, 20))
    settings = GenerationConfig(
        max_new_tokens=ROOM,
        do_sample=True,
        temperature=0.7,
        top_p=top_p,
        top_k=0,
        eos_token_id=sorted(stops),
        pad_token_id=0,
    )

    def by_transformers(row):
        torch.manual_seed(11)
        mask = torch.ones(1, len(row), dtype=torch.int64)
        result = model.generate(
            torch.from_numpy(row)[None], attention_mask=mask, generation_config=settings
        )
        return result[0, len(row) :].tolist()

    expected = [by_transformers(row) for row in rows]
    assert len({len(answer) for answer in expected}) > 1
    choose = sampled(0.7, top_p, [11] * len(rows), torch.device("cpu"))
    assert generate_batch(model, rows, stops, ROOM, choose) == expected


def test_two_questions_do_not_share_their_luck():
    rows = [np.array([1, 2, 3]), np.array([1, 2, 4])]
    seeds = [prompt_seed(seed, row) for row in rows for seed in (0, 1)]
    assert len(set(seeds)) == 4
    assert seeds[0] == prompt_seed(0, rows[0].astype(np.int32))  # of the ids, not of their format
    flat = torch.zeros(2, 1000)
    for one, other in ((seeds[0], seeds[2]), (seeds[0], seeds[0])):
        drawn = sampled(1.0, 1.0, [one, other], torch.device("cpu"))(flat, [0, 1]).tolist()
        assert (drawn[0] == drawn[1]) == (one == other)


def test_models_with_states_are_left_to_transformers(tiny_model):
    from medtune.conversation import user_asks
    from medtune.models.causal import CausalModel
    from medtune.models.interface import DecodingSettings
    from medtune.models.load import load_tokenizer, locate

    tokenizer = load_tokenizer(locate(str(tiny_model)))
    torch.manual_seed(3)
    config = MambaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, state_size=4
    )
    mamba = CausalModel(
        AutoModelForCausalLM.from_config(config).eval(), tokenizer, "mamba", "mamba"
    )
    assert not keeps_keys_alone(mamba.model)
    requests = [
        user_asks(text)
        for text in ("Why?", "What are the symptoms of anemia?", "Fatigue, and pale skin?")
    ]
    together = mamba.generate(requests, DecodingSettings(6))
    assert [x.text for x in together] == [
        mamba.generate([one], DecodingSettings(6))[0].text for one in requests
    ]
    prompt = torch.tensor([tokenizer.encode(together[1].prompt, add_special_tokens=False)])
    ids = mamba.model.generate(
        prompt, max_new_tokens=6, do_sample=False, eos_token_id=mamba.stop_ids(), pad_token_id=0
    )
    assert (
        together[1].text
        == tokenizer.decode(ids[0, prompt.shape[1] :], skip_special_tokens=True).strip()
    )


def test_hybrids_hold_states_beside_keys():
    config = BambaConfig(
        **SIZE,
        **{k: v for k, v in HEADS.items() if k != "head_dim"},
        attn_layer_indices=[1],
        mamba_n_heads=4,
    )
    assert not keeps_keys_alone(SimpleNamespace(config=config))
    assert all(keeps_keys_alone(SimpleNamespace(config=config)) for config in KINDS.values())


def test_rows_that_end_are_not_computed_further():
    model, rows = model_of("llama"), prompts()
    stops = frozenset({alone(model, rows[0], {96})[2]})
    sizes = []
    handle = model.register_forward_pre_hook(
        lambda module, args, kwargs: sizes.append(kwargs["input_ids"].shape), with_kwargs=True
    )
    answers = generate_batch(model, rows, stops, ROOM)
    handle.remove()
    assert sum(rows for rows, _ in sizes) == sum(len(answer) for answer in answers)
    assert sum(rows * width for rows, width in sizes[1:]) == sum(
        len(answer) - 1 for answer in answers
    )


@given(st.lists(st.integers(1, 3_000), max_size=60), st.integers(1, 400), st.integers(1, 32))
@tries(max_examples=60, deadline=None)
def test_portions_hold_every_row_once_within_their_bounds(lengths, room, rows):
    result = list(length_batches(lengths, room, rows))
    assert sorted(i for part in result for i in part) == list(range(len(lengths)))
    for part in result:
        assert 1 <= len(part) <= rows
        assert len(part) == 1 or sum(lengths[i] + room for i in part) <= TOKENS_AT_ONCE
