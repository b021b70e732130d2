"""`--dry-run`: rows, steps, memory and time of a run, estimated before a weight is loaded."""

import math
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict

from medtune.hosted.quote import Quote, dry_run_text
from medtune.hosted.request import write_job_request
from medtune.models.load import read_config
from medtune.models.precision import compute_dtype
from medtune.progress import duration
from medtune.recipe.schema import Recipe
from medtune.runs.plan import Plan
from medtune.runs.preflight import memory_from_splits, precheck
from medtune.runs.preparation import prepared_data
from medtune.runs.repeats import repeats_of
from medtune.training.memory_estimate import available_bytes
from medtune.training.trainer import steps_of

UTILISATION = 0.35  # share of the matrix-product peak that training reaches, small models less


class RunEstimate(BaseModel):
    """A run in numbers: memory in bytes, time in seconds."""

    model_config = ConfigDict(frozen=True)

    recipe: str
    model: str
    parameters: int
    method: str
    dtype: str
    rows: dict[str, int]
    dropped: dict[str, int]
    truncated_rows: int
    steps: int
    tokens: int
    trainings: int
    estimated_training_seconds: float
    estimated_memory_bytes: int
    memory_parts: dict[str, int | bool]
    available_memory_bytes: int
    memory_of: str


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


def estimate(recipe: Recipe, data_dir: Path | None) -> RunEstimate | Quote:
    """A run in numbers, of a hosted one its quote; nothing is written."""
    plan = Plan.make(recipe, data_dir)
    precheck(plan)
    with prepared_data(plan, Path("runs") / recipe.name) as (audit, data):
        if recipe.train.method == "hosted":
            with tempfile.TemporaryDirectory() as directory:
                return Quote.of(write_job_request(recipe, data, Path(directory)), recipe, audit)
        lengths = audit.tokens
        memory = memory_from_splits(plan, data)
    rows = audit.splits["train"].rows - lengths.overlong_dropped
    steps, repeats = steps_of(recipe.train, rows), repeats_of(recipe)
    # An epoch's last step takes what is left of the rows, so tokens are counted by epochs, not by
    # full steps.
    rows_per_step = recipe.train.batch_size * recipe.train.gradient_accumulation
    epochs = steps / math.ceil(rows / rows_per_step)
    tokens = int(epochs * (lengths.splits["train"].tokens - lengths.truncated_tokens))
    parameters, dtype = meta_parameter_count(plan), compute_dtype(recipe.model.dtype)
    flops = (6 if recipe.train.method == "full" else 4) * parameters * tokens
    seconds = flops / (UTILISATION * matrix_peak(dtype))
    return RunEstimate(
        recipe=recipe.name,
        model=plan.base.name,
        parameters=parameters,
        method=recipe.train.method,
        dtype=str(dtype).removeprefix("torch."),
        rows={name: split.rows for name, split in audit.splits.items()},
        dropped=audit.dropped,
        truncated_rows=lengths.truncated_rows,
        steps=steps,
        tokens=tokens,
        trainings=1 + len(repeats),
        estimated_training_seconds=seconds * (1 + sum(repeat.fraction for repeat in repeats)),
        estimated_memory_bytes=memory.total,
        memory_parts=asdict(memory),
        available_memory_bytes=available_bytes() + memory.process,
        memory_of="GPU" if torch.cuda.is_available() else "machine",
    )


def estimate_text(run: RunEstimate | Quote) -> str:
    """The estimate in lines for people."""
    if isinstance(run, Quote):
        return dry_run_text(run)
    rows = ", ".join(f"{name} {count:,}" for name, count in run.rows.items())
    needed, free = run.estimated_memory_bytes, run.available_memory_bytes
    fits = "fits" if needed < free else "does NOT fit"
    trainings = f"{run.trainings} trainings; the first: " if run.trainings > 1 else ""
    digits = 10 ** max(0, int(math.log10(max(1, run.tokens))) - 2)
    tokens = round(run.tokens / digits) * digits
    return (
        f"plan of {run.recipe}: prepare → evaluate base → train → evaluate tuned → report\n"
        f"model     {run.model}, {run.parameters:,} parameters, {run.method} in {run.dtype}\n"
        f"rows      {rows}; {run.truncated_rows:,} cut\n"
        f"training  {trainings}{run.steps:,} steps, about {tokens:,} tokens\n"
        f"time      about {duration(run.estimated_training_seconds)} for training, "
        "from this machine's matrix speed\n"
        f"memory    about {needed / 2**30:.1f} GiB of {free / 2**30:.0f} GiB free "
        f"on the {run.memory_of}: {fits}\n"
        "Nothing was written."
    )
