"""A model of the Llama family as a GGUF file: metadata, tokenizer and tensors.

Nothing written here is called done before it was read back (`runs/export_gguf.py`).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medtune.errors import ModelError
from medtune.models.gguf.gguf_config import ROPE_FREQUENCIES, llama3_divisors
from medtune.models.gguf.gguf_file import GgufFile, Value
from medtune.models.gguf.gguf_tokenizer import (
    BYTE,
    CONTROL,
    NORMAL,
    UNKNOWN,
    UNUSED,
    USER_DEFINED,
    build_tokenizer,
)
from medtune.models.gguf.gguf_weights import rotated_heads, tensor_names, to_pairs
from medtune.models.gguf.pre_tokenizers import PRE_TOKENIZERS

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

FORMATS = {"float16": "F16", "q8_0": "Q8_0"}
_FILE_TYPES = {"F16": 1, "Q8_0": 7}  # llama.cpp's numbers for a whole file
_LARGEST_F16 = float(np.finfo(np.float16).max)
_IDS = {"bos": "bos_token_id", "eos": "eos_token_id", "padding": "pad_token_id"}


def gguf_metadata(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    name: str,
    texts: Sequence[str],
    stops: Sequence[int] = (),
) -> dict[str, Value]:
    """What the file says of architecture and tokenizer; ``stops``: all tokens that end an answer.

    The pre-tokenizer's name is the one that gives the same ids on all ``texts``. Raises
    ``ModelError`` where the format cannot say what this model is.
    """
    metadata = {"general.name": name, **_architecture(model.config)}
    metadata |= _tokenizer(tokenizer, int(model.config.vocab_size), stops)
    if metadata["tokenizer.ggml.model"] != "gpt2":
        names = ["default"]
    else:
        names = list(dict.fromkeys(PRE_TOKENIZERS))
    expected = ids_of(tokenizer, texts)
    for pre in names:
        complete = metadata | {"tokenizer.ggml.pre": pre}
        file = GgufFile(Path(f"{name}.gguf"), {"general.architecture": "llama", **complete}, {})
        if ids_of(build_tokenizer(file, 1), texts) == expected:
            return complete
    raise ModelError(
        "GGUF has no name for the way in which this tokenizer cuts texts: they would become "
        "other tokens",
        where=name,
        fix="Export it as --form merged.",
    )


def ids_of(tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str]) -> list[list[int]]:
    """Ids of each text, without anything before or after it."""
    encode = tokenizer.encode
    return [list(encode(text, add_special_tokens=False, verbose=False)) for text in texts]


def write_gguf(
    path: Path, model: "PreTrainedModel", metadata: dict[str, Value], dtype: str
) -> list[str]:
    """Write a Llama in float32 in a format of ``FORMATS``; returns what had to stay in F16.

    Norms and biases are in float32. Raises ``ModelError`` where a weight is beyond float16.
    """
    import gguf

    kind, fallback = FORMATS[dtype], []
    writer = gguf.GGUFWriter(path, "llama")
    for key, value in metadata.items():
        _add(writer, key, value)
    writer.add_file_type(_FILE_TYPES[kind])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    config = model.config
    state = model.state_dict()
    if config.tie_word_embeddings:
        del state["lm_head.weight"]
    for name, tensor in tensor_names("llama", config.num_hidden_layers, list(state)).items():
        weight = state[name].float()
        heads = rotated_heads("llama", config, name)
        values = (to_pairs(weight, heads) if heads else weight).cpu().numpy()
        chosen = _tensor_kind(kind, values)
        if chosen == "F16" and kind != "F16":
            fallback.append(tensor)
        writer.add_tensor(tensor, *_stored(tensor, values, chosen, path))
    if config.rope_parameters["rope_type"] == "llama3":
        writer.add_tensor(
            ROPE_FREQUENCIES, llama3_divisors(config.rope_parameters, config.head_dim)
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return fallback


def _architecture(config: Any) -> dict[str, Value]:
    if config.model_type != "llama":
        raise ModelError(
            f"GGUF is written for the Llama family and not for {config.model_type}",
            fix="Export it as --form merged.",
        )
    rope = config.rope_parameters
    if rope["rope_type"] not in ("default", "linear", "llama3") or config.hidden_act != "silu":
        raise ModelError(
            f"this Llama has a setting that is not written (positions {rope['rope_type']}, "
            f"activation {config.hidden_act})",
            fix="Export it as --form merged.",
        )
    values: dict[str, Value] = {
        "context_length": config.max_position_embeddings,
        "embedding_length": config.hidden_size,
        "block_count": config.num_hidden_layers,
        "feed_forward_length": config.intermediate_size,
        "attention.head_count": config.num_attention_heads,
        "attention.head_count_kv": config.num_key_value_heads,
        "attention.key_length": config.head_dim,
        "attention.value_length": config.head_dim,
        "attention.layer_norm_rms_epsilon": float(config.rms_norm_eps),
        "rope.dimension_count": config.head_dim,
        "rope.freq_base": float(rope["rope_theta"]),
        "vocab_size": config.vocab_size,
    }
    if rope["rope_type"] == "linear":
        values |= {"rope.scaling.type": "linear", "rope.scaling.factor": float(rope["factor"])}
    return {f"llama.{key}": value for key, value in values.items()}


def _tokenizer(
    tokenizer: "PreTrainedTokenizerBase", size: int, stops: Sequence[int]
) -> dict[str, Value]:
    values = json.loads(tokenizer.backend_tokenizer.to_str())
    model = values["model"]
    if model["type"] != "BPE":
        raise ModelError(
            f"GGUF has no tokenizer of the kind {model['type']}", fix="Export it as --form merged."
        )
    added = {token["id"]: token for token in values["added_tokens"]}
    tokens = {i: token for token, i in model["vocab"].items()}
    tokens |= {i: token["content"] for i, token in added.items()}
    names = [tokens.get(i, f"[PAD{i}]") for i in range(size)]
    merges = [m.split(" ") if isinstance(m, str) else m for m in model["merges"]]
    byte_level = "ByteLevel" in json.dumps(values["pre_tokenizer"])
    kinds = [
        _token_kind(i, names[i], tokens, added, None if byte_level else model["unk_token"])
        for i in range(size)
    ]
    template = tokenizer.chat_template
    metadata: dict[str, Value] = {
        "tokenizer.ggml.model": "gpt2" if byte_level else "llama",
        "tokenizer.ggml.tokens": list(names),
        "tokenizer.ggml.token_type": np.array(kinds, dtype=np.int32),
        "tokenizer.ggml.add_bos_token": _puts_bos(tokenizer),
        "tokenizer.ggml.add_eos_token": False,
        **({"tokenizer.chat_template": str(template)} if template else {}),
    }
    if byte_level:
        metadata["tokenizer.ggml.merges"] = [" ".join(merge) for merge in merges]
    else:
        metadata["tokenizer.ggml.scores"] = _scores(names, merges)
        metadata["tokenizer.ggml.add_space_prefix"] = "Prepend" in json.dumps(values["normalizer"])
        metadata["tokenizer.ggml.unknown_token_id"] = model["vocab"][model["unk_token"]]
    return metadata | _special_ids(tokenizer, stops)


def _special_ids(tokenizer: "PreTrainedTokenizerBase", stops: Sequence[int]) -> dict[str, Value]:
    numbers = {key: getattr(tokenizer, name) for key, name in _IDS.items()}
    if numbers["eos"] is None:
        raise ModelError("this tokenizer has no EOS", fix="Export it as --form merged.")
    others = [i for i in stops if i != numbers["eos"]]
    numbers["eot"] = others[0] if others else None
    return {f"tokenizer.ggml.{key}_token_id": i for key, i in numbers.items() if i is not None}


def _token_kind(
    number: int, token: str, tokens: dict[int, str], added: dict[int, Any], unknown: str | None
) -> int:
    if number not in tokens:
        return UNUSED
    if unknown is not None and token == unknown:
        return UNKNOWN
    if number in added:
        return CONTROL if added[number]["special"] else USER_DEFINED
    of_byte = unknown is not None and len(token) == 6 and token.startswith("<0x")
    return BYTE if of_byte else NORMAL


def _puts_bos(tokenizer: "PreTrainedTokenizerBase") -> bool:
    first = tokenizer("a", verbose=False).input_ids[:1]
    return tokenizer.bos_token_id is not None and first == [tokenizer.bos_token_id]


def _scores(tokens: Sequence[str], merges: Sequence[Sequence[str]]) -> np.ndarray:
    """Sentencepiece's scores, of which the merges follow: the earlier one is made, the higher."""
    ranks: dict[str, int] = {}
    for rank, pair in enumerate(merges):
        ranks.setdefault("".join(pair), rank)
    last = len(merges) + 1
    return np.array([-ranks.get(token, last) for token in tokens], dtype=np.float32)


def _tensor_kind(kind: str, values: np.ndarray) -> str:
    if values.ndim == 1:
        return "F32"
    return kind if values.shape[-1] % 32 == 0 else "F16"  # Q8_0 keeps blocks of 32


def _stored(tensor: str, values: np.ndarray, kind: str, path: Path) -> tuple[Any, ...]:
    """The arguments of the writer after the name: data, and shape and format where quantized."""
    import gguf

    if kind == "F32":
        return (values,)
    if float(np.abs(values).max()) > _LARGEST_F16:
        raise ModelError(
            f"the tensor {tensor} has values beyond float16", where=path.name, fix="--form merged."
        )
    if kind == "F16":
        return (values.astype(np.float16),)
    number = gguf.GGMLQuantizationType[kind]
    return gguf.quantize(values, number), None, number


def _add(writer: Any, key: str, value: Value) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value.tolist() if isinstance(value, np.ndarray) else value)
