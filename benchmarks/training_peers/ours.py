"""medtune's own training of the benchmark's rows, through the classes that `medtune train` uses.

PYTHON ours.py ours-fp32|ours-bf16 JOB.json SCRATCH
"""

import sys
from pathlib import Path

import numpy as np
import torch
from job import ALPHA, LEARNING_RATE, RANK, SEED, Clock, Job

from medtune.models.adapters import add_lora
from medtune.models.load import load_weights, locate
from medtune.models.onednn_linear import disable_dropout
from medtune.models.packed_attention import PACKED_ATTENTION, register_packed_attention
from medtune.recipe.schema import Lora, Train
from medtune.tokens.encode import Encoded
from medtune.training.trainer import SupervisedTrainer, rows_of_step


def main() -> None:
    """Command line."""
    name, path, scratch = sys.argv[1:]
    job = Job.read(path)
    register_packed_attention()
    model = load_weights(
        locate(job.model),
        torch.bfloat16 if name.endswith("bf16") else torch.float32,
        PACKED_ATTENTION,
    )
    if job.method == "lora":
        model = add_lora(model, Lora(r=RANK, alpha=ALPHA, dropout=0.0), SEED)
    else:
        disable_dropout(
            model
        )  # medtune's full training keeps the architecture's; curves are compared without
    settings = Train(
        method=job.method,
        learning_rate=LEARNING_RATE,
        schedule="constant",
        warmup=0.0,
        weight_decay=0.0,
        betas=(0.9, 0.999),  # as the Trainer has them
        batch_size=job.batch_size,
        gradient_accumulation=job.accumulation,
        max_steps=job.all_steps,
    )
    rows = before_shuffling(job, settings)
    trainer = SupervisedTrainer(model, settings, SEED, rows, [], Path(scratch), "benchmark")
    model.train()
    clock = Clock(job.warmup)
    for _ in range(job.all_steps):
        before = trainer.state.tokens
        clock.start()
        loss = trainer.step().loss
        clock.stop(trainer.state.tokens - before)
        clock.losses.append(loss)
    clock.report()


def before_shuffling(job: Job, settings: Train) -> list[Encoded]:
    """The rows laid so that the trainer, which draws its order from the seed, takes them in the
    job's order.
    """
    size, count = settings.batch_size * settings.gradient_accumulation, len(job.rows)
    order = [
        row
        for step in range(-(-count // size))
        for row in rows_of_step(step, count, settings, SEED)
    ]
    laid = dict(zip(order, job.rows, strict=True))
    return [
        Encoded("row", np.array(ids), np.arange(len(ids)) >= prompt)
        for ids, prompt in map(laid.get, range(count))
    ]


if __name__ == "__main__":
    main()
