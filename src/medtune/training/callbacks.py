"""What happens around the steps of a training: resuming, validating, stopping, logging, saving.

A trainer calls ``begin`` of its callbacks, then after every step ``after_step``, then ``end``,
each time in their order.
"""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file

from medtune.cpu_threads import threads_are_given
from medtune.files import whole_file, write_text
from medtune.progress import say
from medtune.training.checkpoints import Checkpoint, latest_checkpoint, save_checkpoint

if TYPE_CHECKING:
    from medtune.training.trainer import StepResult, Trainer


MetricsRow = dict[str, float]  # figure → value; every row has a ``step``


class Callback:
    """Does nothing at any time; others override what they need."""

    def begin(self, trainer: "Trainer") -> None:
        """Called once, before the first step."""

    def after_step(self, trainer: "Trainer", result: "StepResult") -> None:
        """Called after each optimizer step, with its loss, gradient norm and speed."""

    def end(self, trainer: "Trainer") -> None:
        """Called once, after the last step."""


class Resume(Callback):
    """Continues from the newest checkpoint of this very training."""

    def begin(self, trainer: "Trainer") -> None:
        """Load weights, optimizers and state."""
        checkpoint = latest_checkpoint(trainer.checkpoints, trainer.fingerprint)
        if checkpoint:
            trainer.weights.load_state(checkpoint.tensors, checkpoint.numbers)
            trainer.state = checkpoint.state
            say(f"resuming at step {checkpoint.step} of {trainer.steps}")
            keep_threads(checkpoint.threads)


def keep_threads(before: int) -> None:
    """Go on with as many threads as before (0: not known), which decide how sums are rounded.

    A number that the user has set holds, and the difference is told.
    """
    now = torch.get_num_threads()
    if before in (0, now):
        return
    if threads_are_given():
        say(f"begun with {before} threads, goes on with {now}: last digits may differ")
        return
    torch.set_num_threads(before)
    say(f"going on with {before} threads, as it was begun")


class Validation(Callback):
    """Measures the validation loss (nats per token) every so many steps and after the last."""

    def __init__(self, every: int, measure: Callable[[], float]) -> None:
        self.every, self.measure = every, measure

    def after_step(self, trainer: "Trainer", result: "StepResult") -> None:
        """Add the loss to the step's result where it is due."""
        if trainer.state.step % self.every == 0 or trainer.finished:
            result.validation_loss = self.measure()
            result.improved = trainer.state.record_validation(result.validation_loss)


class BestWeights(Callback):
    """Keeps the fp32 weights of the best validation and ends the training with them."""

    @staticmethod
    def path(trainer: "Trainer") -> Path:
        """Where the best weights so far lie."""
        return trainer.checkpoints / f"best-{trainer.state.best_step:08d}.safetensors"

    def after_step(self, trainer: "Trainer", result: "StepResult") -> None:
        """Save the weights of an improvement."""
        if result.improved and trainer.processes.main:
            masters = trainer.weights.masters.items()
            tensors = {name: p.detach().contiguous() for name, p in masters}
            with whole_file(self.path(trainer)) as temporary:
                save_file(tensors, temporary)

    @torch.no_grad()
    def end(self, trainer: "Trainer") -> None:
        """Load the best weights into the model."""
        if trainer.state.best_step:
            trainer.processes.wait()
            best = load_file(self.path(trainer))
            for name, master in trainer.weights.masters.items():
                master.copy_(best[name])
            trainer.weights.publish()


class EarlyStopping(Callback):
    """Ends the training after ``patience`` validations without a better loss."""

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def begin(self, trainer: "Trainer") -> None:
        """A resumed training may have been at its end."""
        trainer.stopped = trainer.state.without_gain >= self.patience

    def after_step(self, trainer: "Trainer", result: "StepResult") -> None:
        """Stop the trainer where it is time."""
        trainer.stopped = trainer.state.without_gain >= self.patience


class Clock(Callback):
    """Counts the seconds of the training, those before an interruption included."""

    started = 0.0

    def begin(self, trainer: "Trainer") -> None:
        """Start the clock at the seconds already trained."""
        self.started = time.monotonic() - trainer.state.seconds

    def after_step(self, trainer: "Trainer", result: "StepResult") -> None:
        """Write the time into the state."""
        trainer.state.seconds = time.monotonic() - self.started


class MetricsLogger(Callback):
    """Writes a step's figures to ``metrics.jsonl`` and to the trackers: every so many steps, at a
    validation, and after the last step.
    """

    def __init__(self, path: Path, every: int) -> None:
        self.path, self.every = path, every

    def begin(self, trainer: "Trainer") -> None:
        """Open the log at the step where the training begins."""
        state = trainer.state
        self.log = MetricsLog(self.path, state.step - (state.unreported is not None))

    def after_step(self, trainer: "Trainer", result: "StepResult") -> None:
        """Write the figures where they are due."""
        step, validated = trainer.state.step, result.validation_loss is not None
        if step % self.every == 0 or trainer.finished or validated:
            row = trainer.log_row(result)
            if result.validation_loss is not None:
                row["validation_loss"] = result.validation_loss
            self.log.write(row)
            trainer.processes.log({k: v for k, v in row.items() if k != "step"}, step)


class SaveCheckpoints(Callback):
    """Saves a checkpoint every so many steps, every so many minutes, and after the last step.

    By time it is saved less often where saving would take more than ``SHARE`` of the time.
    """

    SHARE = 0.05

    def __init__(self, every: int, minutes: float | None) -> None:
        self.every, self.seconds = every, math.inf if minutes is None else 60 * minutes
        self.saved_at, self.cost = 0.0, 0.0  # seconds: of the clock, and of the last save

    def begin(self, trainer: "Trainer") -> None:
        """Start to count the time."""
        self.saved_at = time.monotonic()

    def after_step(self, trainer: "Trainer", result: "StepResult") -> None:
        """Save where it is due."""
        passed = time.monotonic() - self.saved_at
        by_time = passed >= max(self.seconds, self.cost / self.SHARE)
        if by_time or trainer.finished or trainer.state.step % self.every == 0:
            began = time.monotonic()
            self.save(trainer)
            self.saved_at = time.monotonic()
            self.cost = self.saved_at - began

    @staticmethod
    def save(trainer: "Trainer") -> None:
        """Save, then drop best weights that the checkpoint no longer names; the main process."""
        if not trainer.processes.main:
            return
        tensors, numbers = trainer.weights.state()
        checkpoint = Checkpoint(
            trainer.fingerprint, tensors, numbers, trainer.state, torch.get_num_threads()
        )
        save_checkpoint(trainer.checkpoints, checkpoint)
        for path in trainer.checkpoints.glob("best-*.safetensors"):
            if path != BestWeights.path(trainer):
                path.unlink()


def read_metrics(path: Path) -> list[MetricsRow]:
    """The whole lines of a metrics file; a last line cut short by a crash is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


class MetricsLog:
    """Appends lines to a file, from which those after ``step`` are dropped at first."""

    def __init__(self, path: Path, step: int) -> None:
        kept = [row for row in read_metrics(path) if row["step"] <= step] if step else []
        write_text(path, "".join(json.dumps(row) + "\n" for row in kept))
        self.path = path

    def write(self, row: MetricsRow) -> None:
        """Append one line at once."""
        with open(self.path, "a", encoding="utf-8") as handle:
            handle.write(json.dumps(row) + "\n")
