"""Memory of this process and of the machine: of the GPU where one is used, of main memory otherwise."""

import os
import resource
import sys
from pathlib import Path

import torch


def _status(field: str) -> int | None:
    """A field of /proc/self/status or /proc/meminfo in bytes; None where there is no such file."""
    for path in ("/proc/self/status", "/proc/meminfo"):
        try:
            lines = Path(path).read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return None


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
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return _status("VmHWM") or (peak if sys.platform == "darwin" else peak * 1024)


def resident_bytes() -> int:
    """Bytes of main memory that this process holds now."""
    return _status("VmRSS") or 0


def available_bytes() -> int:
    """Bytes that can still be had: of the GPU, of main memory."""
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    return _status("MemAvailable") or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
