"""`--dry-run`: rows, steps, memory and time of a run, from its data and a short measurement of this
machine; nothing is written.
"""

import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from medtune.conversation import read_conversations
from medtune.cpu_threads import BUSY_SHARE, core_limit, processor_load
from medtune.data.audit import RunAudit
from medtune.hosted.quote import Quote
from medtune.hosted.request import write_job_request
from medtune.models.load import LocalModelRef, load_tokenizer, read_config
from medtune.models.precision import compute_dtype
from medtune.progress import say
from medtune.recipe.schema import Recipe
from medtune.runs.estimated_times import (
    MachineLoad,
    RunEstimate,
    TrainingWork,
    WorkCounts,
    estimated_times,
)
from medtune.runs.measured_speed import MeasuredSpeed, measure_speed, speed_from_shapes
from medtune.runs.plan import Plan
from medtune.runs.preflight import check_labels, memory_from_splits, precheck
from medtune.runs.preparation import prepared_data
from medtune.runs.repeats import repeats_of
from medtune.runs.task_items import TaskItems, main_task
from medtune.runs.workload import ForeseenJob, TaskWorkload, recorded_workload
from medtune.training.memory_estimate import Footprint, available_bytes
from medtune.training.trainer import steps_of

UTILISATION = 0.35  # share of the matrix-product peak that training reaches, small models less
# bytes of weights that are loaded for a measurement, without and with a GPU
LOADED_HERE, LOADED_ON_GPU = 3 * 2**30, 40 * 2**30


def meta_parameter_count(plan: Plan) -> int:
    """Parameters of the architecture, counted on the meta device: no weight is read."""
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    kind = AutoModelForSeq2SeqLM if plan.is_seq2seq else AutoModelForCausalLM
    with torch.device("meta"):
        model = kind.from_config(read_config(plan.local), trust_remote_code=False)
    return sum(p.numel() for p in model.parameters())


