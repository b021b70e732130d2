"""Number formats: which one pays on this machine, and frozen weights in 4 or 8 bits.

Quantization is bitsandbytes': NF4 with double quantization (Dettmers et al. 2023,
arXiv:2305.14314).
"""

import math
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch

from medtune.errors import RecipeError
from medtune.models.onednn_linear import bfloat16_supported

if TYPE_CHECKING:
    from medtune.models.load import LocalModelRef


@cache
def fast_bfloat16() -> bool:
    """Whether this machine multiplies bf16 matrices in hardware."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bfloat16_supported() and "avx512_bf16" in _cpu_flags()


def _cpu_flags() -> str:
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as handle:
            return next((line for line in handle if line.startswith("flags")), "")
    except OSError:
        return ""


def compute_dtype(name: str) -> torch.dtype:
    """A recipe's ``dtype`` as torch's: auto is bfloat16 where the machine is fast at it, float32
    elsewhere.
    """
    if name == "auto":
        return torch.bfloat16 if fast_bfloat16() else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]


SMALL_ENOUGH_FOR_FLOAT32 = 2**30  # bytes of weights on disk


def evaluation_dtype(located: "LocalModelRef", name: str) -> torch.dtype:
    """The number format of a measurement.

    ``auto`` is float32 where the weights are small, so that figures do not depend on batches; else
    the compute format.
    """
    if name != "auto":
        return compute_dtype(name)
    small = sum(path.stat().st_size for path in located.weight_files()) <= SMALL_ENOUGH_FOR_FLOAT32
    return torch.float32 if small else compute_dtype("auto")


if TYPE_CHECKING:
    import torch

# of a weight, with its share of the doubly quantized scales (QLoRA, section 3)
BITS = {"nf4": 4.127, "int8": 8.0}
INT8_THRESHOLD = 0.0


def require_bitsandbytes(field: str) -> None:
    """Raise ``RecipeError`` where the library is not installed.

    ``field`` of the recipe needs it.
    """
    if find_spec("bitsandbytes") is None:
        raise RecipeError(
            "quantized weights and 8-bit optimizers need the library bitsandbytes, "
            "which is not installed",
            where=field,
            fix="pip install 'medtune[quantized]'",
        )


def quantization_config(quantization: str, double: bool, dtype: "torch.dtype") -> Any:
    """Transformers' description of the wanted format; products are computed in ``dtype``.

    In 8 bits all columns are quantized: bitsandbytes picks those that it would leave out by the
    whole batch, so that a text's likelihood would depend on its neighbours.
    """
    from transformers import BitsAndBytesConfig

    require_bitsandbytes("model.quantization")
    if quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=INT8_THRESHOLD)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=double,
        bnb_4bit_compute_dtype=dtype,
    )


def parameter_count(model: "torch.nn.Module") -> int:
    """Weights of the architecture: in NF4 two of them lie in one byte, which counts as one
    number otherwise.
    """
    states = (
        (parameter, getattr(parameter, "quant_state", None)) for parameter in model.parameters()
    )
    return sum(
        math.prod(state.shape) if state is not None else parameter.numel()
        for parameter, state in states
    )


def keep_unpacked(model: Any) -> None:
    """Leave 4-bit weights as they are stored.

    On some processors bitsandbytes repacks them at the first forward pass without gradients: the
    weights change in place, widths that are no multiple of 64 fail, and evaluation rounds otherwise
    than training. Its own flag switches that off.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
