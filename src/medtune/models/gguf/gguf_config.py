"""The architecture that a GGUF file describes, as a configuration of transformers.

Every key of the architecture is either used, known to change nothing, or refused: a setting that
is passed over in silence is another model.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from medtune.errors import ModelError
from medtune.models.gguf.gguf_file import GgufFile

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

EMBEDDING, HEAD = "token_embd.weight", "output.weight"
ROPE_FREQUENCIES = "rope_freqs.weight"
LONG_FACTORS, SHORT_FACTORS = "rope_factors_long.weight", "rope_factors_short.weight"
# Llama 3's stretching of its positions: bounds and first context of all published models.
LLAMA3_BOUNDS = {
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
LARGEST_GEMMA = {"gemma2": 46, "gemma3": 62}  # layers of the 27B models, which scale otherwise
_COMMON_KEYS = frozenset(
    "vocab_size context_length embedding_length block_count feed_forward_length "
    "attention.head_count attention.head_count_kv attention.key_length attention.value_length "
    "attention.layer_norm_rms_epsilon rope.dimension_count rope.freq_base rope.scaling.type "
    "rope.scaling.factor rope.scaling.original_context_length rope.scaling.finetuned "
    "rope.scaling.attn_factor".split()
)


class ArchitectureReader:
    """Reads the keys of a file's architecture (`llama.*`), and the head's size from them."""

    def __init__(self, file: GgufFile) -> None:
        self.file, self.name = file, file.text("general.architecture")

    def key(self, key: str) -> str:
        """The whole key, with the architecture's name."""
        return f"{self.name}.{key}"

    def integer(self, key: str, default: int | None = None) -> int:
        """A whole number above 0; ``ModelError`` where it is missing or another value."""
        value = self.file.integer(self.key(key), default)
        if value < 1:
            raise self.file.error(f"{self.key(key)} is {value}")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A number above 0; ``ModelError`` where it is missing or another value."""
        value = self.file.number(self.key(key), default)
        if not 0 < value < math.inf:
            raise self.file.error(f"{self.key(key)} is {value}")
        return shortest(value)

    def has(self, key: str) -> bool:
        """Whether the file names this key of its architecture."""
        return self.key(key) in self.file.metadata

    @property
    def head_size(self) -> int:
        """Numbers of a head's keys, which its values share."""
        whole = self.integer("embedding_length") / self.integer("attention.head_count")
        size = self.integer("attention.key_length", max(1, int(whole)))
        if self.integer("attention.value_length", size) != size:
            raise self.file.error("its heads have keys and values of different lengths")
        return size


def shortest(value: float) -> float:
    """The shortest decimal that is the same number in float32: 1e-05 for 9.999999747378752e-06."""
    return float(str(np.float32(value)))


def _llama(reader: ArchitectureReader) -> dict[str, Any]:
    biased = "blk.0.attn_q.bias" in reader.file.tensors
    return {
        "head_dim": reader.head_size,
        "rope_parameters": _llama_rope(reader),
        "attention_bias": biased,
        "mlp_bias": "blk.0.ffn_up.bias" in reader.file.tensors,
    }


def _qwen2(reader: ArchitectureReader) -> dict[str, Any]:
    if reader.head_size * reader.integer("attention.head_count") != reader.integer(
        "embedding_length"
    ):
        raise reader.file.error("its heads do not divide its width")
    return {"rope_parameters": _rope(reader)}


def _qwen3(reader: ArchitectureReader) -> dict[str, Any]:
    return {"head_dim": reader.head_size, "rope_parameters": _rope(reader)}


def _gemma(reader: ArchitectureReader) -> dict[str, Any]:
    heads, size = reader.integer("attention.head_count"), reader.head_size
    largest = reader.integer("block_count") == LARGEST_GEMMA[reader.name]
    return {
        "head_dim": size,
        "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": reader.integer("embedding_length") // heads if largest else size,
        "sliding_window": reader.integer("attention.sliding_window"),
    }


def _gemma2(reader: ArchitectureReader) -> dict[str, Any]:
    return _gemma(reader) | {
        "rope_parameters": _rope(reader),
        "attn_logit_softcapping": reader.number("attn_logit_softcapping", 50.0),
        "final_logit_softcapping": reader.number("final_logit_softcapping", 30.0),
    }


