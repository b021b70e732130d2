"""Packed linear layers compute what the plain ones do, and each row for itself."""

import weakref

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from medtune.models.adapters import add_lora
from medtune.models.causal import CausalModel
from medtune.models.load import load_weights, locate
from medtune.models.onednn_linear import (
    SECOND_COPY,
    OneDnnLinear,
    onednn_supported,
    operators_agree,
    padding_rows,
    use_onednn_linears,
)
from medtune.recipe.schema import Lora

pytestmark = pytest.mark.skipif(
    not onednn_supported(torch.device("cpu"), torch.float32),
    reason="this build of torch has no oneDNN",
)
IDS = torch.arange(3, 23)[None]
FORMATS = (
    [torch.float32, torch.bfloat16]
    if onednn_supported(torch.device("cpu"), torch.bfloat16)
    else [torch.float32]
)


def tiny(kind: str, **options):
    from transformers import AutoModelForCausalLM, GemmaConfig, GPT2Config, LlamaConfig

    torch.manual_seed(0)
    if kind == "gpt2":
        config = GPT2Config(
            n_embd=32, n_layer=2, n_head=2, n_positions=64, vocab_size=96, **options
        )
    else:
        size = {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
        }
        ours = {"head_dim": 8, "num_key_value_heads": 1} if kind == "gemma" else {}
        config = {"gemma": GemmaConfig, "llama": LlamaConfig}[kind](
            **size, **ours, vocab_size=96, **options
        )
    return AutoModelForCausalLM.from_config(config).eval()


def kinds(model) -> set[type]:
    return {type(module) for module in model.modules()}


@torch.no_grad()
@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5, 48), (2, 7, 48), (1, 1, 48)])
def test_a_packed_layer_computes_what_the_plain_one_does(dtype, bias, shape):
    torch.manual_seed(0)
    plain = nn.Linear(48, 80, bias=bias).to(dtype)
    x = torch.randn(shape, dtype=dtype)
    exact = nn.functional.linear(
        x.double(), plain.weight.double(), plain.bias.double() if bias else None
    )
    packed = OneDnnLinear(plain.weight, plain.bias)(x)
    assert packed.shape == (*shape[:-1], 80)
    assert packed.dtype == dtype
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(packed.double(), exact, rtol=tolerance, atol=tolerance)


@torch.no_grad()
@pytest.mark.parametrize("dtype", FORMATS)
def test_a_row_does_not_depend_on_how_many_are_beside_it(dtype):
    torch.manual_seed(0)
    plain = nn.Linear(96, 200).to(dtype)
    packed, x = OneDnnLinear(plain.weight, plain.bias), torch.randn(300, 96, dtype=dtype)
    whole = packed(x)
    for rows in (1, 2, 3, 8, 31, 100, 257):
        assert torch.equal(packed(x[:rows]), whole[:rows]), rows


def test_few_different_numbers_of_rows_are_computed():
    filled = {rows + padding_rows(rows) for rows in range(1, 2049)}
    assert len(filled) < 60
    assert all(0 <= padding_rows(rows) < 64 for rows in range(1, 5000))
    assert [padding_rows(rows) for rows in (1, 7, 16, 64, 65, 128)] == [0, 0, 0, 0, 63, 0]


@torch.no_grad()
@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_packed_model_gives_the_same_logits(kind, dtype):
    model = tiny(kind).to(dtype)
    before = model(IDS).logits
    device = model.device
    assert use_onednn_linears(model) is model
    assert OneDnnLinear in kinds(model)
    assert not kinds(model) & {nn.Linear, Conv1D}
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(model(IDS).logits, before, rtol=0, atol=tolerance)
    assert (model.device, model.dtype) == (device, dtype)


@torch.no_grad()
@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("name", ["gelu", "gelu_pytorch_tanh", "silu", "relu"])
@pytest.mark.parametrize("kind", ["gpt2", "gemma", "llama"])
def test_gelu_is_computed_with_the_product_and_other_activations_as_they_were(kind, name, dtype):
    field = "activation_function" if kind == "gpt2" else "hidden_act"
    model = tiny(kind, **{field: name}).to(dtype)
    for parameter in model.parameters():
        parameter.normal_(std=0.3)  # so that the activation bends
    before = model(IDS).logits
    use_onednn_linears(model)
    fused = [
        module for module in model.modules() if isinstance(module, OneDnnLinear) and module.gelu
    ]
    assert len(fused) == (2 if "gelu" in name and kind != "llama" else 0)
    tolerance = 2e-6 if dtype == torch.float32 else 3e-2
    torch.testing.assert_close(
        model(IDS).logits, before, rtol=0, atol=tolerance * float(before.abs().max())
    )


@torch.no_grad()
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_an_adapter_is_still_applied(kind):
    model = add_lora(tiny(kind), Lora(r=2), 0).eval()
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.fill_(0.1)
    before = model(IDS).logits
    use_onednn_linears(model)
    torch.testing.assert_close(model(IDS).logits, before, rtol=0, atol=1e-5)
    with model.disable_adapter():
        assert not torch.allclose(model(IDS).logits, before, atol=1e-3)


@torch.no_grad()
def test_dora_needs_the_weights_and_keeps_them():
    model = add_lora(tiny("llama"), Lora(r=2, dora=True), 0).eval()
    before = model(IDS).logits
    use_onednn_linears(model)
    assert OneDnnLinear not in kinds(model)
    torch.testing.assert_close(model(IDS).logits, before, rtol=0, atol=0)


