"""The training loop, for all weights or adapters, one process or many, exactly resumable.

A batch's loss is the summed cross-entropy of its supervised tokens, and gradients are divided
once by the number of supervised tokens of the whole optimizer step. So neither accumulation nor
the number of processes changes what is learnt. Everything around the steps is a callback.
"""

import json
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from medtune.errors import RunError, Stopped
from medtune.models.precision import parameter_count
from medtune.progress import Bar, track
from medtune.recipe.schema import Pretraining, Train
from medtune.training.callbacks import (
    BestWeights,
    Callback,
    Clock,
    EarlyStopping,
    MetricsLogger,
    MetricsRow,
    Resume,
    SaveCheckpoints,
    Validation,
)
from medtune.training.checkpoints import TrainingState
from medtune.training.distributed import Processes
from medtune.training.memory_estimate import peak_memory_bytes
from medtune.training.objectives import Batch, CausalObjective, Objective
from medtune.training.optimizers import MasterWeights, build_optimizers, learning_rate_factor
from medtune.training.stop_signals import StopSignals

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass
class StepResult:
    """One optimizer step: losses in nats per supervised token, the norm before clipping."""

    loss: float
    gradient_norm: float
    tokens_per_second: float
    validation_loss: float | None = None
    improved: bool = False


@dataclass(frozen=True)
class TrainingResult:
    """What training did. ``tokens`` are real tokens: there is no padding to count."""

    steps: int
    tokens: int
    supervised_tokens: int
    seconds: float
    tokens_per_second: float
    peak_memory_bytes: int
    trainable_parameters: int
    parameters: int
    best_step: int
    best_validation_loss: float | None
    stopped_early: bool
    skipped_steps: int = 0
    gradient_checkpointing: bool = False