def _gemma3(reader: ArchitectureReader) -> dict[str, Any]:
    local = {"rope_type": "default", "rope_theta": reader.number("rope.freq_base_swa", 10_000.0)}
    final = "final_logit_softcapping"
    return _gemma(reader) | {
        "rope_parameters": {"full_attention": _rope(reader, 1e6), "sliding_attention": local},
        "sliding_window_pattern": 6,
        final: reader.number(final) if reader.has(final) else None,
    }


def _phi3(reader: ArchitectureReader) -> dict[str, Any]:
    rotated = reader.integer("rope.dimension_count", reader.head_size) / reader.head_size
    window = "attention.sliding_window"
    original = reader.integer(
        "rope.scaling.original_context_length", reader.integer("context_length")
    )
    return {
        "original_max_position_embeddings": original,
        "rope_parameters": _long_rope(reader, original) | {"partial_rotary_factor": rotated},
        "sliding_window": reader.integer(window) if reader.has(window) else None,
        "resid_pdrop": 0.0,
        "embd_pdrop": 0.0,
    }


@dataclass(frozen=True)
class Family:
    """An architecture by its name in GGUF.

    ``model_type``: its name in transformers. ``settings``: what goes beyond the common ones.
    ``keys``: of the architecture, beyond the common ones, all used or without effect.
    """

    model_type: str
    settings: Callable[[ArchitectureReader], dict[str, Any]]
    keys: frozenset[str] = frozenset()
    partly_rotated: bool = False


_WINDOW = "attention.sliding_window"
FAMILIES = {
    "llama": Family("llama", _llama),
    "qwen2": Family("qwen2", _qwen2),
    "qwen3": Family("qwen3", _qwen3),
    "gemma2": Family(
        "gemma2", _gemma2, frozenset({_WINDOW, "attn_logit_softcapping", "final_logit_softcapping"})
    ),
    "gemma3": Family(
        "gemma3_text",
        _gemma3,
        frozenset({_WINDOW, "rope.freq_base_swa", "final_logit_softcapping"}),
    ),
    "phi3": Family("phi3", _phi3, frozenset({_WINDOW}), partly_rotated=True),
}