def test_subclasses_and_other_formats_are_left_alone():
    class Quantized(nn.Linear):
        pass

    model = tiny("llama")
    model.model.layers[0].mlp.up_proj = Quantized(32, 64, bias=False)
    model.model.layers[1].mlp.up_proj.half()
    use_onednn_linears(model)
    assert type(model.model.layers[0].mlp.up_proj) is Quantized
    assert type(model.model.layers[1].mlp.up_proj) is nn.Linear
    assert type(model.model.layers[1].mlp.down_proj) is OneDnnLinear


def test_the_weights_lie_in_memory_twice_for_one_layer_at_a_time(monkeypatch):
    model = tiny("llama", tie_word_embeddings=False)
    plain = [weakref.ref(module.weight) for module in model.modules() if type(module) is nn.Linear]
    alive = []

    class Watched(OneDnnLinear):
        def __init__(self, weight, bias):
            super().__init__(weight, bias)
            alive.append(sum(ref() is not None for ref in plain))

    monkeypatch.setattr("medtune.models.onednn_linear.OneDnnLinear", Watched)
    use_onednn_linears(model)
    assert alive == list(range(len(plain), 0, -1))
    assert not any(ref() is not None for ref in plain)


def test_a_large_tied_head_is_not_copied(monkeypatch):
    monkeypatch.setattr("medtune.models.onednn_linear.SECOND_COPY", 1000)
    assert SECOND_COPY > 1000
    tied, untied = (
        use_onednn_linears(tiny("llama", tie_word_embeddings=tie)) for tie in (True, False)
    )
    assert type(tied.lm_head) is nn.Linear
    assert tied.lm_head.weight is tied.model.embed_tokens.weight
    assert type(untied.lm_head) is OneDnnLinear


def test_models_that_measure_are_packed_and_those_that_train_are_not():
    base = locate("medtune-base")
    assert OneDnnLinear in kinds(CausalModel.load(base).model)
    assert OneDnnLinear not in kinds(load_weights(base, torch.float32, "sdpa"))


def test_a_packed_model_cannot_be_saved_by_mistake(tmp_path):
    with pytest.raises(TypeError, match="no weights to save"):
        use_onednn_linears(tiny("llama")).save_pretrained(tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.mark.parametrize("machine", ["arm64", "aarch64"])
def test_other_processors_keep_plain_layers(machine, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert OneDnnLinear not in kinds(use_onednn_linears(tiny("llama")))
    assert not onednn_supported(torch.device("cuda"), torch.float32)
    assert not onednn_supported(torch.device("cpu"), torch.float16)


@torch.no_grad()
def test_what_stands_between_a_layer_and_its_activation_stays_there():
    """Gemma-3n thins out what its gate gives before the GELU."""
    from transformers import AutoModelForCausalLM, Gemma3nTextConfig

    torch.manual_seed(0)
    config = Gemma3nTextConfig(
        vocab_size=96,
        vocab_size_per_layer_input=96,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        hidden_size_per_layer_input=8,
        laurel_rank=4,
        num_kv_shared_layers=0,
        activation_sparsity_pattern=[0.95, 0.95],
        layer_types=["full_attention"] * 2,
    )
    model = AutoModelForCausalLM.from_config(config).eval()
    before = model(IDS).logits
    use_onednn_linears(model)
    torch.testing.assert_close(
        model(IDS).logits, before, rtol=0, atol=1e-4 * float(before.abs().max())
    )


@pytest.fixture
def unchecked():
    """The check's answers are forgotten before and after."""
    operators_agree.cache_clear()
    yield
    operators_agree.cache_clear()


def absent(*arguments):
    raise AttributeError("no such operator")


def constant(rows, weight, bias, activation, scalars, form):
    return torch.ones(len(rows), 24, dtype=rows.dtype)


@torch.no_grad()
@pytest.mark.parametrize(
    ("operator", "replacement", "fault"),
    [
        ("_reorder_linear_weight", absent, "AttributeError"),
        ("_linear_pointwise", absent, "AttributeError"),
        ("_linear_pointwise", constant, "another product"),
    ],
)
def test_where_an_operator_is_missing_or_wrong_the_ordinary_layers_stay(
    operator, replacement, fault, monkeypatch, capsys, unchecked
):
    model = tiny("gpt2")
    before = model(IDS).logits
    monkeypatch.setattr(torch.ops.mkldnn, operator, replacement)
    for _ in range(2):
        use_onednn_linears(model)
    assert OneDnnLinear not in kinds(model)
    assert torch.equal(model(IDS).logits, before)
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert fault in lines[0]
    assert "ordinary" in lines[0]


@torch.no_grad()
def test_a_block_in_which_something_stands_between_keeps_its_activation(monkeypatch):
    """Of a name that is known, but not of the known forward pass."""
    model = tiny("gpt2", activation_function="gelu_pytorch_tanh")
    block = type(model.transformer.h[0].mlp)
    monkeypatch.setattr(
        block, "forward", lambda self, x: self.c_proj(self.act(self.c_fc(x).clamp(max=0.1)))
    )
    for parameter in model.parameters():
        parameter.normal_(std=0.3)
    before = model(IDS).logits
    use_onednn_linears(model)
    assert not any(isinstance(m, OneDnnLinear) and m.gelu for m in model.modules())
    torch.testing.assert_close(
        model(IDS).logits, before, rtol=0, atol=2e-6 * float(before.abs().max())
    )
