"""A checkpoint is whole or does not count, whenever its writer dies."""

import os
import subprocess
import sys

import torch

from medtune.training.checkpoints import (
    KEEP,
    Checkpoint,
    TrainingState,
    latest_checkpoint,
    save_checkpoint,
)


def checkpoint(step, fingerprint="f"):
    tensors = {"w": torch.full((1000,), float(step))}
    return Checkpoint(fingerprint, tensors, {"lr": 0.1}, TrainingState(step=step, tokens=3 * step))


def test_the_newest_comes_back_as_it_was_saved(tmp_path):
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, checkpoint(step))
    found = latest_checkpoint(tmp_path, "f")
    assert (found.numbers, found.state) == ({"lr": 0.1}, TrainingState(step=3, tokens=9))
    assert torch.equal(found.tensors["w"], torch.full((1000,), 3.0))
    assert len(list(tmp_path.glob("step-*"))) == KEEP


def test_one_cut_short_or_altered_gives_way_to_the_one_before(tmp_path):
    for step in (1, 2):
        save_checkpoint(tmp_path, checkpoint(step))
    tensors = tmp_path / "step-00000002" / "tensors.safetensors"
    whole = tensors.read_bytes()
    for broken in (whole[:-100], whole[:-1] + b"\0" if whole[-1] else whole[:-1] + b"\1", b""):
        tensors.write_bytes(broken)
        assert latest_checkpoint(tmp_path, "f").step == 1
    tensors.write_bytes(whole)
    (tensors.parent / "checkpoint.json").unlink()
    assert latest_checkpoint(tmp_path, "f").step == 1


def test_one_of_another_training_is_passed_over(tmp_path):
    save_checkpoint(tmp_path, checkpoint(1, "mine"))
    assert latest_checkpoint(tmp_path, "mine").step == 1
    assert latest_checkpoint(tmp_path, "nobody") is None


def test_checkpoints_of_an_older_training_do_not_push_out_the_new_ones(tmp_path):
    for step in (350, 400):
        save_checkpoint(tmp_path, checkpoint(step, "older"))
    save_checkpoint(tmp_path, checkpoint(50, "newer"))
    assert latest_checkpoint(tmp_path, "newer").step == 50
    assert latest_checkpoint(tmp_path, "older") is None


WRITER = """
import sys, torch
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_checkpoints import checkpoint
from medtune.training.checkpoints import latest_checkpoint, save_checkpoint
place = Path(sys.argv[1])
found = latest_checkpoint(place, "f")
step = found.step if found else 0
print(step, flush=True)
import os
for child in range(int(sys.argv[3])):
    pid = os.fork()
    if pid == 0:
        while True:
            step += 1
            save_checkpoint(place, checkpoint(step))
    import random, signal, time
    while f"step-{step + 1:08d}" > max((p.name for p in place.glob("step-*")), default=""):
        time.sleep(0.001)
    time.sleep(random.uniform(0, 0.02))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    found = latest_checkpoint(place, "f")
    assert (found.tensors["w"] == found.step).all()
    assert found.step > step, (found, step)
    step = found.step
print("survived", step, flush=True)
"""


def test_fifty_kills_in_the_middle_of_saving_lose_nothing_that_was_saved(tmp_path):
    here = os.path.dirname(__file__)  # noqa: PTH120
    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(tmp_path), here, "50"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split("survived")[1]) >= 50
