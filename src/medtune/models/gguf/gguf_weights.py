"""The tensors of a GGUF file as the weights of a model of transformers: names, order, values.

Every weight must be there in its shape, and every tensor must be used.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from medtune.models.gguf.gguf_config import (
    LONG_FACTORS,
    ROPE_FREQUENCIES,
    SHORT_FACTORS,
)
from medtune.models.gguf.gguf_file import GgufFile, GgufTensor

if TYPE_CHECKING:
    import torch

# Tensors that belong to the configuration.
OF_CONFIG = {"llama": {ROPE_FREQUENCIES}, "phi3": {LONG_FACTORS, SHORT_FACTORS}}
SHOWN = 3  # names in an error


@dataclass(frozen=True)
class WeightSource:
    """A weight by its name in transformers, and the tensor that holds it.

    ``exact``: it is kept in float32, whatever the file's format.
    """

    name: str
    tensor: GgufTensor
    exact: bool = False

    @property
    def dtype(self) -> "torch.dtype":
        """The number format it is kept in: the file's, or bfloat16 for what is dequantized."""
        import torch

        if self.exact or self.tensor.kind == "F32":
            return torch.float32
        return torch.float16 if self.tensor.kind == "F16" else torch.bfloat16

    @property
    def bytes(self) -> int:
        """Its size as a weight."""
        return int(np.prod(self.tensor.shape)) * self.dtype.itemsize


def tensor_names(architecture: str, layers: int, weights: list[str]) -> dict[str, str]:
    """Weight of transformers → its tensor in GGUF; "" where the format has none for it."""
    import gguf

    kinds = {name: kind for kind, name in gguf.MODEL_ARCH_NAMES.items()}
    table = gguf.get_tensor_name_map(kinds[architecture], layers)
    return {name: table.get_name(name, (".weight", ".bias")) or "" for name in weights}


def weight_shapes(config: Any) -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight that a model of this configuration keeps on disk."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    shapes = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    tied = "lm_head.weight" if config.tie_word_embeddings else None
    return {name: shape for name, shape in shapes.items() if name != tied}


def weight_sources(file: GgufFile, config: Any, *, exact: bool = False) -> list[WeightSource]:
    """Where each weight of the model lies in the file.

    Raises ``ModelError`` where one is missing, too many, or of another shape.
    """
    architecture = file.text("general.architecture")
    shapes = weight_shapes(config)
    names = tensor_names(architecture, config.num_hidden_layers, list(shapes))
    missing = [names[name] or name for name in shapes if names[name] not in file.tensors]
    unused = file.tensors.keys() - set(names.values()) - OF_CONFIG.get(architecture, set())
    for problem, which in (("are missing", missing), ("belong to no weight", sorted(unused))):
        if which:
            more = f" and {len(which) - SHOWN} more" if len(which) > SHOWN else ""
            raise file.error(f"tensors {problem}: {', '.join(which[:SHOWN])}{more}")
    for name, shape in shapes.items():
        tensor = file.tensors[names[name]]
        if tensor.shape != shape:
            raise file.error(
                f"the tensor {tensor.name} has the shape {list(tensor.shape)}, "
                f"and the architecture needs {list(shape)}"
            )
    return [WeightSource(name, file.tensors[names[name]], exact) for name in shapes]


def read_weights(
    file: GgufFile, config: Any, sources: list[WeightSource]
) -> Iterator[tuple[str, "torch.Tensor"]]:
    """Each weight, dequantized, in transformers' order of rows.

    Raises ``ModelError`` at values that are no numbers, or beyond the number format's range.
    """
    architecture = file.text("general.architecture")
    for source in sources:
        yield source.name, _weight(file, architecture, config, source)


def _weight(file: GgufFile, architecture: str, config: Any, source: WeightSource) -> "torch.Tensor":
    import torch

    shift = 1.0 if architecture.startswith("gemma") and source.name.endswith("norm.weight") else 0
    parts = []
    for chunk in source.tensor.chunks():
        if not np.isfinite(chunk).all():
            raise file.error(f"the tensor {source.tensor.name} holds values that are no numbers")
        parts.append(torch.from_numpy(chunk - np.float32(shift)).to(source.dtype))
    weight = torch.cat(parts).reshape(source.tensor.shape)
    heads = rotated_heads(architecture, config, source.name)
    return to_halves(weight, heads) if heads else weight


def rotated_heads(architecture: str, config: Any, name: str) -> int:
    """Heads of a weight whose rows GGUF keeps in the order of pairs; 0 for all others."""
    kind = re.search(r"\.([qk])_proj\.", name)
    if architecture != "llama" or kind is None:
        return 0
    return int(config.num_attention_heads if kind[1] == "q" else config.num_key_value_heads)


def to_halves(weight: "torch.Tensor", heads: int) -> "torch.Tensor":
    """Rows of each head from pairs (0, 1), (2, 3), … to halves, which transformers rotates."""
    pairs = weight.reshape(heads, -1, 2, *weight.shape[1:])
    return pairs.transpose(1, 2).reshape(weight.shape).contiguous()


def to_pairs(weight: "torch.Tensor", heads: int) -> "torch.Tensor":
    """Rows of each head from halves to pairs, as GGUF keeps them."""
    halves = weight.reshape(heads, 2, -1, *weight.shape[1:])
    return halves.transpose(1, 2).reshape(weight.shape).contiguous()
