"""What this machine's matrix product reaches at GPT-2's shapes, in GFLOP/s: the yardstick of the
benchmark.

PYTHON peak.py THREADS seconds|processor
"""

import json
import sys
import time
from collections.abc import Callable

import torch

SHAPES = ((768, 2304), (768, 768), (768, 3072), (3072, 768))  # of one layer
TOKENS, REPEATS = 1024, 8


def rate(dtype: torch.dtype, clock: Callable[[], float]) -> float:
    """The best of several passes through the products of a layer."""
    pairs = [(torch.randn(TOKENS, k).to(dtype), torch.randn(k, n).to(dtype)) for k, n in SHAPES]
    work = sum(2 * TOKENS * k * n for k, n in SHAPES)
    best = float("inf")
    for _ in range(REPEATS):
        started = clock()
        for left, right in pairs:
            left @ right
        best = min(best, clock() - started)
    return work / best / 1e9


def main() -> None:
    """Command line."""
    torch.set_num_threads(int(sys.argv[1]))
    clock = time.process_time if sys.argv[2] == "processor" else time.perf_counter
    print(json.dumps({"fp32": rate(torch.float32, clock), "bf16": rate(torch.bfloat16, clock)}))


if __name__ == "__main__":
    main()
