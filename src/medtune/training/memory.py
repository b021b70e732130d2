"""Peak memory of this process: of the GPU where one is used, of main memory otherwise."""

import resource
import sys

import torch


def peak_memory_bytes() -> int:
    """Bytes at the highest point so far."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