class Trainer(ABC):
    """Trains ``model`` in place for ``steps`` optimizer steps."""

    title, unit, units_per_step = "training", "steps", 1
    advice = "Lower train.learning_rate, or set model.dtype=float32."
    checkpointing = False  # whether activations are recomputed in the backward pass

    def __init__(
        self,
        model: "PreTrainedModel",
        settings: Train | Pretraining,
        steps: int,
        seed: int,
        directory: Path,
        fingerprint: str,
        schedule: Callable[[int], float],
        processes: Processes,
    ) -> None:
        self.model, self.settings, self.steps, self.seed = model, settings, steps, seed
        self.directory, self.checkpoints = directory, directory / "checkpoints"
        self.fingerprint, self.schedule, self.processes = fingerprint, schedule, processes
        self.half = model.dtype == torch.float16
        self.weights = MasterWeights(model, partial(build_optimizers, settings))
        self.state = TrainingState()
        self.stopped = False
        self.clock, self.signals = Clock(), StopSignals(alone=processes.count == 1)
        self.callbacks: Sequence[Callback] = ()

    @abstractmethod
    def step_batches(self, step: int) -> Iterator[Batch]:
        """This process's batches of one optimizer step."""

    @abstractmethod
    def loss(self, batch: Any) -> torch.Tensor:
        """Summed NLL (nats) of the batch's supervised tokens, a scalar."""

    @abstractmethod
    def log_row(self, result: StepResult) -> MetricsRow:
        """A line of ``metrics.jsonl`` after a step: figure → value, ``step`` among them."""

    @property
    def finished(self) -> bool:
        """Whether the last step is done, or the training was stopped before it."""
        return self.stopped or self.state.step >= self.steps

    def run(self) -> TrainingResult:
        """Train to the end, from the newest checkpoint where there is one.

        Raises ``Stopped`` after SIGINT or SIGTERM, with the step under way finished and saved.
        """
        for callback in self.callbacks:
            callback.begin(self)
        self.model.train()
        with track(self.title, self.steps * self.units_per_step, self.unit) as bar, self.signals:
            bar.skip(self.state.step * self.units_per_step)
            try:
                self._train(bar)
            except Stopped as stop:
                raise self._stopped(stop.number) from None
        for callback in self.callbacks:
            callback.end(self)
        return self.result()

    def _train(self, bar: Bar) -> None:
        """Steps to the end; before them, what a signal had kept from being done after the last."""
        if self.state.unreported is not None:
            self._report(StepResult(*json.loads(self.state.unreported)))
        while not self.finished:
            result = self.step()
            self._report(result)
            bar.advance(self.units_per_step, f"loss {result.loss:.3f}")

    def _report(self, result: StepResult) -> None:
        """What follows a step: validation, log, checkpoint; after a signal, when it goes on."""
        self.state.unreported = None
        try:
            self.signals.check_after_step()
            for callback in self.callbacks:
                callback.after_step(self, result)
        except Stopped:
            figures = (result.loss, result.gradient_norm, result.tokens_per_second)
            self.state.unreported = json.dumps(figures)
            self.clock.after_step(self, result)
            raise

    def _stopped(self, number: int) -> Stopped:
        """Save what is done, on the main process, before any process ends."""
        step = self.state.step
        if step:
            SaveCheckpoints.save(self)
        self.processes.wait()
        done = f"step {step:,} of {self.steps:,} is saved" if step else "before its first step"
        return Stopped(number, f"{self.title}, {done}")

    def step(self) -> StepResult:
        """One optimizer step over all its batches; a non-finite loss is an error."""
        state, began = self.state, time.monotonic()
        self._seed_dropout()
        scale = state.loss_scale if self.half else 1.0
        total, targets, tokens = 0.0, 0, 0
        for batch in self.step_batches(state.step):
            self.signals.check_in_step()
            loss = self.loss(batch)
            (loss * scale if self.half else loss).backward()
            self.weights.collect()
            total += float(loss.detach())
            targets += batch.supervised
            tokens += batch.tokens
        total, all_targets, all_tokens, *flags = self.processes.sums(
            [total, targets, tokens, *self.signals.flags()]
        )
        self.signals.agree(flags)
        self.processes.sum_in_place(self.weights.gradients())
        if not math.isfinite(total):
            raise RunError(f"the loss is {total} at step {state.step + 1}", fix=self.advice)
        norm = self.weights.step(
            self.schedule(state.step),
            all_targets * scale,
            self.settings.max_grad_norm,
            skip_overflow=self.half,
        )
        if self.half:
            state.rescale(norm)
        state.step += 1
        state.tokens += int(all_tokens)
        state.supervised_tokens += int(all_targets)
        return StepResult(total / all_targets, norm, all_tokens / (time.monotonic() - began))

    def result(self) -> TrainingResult:
        """Figures of the training so far."""
        state = self.state
        return TrainingResult(
            steps=state.step,
            tokens=state.tokens,
            supervised_tokens=state.supervised_tokens,
            seconds=state.seconds,
            tokens_per_second=state.tokens / max(1e-9, state.seconds),
            peak_memory_bytes=peak_memory_bytes(),
            trainable_parameters=sum(p.numel() for p in self.weights.masters.values()),
            parameters=parameter_count(self.model),
            best_step=state.best_step,
            best_validation_loss=state.best_loss if math.isfinite(state.best_loss) else None,
            stopped_early=self.stopped and state.step < self.steps,
            skipped_steps=state.skipped_steps,
            gradient_checkpointing=self.checkpointing,
        )

    def _seed_dropout(self) -> None:
        """Draw dropout from (seed, step, process), so that no random state need be saved."""
        entropy = np.random.SeedSequence([self.seed, self.state.step, self.processes.rank])
        torch.manual_seed(int(entropy.generate_state(1)[0]))


def rows_per_step(settings: Train) -> int:
    """Rows of one optimizer step, over all processes."""
    return settings.batch_size * settings.gradient_accumulation


def steps_of(settings: Train, rows: int) -> int:
    """Optimizer steps of the whole training."""
    steps = max(1, round(settings.epochs * math.ceil(rows / rows_per_step(settings))))
    return min(steps, settings.max_steps or steps)


def rows_of_step(step: int, rows: int, settings: Train, seed: int) -> list[int]:
    """Row numbers of one optimizer step; each epoch has an order drawn from (seed, epoch)."""
    size = rows_per_step(settings)
    epoch, number = divmod(step, math.ceil(rows / size))
    order = np.random.default_rng([seed, epoch]).permutation(rows)
    return [int(row) for row in order[number * size : (number + 1) * size]]


