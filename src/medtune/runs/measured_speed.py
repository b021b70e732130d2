"""How fast this machine works with the model of a recipe: a few real likelihoods, answers and
training passes on rows of the run are timed.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from medtune.conversation import Conversation, read_conversations
from medtune.evaluation.tasks import task_of
from medtune.evaluation.text_metrics import open_encoder, similarities
from medtune.models.adapters import add_lora
from medtune.models.interface import LanguageModel
from medtune.models.load import load_weights
from medtune.models.open import open_model
from medtune.models.packed_attention import PACKED_ATTENTION, register_packed_attention
from medtune.models.precision import compute_dtype
from medtune.progress import without_progress
from medtune.report.plots import items_plot
from medtune.runs.plan import Plan
from medtune.runs.preflight import objective_of
from medtune.runs.step_times import (
    CHARACTERS_PER_TOKEN,
    AnswerTimes,
    TrainingTimes,
    answer_times,
    call_sizes,
    compute_likelihoods,
    timed,
    total_seconds,
    training_times,
)
from medtune.runs.workload import ModelCall, TaskWorkload
from medtune.tokens.encode import encode_all
from medtune.training.trainer import SupervisedTrainer

# seconds of measuring, of the parts together; the model's loading comes on top
EVALUATION_LIMIT, TRAINING_LIMIT, OTHER_LIMIT = 8.0, 6.0, 2.0
LOADED_A_SECOND = 200e6  # bytes of weights, where nothing was measured
ROWS = 256  # training rows that are encoded for a measurement


@dataclass(frozen=True)
class AnswerWork:
    """Batches of answers of at most ``most`` tokens."""

    batches: int
    most: int
    times: AnswerTimes


@dataclass
class TaskSpeed:
    """Seconds of a task's likelihoods, of all else but answers, and its batches of answers."""

    likelihoods: float = 0.0
    scoring: float = 0.0
    answers: list[AnswerWork] = field(default_factory=list)


@dataclass(frozen=True)
class MeasuredSpeed:
    """Seconds: of loading the model, of each workload on one side, of training, of the baselines,
    of loading the encoder, of one picture of a report.
    """

    load: float
    tasks: Sequence[TaskSpeed]
    training: TrainingTimes
    baselines: float = 0.0
    encoder_load: float = 0.0
    picture: float = 0.0


def measure_speed(
    plan: Plan, data: Path, workloads: Sequence[TaskWorkload], *, recompute: bool
) -> MeasuredSpeed:
    """Load the model twice, as a run does, and time its steps. ``recompute``: activations are
    computed again in the backward pass.

    Raises what a run would raise where the model cannot be loaded.
    """
    evaluation, opened = plan.recipe.evaluate, time.perf_counter()
    with without_progress():
        model = open_model(
            plan.base,
            plan.recipe.model,
            batch_size=evaluation.batch_size,
            dtype=evaluation.dtype,
            to_train=True,
        )
        load = time.perf_counter() - opened
        tasks = _task_speeds(plan, model, workloads)
        del model
        encoder_load = _add_similarities(workloads, tasks)
        baselines = _baseline_seconds(workloads, read_conversations(data / "train.parquet"))
        training = _training_speed(plan, data, recompute=recompute)
    return MeasuredSpeed(load, tasks, training, baselines, encoder_load, _picture_seconds())


def _task_speeds(
    plan: Plan, model: LanguageModel, workloads: Sequence[TaskWorkload]
) -> list[TaskSpeed]:
    limit = EVALUATION_LIMIT / max(1, sum(len(work.calls) for work in workloads))
    speeds = []
    for work in workloads:
        speed = TaskSpeed(scoring=work.scoring_seconds)
        speeds.append(speed)
        for call in work.calls:
            if call.decoding:
                speed.answers.append(_answer_work(plan, model, call, limit))
            else:
                work_of = partial(compute_likelihoods, model, call.method)
                sizes = call_sizes(call, plan.context)
                speed.likelihoods += total_seconds(work_of, call.requests, sizes, limit)
    return speeds


