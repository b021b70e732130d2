"""Low-rank adapters on a loaded model (PEFT's), begun from the seed."""

import hashlib
from typing import TYPE_CHECKING

import torch
from torch import nn

from medtune.errors import RecipeError
from medtune.models.efficient_layers import disable_dropout
from medtune.recipe.schema import Lora

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# GPT-2's adapters sit where the published recipes put them; other kinds get every linear layer of
# the body.
AUTO_TARGETS: dict[str, str | list[str]] = {"gpt2": ["c_attn"]}


def add_lora(model: "PreTrainedModel", settings: Lora, seed: int) -> "PreTrainedModel":
    """The model with trainable adapters in its own number format, all else frozen and without
    dropout.
    """
    from peft import LoraConfig, get_peft_model

    auto = AUTO_TARGETS.get(model.config.model_type, "all-linear")
    targets = auto if settings.targets == "auto" else settings.targets
    torch.manual_seed(seed)
    disable_dropout(model)
    config = LoraConfig(
        fan_in_fan_out=model.config.model_type
        == "gpt2",  # its layers keep their matrices transposed
        task_type="SEQ_2_SEQ_LM" if model.config.is_encoder_decoder else "CAUSAL_LM",
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets,
        use_rslora=settings.rslora,
        use_dora=settings.dora,
    )
    if isinstance(targets, list):
        _require_targets(model, targets)
    # In the number format of the model: the trainer keeps fp32 masters, and casting whole
    # activations costs a tenth.
    return get_peft_model(model, config, autocast_adapter_dtype=False)


def _require_targets(model: "PreTrainedModel", targets: list[str]) -> None:
    """Every target names a layer of the model: PEFT leaves out silently what matches nothing, as
    long as one matches.
    """
    from transformers.pytorch_utils import Conv1D

    layers = [
        name
        for name, module in model.named_modules()
        if isinstance(module, (torch.nn.Linear, Conv1D))
    ]
    missing = [
        target
        for target in targets
        if not any(f".{name}".endswith(f".{target}") for name in layers)
    ]
    if missing:
        known = sorted({name.rsplit(".", 1)[-1] for name in layers} - {"lm_head"})
        raise RecipeError(
            f"{model.config.model_type} has no layer {', '.join(missing)}",
            where="train.lora.targets",
            fix=f"Use auto, or some of: {', '.join(known)}.",
        )


def frozen_hash(model: nn.Module) -> str:
    """SHA-256 over names and bytes of all parameters that are not trained."""
    digest = hashlib.sha256()
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            digest.update(name.encode())
            digest.update(parameter.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
