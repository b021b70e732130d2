"""Fine-tuning on conversations: one loop for all weights or adapters, one process or many,
exactly resumable.

What a forward pass is, the objective knows. Its loss is the summed cross-entropy of the supervised
tokens, and gradients are divided once by the number of supervised tokens of the whole optimizer
step. So neither accumulation nor the number of processes changes what is learnt.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from medtune.errors import RunError
from medtune.files import whole_file
from medtune.models.quantization import parameter_count
from medtune.progress import say, track
from medtune.recipe.schema import Train
from medtune.training.callbacks import MetricsLog
from medtune.training.checkpoints import Checkpoint, latest_checkpoint, save_checkpoint
from medtune.training.distributed import Processes
from medtune.training.memory_estimate import peak_memory_bytes
from medtune.training.objectives import Batch, CausalObjective, Objective
from medtune.training.optimizers import MasterWeights, adamw, adamw_8bit, learning_rate_factor, muon

if TYPE_CHECKING:
    from transformers import PreTrainedModel


# float16 gradients are scaled up so that small ones do not vanish, and down again when one
# overflows.
FIRST_SCALE, HIGHEST_SCALE, GROW_AFTER = 64.0, 65536.0, 200


@dataclass
class Progress:
    """Where a training stands; kept in every checkpoint."""

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


def steps_of(settings: Train, rows: int) -> int:
    """Optimizer steps of the whole training."""
    steps = max(
        1,
        round(
            settings.epochs
            * math.ceil(rows / (settings.batch_size * settings.gradient_accumulation))
        ),
    )
    return min(steps, settings.max_steps or steps)


def rows_of_step(step: int, rows: int, settings: Train, seed: int) -> list[int]:
    """Row numbers of one optimizer step: every epoch takes all rows in an order drawn from
    (seed, epoch).
    """
    size = settings.batch_size * settings.gradient_accumulation
    epoch, place = divmod(step, math.ceil(rows / size))
    order = np.random.default_rng([seed, epoch]).permutation(rows)
    return [int(row) for row in order[place * size : (place + 1) * size]]


def heaviest_batch(lengths: Sequence[int], settings: Train, seed: int) -> list[int]:
    """Numbers of the rows in the forward pass with most tokens, over all steps of the training."""
    size, best, most = settings.batch_size, [], -1
    for step in range(min(steps_of(settings, len(lengths)), math.ceil(len(lengths) / size))):
        chosen = sorted(
            rows_of_step(step, len(lengths), settings, seed), key=lambda row: -lengths[row]
        )
        total = sum(
            lengths[row] for row in chosen[:size]
        )  # an objective may put the longest of a step together
        if total > most:
            best, most = chosen[:size], total
    return best


class SupervisedTrainer:
    """Trains ``model`` in place on ``train`` rows; validates on ``validation`` rows."""

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
        self.checkpointing, self.half = checkpointing, model.dtype == torch.float16
        if checkpointing:
            model.gradient_checkpointing_enable(
                gradient_checkpointing_kwargs={"use_reentrant": False}
            )
        self.model, self.settings, self.seed = model, settings, seed
        self.rows, self.validation = train, validation
        self.directory, self.fingerprint = directory, fingerprint
        self.processes = processes or Processes()
        self.weights = MasterWeights(model, self._optimizers)
        self.steps = steps_of(settings, len(train))
        self.validate_every = settings.validate_every or max(1, self.steps // 10)
        self.progress = Progress()

    def _optimizers(self, parameters: dict[str, torch.nn.Parameter]) -> list[torch.optim.Optimizer]:
        s = self.settings
        if s.optimizer == "muon":
            return muon(parameters, s.learning_rate, s.adam_learning_rate, s.weight_decay, s.betas)
        build = adamw_8bit if s.optimizer == "adamw_8bit" else adamw
        return build(parameters, s.learning_rate, s.weight_decay, s.betas)

    def loss(self, batch: Batch) -> torch.Tensor:
        """Summed NLL (nats) of the batch's supervised tokens."""
        return self.objective.loss(self.model, batch)

    def _batches(self, rows: Sequence[Any]) -> Iterator[Batch]:
        """This process's share of the rows, in forward passes of at most ``batch_size`` rows
        over all processes.
        """
        world, rank = self.processes.count, self.processes.rank
        size = math.ceil(self.settings.batch_size / world)
        return self.objective.batches(rows[rank::world], size, self.model.device)

    def step(self) -> tuple[float, float]:
        """One optimizer step; returns the mean loss a supervised token and the gradient norm."""
        progress, settings = self.progress, self.settings
        # Dropout is drawn from (seed, step, process): nothing about random numbers needs to be
        # remembered.
        torch.manual_seed(
            int(
                np.random.SeedSequence(
                    [self.seed, progress.step, self.processes.rank]
                ).generate_state(1)[0]
            )
        )
        total, targets, tokens = 0.0, 0, 0
        scale = progress.loss_scale if self.half else 1.0
        for batch in self._batches(
            [self.rows[i] for i in rows_of_step(progress.step, len(self.rows), settings, self.seed)]
        ):
            loss = self.loss(batch)
            (loss * scale if self.half else loss).backward()
            self.weights.collect()
            total, targets, tokens = (
                total + float(loss.detach()),
                targets + batch.supervised,
                tokens + batch.tokens,
            )
        total, targets_all, tokens_all = self.processes.sums([total, targets, tokens])
        self.processes.sum_in_place(self.weights.gradients())
        if not math.isfinite(total):
            raise RunError(
                f"the loss is {total} at step {progress.step + 1}",
                fix="Lower train.learning_rate, or set model.dtype=float32.",
            )
        factor = learning_rate_factor(settings.schedule, progress.step, self.steps, settings.warmup)
        norm = self.weights.step(
            factor, targets_all * scale, settings.max_grad_norm, skip_overflow=self.half
        )
        self._rescale(norm)
        progress.step += 1
        progress.tokens += int(tokens_all)
        progress.supervised_tokens += int(targets_all)
        return total / targets_all, norm

    def _rescale(self, norm: float) -> None:
        """float16: halve the scale after an overflow (that step was left out), double it after
        many good ones.
        """
        progress = self.progress
        if not self.half:
            return
        if not math.isfinite(norm):
            progress.loss_scale, progress.since_overflow = progress.loss_scale / 2, 0
            progress.skipped_steps += 1
            if progress.loss_scale < 1e-4:
                raise RunError(
                    "float16 gradients overflow at any scale",
                    fix="Set model.dtype=bfloat16 or float32.",
                )
            return
        progress.since_overflow += 1
        if progress.since_overflow % GROW_AFTER == 0:
            progress.loss_scale = min(HIGHEST_SCALE, 2 * progress.loss_scale)

    @torch.no_grad()
    def validate(self) -> float:
        """Mean loss a supervised token over the validation rows: sum over sum, whatever the
        batches.
        """
        self.model.eval()
        total, targets = 0.0, 0
        for batch in self._batches(self.validation):
            total, targets = total + float(self.loss(batch)), targets + batch.supervised
        self.model.train()
        total, count = self.processes.sums([total, targets])
        return total / max(1.0, count)

    def run(self) -> TrainingResult:
        """Train to the end (or to early stopping), from the newest checkpoint of this very
        training if there is one.
        """
        settings, progress = self.settings, self._resume()
        log = (
            MetricsLog(self.directory / "metrics.jsonl", progress.step)
            if self.processes.main
            else None
        )
        started = time.monotonic() - progress.seconds
        self.model.train()
        with track("training", self.steps, "steps") as bar:
            bar.skip(progress.step)
            while progress.step < self.steps and not self._stopped():
                began, tokens = time.monotonic(), progress.tokens
                loss, norm = self.step()
                speed = (progress.tokens - tokens) / (time.monotonic() - began)
                last = progress.step == self.steps
                validated = bool(self.validation) and (
                    progress.step % self.validate_every == 0 or last
                )
                entry: dict[str, Any] = {}
                if progress.step % settings.log_every == 0 or last or validated:
                    entry = {
                        "loss": loss,
                        "gradient_norm": norm,
                        "tokens_per_second": speed,
                    } | self._position()
                if validated:
                    entry |= {"validation_loss": self._validated()} | self._position()
                progress.seconds = time.monotonic() - started
                if log and entry:
                    log.write(entry)
                    self.processes.log(
                        {k: v for k, v in entry.items() if k != "step"}, progress.step
                    )
                if progress.step % settings.save_every == 0 or last or self._stopped():
                    self._save()
                bar.advance(1, f"loss {loss:.3f}")
        if settings.keep_best and progress.best_step:
            self._load_best()
        return self._result()

    def _position(self) -> dict[str, float]:
        progress = self.progress
        per_epoch = len(self.rows) / (
            self.settings.batch_size * self.settings.gradient_accumulation
        )
        factor = learning_rate_factor(
            self.settings.schedule, progress.step - 1, self.steps, self.settings.warmup
        )
        return {
            "step": progress.step,
            "epoch": progress.step / math.ceil(per_epoch),
            "learning_rate": self.settings.learning_rate * factor,
            "tokens": progress.tokens,
        }

    def _validated(self) -> float:
        """Validate, and remember the weights if they are the best so far."""
        loss, progress = self.validate(), self.progress
        if loss < progress.best_loss:
            progress.best_loss, progress.best_step, progress.without_gain = loss, progress.step, 0
            if self.settings.keep_best and self.processes.main:
                tensors = {
                    name: p.detach().contiguous() for name, p in self.weights.masters.items()
                }
                with whole_file(self._best_path(progress.step)) as temporary:
                    save_file(tensors, temporary)
        else:
            progress.without_gain += 1
        return loss

    def _stopped(self) -> bool:
        patience = self.settings.early_stopping
        return patience is not None and self.progress.without_gain >= patience

    def _best_path(self, step: int) -> Path:
        return self.directory / "checkpoints" / f"best-{step:08d}.safetensors"

    @torch.no_grad()
    def _load_best(self) -> None:
        self.processes.wait()
        best = load_file(self._best_path(self.progress.best_step))
        for name, master in self.weights.masters.items():
            master.copy_(best[name])
        self.weights.publish()

    def _save(self) -> None:
        if self.processes.main:
            tensors, numbers = self.weights.state()
            best = self.progress.best_loss
            facts = asdict(self.progress) | {"best_loss": best if math.isfinite(best) else None}
            checkpoint = Checkpoint(self.progress.step, self.fingerprint, tensors, numbers, facts)
            save_checkpoint(self.directory / "checkpoints", checkpoint)
            # Best weights go only when no checkpoint names them any more.
            for old in (self.directory / "checkpoints").glob("best-*.safetensors"):
                if old != self._best_path(self.progress.best_step):
                    old.unlink()
        self.processes.wait()

    def _resume(self) -> Progress:
        found = latest_checkpoint(self.directory / "checkpoints", self.fingerprint)
        if found:
            self.weights.load_state(found.tensors, found.numbers)
            self.progress = Progress(
                **(found.progress | {"best_loss": found.progress["best_loss"] or math.inf})
            )
            say(f"resuming at step {found.step} of {self.steps}")
        return self.progress

    def _result(self) -> TrainingResult:
        progress = self.progress
        return TrainingResult(
            steps=progress.step,
            tokens=progress.tokens,
            supervised_tokens=progress.supervised_tokens,
            seconds=progress.seconds,
            tokens_per_second=progress.tokens / max(1e-9, progress.seconds),
            peak_memory_bytes=peak_memory_bytes(),
            trainable_parameters=sum(p.numel() for p in self.weights.masters.values()),
            parameters=parameter_count(self.model),
            best_step=progress.best_step,
            best_validation_loss=progress.best_loss if math.isfinite(progress.best_loss) else None,
            stopped_early=self._stopped() and progress.step < self.steps,
            skipped_steps=progress.skipped_steps,
            gradient_checkpointing=self.checkpointing,
        )
