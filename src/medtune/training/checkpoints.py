"""Checkpoints of a training under way: safetensors and JSON, written whole or not at all, with
one rule of validity.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from medtune.files import read_json, remove_leftovers, sha256_file, whole_directory, write_json

KEEP = 2


@dataclass
class Checkpoint:
    """State after ``step`` optimizer steps.

    ``fingerprint`` names the recipe and data that it belongs to.
    """

    step: int
    fingerprint: str
    tensors: dict[str, torch.Tensor]
    numbers: dict[str, float]
    progress: dict[str, Any]


def _is_whole(path: Path) -> bool:
    """A checkpoint counts if its manifest is there and its tensors have the recorded size and
    hash.
    """
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
    """Write a checkpoint, then remove all but the newest ``KEEP`` of this training, and those of
    any other.
    """
    directory.mkdir(parents=True, exist_ok=True)
    remove_leftovers(directory)
    with whole_directory(directory / f"step-{checkpoint.step:08d}") as place:
        tensors = place / "tensors.safetensors"
        save_file(
            {name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()}, tensors
        )
        write_json(
            place / "checkpoint.json",
            {
                "step": checkpoint.step,
                "fingerprint": checkpoint.fingerprint,
                "bytes": tensors.stat().st_size,
                "sha256": sha256_file(tensors),
                "numbers": checkpoint.numbers,
                "progress": checkpoint.progress,
            },
        )
    steps = sorted(directory.glob("step-*"))
    own = [path for path in steps if _fingerprint(path) == checkpoint.fingerprint]
    for path in steps:
        if path not in own[-KEEP:]:
            shutil.rmtree(path)


def latest_checkpoint(directory: Path, fingerprint: str) -> Checkpoint | None:
    """The newest whole checkpoint of this very training; None if there is none."""
    for path in sorted(directory.glob("step-*"), reverse=True):
        if not _is_whole(path):
            continue
        manifest = read_json(path / "checkpoint.json")
        if manifest["fingerprint"] == fingerprint:
            tensors = load_file(path / "tensors.safetensors")
            return Checkpoint(
                manifest["step"], fingerprint, tensors, manifest["numbers"], manifest["progress"]
            )
    return None
