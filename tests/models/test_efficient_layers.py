"""What makes training cheaper must not change what is computed."""

import pytest
import torch

from medtune.models.adapters import add_lora
from medtune.models.load import locate, read_config
from medtune.models.onednn_linear import disable_dropout, fuse_activations
from medtune.recipe.schema import Lora
from medtune.training.optimizers import MasterWeights, adamw

SMALL = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32, "vocab_size": 64}


def gpt2(**options):
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(**SMALL, **options))


@pytest.mark.parametrize("name", ["gelu_new", "gelu_fast"])
def test_the_fused_activation_is_the_same_function(name):
    from transformers import GPT2Config
    from transformers.activations import ACT2FN

    config = fuse_activations(GPT2Config(activation_function=name))
    assert config.activation_function == "gelu_pytorch_tanh"
    x = torch.linspace(-12, 12, 20_001, dtype=torch.float64, requires_grad=True)
    values = [ACT2FN[kind](x) for kind in (name, config.activation_function)]
    slopes = [torch.autograd.grad(value.sum(), x)[0] for value in values]
    torch.testing.assert_close(values[0], values[1], rtol=0, atol=1e-8)
    torch.testing.assert_close(slopes[0], slopes[1], rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", ["gelu", "relu", "silu", "gelu_pytorch_tanh"])
def test_another_function_is_left_alone(name):
    from transformers import GPT2Config

    assert fuse_activations(GPT2Config(activation_function=name)).activation_function == name


def test_models_are_loaded_with_it_and_score_as_before(tmp_path):
    from medtune.models.load import load_weights

    plain = gpt2().eval()
    plain.save_pretrained(tmp_path)
    located = locate(str(tmp_path))
    assert read_config(located).activation_function == "gelu_pytorch_tanh"
    loaded = load_weights(located, torch.float32, "sdpa")
    assert type(loaded.transformer.h[0].mlp.act).__name__ == "GELUTanh"
    ids = torch.arange(20)[None]
    with torch.no_grad():
        torch.testing.assert_close(loaded(ids).logits, plain(ids).logits, rtol=0, atol=1e-5)


def test_t5_is_fused_through_its_own_field(tmp_path):
    from transformers import AutoConfig, T5Config

    small = {"vocab_size": 64, "d_model": 16, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    T5Config(**small, feed_forward_proj="gated-gelu").save_pretrained(tmp_path)
    assert (
        fuse_activations(AutoConfig.from_pretrained(tmp_path)).dense_act_fn == "gelu_pytorch_tanh"
    )


def test_frozen_parts_have_no_dropout_and_adapters_keep_theirs():
    model = gpt2(resid_pdrop=0.5, embd_pdrop=0.5, attn_pdrop=0.5)
    ids = torch.arange(16)[None]
    model.train()
    assert not torch.equal(model(ids).logits, model(ids).logits)
    adapted = add_lora(model, Lora(r=2, dropout=0.5), 0).train()
    with torch.no_grad():
        assert torch.equal(
            adapted(ids).logits, adapted(ids).logits
        )  # an adapter that is still nought adds none
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.fill_(0.1)
        assert not torch.equal(adapted(ids).logits, adapted(ids).logits)


def test_bare_probabilities_are_switched_off_too():
    from transformers import LlamaConfig, LlamaForCausalLM, T5Config, T5ForConditionalGeneration

    small = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    llama = LlamaForCausalLM(LlamaConfig(**small, num_attention_heads=2, attention_dropout=0.3))
    t5 = T5ForConditionalGeneration(
        T5Config(
            vocab_size=64, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, dropout_rate=0.3
        )
    )
    ids = torch.arange(16)[None]
    for model, inputs in (
        (llama, {"input_ids": ids}),
        (t5, {"input_ids": ids, "decoder_input_ids": ids}),
    ):
        model.train()
        assert not torch.equal(model(**inputs).logits, model(**inputs).logits)
        disable_dropout(model)
        assert torch.equal(model(**inputs).logits, model(**inputs).logits)


def test_adapters_compute_in_the_models_format_and_learn_in_float32():
    model = add_lora(gpt2().to(torch.bfloat16), Lora(r=2), 0)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert trained
    assert {p.dtype for p in trained.values()} == {torch.bfloat16}
    weights = MasterWeights(model, lambda parameters: adamw(parameters, 1e-6, 0.0, (0.9, 0.95)))
    assert {p.dtype for p in weights.masters.values()} == {torch.float32}
    before = {name: p.detach().clone() for name, p in weights.masters.items()}
    for _ in range(3):
        for parameter in trained.values():
            parameter.grad = torch.ones_like(parameter)
        weights.collect()
        weights.step(1.0, 1.0, None)
    # Steps of 1e-6 are far below bf16's resolution of A; the masters have made all three.
    for name, master in weights.masters.items():
        torch.testing.assert_close(
            before[name] - master.detach(), torch.full_like(master, 3e-6), rtol=0.05, atol=1e-8
        )
