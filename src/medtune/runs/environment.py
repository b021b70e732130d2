"""Versions and hardware of a run, for run.json and `medtune doctor`."""

import platform
from typing import Any

import psutil

from medtune.models.load import installed_versions

PACKAGES = (
    "medtune",
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "tokenizers",
    "safetensors",
    "numpy",
    "scipy",
    "pyarrow",
)


def versions() -> dict[str, str]:
    """Python and the packages that figures depend on."""
    return {"python": platform.python_version()} | installed_versions(PACKAGES)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as handle:
            return next(
                line.split(":", 1)[1].strip() for line in handle if line.startswith("model name")
            )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def available_cores() -> int:
    """Cores that this process may use."""
    process = psutil.Process()
    affinity = process.cpu_affinity() if hasattr(process, "cpu_affinity") else None  # not on macOS
    return len(affinity) if affinity else psutil.cpu_count() or 1


def memory_bytes() -> int:
    """Main memory in all."""
    return int(psutil.virtual_memory().total)


def hardware() -> dict[str, Any]:
    """Processor, cores, memory, GPUs."""
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "processor": _processor(),
        "cores": available_cores(),
        "memory_bytes": memory_bytes(),
        "gpus": gpus,
    }