def heaviest_batch(lengths: Sequence[int], settings: Train, seed: int) -> list[int]:
    """Numbers of the rows in the forward pass with most tokens, over all steps of the training."""
    size, best, most = settings.batch_size, [], -1
    for step in range(min(steps_of(settings, len(lengths)), math.ceil(len(lengths) / size))):
        rows = rows_of_step(step, len(lengths), settings, seed)
        rows.sort(key=lambda row: -lengths[row])
        # An objective may put the longest rows of a step together.
        total = sum(lengths[row] for row in rows[:size])
        if total > most:
            best, most = rows[:size], total
    return best


class SupervisedTrainer(Trainer):
    """Fine-tunes on encoded ``train`` rows and validates on ``validation`` rows."""

    settings: Train

    def __init__(
        self,
        model: "PreTrainedModel",
        settings: Train,
        seed: int,
        train: Sequence[Any],
        validation: Sequence[Any],
        directory: Path,
        fingerprint: str,
        processes: Processes | None = None,
        objective: Objective | None = None,
        checkpointing: bool = False,
    ) -> None:
        self.objective: Objective = objective or CausalObjective()
        self.objective.prepare(model)
        self.checkpointing = checkpointing
        if checkpointing:
            model.gradient_checkpointing_enable(
                gradient_checkpointing_kwargs={"use_reentrant": False}
            )
        self.rows, self.validation = train, validation
        steps = steps_of(settings, len(train))
        schedule = partial(
            learning_rate_factor, settings.schedule, total_steps=steps, warmup=settings.warmup
        )
        super().__init__(
            *(model, settings, steps, seed, directory, fingerprint, schedule),
            processes or Processes(),
        )
        self.callbacks = self._callbacks()

    def _callbacks(self) -> list[Callback]:
        settings, callbacks = self.settings, list[Callback]([Resume()])
        if self.validation:
            every = settings.validate_every or max(1, self.steps // 10)
            callbacks.append(Validation(every, self.validate))
        if settings.keep_best:
            callbacks.append(BestWeights())
        if settings.early_stopping:
            callbacks.append(EarlyStopping(settings.early_stopping))
        callbacks.append(self.clock)
        if self.processes.main:
            path = self.directory / "metrics.jsonl"
            callbacks.append(MetricsLogger(path, settings.log_every))
        return [*callbacks, SaveCheckpoints(settings.save_every, settings.save_minutes)]

    def loss(self, batch: Batch) -> torch.Tensor:
        """Summed NLL (nats) of the batch's supervised tokens, a scalar."""
        return self.objective.loss(self.model, batch)

    def step_batches(self, step: int) -> Iterator[Batch]:
        """This process's share of a step's rows."""
        numbers = rows_of_step(step, len(self.rows), self.settings, self.seed)
        return self.batches([self.rows[number] for number in numbers])

    def batches(self, rows: Sequence[Any]) -> Iterator[Batch]:
        """This process's share of ``rows``: at most ``batch_size`` at a time over all processes."""
        world, rank = self.processes.count, self.processes.rank
        size = math.ceil(self.settings.batch_size / world)
        return self.objective.batches(rows[rank::world], size, self.model.device)

    @torch.no_grad()
    def validate(self) -> float:
        """Nats per supervised token over all validation rows, whatever the batches."""
        self.model.eval()
        total, targets = 0.0, 0
        for batch in self.batches(self.validation):
            self.signals.check_in_validation()
            total, targets = total + float(self.loss(batch)), targets + batch.supervised
        self.model.train()
        total, count = self.processes.sums([total, targets])
        return total / max(1.0, count)

    def log_row(self, result: StepResult) -> MetricsRow:
        """A line of ``metrics.jsonl``; losses in nats a supervised token."""
        state, settings = self.state, self.settings
        return {
            "loss": result.loss,
            "gradient_norm": result.gradient_norm,
            "tokens_per_second": result.tokens_per_second,
            "step": state.step,
            "epoch": state.step / math.ceil(len(self.rows) / rows_per_step(settings)),
            "learning_rate": settings.learning_rate * self.schedule(state.step - 1),
            "tokens": state.tokens,
        }
