"""Tiny models written as GGUF by the format's own package become the same models again."""

import gguf
import numpy as np
import pytest
import torch

from gguf_files import FAMILIES, byte_level_vocabulary, tiny_weights, write_gguf, write_vocabulary
from medtune.errors import ModelError
from medtune.models.gguf.gguf_config import LLAMA3_BOUNDS, llama3_divisors
from medtune.models.gguf.gguf_convert import card, convert_gguf
from medtune.models.load import LocalModelRef, load_tokenizer, load_weights

IDS = torch.tensor([[5, 77, 3, 100, 20, 30, 40, 50, 60, 7, 8, 9, 11, 5, 5, 77]])


@pytest.fixture(scope="session")
def vocabulary(tiny_model):
    return byte_level_vocabulary(tiny_model / "tokenizer.json")


@pytest.fixture
def convert(vocabulary, tmp_path):
    """Writes a family's file, converts it, and gives the model before and after."""

    def converted(family, settings=None, **options):
        before = tiny_weights(family, len(vocabulary["tokens"]), **(settings or {}))
        path = write_gguf(tmp_path / "tiny.gguf", family, before, vocabulary, **options)
        directory = tmp_path / "converted"
        directory.mkdir(exist_ok=True)
        facts = convert_gguf(path, directory)
        return before, LocalModelRef("tiny", directory), facts

    return converted


def logits(model):
    with torch.no_grad():
        return model(IDS).logits


def same_logits(before, ref):
    after = load_weights(ref, torch.float32, None)
    return torch.allclose(logits(before), logits(after), atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_computes_what_it_computed(convert, family):
    before, ref, facts = convert(family)
    assert same_logits(before, ref)
    assert facts.architecture == family
    assert facts.parameters == sum(weight.numel() for weight in before.parameters())


@pytest.mark.parametrize(
    ("family", "settings", "keys"),
    [
        ("llama", {"tie_word_embeddings": False}, {}),
        ("llama", {"head_dim": 16}, {"attention.key_length": 16, "attention.value_length": 16}),
        ("llama", {"attention_bias": True}, {}),
        ("llama", {"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}},
         {"rope.freq_base": 5e5}),
        ("llama", {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}},
         {"rope.scaling.type": "linear", "rope.scaling.factor": 4.0}),
        ("qwen2", {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e6,
                                       "original_max_position_embeddings": 32}},
         {"rope.freq_base": 1e6, "rope.scaling.type": "yarn", "rope.scaling.factor": 4.0,
          "rope.scaling.original_context_length": 32}),
        ("gemma3", {"num_hidden_layers": 6}, {}),
        ("phi3", {"sliding_window": 4}, {"attention.sliding_window": 4}),
        ("phi3", {"rope_parameters": {"partial_rotary_factor": 0.5, "rope_theta": 1e4,
                                      "rope_type": "default"}}, {"rope.dimension_count": 4}),
    ],
)  # fmt: skip
def test_settings_of_the_architecture_are_followed(convert, family, settings, keys):
    before, ref, _ = convert(family, settings, keys=keys)
    assert same_logits(before, ref)


def test_llama_3_s_stretched_positions_come_from_their_tensor(convert):
    rope = {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, **LLAMA3_BOUNDS}
    head = {"head_dim": 64}
    keys = {"attention.key_length": 64, "attention.value_length": 64}
    tensor = {"rope_freqs.weight": llama3_divisors(rope, 64)}
    before, ref, _ = convert("llama", head | {"rope_parameters": rope}, keys=keys, extra=tensor)
    assert same_logits(before, ref)
    plain = tiny_weights("llama", before.config.vocab_size, **head)
    assert not torch.allclose(logits(before), logits(plain), atol=1e-4)  # it does change something
    with pytest.raises(ModelError, match="is not Llama 3's"):
        convert("llama", head, keys=keys, extra={"rope_freqs.weight": np.linspace(1, 9, 32)})


def test_phi_3_s_factors_for_long_texts_come_from_their_tensors(convert):
    long, short = np.linspace(1, 4, 4), np.linspace(1, 2, 4)
    rope = {"rope_type": "longrope", "rope_theta": 1e4, "original_max_position_embeddings": 64,
            "long_factor": long.tolist(), "short_factor": short.tolist()}  # fmt: skip
    before, ref, _ = convert(
        "phi3",
        {"rope_parameters": rope, "original_max_position_embeddings": 64},
        keys={"rope.scaling.original_context_length": 64},
        extra={"rope_factors_long.weight": long, "rope_factors_short.weight": short},
    )
    assert same_logits(before, ref)


