"""GGUF files of tiny models with random weights, written as llama.cpp's converter writes them."""

import json
from pathlib import Path

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
}
FAMILIES = {  # GGUF's name → transformers' name, settings, keys of the file
    "llama": ("llama", {}, {}),
    "qwen2": ("qwen2", {}, {}),
    "qwen3": ("qwen3", {"head_dim": 16},
              {"attention.key_length": 16, "attention.value_length": 16}),
    "gemma2": (
        "gemma2",
        {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 8},
        {"attention.key_length": 16, "attention.value_length": 16, "attention.sliding_window": 8,
         "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
    ),
    "gemma3": (
        "gemma3_text",
        {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 8},
        {"attention.key_length": 16, "attention.value_length": 16, "attention.sliding_window": 8,
         "rope.freq_base": 1e6},
    ),
    "phi3": ("phi3", {"num_key_value_heads": 4}, {}),
}  # fmt: skip


def tiny_weights(family: str, vocabulary: int, **settings):
    """A model of transformers with random weights, every one of them told from the others."""
    kind, more, _ = FAMILIES[family]
    values = {**SIZES, "vocab_size": vocabulary, "tie_word_embeddings": True, "pad_token_id": 0}
    config = AutoConfig.for_model(kind, **(values | more | settings))
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for weight in model.parameters():  # norms begin as ones, biases as zeros
            weight.add_(torch.randn_like(weight) * 0.05)
    return model


def _tensors(family: str, model) -> dict[str, np.ndarray]:
    config = model.config
    kinds = {name: kind for kind, name in gguf.MODEL_ARCH_NAMES.items()}
    table = gguf.get_tensor_name_map(kinds[family], config.num_hidden_layers)
    tensors = {}
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        array = weight.float().numpy()
        if family == "llama" and (".q_proj." in name or ".k_proj." in name):
            heads = config.num_attention_heads if ".q_" in name else config.num_key_value_heads
            split = array.reshape(heads, 2, array.shape[0] // heads // 2, *array.shape[1:])
            array = split.swapaxes(1, 2).reshape(array.shape)
        if family.startswith("gemma") and name.endswith("norm.weight"):
            array = array + 1
        tensors[table.get_name(name, (".weight", ".bias"))] = array
    return tensors


def byte_level_vocabulary(tokenizer: Path) -> dict:
    """What a GGUF file says of a byte-level tokenizer.json."""
    values = json.loads(tokenizer.read_text(encoding="utf-8"))
    special = {token["id"]: token["content"] for token in values["added_tokens"]}
    ids = {i: token for token, i in values["model"]["vocab"].items()} | special
    merges = [m if isinstance(m, str) else " ".join(m) for m in values["model"]["merges"]]
    return {
        "model": "gpt2",
        "pre": "gpt-2",
        "tokens": [ids[i] for i in range(len(ids))],
        "kinds": [CONTROL if i in special else NORMAL for i in range(len(ids))],
        "merges": merges,
        "bos": 0,
        "eos": 1,
    }


def write_gguf(
    path: Path,
    family: str,
    model,
    vocabulary: dict,
    *,
    kinds: dict[str, str] | None = None,
    keys: dict | None = None,
    drop: tuple[str, ...] = (),
    extra: dict[str, np.ndarray] | None = None,
    template: str | None = None,
) -> Path:
    """Write the model's file; ``kinds`` names other number formats than F32, by tensor."""
    config = model.config
    writer = gguf.GGUFWriter(path, family)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    for key, value in (FAMILIES[family][2] | (keys or {})).items():
        add = {int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
        add[type(value)](f"{family}.{key}", value)
    add_vocabulary(writer, vocabulary)
    if template:
        writer.add_chat_template(template)
    for name, array in (_tensors(family, model) | (extra or {})).items():
        if name in drop:
            continue
        kind = gguf.GGMLQuantizationType[(kinds or {}).get(name, "F32")]
        plain = kind in (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16)
        data = array.astype(np.float32 if kind.name == "F32" else np.float16) if plain else None
        data = gguf.quantize(array, kind) if data is None else data
        writer.add_tensor(name, np.ascontiguousarray(data), raw_dtype=None if plain else kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def add_vocabulary(writer: gguf.GGUFWriter, vocabulary: dict) -> None:
    """The keys of a tokenizer: ``tokens``, ``kinds``, ``merges`` or ``scores``, ids and flags."""
    writer.add_tokenizer_model(vocabulary["model"])
    if vocabulary.get("pre"):
        writer.add_tokenizer_pre(vocabulary["pre"])
    writer.add_token_list(vocabulary["tokens"])
    writer.add_token_types(vocabulary["kinds"])
    if "merges" in vocabulary:
        writer.add_token_merges(vocabulary["merges"])
    if "scores" in vocabulary:
        writer.add_token_scores(vocabulary["scores"])
    ids = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding", "eot": "eot"}
    for name, key in ids.items():
        if name in vocabulary:
            writer.add_uint32(f"tokenizer.ggml.{key}_token_id", vocabulary[name])
    for name in ("add_bos_token", "add_eos_token", "add_space_prefix"):
        if name in vocabulary:
            writer.add_bool(f"tokenizer.ggml.{name}", vocabulary[name])


def write_vocabulary(path: Path, vocabulary: dict, architecture: str = "llama") -> Path:
    """A file with a tokenizer and nothing else."""
    writer = gguf.GGUFWriter(path, architecture)
    add_vocabulary(writer, vocabulary)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def ids_of(tokenizer: Tokenizer, text: str) -> list[int]:
    """Ids without anything before or after the text."""
    return tokenizer.encode(text, add_special_tokens=False).ids