def _answer_work(plan: Plan, model: LanguageModel, call: ModelCall, limit: float) -> AnswerWork:
    assert call.decoding
    decoding, batch = call.decoding, plan.recipe.evaluate.batch_size
    most = decoding.max_new_tokens

    def generate(prompts: list[Any], tokens: int) -> int:
        answers = model.generate(prompts, replace(decoding, max_new_tokens=tokens))
        # the token that ends an answer was computed, too
        return min(tokens, max(answer.tokens + answer.finished for answer in answers))

    sizes = call_sizes(call, plan.context)
    times = answer_times(generate, call.requests, sizes, batch, limit, most)
    return AnswerWork(-(-len(call.requests) // batch), most, times)


def _add_similarities(workloads: Sequence[TaskWorkload], speeds: Sequence[TaskSpeed]) -> float:
    """Add what an encoder's comparisons take to the tasks; the seconds of loading it."""
    load = 0.0
    for work, speed in zip(workloads, speeds, strict=True):
        job = work.foreseen.job
        texts = [item.reference for item in job.items[: work.similarities]]
        if not texts:
            continue
        opened = time.perf_counter()
        encoder = open_encoder(job.spec.encoder)
        load += time.perf_counter() - opened
        if encoder:
            pairs = list(zip(texts, [*texts[1:], texts[0]], strict=True))
            seconds = total_seconds(
                partial(similarities, encoder),
                pairs,
                [len(a) + len(b) for a, b in pairs],
                OTHER_LIMIT,
            )
            speed.scoring += seconds * work.similarities / len(pairs)
    return load


def _baseline_seconds(workloads: Sequence[TaskWorkload], train: Sequence[Conversation]) -> float:
    """Of the baselines of all tasks, in proportion to the rows of a part."""
    seconds, part = 0.0, list(train[: max(ROWS, len(train) // 10)])
    for job in (work.foreseen.job for work in workloads if work.foreseen.before):
        task = task_of(job.spec)
        if not task.baselines or not part:
            continue
        items = list(job.items[: max(1, len(job.items) * len(part) // len(train))])
        took = timed(partial(task.baseline_samples, part, items, job.settings))
        seconds += took * len(train) / len(part)
    return seconds


def _picture_seconds() -> float:
    """Of one picture of a report; the first, which loads the library, does not count."""
    with tempfile.TemporaryDirectory() as directory:
        draw = partial(items_plot, [0.0, 1.0, 2.0], [0.5, 1.0, 1.5], Path(directory))
        draw()
        return timed(draw)


def speed_from_shapes(
    plan: Plan, workloads: Sequence[TaskWorkload], parameters: int, flops: float, *, frozen: bool
) -> MeasuredSpeed:
    """What ``parameters`` and the operations a second that training reaches say: twice as many
    operations as parameters for a token, twice that again backwards (half with ``frozen`` weights).
    """
    token, batch = 2 * parameters / flops, plan.recipe.evaluate.batch_size
    speeds = []
    for work in workloads:
        speed = TaskSpeed(scoring=work.scoring_seconds)
        for call in work.calls:
            sizes = call_sizes(call, plan.context)
            seconds = token * sum(sizes) / CHARACTERS_PER_TOKEN
            if not call.decoding:
                speed.likelihoods += seconds
                continue
            batches = -(-len(sizes) // batch)
            times = AnswerTimes(seconds / max(1, batches), token * min(batch, len(sizes)))
            speed.answers.append(AnswerWork(batches, call.decoding.max_new_tokens, times))
        speeds.append(speed)
    training = TrainingTimes((2 if frozen else 3) * token, token, 0.0)
    size = sum(path.stat().st_size for path in plan.local.weight_files())
    return MeasuredSpeed(size / LOADED_A_SECOND, speeds, training, picture=_picture_seconds())


def _training_speed(plan: Plan, data: Path, *, recompute: bool) -> TrainingTimes:
    recipe = plan.recipe
    register_packed_attention()
    conversations = read_conversations(data / "train.parquet")
    numbers = np.random.default_rng(recipe.seed).permutation(len(conversations))[:ROWS]
    rows, _ = encode_all(
        plan.encoder(), [conversations[int(i)] for i in numbers], recipe.data.overlong
    )
    model = load_weights(plan.local, compute_dtype(recipe.model.dtype), PACKED_ATTENTION)
    if recipe.train.method != "full":
        model = add_lora(model, recipe.train.lora, recipe.training_seed)
    with tempfile.TemporaryDirectory() as directory:
        trainer = SupervisedTrainer(
            model,
            recipe.train.model_copy(update={"early_stopping": None, "keep_best": False}),
            recipe.training_seed,
            rows,
            [],
            Path(directory),
            "",
            objective=objective_of(plan),
            checkpointing=recompute,
        )
        size = min(recipe.train.batch_size, len(rows))

        def batch_of(number: int, count: int) -> Any:
            chosen = [rows[(number * count + i) % len(rows)] for i in range(count)]
            return next(iter(trainer.objective.batches(chosen, count, torch.device(model.device))))

        return training_times(trainer, batch_of, size, TRAINING_LIMIT)
