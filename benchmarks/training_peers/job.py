"""What every peer shares: the rows, the clock, and the answer it prints. Needs PyTorch alone."""

import json
import resource
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RANK, ALPHA, LEARNING_RATE, SEED = 8, 32, 2e-4, 0


@dataclass(frozen=True)
class Job:
    """One process's work.

    ``rows`` lie in the order of training: ids, and how many of them are prompt.
    """

    model: str
    rows: list[tuple[list[int], int]]
    batch_size: int
    accumulation: int
    warmup: int
    steps: int
    threads: int
    clock: str
    method: str

    @classmethod
    def read(cls, path: str) -> "Job":
        """From the file that the benchmark wrote; sets the number of threads."""
        import torch

        job = cls(**json.loads(Path(path).read_text()))
        torch.set_num_threads(job.threads)
        return job

    @property
    def all_steps(self) -> int:
        """Warm-up steps included."""
        return self.warmup + self.steps

    def columns(self) -> dict[str, list[Any]]:
        """Rows as ``input_ids`` and ``labels`` (-100 on the prompt)."""
        return {
            "input_ids": [ids for ids, _ in self.rows],
            "labels": [[-100] * prompt + ids[prompt:] for ids, prompt in self.rows],
        }


@dataclass
class Clock:
    """Wall seconds, processor seconds and real tokens of each optimizer step, and the losses."""

    warmup: int
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    at: tuple[float, float] = (0.0, 0.0)

    def start(self) -> None:
        """A step begins."""
        self.at = time.perf_counter(), time.process_time()

    def stop(self, tokens: int) -> None:
        """It has ended, and ``tokens`` real tokens (no padding) were in it."""
        self.seconds.append(time.perf_counter() - self.at[0])
        self.processor.append(time.process_time() - self.at[1])
        self.tokens.append(tokens)

    def report(self, **facts: Any) -> None:
        """The answer, as the last line on stdout."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        kept = {k: v for k, v in asdict(self).items() if k != "at"}
        print(json.dumps(kept | {"peak_memory_bytes": peak} | facts), flush=True)
