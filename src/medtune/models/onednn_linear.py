"""Linear layers of a model that only measures, in the layout of oneDNN's kernels.

torch multiplies plain float32 matrices by MKL, which is two to three times slower on some
processors (AMD's) and on the few rows of a generation step everywhere; and in bf16 it lays out the
weights anew at each call. What `torch.compile` does to frozen weights is done here without a
compiler. A row's result does not depend on how many are computed beside it.

The operators are private to torch. ``onednn_supported`` therefore computes a known product with
them before any model is changed; where they are missing or wrong, models keep their own layers.
"""

import platform
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from medtune.models.scoring import has_adapter
from medtune.progress import say

# Blocks in which a GELU follows a layer at once (in others of the same names something stands
# between): one kernel does both.
GELU_BLOCKS = {
    "GPT2MLP": ("c_fc", "act"),
    "GPTNeoXMLP": ("dense_h_to_4h", "act"),
    "PhiMLP": ("fc1", "activation_fn"),
    **dict.fromkeys(("GemmaMLP", "Gemma2MLP", "Gemma3MLP"), ("gate_proj", "act_fn")),
}
# transformers' modules: oneDNN's names of GELU's two forms
GELU_FORMS = {"GELUTanh": "tanh", "GELUActivation": "none"}
X86 = ("x86_64", "AMD64")
# bytes: a head tied to the embedding stays as it is above, for both copies are needed then
SECOND_COPY = 2**29
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 5e-2}  # of the largest value


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
        """[..., inputs] to [..., outputs]."""
        activation, form = ("gelu", self.gelu) if self.gelu else ("none", "")
        rows = inputs.reshape(-1, self.in_features)
        padding = padding_rows(len(rows))
        padded = torch.cat([rows, rows.new_zeros(padding, self.in_features)]) if padding else rows
        result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            padded, self.weight, self.bias, activation, [], form
        )
        return result[: len(rows)].view(*inputs.shape[:-1], self.out_features)

    def _save_to_state_dict(self, *args: Any, **kwargs: Any) -> None:
        """Refused: the file would lack this layer, and be filled with random numbers when it is
        read.
        """
        raise TypeError(
            "a packed model measures and answers; it has no weights to save "
            "(load_weights gives plain ones)"
        )


def bfloat16_supported() -> bool:
    """Whether oneDNN computes in bf16 on this processor."""
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return False


def onednn_supported(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether this build of torch has the kernels (on x86, where they were measured) and they
    compute a known product, and the processor the number format.
    """
    if device.type != "cpu" or platform.machine() not in X86 or dtype not in TOLERANCE:
        return False
    if not torch.backends.mkldnn.is_available():
        return False
    if dtype == torch.bfloat16 and not bfloat16_supported():
        return False
    return operators_agree(dtype)


@cache
@torch.no_grad()
def operators_agree(dtype: torch.dtype) -> bool:
    """Whether the private operators give a known product, alone and with each form of GELU.

    Said in one line, once a process, where they do not.
    """
    weight = torch.linspace(-1, 1, 24 * 40).view(24, 40).to(dtype)
    bias = torch.linspace(-2, 2, 24).to(dtype)
    inputs = torch.linspace(-0.5, 0.75, 17 * 40).view(17, 40).to(dtype)
    product = functional.linear(inputs, weight, bias)
    try:
        layer = OneDnnLinear(weight, bias)
        agree = _close(layer(inputs), product)
        for form in GELU_FORMS.values():
            layer.gelu = form
            agree &= _close(layer(inputs), functional.gelu(product, approximate=form))
        fault = "" if agree else "they compute another product"
    except (AttributeError, NotImplementedError, RuntimeError, TypeError) as error:
        fault = type(error).__name__
    if fault:
        say(
            f"oneDNN's linear layers cannot be used with torch {torch.__version__} ({fault}): "
            "measuring goes on with the ordinary ones, which is slower"
        )
    return not fault


def _close(result: torch.Tensor, reference: torch.Tensor) -> bool:
    scale = float(reference.abs().max())
    return float((result - reference).abs().max()) <= TOLERANCE[reference.dtype] * scale


def use_onednn_linears(model: Any) -> Any:
    """The same model with its linear layers replaced, in place: for measuring and answering, not
    for training or saving.

    Left as they are: quantized layers, a model whose adapter needs the weights themselves (DoRA),
    and every model where ``onednn_supported`` says no.
    """
    if not onednn_supported(model.device, model.dtype) or _reads_weights(model):
        return model
    tied = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    fused: dict[type[nn.Module], bool] = {}
    # Parents alone: a list that held the layers, too, would keep all their weights beside the
    # copies.
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
        if fused.get(type(parent), True):
            fused[type(parent)] = _fuse_gelu(parent, check=type(parent) not in fused)
    return model


def _fuse_gelu(block: nn.Module, *, check: bool) -> bool:
    """Let the layer of a known block apply its GELU; with ``check``, undone where the block then
    computes something else. False if undone.
    """
    layer_name, activation_name = GELU_BLOCKS.get(type(block).__name__, ("", ""))
    layer, activation = getattr(block, layer_name, None), getattr(block, activation_name, None)
    form = GELU_FORMS.get(type(activation).__name__)
    if not isinstance(layer, OneDnnLinear) or not form:
        return True
    inputs = torch.linspace(-2, 2, 3 * layer.in_features).view(1, 3, -1).to(layer.weight.dtype)
    with torch.no_grad():
        reference = block(inputs) if check else None
        layer.gelu = form
        setattr(block, activation_name, nn.Identity())
        if reference is None or _close(block(inputs), reference):
            return True
    layer.gelu = None
    setattr(block, activation_name, activation)
    return False


def _reads_weights(model: Any) -> bool:
    return has_adapter(model) and any(
        getattr(config, "use_dora", False) for config in model.peft_config.values()
    )


def _matrix(module: nn.Module) -> torch.Tensor | None:
    """[outputs, inputs] of a plain linear layer of a supported format.

    None for all else, subclasses among them.
    """
    from transformers.pytorch_utils import Conv1D

    if type(module) not in (nn.Linear, Conv1D):
        return None
    weight: torch.Tensor = module.weight  # type: ignore[assignment]
    if not onednn_supported(weight.device, weight.dtype):
        return None
    return weight.T if isinstance(module, Conv1D) else weight


# Both names are the tanh approximation of GELU (Hendrycks and Gimpel 2016, arXiv:1606.08415): the
# first are written out in eight elementwise operations that each keep their result for the backward
# pass, the second is one kernel.
ONE_KERNEL = {"gelu_new": "gelu_pytorch_tanh", "gelu_fast": "gelu_pytorch_tanh"}
ACTIVATION_FIELDS = ("activation_function", "hidden_act", "hidden_activation", "dense_act_fn")
DROPOUT_FIELDS = (
    "dropout",
    "attention_dropout",
    "activation_dropout",
)  # where modules hold a bare probability


def fuse_activations(config: Any) -> Any:
    """The configuration with its activation named by the kernel that computes the same function
    at once.
    """
    text = config.get_text_config()
    for field in ACTIVATION_FIELDS:
        name = getattr(text, field, None)
        if name in ONE_KERNEL:
            setattr(text, field, ONE_KERNEL[name])
    return config


def disable_dropout(model: nn.Module) -> None:
    """Switch off all dropout of ``model``, in place: frozen weights cannot overfit, and noise in
    them only costs.

    Adapters put on afterwards keep their own.
    """
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        for field in DROPOUT_FIELDS:
            if isinstance(getattr(module, field, None), float):
                setattr(module, field, 0.0)
