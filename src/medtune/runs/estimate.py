"""`--dry-run`: rows, steps, memory and time of a run, before a weight is loaded.

An estimate, and said to be one.
"""

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from medtune.hosted.quote import hosted_estimate, hosted_text
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


def parameter_count(plan: Plan) -> int:
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


def estimate(recipe: Recipe, data_dir: Path | None) -> dict[str, Any]:
    """The plan of a run in numbers; nothing is written."""
    plan = Plan.make(recipe, data_dir)
    precheck(plan)
    if recipe.train.method == "hosted":
        return hosted_estimate(plan, Path("runs") / recipe.name)
    with prepared_data(plan, Path("runs") / recipe.name) as (audit, data):
        lengths = audit["tokens"]
        memory = memory_from_splits(plan, data)
    rows = audit["splits"]["train"]["rows"] - lengths["overlong_dropped"]
    steps = steps_of(recipe.train, rows)
    # An epoch's last step takes what is left of the rows, so tokens are counted by epochs, not by
    # full steps.
    epochs = steps / math.ceil(
        rows / (recipe.train.batch_size * recipe.train.gradient_accumulation)
    )
    tokens = int(epochs * (lengths["splits"]["train"]["tokens"] - lengths["truncated_tokens"]))
    parameters, dtype = parameter_count(plan), compute_dtype(recipe.model.dtype)
    seconds = (
        (6 if recipe.train.method == "full" else 4)
        * parameters
        * tokens
        / (UTILISATION * matrix_peak(dtype))
    )
    return {
        "recipe": recipe.name,
        "model": plan.base.name,
        "parameters": parameters,
        "method": recipe.train.method,
        "dtype": str(dtype).removeprefix("torch."),
        "rows": {name: facts["rows"] for name, facts in audit["splits"].items()},
        "dropped": audit["dropped"],
        "truncated_rows": lengths["truncated_rows"],
        "steps": steps,
        "tokens": tokens,
        "trainings": 1 + len(repeats_of(recipe)),
        "estimated_training_seconds": seconds
        * (1 + sum(repeat.fraction for repeat in repeats_of(recipe))),
        "estimated_memory_bytes": memory.total,
        "memory_parts": asdict(memory),
        "available_memory_bytes": available_bytes() + memory.process,
        "memory_of": "GPU" if torch.cuda.is_available() else "machine",
    }


def _times(trainings: int) -> str:
    return f"{trainings} trainings; the first: " if trainings > 1 else ""


def estimate_text(facts: dict[str, Any]) -> str:
    """The plan in words."""
    if facts["method"] == "hosted":
        return hosted_text(facts)
    rows = ", ".join(f"{name} {count:,}" for name, count in facts["rows"].items())
    fits = (
        "fits"
        if facts["estimated_memory_bytes"] < facts["available_memory_bytes"]
        else "does NOT fit"
    )
    digits = 10 ** max(0, int(math.log10(max(1, facts["tokens"]))) - 2)
    return (
        f"plan of {facts['recipe']}: prepare → evaluate base → train → evaluate tuned → report\n"
        f"model     {facts['model']}, {facts['parameters']:,} parameters, {facts['method']} in {facts['dtype']}\n"
        f"rows      {rows}; {facts['truncated_rows']:,} cut\n"
        f"training  {_times(facts['trainings'])}{facts['steps']:,} steps, about {round(facts['tokens'] / digits) * digits:,} tokens\n"
        f"time      about {duration(facts['estimated_training_seconds'])} for training, from this machine's matrix speed\n"
        f"memory    about {facts['estimated_memory_bytes'] / 2**30:.1f} GiB of {facts['available_memory_bytes'] / 2**30:.0f} GiB free on the {facts['memory_of']}: {fits}\n"
        "Nothing was written."
    )
