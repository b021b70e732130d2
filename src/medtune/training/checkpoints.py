"""Checkpoints of a training under way: safetensors and JSON, written whole or not at all."""

import math
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from medtune.errors import RunError
from medtune.files import read_json, remove_leftovers, sha256_file, whole_directory, write_json

KEEP = 2

# float16 gradients are scaled up so that small ones do not vanish, and down again when one
# overflows.
FIRST_SCALE, HIGHEST_SCALE, LOWEST_SCALE, GROW_AFTER = 64.0, 65536.0, 1e-4, 200


@dataclass
class TrainingState:
    """How far a training is; saved in every checkpoint. Losses are in nats per token.

    ``unreported``: the JSON list of loss, gradient norm and tokens a second of the last step, where
    a signal ended the training before that step was validated and logged.
    """

    step: int = 0
    tokens: int = 0
    supervised_tokens: int = 0
    seconds: float = 0.0
    best_loss: float = math.inf
    best_step: int = 0
    without_gain: int = 0
    loss_scale: float = FIRST_SCALE
    since_overflow: int = 0
    skipped_steps: int = 0
    unreported: str | None = None

    def record_validation(self, loss: float) -> bool:
        """Count a validation loss; whether it is the best so far."""
        if loss < self.best_loss:
            self.best_loss, self.best_step, self.without_gain = loss, self.step, 0
            return True
        self.without_gain += 1
        return False

    def rescale(self, gradient_norm: float) -> None:
        """Halve the loss scale after an overflow, double it after ``GROW_AFTER`` good steps.

        Raises ``RunError`` where no scale avoids overflows.
        """
        if math.isfinite(gradient_norm):
            self.since_overflow += 1
            if self.since_overflow % GROW_AFTER == 0:
                self.loss_scale = min(HIGHEST_SCALE, 2 * self.loss_scale)
            return
        self.loss_scale, self.since_overflow = self.loss_scale / 2, 0
        self.skipped_steps += 1
        if self.loss_scale < LOWEST_SCALE:
            raise RunError(
                "float16 gradients overflow at any scale",
                fix="Set model.dtype=bfloat16 or float32.",
            )


@dataclass(frozen=True)
class Checkpoint:
    """Weights and optimizer state after ``state.step`` steps.

    ``fingerprint`` names the recipe and data of the training, ``threads`` is how many computed (0:
    not recorded).
    """

    fingerprint: str
    tensors: dict[str, torch.Tensor]
    numbers: dict[str, float]
    state: TrainingState
    threads: int = 0

    @property
    def step(self) -> int:
        """Optimizer steps done before it was written."""
        return self.state.step


def _is_whole(path: Path) -> bool:
    """Whether the tensors have the size and hash that the manifest records."""
    try:
        manifest = read_json(path / "checkpoint.json")
        tensors = path / "tensors.safetensors"
        return bool(
            tensors.stat().st_size == manifest["bytes"]
            and sha256_file(tensors) == manifest["sha256"]
        )
    except (OSError, ValueError, KeyError):
        return False


def _fingerprint(path: Path) -> str | None:
    try:
        return str(read_json(path / "checkpoint.json")["fingerprint"])
    except (OSError, ValueError, KeyError):
        return None


def save_checkpoint(directory: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, then remove those of other trainings and all but the newest ``KEEP``."""
    directory.mkdir(parents=True, exist_ok=True)
    remove_leftovers(directory)
    best = checkpoint.state.best_loss
    with whole_directory(directory / f"step-{checkpoint.step:08d}") as temporary:
        tensors = temporary / "tensors.safetensors"
        save_file(
            {name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()}, tensors
        )
        write_json(
            temporary / "checkpoint.json",
            {
                "step": checkpoint.step,
                "fingerprint": checkpoint.fingerprint,
                "bytes": tensors.stat().st_size,
                "sha256": sha256_file(tensors),
                "numbers": checkpoint.numbers,
                "threads": checkpoint.threads,
                "progress": asdict(checkpoint.state)
                | {"best_loss": best if math.isfinite(best) else None},
            },
        )
    steps = sorted(directory.glob("step-*"))
    same = [path for path in steps if _fingerprint(path) == checkpoint.fingerprint]
    for path in steps:
        if path not in same[-KEEP:]:
            shutil.rmtree(path)


def latest_checkpoint(directory: Path, fingerprint: str) -> Checkpoint | None:
    """The newest whole checkpoint of the training ``fingerprint``; None without one."""
    for path in sorted(directory.glob("step-*"), reverse=True):
        if _is_whole(path) and _fingerprint(path) == fingerprint:
            manifest = read_json(path / "checkpoint.json")
            values = manifest["progress"] | {"step": manifest["step"]}
            values["best_loss"] = values.get("best_loss") or math.inf
            tensors = load_file(path / "tensors.safetensors")
            threads = manifest.get("threads", 0)
            state = TrainingState(**values)
            return Checkpoint(fingerprint, tensors, manifest["numbers"], state, threads)
    return None