@pytest.mark.parametrize("kind", ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"])
def test_quantized_tensors_hold_what_the_format_s_package_says(convert, kind):
    name = "blk.0.ffn_up.weight"
    before, ref, facts = convert("llama", kinds={name: kind})
    weight = before.state_dict()["model.layers.0.mlp.up_proj.weight"]
    quantization = gguf.GGMLQuantizationType[kind]
    stored = gguf.dequantize(gguf.quantize(weight.numpy(), quantization), quantization)
    after = load_weights(ref, torch.float32, None).state_dict()["model.layers.0.mlp.up_proj.weight"]
    kept = torch.from_numpy(stored).to(torch.float16 if kind == "F16" else torch.bfloat16)
    assert torch.equal(after, kept.float())
    assert facts.kinds[kind] == weight.numel()


def test_weights_in_float32_stay_what_they_are(convert):
    before, ref, facts = convert("llama")
    after = load_weights(ref, torch.float32, None).state_dict()
    assert all(torch.equal(weight, after[name]) for name, weight in before.state_dict().items())
    assert facts.provenance == "from weights in F32"


def test_the_card_says_of_how_many_bits_the_weights_were(convert):
    *_, facts = convert("llama", kinds={"token_embd.weight": "Q8_0", "blk.1.ffn_up.weight": "Q4_1"})
    text = card(facts, "tiny.gguf", "0" * 64)
    assert "from 4-bit weights (Q8_0, Q4_1)" in text
    assert "not the weights that the authors published" in " ".join(text.split())


def test_large_models_are_written_in_several_files(convert, monkeypatch):
    monkeypatch.setattr("medtune.models.gguf.gguf_convert.SHARD_BYTES", 40_000)
    before, ref, _ = convert("llama")
    assert len(ref.weight_files()) > 2
    assert same_logits(before, ref)


def test_template_ends_and_context_come_from_the_file(convert, vocabulary):
    template = "{% for m in messages %}{{ bos_token + m['content'] + eos_token }}{% endfor %}"
    _, ref, _ = convert("llama", template=template)
    tokenizer = load_tokenizer(ref)
    assert tokenizer.chat_template == template
    assert tokenizer.model_max_length == 128
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<|bos|>", "<|eos|>")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drop": ("blk.1.ffn_up.weight",)}, "tensors are missing: blk.1.ffn_up.weight"),
        ({"drop": ("token_embd.weight",)}, "token_embd.weight is missing"),
        ({"extra": {"blk.0.attn_sinks.weight": np.ones(4)}}, "no weight: blk.0.attn_sinks.weight"),
        ({"extra": {"blk.1.attn_norm.weight": np.ones(31)}}, r"shape \[31\].*needs \[32\]"),
        ({"extra": {"blk.1.attn_norm.weight": np.full(32, np.nan)}}, "values that are no numbers"),
        ({"extra": {"blk.1.attn_norm.weight": np.full(32, np.inf)}}, "values that are no numbers"),
        ({"extra": {"token_embd.weight": np.ones((9, 32))}}, "tokens and embeddings of 9"),
        ({"keys": {"expert_count": 8}}, "not known here .llama.expert_count"),
        ({"keys": {"attention.scale": 0.5}}, "not known here .llama.attention.scale"),
        ({"keys": {"rope.dimension_count": 4}}, "only a part of each head"),
        ({"keys": {"attention.value_length": 4}}, "keys and values of different lengths"),
        ({"keys": {"rope.scaling.type": "su"}}, "stretched in a way not known here"),
        ({"keys": {"rope.freq_base": 0.0}}, "rope.freq_base is 0.0"),
        ({"keys": {"attention.head_count": 5}}, "does not hold together"),
        ({"keys": {"context_length": 0}}, "context_length is 0"),
        ({"keys": {"block_count": 2**24}}, "says 16777216 layers, and has tensors of 2"),
        ({"keys": {"vocab_size": 700, "rope.freq_base": float("nan")}}, "rope.freq_base is nan"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_hold_together_is_refused(convert, options, message):
    with pytest.raises(ModelError, match=message) as refusal:
        convert("llama", **options)
    assert refusal.value.where == "tiny.gguf"


def test_an_architecture_that_is_not_read_is_refused_by_name(tmp_path):
    empty = {"model": "gpt2", "tokens": ["a"], "kinds": [1]}
    path = write_vocabulary(tmp_path / "tiny.gguf", empty, "mamba")
    with pytest.raises(ModelError, match="'mamba' is not read here"):
        convert_gguf(path, tmp_path)
