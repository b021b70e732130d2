"""Linear layers of a model that only measures, in the layout of oneDNN's kernels.

torch multiplies plain float32 matrices by MKL, which is two to three times slower on some
processors (AMD's) and on the few rows of a generation step everywhere; and in bf16 it lays out the
weights anew at each call. What `torch.compile` does to frozen weights is done here without a
compiler. A row's result does not depend on how many are computed beside it.
"""

import platform
from typing import Any

import torch
from torch import nn

from medtune.models.scoring import has_adapter

# Blocks in which a GELU follows a layer at once (in others of the same names something stands
# between): one kernel does both.
PAIRS = {
    "GPT2MLP": ("c_fc", "act"),
    "GPTNeoXMLP": ("dense_h_to_4h", "act"),
    "PhiMLP": ("fc1", "activation_fn"),
    **dict.fromkeys(("GemmaMLP", "Gemma2MLP", "Gemma3MLP"), ("gate_proj", "act_fn")),
}
FORMS = {
    "GELUTanh": "tanh",
    "GELUActivation": "none",
}  # transformers' modules: oneDNN's names of GELU's two forms
X86 = ("x86_64", "AMD64")
SECOND_COPY = (
    2**29
)  # bytes: a head tied to the embedding stays unpacked above, for both are needed then


def padding_rows(rows: int) -> int:
    """Rows to be added, so that there are few different numbers of them.

    oneDNN compiles a kernel for each number, which takes milliseconds, and keeps a thousand of
    about a megabyte each. Who lays out many tokens for a model adds them at once, which spares
    every layer a copy.
    """
    return -rows % (64 if rows > 64 else 8 if rows > 16 else 1)


class OneDnnLinear(nn.Module):
    """``y = x Wᵀ + b`` on the CPU, for inference: [..., inputs] to [..., outputs] in the format
    of the weights.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        """From a ``weight`` of [outputs, inputs], which is copied."""
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous())
        self.bias = None if bias is None else bias.detach()
        self.gelu: str | None = None  # its form, where the product goes through it

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The product."""
        after, form = ("gelu", self.gelu) if self.gelu else ("none", "")
        rows = inputs.reshape(-1, self.in_features)
        more = padding_rows(len(rows))
        filled = torch.cat([rows, rows.new_zeros(more, self.in_features)]) if more else rows
        result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            filled, self.weight, self.bias, after, [], form
        )
        return result[: len(rows)].view(*inputs.shape[:-1], self.out_features)

    def _save_to_state_dict(self, *args: Any, **kwargs: Any) -> None:
        """Refused: the file would lack this layer, and be filled with random numbers when it is
        read.
        """
        raise TypeError(
            "a packed model measures and answers; it has no weights to save (load_weights gives plain ones)"
        )


def onednn_supported(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether this build of torch has the kernels (on x86, where they were measured), and the
    processor the number format.
    """
    if (
        device.type != "cpu"
        or not torch.backends.mkldnn.is_available()
        or platform.machine() not in X86
    ):
        return False
    return dtype == torch.float32 or (
        dtype == torch.bfloat16 and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    )


def use_onednn_linears(model: Any) -> Any:
    """The same model with its linear layers packed, in place: for measuring and answering, not
    for training or saving.

    Left as they are: quantized layers, and a model whose adapter needs the weights themselves
    (DoRA).
    """
    if not onednn_supported(model.device, model.dtype) or _reads_weights(model):
        return model
    tied = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    # Parents alone: a list that held the layers, too, would keep all their weights beside the
    # packed ones.
    for parent in [
        module for module in model.modules() if next(module.children(), None) is not None
    ]:
        for name in [name for name, _ in parent.named_children()]:
            child = getattr(parent, name)
            weight = _matrix(child)
            if weight is None or (id(child.weight) in tied and weight.nbytes > SECOND_COPY):
                continue
            setattr(parent, name, OneDnnLinear(weight, child.bias))
            del child, weight
        _fuse_gelu(parent)
    return model


def _fuse_gelu(block: nn.Module) -> None:
    layer, activation = PAIRS.get(type(block).__name__, ("", ""))
    packed, form = (
        getattr(block, layer, None),
        FORMS.get(type(getattr(block, activation, None)).__name__),
    )
    if isinstance(packed, OneDnnLinear) and form:
        packed.gelu = form
        setattr(block, activation, nn.Identity())


def _reads_weights(model: Any) -> bool:
    return has_adapter(model) and any(
        getattr(config, "use_dora", False) for config in model.peft_config.values()
    )


def _matrix(module: nn.Module) -> torch.Tensor | None:
    """[outputs, inputs] of a plain linear layer of a packable format.

    None for all else, subclasses among them.
    """
    from transformers.pytorch_utils import Conv1D

    if type(module) not in (nn.Linear, Conv1D):
        return None
    weight: torch.Tensor = module.weight  # type: ignore[assignment]
    if not onednn_supported(weight.device, weight.dtype):
        return None
    return weight.T if isinstance(module, Conv1D) else weight
