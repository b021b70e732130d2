import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from medtune.conversation import Conversation, Message
from medtune.errors import ModelError, RecipeError, RunError
from medtune.models import adapters
from medtune.models.adapters import (
    BOUND,
    Probe,
    add_lora,
    agreement,
    load_exactly,
    logits_on,
    merge,
    probes,
    save_in_four_bits,
)
from medtune.models.load import LocalModelRef, load_tokenizer, load_weights, locate
from medtune.recipe.schema import Lora

SHAPE = {
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
SIZES = {"vocab_size": 300, "hidden_size": 64, "intermediate_size": 128}
ROWS = [Probe([1, 5, 9, 200, 31], [7, 8, 9, 10]), Probe([3, 3, 250], [11, 12])]


def tiny(kind):
    from transformers import GemmaConfig, GPT2Config, LlamaConfig, MistralConfig

    if kind == "gpt2":
        return GPT2Config(vocab_size=300, n_embd=64, n_layer=2, n_head=4, n_positions=128)
    if kind == "gemma":
        return GemmaConfig(**SIZES, **SHAPE, head_dim=16)
    return {"llama": LlamaConfig, "mistral": MistralConfig}[kind](**SIZES, **SHAPE)


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """A base of random weights for each kind, made once."""
    from transformers import AutoModelForCausalLM

    result = {}

    def base(kind):
        if kind not in result:
            directory = tmp_path_factory.mktemp("bases") / kind
            torch.manual_seed(0)
            AutoModelForCausalLM.from_config(tiny(kind)).save_pretrained(directory)
            result[kind] = LocalModelRef(kind, directory)
        return result[kind]

    return base


def adapted(base, directory, **settings):
    """The base with an adapter that does something: both factors random."""
    model = add_lora(load_weights(base, torch.float32, "sdpa"), Lora(r=4, alpha=8, **settings), 0)
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
        elif "magnitude" in name:
            parameter.data.mul_(1.1)
    model.save_pretrained(str(directory))
    return replace(base, adapter=directory)


@pytest.mark.parametrize("kind", ["gpt2", "llama", "mistral", "gemma"])
@pytest.mark.parametrize(
    "settings", [{}, {"rslora": True}, {"dora": True}], ids=["lora", "rslora", "dora"]
)
def test_merged_says_what_base_and_adapter_say(bases, tmp_path, kind, settings):
    base = bases(kind)
    result = merge(adapted(base, tmp_path / "adapter", **settings), ROWS)
    merged, reference, actual = result.model, result.reference, result.difference
    assert actual.largest < BOUND
    untouched = agreement(logits_on(load_exactly(base), ROWS), logits_on(merged, ROWS))
    assert untouched.largest > 100 * BOUND, (
        "the adapter must do something, or this test shows nothing"
    )
    merged.save_pretrained(tmp_path / "merged")
    again = agreement(
        reference, logits_on(load_exactly(LocalModelRef("merged", tmp_path / "merged")), ROWS)
    )
    assert again.largest < BOUND


def test_an_encoder_decoder_is_merged_too(tmp_path):
    from peft import LoraConfig, get_peft_model
    from transformers import T5Config, T5ForConditionalGeneration

    sizes = {
        "vocab_size": 300,
        "d_model": 32,
        "d_kv": 8,
        "d_ff": 64,
        "num_layers": 2,
        "num_heads": 4,
    }
    torch.manual_seed(0)
    T5ForConditionalGeneration(T5Config(**sizes, decoder_start_token_id=0)).save_pretrained(
        tmp_path / "base"
    )
    base = LocalModelRef("t5", tmp_path / "base")
    config = LoraConfig(
        r=4, target_modules=["q", "v"], init_lora_weights=False, task_type="SEQ_2_SEQ_LM"
    )
    get_peft_model(load_weights(base, torch.float32, "sdpa"), config).save_pretrained(
        str(tmp_path / "adapter")
    )
    result = merge(replace(base, adapter=tmp_path / "adapter"), ROWS)
    merged, actual = result.model, result.difference
    assert actual.largest < BOUND
    assert actual.tokens == sum(len(row.answer) for row in ROWS)
    assert (
        agreement(logits_on(load_exactly(base), ROWS), logits_on(merged, ROWS)).largest
        > 100 * BOUND
    )


def test_merged_weights_are_base_plus_scaled_product(bases, tmp_path):
    base = bases("llama")
    merged = merge(adapted(base, tmp_path / "adapter"), ROWS).model
    factors = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    name = "model.layers.1.mlp.up_proj"
    a, b = (factors[f"base_model.model.{name}.lora_{side}.weight"] for side in "AB")
    before = load_file(base.base / "model.safetensors")[f"{name}.weight"]
    torch.testing.assert_close(merged.get_submodule(name).weight.data, before + 8 / 4 * b @ a)


def wrong_by(change):
    """A merge after which the model is changed."""

    def merge_wrongly(model, **kwargs):
        scale, skip = change
        for name, module in model.named_modules():
            if hasattr(module, "lora_A"):
                skipped = skip is not None and skip in name
                module.scaling["default"] *= 0 if skipped else scale
        return model._unload_and_optionally_merge(**kwargs)

    return merge_wrongly


@pytest.mark.parametrize(
    "change",
    [(1.05, None), (0.0, None), (1.0, "layers.0.mlp.up_proj")],
    ids=["scaled", "forgotten", "one layer skipped"],
)
def test_a_wrong_merge_is_refused(bases, tmp_path, monkeypatch, change):
    located = adapted(bases("llama"), tmp_path / "adapter")
    monkeypatch.setattr("peft.PeftModel.merge_and_unload", wrong_by(change), raising=False)
    with pytest.raises(RunError, match=r"differ by .* not exported"):
        merge(located, ROWS)


def test_a_bound_that_float32_misses_is_looked_at_in_float64(bases, tmp_path, monkeypatch):
    """Base + adapter itself is no nearer to its float64 than the merged model is."""
    located = adapted(bases("llama"), tmp_path / "adapter")
    monkeypatch.setattr(adapters, "BOUND", 1e-8)  # below what float32 can keep
    monkeypatch.setattr(adapters, "RELATIVE_BOUND", 0)
    monkeypatch.setattr(adapters, "ROUNDING", 1e3)
    with pytest.raises(RunError, match=r"in a logit, by .* in float64 \(bound 1e-08\)"):
        merge(located, ROWS)
    real = adapters._agreement_in_float64
    monkeypatch.setattr(
        adapters, "_agreement_in_float64", lambda *a: replace(real(*a), largest=1e-9)
    )
    result = merge(located, ROWS)
    assert result.in_float64.largest == 1e-9
    assert result.difference.largest > result.bound
    assert next(result.model.parameters()).dtype == torch.float32


def test_the_bound_grows_with_the_logits():
    assert adapters.logit_bound([torch.tensor([[0.5, -2.0]])]) == adapters.BOUND
    assert adapters.logit_bound([torch.zeros(1, 2), torch.tensor([[3.0, -36.2]])]) == pytest.approx(
        36.2e-5
    )


@pytest.mark.parametrize("kind", ["gpt2", "llama", "gemma"])
def test_embeddings_and_a_head_that_shares_them_are_refused_as_targets(bases, kind):
    """Before training: the architecture alone tells, also on the meta device."""
    model = load_weights(bases(kind), torch.float32, "sdpa")
    head, table = "lm_head", {"gpt2": "wte"}.get(kind, "embed_tokens")
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert tied == (kind != "llama")
    for target in (table, f"model.{table}" if kind != "gpt2" else "transformer.wte"):
        with pytest.raises(RecipeError, match="is a table of embeddings"):
            add_lora(model, Lora(targets=[target]), 0)
    if tied:
        with pytest.raises(RecipeError, match="lm_head shares its weights with the embeddings"):
            add_lora(model, Lora(targets=[head]), 0)
    else:
        adapted_head = add_lora(model, Lora(targets=[head]), 0).get_output_embeddings()
        assert hasattr(adapted_head, "lora_A")


def test_a_model_without_an_adapter_is_itself(bases):
    result = merge(bases("mistral"), ROWS)
    merged, actual = result.model, result.difference
    assert actual.largest == 0
    assert actual.kl == 0
    assert type(merged).__name__ == "MistralForCausalLM"


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_an_adapter_of_a_4_bit_base_is_merged_into_its_dequantized_weights(bases, tmp_path, kind):
    pytest.importorskip("bitsandbytes")
    base = replace(bases(kind), quantization="nf4")
    located = adapted(base, tmp_path / "adapter")
    result = merge(located, ROWS)
    merged, actual = result.model, result.difference
    assert actual.largest < BOUND
    into_whole = merge(replace(located, quantization=None), ROWS).model
    other = agreement(logits_on(merged, ROWS), logits_on(into_whole, ROWS))
    assert other.largest > 10 * BOUND, "the unquantized base is another model"


def test_int8_is_refused_before_it_is_loaded(bases):
    with pytest.raises(ModelError, match="activations"):
        merge(replace(bases("llama"), quantization="int8"), ROWS)


@pytest.mark.parametrize("kind", ["gpt2", "gemma"])
def test_four_bits_are_written_and_read_again(bases, tmp_path, kind):
    pytest.importorskip("bitsandbytes")
    import bitsandbytes as bnb

    base = bases(kind)
    save_in_four_bits(base.base, tmp_path / "four", torch.float32)
    assert {path.suffix for path in (tmp_path / "four").iterdir()} == {".json", ".safetensors"}
    read = load_exactly(LocalModelRef("four", tmp_path / "four"))
    assert sum(isinstance(module, bnb.nn.Linear4bit) for module in read.modules()) >= 8
    # What is read back computes exactly what was quantized in memory.
    direct = load_exactly(replace(base, quantization="nf4"))
    assert agreement(logits_on(direct, ROWS), logits_on(read, ROWS)).largest < BOUND
    lost = agreement(logits_on(load_exactly(base), ROWS), logits_on(read, ROWS))
    assert lost.largest > BOUND
    assert lost.kl < 0.1
    small, whole = (
        sum(p.stat().st_size for p in d.glob("*.safetensors"))
        for d in (tmp_path / "four", base.base)
    )
    assert small < 0.8 * whole


def test_agreement_of_known_logits():
    left = [torch.tensor([[0.0, 0.0], [2.0, 0.0]])]
    right = [torch.tensor([[0.0, 0.0], [0.0, 1.0]])]
    actual = agreement(left, right)
    assert actual.largest == 2.0
    assert actual.same_best == 0.5
    assert actual.tokens == 2
    p = torch.tensor([2.0, 0.0]).softmax(0)
    q = torch.tensor([0.0, 1.0]).softmax(0)
    assert actual.kl == pytest.approx(float((p * (p / q).log()).sum()) / 2, rel=1e-6)
    assert agreement(left, left).kl == 0


def test_logits_that_are_no_numbers_are_refused(bases, tmp_path):
    directory = tmp_path / "broken"
    shutil.copytree(bases("llama").base, directory)
    weights = load_file(directory / "model.safetensors")
    weights["model.norm.weight"][:] = 3e38  # each is a number; their products are none
    save_file(weights, directory / "model.safetensors", {"format": "pt"})
    with pytest.raises(RunError, match="not finite"):
        merge(LocalModelRef("broken", directory), ROWS)


def test_probes_keep_the_end_of_the_question_and_the_limit(tiny_model):
    tokenizer = load_tokenizer(locate(str(tiny_model)))
    long = "What are the symptoms of anemia? " * 40
    item = Conversation(
        "1", "g", "s", (Message("user", long), Message("assistant", "Fatigue. " * 50))
    )
    (row,) = probes(tokenizer, [item], 32)
    assert len(row.question) + len(row.answer) == 32
    assert tokenizer.decode(row.question).endswith("Answer:")
