"""Architectures that the row-wise path computes wrongly are refused before any figure is made of
them.
"""

import pytest
import torch
import transformers as t

from medtune.errors import ModelError
from medtune.models.packed_attention import check_packing, register_packed_attention

SMALL = {
    "vocab_size": 64,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}


def result(config, dtype=torch.float32):
    register_packed_attention()
    torch.manual_seed(0)
    return t.AutoModelForCausalLM.from_config(config).to(dtype).eval()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "config",
    [
        t.LlamaConfig(**SMALL, num_key_value_heads=2),
        t.MistralConfig(**SMALL, num_key_value_heads=2, sliding_window=8),
        t.GemmaConfig(**SMALL, num_key_value_heads=1, head_dim=8),
        t.Gemma2Config(**SMALL, num_key_value_heads=1, head_dim=8, sliding_window=8),
        t.Qwen2Config(**SMALL, num_key_value_heads=2),
        t.Qwen3Config(**SMALL, num_key_value_heads=2, head_dim=8),
        t.Phi3Config(**SMALL, num_key_value_heads=2, pad_token_id=0),
        t.Olmo2Config(**SMALL, num_key_value_heads=2),
        t.GPT2Config(vocab_size=64, n_embd=32, n_layer=2, n_head=4),
        t.GPTNeoXConfig(**SMALL),
    ],
    ids=lambda c: c.model_type,
)
def test_the_usual_kinds_pass(config, dtype):
    check_packing(result(config, dtype), "model")


def test_memory_that_runs_out_is_no_fault_of_the_architecture(monkeypatch):
    model = result(t.LlamaConfig(**SMALL, num_key_value_heads=2))

    def full(*_, **__):
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(model, "forward", full)
    with pytest.raises(torch.OutOfMemoryError):
        check_packing(model, "model")


@pytest.mark.parametrize("scale", [1e-4, 1.0])
def test_a_kind_that_attends_in_its_own_way_is_refused_however_little_it_shows(scale):
    model = result(t.BloomConfig(vocab_size=64, hidden_size=32, n_layer=2, n_head=4))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "dense" in name:
                parameter.mul_(scale)
    with pytest.raises(ModelError, match="rows laid end to end"):
        check_packing(model, "model")


@pytest.mark.parametrize(
    "config",
    [
        t.BloomConfig(vocab_size=64, hidden_size=32, n_layer=2, n_head=4),
        t.MambaConfig(vocab_size=64, hidden_size=32, num_hidden_layers=2, state_size=8),
        t.GraniteConfig(**SMALL, num_key_value_heads=2, logits_scaling=8.0),
        t.CohereConfig(
            **SMALL,
            num_key_value_heads=2,
            logit_scale=0.0625,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        ),
    ],
    ids=lambda c: c.model_type,
)
def test_kinds_that_would_be_computed_wrongly_are_refused(config):
    with pytest.raises(ModelError, match="rows laid end to end"):
        check_packing(result(config), "model")