def matrix_peak(dtype: torch.dtype) -> float:
    """FLOP/s of one matrix product of middling size, measured now."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    left, right = (
        torch.randn(1024, 1024, device=device).to(dtype),
        torch.randn(1024, 1024, device=device).to(dtype),
    )
    left @ right
    started = time.perf_counter()
    for _ in range(8):
        product = left @ right
    float(product[0, 0])
    return 8 * 2 * 1024**3 / (time.perf_counter() - started)


def machine_load() -> MachineLoad:
    """Cores, and how many of them others use now."""
    cores, used = core_limit(), processor_load(0.3)
    return MachineLoad(cores=cores, used_by_others=used, busy=used >= BUSY_SHARE * cores)


def too_large_to_load(ref: LocalModelRef, memory: Footprint) -> bool:
    """Whether loading the weights takes longer than a measurement should, or more memory than is
    free.
    """
    size = sum(path.stat().st_size for path in ref.weight_files())
    limit = LOADED_ON_GPU if torch.cuda.is_available() else LOADED_HERE
    return size > limit or memory.total > available_bytes() + memory.process


def estimate(recipe: Recipe, data_dir: Path | None) -> RunEstimate | Quote:
    """A run in numbers, of a hosted one its quote; nothing is written."""
    plan, load, began = Plan.make(recipe, data_dir), machine_load(), time.perf_counter()
    precheck(plan)
    with (
        prepared_data(plan, Path("runs") / recipe.name) as (audit, data),
        tempfile.TemporaryDirectory() as temporary,
    ):
        if recipe.train.method == "hosted":
            return Quote.of(write_job_request(recipe, data, Path(temporary)), recipe, audit)
        preparation = time.perf_counter() - began
        check_labels(plan, TaskItems(recipe, data, data_dir).jobs())
        memory = memory_from_splits(plan, data)
        counts = _work(plan, data, audit, Path(temporary))
        parameters = meta_parameter_count(plan)
        speed, measured = _speed(plan, data, counts.tasks, memory, parameters)
    rows, lengths = {name: split.rows for name, split in audit.splits.items()}, audit.tokens
    return RunEstimate(
        recipe=recipe.name,
        model=plan.base.name,
        parameters=parameters,
        method=recipe.train.method,
        dtype=str(compute_dtype(recipe.model.dtype)).removeprefix("torch."),
        rows=rows,
        dropped=audit.dropped,
        truncated_rows=lengths.truncated_rows,
        steps=counts.training.steps,
        tokens=counts.training.tokens,
        trainings=1 + len(repeats_of(recipe)),
        estimated_memory_bytes=memory.total,
        memory_parts=asdict(memory),
        available_memory_bytes=available_bytes() + memory.process,
        memory_of="GPU" if torch.cuda.is_available() else "machine",
        load=load,
        time_from="measured" if measured else "shapes",
        **estimated_times(counts, speed, preparation, load, measured=measured),
    )


def _speed(
    plan: Plan,
    data: Path,
    tasks: Sequence[TaskWorkload],
    memory: Footprint,
    parameters: int,
) -> tuple[MeasuredSpeed, bool]:
    """And whether it was measured with the model itself."""
    if too_large_to_load(plan.local, memory):
        say(f"{plan.base.name} is too large to be loaded for a measurement")
        speed = UTILISATION * matrix_peak(compute_dtype(plan.recipe.model.dtype))
        frozen = plan.recipe.train.method != "full"
        return speed_from_shapes(plan, tasks, parameters, speed, frozen=frozen), False
    say("measuring this machine's speed: the model is loaded, and some of its steps are timed")
    return measure_speed(plan, data, tasks, recompute=memory.checkpointing), True


def _work(plan: Plan, data: Path, audit: RunAudit, temporary: Path) -> WorkCounts:
    recipe, evaluation = plan.recipe, plan.recipe.evaluate
    items, spec = TaskItems(recipe, data, plan.data_dir), main_task(recipe)
    works = recorded_workload(
        _foreseen_jobs(recipe, items),
        temporary,
        evaluation.resamples,
        text_likelihoods=not plan.is_seq2seq,
    )
    repeats = repeats_of(recipe)
    return WorkCounts(
        tasks=works,
        training=_training_work(plan, audit),
        repeated_trainings=sum(repeat.fraction for repeat in repeats),
        repeated_evaluations=len(repeats),
        repeated_task=spec.key if spec and repeats else None,
        reference_tokens=_reference_tokens(plan, data),
    )


def _foreseen_jobs(recipe: Recipe, items: TaskItems) -> list[ForeseenJob]:
    """Every job of a run: its tasks, their rows for calibration, and its arms."""
    jobs = [ForeseenJob(job, job.spec.key) for job in items.jobs()]
    calibration = (ForeseenJob(j, f"{j.spec.key}, calibration") for j in items.validation_jobs())
    jobs.extend(calibration)
    for arm in recipe.evaluate.arms:
        tuned = arm.model == "tuned"
        jobs += [
            ForeseenJob(job, f"{job.spec.key}, arm {arm.name}", not tuned, tuned, arm=True)
            for job in items.jobs(arm)
        ]
    return jobs


def _training_work(plan: Plan, audit: RunAudit) -> TrainingWork:
    train, lengths = plan.recipe.train, audit.tokens
    rows = audit.splits["train"].rows - lengths.overlong_dropped
    steps = steps_of(train, rows)
    # An epoch's last step takes what is left of the rows, so tokens are counted by epochs, not by
    # full steps.
    epochs = steps / math.ceil(rows / (train.batch_size * train.gradient_accumulation))
    tokens = int(epochs * (lengths.splits["train"].tokens - lengths.truncated_tokens))
    validation = lengths.splits["validation"].tokens
    every = train.validate_every or max(1, steps // 10)
    return TrainingWork(steps, tokens, -(-steps // every) * validation if validation else 0)


def _reference_tokens(plan: Plan, data: Path, most: int = 200) -> tuple[float, float]:
    """Median and 90 % quantile of the tokens of reference answers, which a trained model's are
    like.
    """
    conversations = read_conversations(data / f"{plan.recipe.evaluate.split}.parquet")
    step = max(1, len(conversations) // most)
    texts = [conversations[i].reference for i in range(0, len(conversations), step)]
    if not texts:
        return math.inf, math.inf
    tokenizer = load_tokenizer(
        plan.local, plan.recipe.model.chat_template, plan.recipe.model.prompt
    )
    counts = [len(tokenizer(text)["input_ids"]) + 1 for text in texts]
    return float(np.median(counts)), float(np.quantile(counts, 0.9))
