"""One process or many: sums, waiting and trackers, through accelerate where `torchrun` or
`accelerate launch` started us.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from medtune.errors import RecipeError


class Processes:
    """A single process unless a launcher started several (``WORLD_SIZE``) or trackers are asked
    for.
    """

    def __init__(self, trackers: Sequence[str] = (), directory: Path | None = None) -> None:
        self.accelerator: Any = None
        self.tracking = bool(trackers)
        for name in trackers:
            if find_spec(name) is None:
                raise RecipeError(
                    f"{name} is not installed",
                    where="train.trackers",
                    fix=f"pip install medtune[{name}]",
                )
        if trackers or int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from accelerate import Accelerator, InitProcessGroupKwargs

            # The others wait while one process prepares data and evaluates: hours, not the usual
            # minutes.
            patience = InitProcessGroupKwargs(timeout=timedelta(days=2))
            self.accelerator = Accelerator(
                cpu=not torch.cuda.is_available(),
                log_with=list(trackers) or None,
                project_dir=str(directory) if directory else None,
                kwargs_handlers=[patience],
            )

    @property
    def count(self) -> int:
        """How many processes work together."""
        return int(self.accelerator.num_processes) if self.accelerator else 1

    @property
    def rank(self) -> int:
        """Number of this process, from 0; 0 without a launcher."""
        return int(self.accelerator.process_index) if self.accelerator else 0

    @property
    def main(self) -> bool:
        """Whether this process writes files and speaks to the person."""
        return self.rank == 0

    def sums(self, values: Sequence[float]) -> list[float]:
        """Each value summed over the processes."""
        if self.count == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=self.accelerator.device)
        return [float(v) for v in self.accelerator.reduce(tensor, "sum")]

    def sum_in_place(self, tensors: Iterable[torch.Tensor]) -> None:
        """Sum gradients over the processes."""
        for tensor in tensors:
            if self.count > 1:
                tensor.copy_(self.accelerator.reduce(tensor, "sum"))

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            self.accelerator.wait_for_everyone()

    def start_tracking(self, project: str, settings: Mapping[str, object]) -> None:
        """Open the trackers; only flat numbers and words of the recipe go there."""
        if self.tracking:
            flat = {
                k: v if isinstance(v, int | float | str | bool) else str(v)
                for k, v in settings.items()
            }
            self.accelerator.init_trackers(project, config=flat)

    def log(self, values: dict[str, float], step: int) -> None:
        """One set of figures to the trackers."""
        if self.tracking:
            self.accelerator.log(values, step=step)

    def close(self) -> None:
        """Let the trackers finish writing."""
        if self.tracking:
            self.accelerator.end_training()
