"""Which number format pays on this machine."""

from functools import cache

import torch

from medtune.models.load import LocalModelRef
from medtune.models.onednn_linear import bfloat16_supported


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


def evaluation_dtype(located: LocalModelRef, name: str) -> torch.dtype:
    """The number format of a measurement.

    ``auto`` is float32 where the weights are small, so that figures do not depend on batches; else
    the compute format.
    """
    if name != "auto":
        return compute_dtype(name)
    small = sum(path.stat().st_size for path in located.weight_files()) <= SMALL_ENOUGH_FOR_FLOAT32
    return torch.float32 if small else compute_dtype("auto")
