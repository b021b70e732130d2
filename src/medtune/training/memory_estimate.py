"""How much memory a training takes, computed before a weight is loaded; memory of process and
machine.

The model is built on the meta device, where tensors have shapes but no data; a forward pass of the
heaviest batch tells exactly which activations are kept for the backward pass. So the estimate
follows the code for every architecture.
"""

import resource
import sys
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import nn

from medtune.models.adapters import add_lora
from medtune.models.precision import BITS
from medtune.recipe.schema import Recipe
from medtune.training.losses import CHUNK_LOGITS
from medtune.training.objectives import Objective
from medtune.training.optimizers import OPTIMIZERS


def reset_peak() -> None:
    """Begin a new measurement of the peak, where the system can (Linux, CUDA)."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        return
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return  # the peak of the whole process is reported then, which is never too small


def peak_memory_bytes() -> int:
    """Bytes at the highest point since ``reset_peak``."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    try:  # psutil has no peak on Linux
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def resident_bytes() -> int:
    """Main memory that this process holds now."""
    return int(psutil.Process().memory_info().rss)


def available_bytes() -> int:
    """Memory that can still be had: of the GPU, else of the machine."""
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    return int(psutil.virtual_memory().available)


MASTER, GRADIENT = 4, 4  # bytes of a trained weight's fp32 copy and fp32 gradient
SPARE = 0.9  # share of the free memory that a training may plan with


@dataclass(frozen=True)
class Footprint:
    """Bytes of each part at the highest point of training.

    ``process`` is what Python and its libraries hold already, ``loading`` what reading the weights
    takes for a moment.
    """

    process: int
    weights: int
    training: int
    activations: int
    loading: int
    checkpointing: bool

    @property
    def total(self) -> int:
        """Bytes at the highest point of loading and training."""
        return self.process + self.weights + max(self.loading, self.training + self.activations)


def saved_bytes(model: nn.Module, objective: Objective, rows: Sequence[Any]) -> int:
    """Bytes that a forward pass of ``rows`` keeps for its backward pass, parameters not counted."""
    weights = [*model.parameters(), *model.buffers()]
    parameter_storages = {weight.untyped_storage()._cdata for weight in weights}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in parameter_storages:
            kept[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        (batch,) = objective.batches(rows, len(rows), torch.device("meta"))
        loss = objective.loss(model, batch)
    total = sum(kept.values())
    del loss
    return total


def weight_bytes(model: nn.Module, quantization: str | None) -> int:
    """Bytes of all parameters; with quantization those of the body's linear layers in its bits."""
    linear = {
        id(module.weight)
        for name, module in model.named_modules()
        if isinstance(module.weight if hasattr(module, "weight") else None, nn.Parameter)
        and type(module).__name__ in ("Linear", "Conv1D")
        and "lora_" not in name
        and "lm_head" not in name
    }
    total = 0.0
    for parameter in model.parameters():
        bits = (
            BITS[quantization]
            if quantization and id(parameter) in linear
            else 8 * parameter.element_size()
        )
        total += parameter.numel() * bits / 8
    return int(total)


def meta_model(config: Any, recipe: Recipe, dtype: torch.dtype, objective: Objective) -> Any:
    """The architecture without data, with adapters where the recipe has some."""
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    if not config.is_encoder_decoder and getattr(config, "pad_token_id", None) is not None:
        config = deepcopy(config)
        config.pad_token_id = (
            None  # with one, transformers looks for it among the ids, and here there are none
        )
    with torch.device("meta"):
        model = kind.from_config(config, trust_remote_code=False).to(dtype)
        if recipe.train.method != "full":
            model = add_lora(model, recipe.train.lora, recipe.training_seed)
    objective.prepare(model)
    return model.train()


def footprint(
    config: Any, recipe: Recipe, dtype: torch.dtype, objective: Objective, heaviest: Sequence[Any]
) -> Footprint:
    """Memory of training ``recipe`` with ``heaviest`` as the largest forward pass."""
    model = meta_model(config, recipe, dtype, objective)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    per_weight = GRADIENT + OPTIMIZERS[recipe.train.optimizer].moment_bytes
    if recipe.train.method == "full" and dtype != torch.float32:
        per_weight += MASTER
    weights = weight_bytes(model, recipe.model.quantization)
    kept = saved_bytes(model, objective, heaviest)
    text = config.get_text_config()
    logits = 3 * 4 * max(64 * text.vocab_size, CHUNK_LOGITS)
    tokens = sum(row.tokens for row in heaviest)
    widest = max(text.hidden_size, getattr(text, "intermediate_size", None) or 4 * text.hidden_size)
    passing = (
        3 * tokens * widest * dtype.itemsize
    )  # gradients of activations on their way through a layer
    layers = max(1, text.num_hidden_layers)
    recomputed = layers * tokens * text.hidden_size * dtype.itemsize + kept // layers
    files = weights if not recipe.model.quantization else weight_bytes(model, None)

    def with_checkpointing(on: bool) -> Footprint:
        activations = (min(kept, recomputed) if on else kept) + passing + logits
        process = 0 if torch.cuda.is_available() else resident_bytes()
        return Footprint(process, weights, trained * per_weight, activations, files, on)

    if recipe.train.gradient_checkpointing != "auto":
        return with_checkpointing(recipe.train.gradient_checkpointing)
    plain = with_checkpointing(False)
    return (
        plain
        if plain.total <= SPARE * (available_bytes() + plain.process)
        else with_checkpointing(True)
    )