def model_config(file: GgufFile) -> "PreTrainedConfig":
    """The configuration of the file's architecture.

    Raises ``ModelError`` where the architecture, or a setting of it, is not known here.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    reader = ArchitectureReader(file)
    family = FAMILIES.get(reader.name)
    if family is None:
        raise file.error(
            f"its architecture {reader.name!r} is not read here",
            f"Read are: {', '.join(FAMILIES)} (Mistral is a llama).",
        )
    _refuse_unknown_keys(reader, family)
    if (
        not family.partly_rotated
        and reader.integer("rope.dimension_count", reader.head_size) != reader.head_size
    ):
        raise file.error("only a part of each head is rotated by position")
    heads = reader.integer("attention.head_count")
    _check_layers(reader)
    settings = {
        "vocab_size": _vocabulary_size(file),
        "hidden_size": reader.integer("embedding_length"),
        "intermediate_size": reader.integer("feed_forward_length"),
        "num_hidden_layers": reader.integer("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": reader.integer("attention.head_count_kv", heads),
        "rms_norm_eps": reader.number("attention.layer_norm_rms_epsilon"),
        "max_position_embeddings": reader.integer("context_length"),
        "tie_word_embeddings": HEAD not in file.tensors,
        # Set by the tokenizer later. A padding token stays out: its embedding would not be trained.
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
    }
    try:
        return AutoConfig.for_model(family.model_type, **settings, **family.settings(reader))
    except ModelError:
        raise
    except (StrictDataclassError, ValueError, TypeError, KeyError) as error:
        reason = str(error).strip().splitlines()[-1][:120]
        raise file.error(f"its architecture does not hold together ({reason})") from error


def _refuse_unknown_keys(reader: ArchitectureReader, family: Family) -> None:
    known = {reader.key(key) for key in _COMMON_KEYS | family.keys}
    prefix = f"{reader.name}."
    unknown = sorted(k for k in reader.file.metadata if k.startswith(prefix) and k not in known)
    if unknown:
        raise reader.file.error(
            f"its architecture has settings that are not known here ({', '.join(unknown[:4])})",
            "It would be computed otherwise than it was made: use the model's own directory.",
        )


def _check_layers(reader: ArchitectureReader) -> None:
    layers = {name.split(".")[1] for name in reader.file.tensors if name.startswith("blk.")}
    if len(layers) != reader.integer("block_count"):
        raise reader.file.error(
            f"it says {reader.integer('block_count')} layers, and has tensors of {len(layers)}"
        )


def _vocabulary_size(file: GgufFile) -> int:
    embedding = file.tensors.get(EMBEDDING)
    if embedding is None or len(embedding.shape) != 2:
        raise file.error(f"the tensor {EMBEDDING} is missing or no matrix")
    tokens = len(file.texts("tokenizer.ggml.tokens"))
    if embedding.shape[0] != tokens:
        raise file.error(f"it has {tokens:,} tokens and embeddings of {embedding.shape[0]:,}")
    return tokens


def _rope(reader: ArchitectureReader, theta: float = 10_000.0) -> dict[str, Any]:
    """How positions rotate, of architectures that know none, linear and YaRN stretching."""
    rope: dict[str, Any] = {"rope_theta": reader.number("rope.freq_base", theta)}
    kind = reader.file.text(reader.key("rope.scaling.type"), "none")
    if kind == "none":
        return rope | {"rope_type": "default"}
    if kind == "linear":
        return rope | {"rope_type": "linear", "factor": reader.number("rope.scaling.factor")}
    if kind == "yarn":
        original = reader.integer("rope.scaling.original_context_length")
        if reader.has("rope.scaling.attn_factor"):
            raise reader.file.error("its YaRN scaling has an attention factor of its own")
        return rope | {
            "rope_type": "yarn",
            "factor": reader.number("rope.scaling.factor"),
            "original_max_position_embeddings": original,
        }
    raise reader.file.error(f"its positions are stretched in a way not known here ({kind})")


def _llama_rope(reader: ArchitectureReader) -> dict[str, Any]:
    """As ``_rope``; Llama 3's stretching stands in a tensor of a divisor for each frequency."""
    rope, divisors = _rope(reader), reader.file.tensors.get(ROPE_FREQUENCIES)
    if divisors is None:
        return rope
    values = divisors.read().ravel()
    stretched = rope | {"rope_type": "llama3", "factor": float(values.max())} | LLAMA3_BOUNDS
    expected = llama3_divisors(stretched, reader.head_size)
    if values.shape != expected.shape or not np.allclose(values, expected, rtol=1e-4):
        raise reader.file.error(f"its {ROPE_FREQUENCIES} is not Llama 3's")
    return stretched


def llama3_divisors(rope: dict[str, Any], head_size: int) -> np.ndarray:
    """What Llama 3 divides each rotation frequency by, slow ones by all of ``factor``.

    Float32 [head_size / 2].
    """
    frequencies = rope["rope_theta"] ** -(np.arange(0, head_size, 2) / head_size)
    turns = rope["original_max_position_embeddings"] * frequencies / (2 * np.pi)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    smooth = np.clip((turns - low) / (high - low), 0, 1)
    return np.asarray(1 / ((1 - smooth) / rope["factor"] + smooth), dtype=np.float32)


def _long_rope(reader: ArchitectureReader, original: int) -> dict[str, Any]:
    """As ``_rope``, of Phi-3, whose long-context models have factors for short and long texts."""
    names = (LONG_FACTORS, SHORT_FACTORS)
    long, short = (reader.file.tensors.get(name) for name in names)
    if long is None and short is None:
        return _rope(reader)
    if long is None or short is None:
        raise reader.file.error(f"one of {' and '.join(names)} is missing")
    stretch = reader.integer("context_length") / original
    factor = math.sqrt(1 + math.log(stretch) / math.log(original)) if stretch > 1 else 1.0
    if not math.isclose(reader.number("rope.scaling.attn_factor", factor), factor, rel_tol=1e-3):
        raise reader.file.error("its long-context scaling has an attention factor of its own")
    return {
        "rope_type": "longrope",
        "rope_theta": reader.number("rope.freq_base", 10_000.0),
        "long_factor": [shortest(value) for value in long.read().ravel()],
        "short_factor": [shortest(value) for value in short.read().ravel()],
        "original_max_position_embeddings": original,
    }
