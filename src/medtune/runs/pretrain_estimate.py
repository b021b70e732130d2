"""`pretrain --dry-run`: documents, steps, memory and time of a pre-training, from the size of its
text and a short measurement.
"""

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from medtune.evaluation.results import Result
from medtune.models.load import load_weights, locate
from medtune.models.precision import compute_dtype
from medtune.progress import say
from medtune.recipe.schema import PretrainRecipe
from medtune.runs.estimate import LOADED_HERE, LOADED_ON_GPU, UTILISATION, machine_load, matrix_peak
from medtune.runs.estimated_times import (
    MachineLoad,
    StageTime,
    TimeRange,
    rounded,
    source_text,
    widening,
)
from medtune.runs.measured_speed import TRAINING_LIMIT
from medtune.runs.step_times import TrainingTimes, training_times
from medtune.training.corpus import TokenizedCorpus, read_corpus
from medtune.training.memory_estimate import available_bytes, resident_bytes
from medtune.training.pretraining import HELD_OUT_SAMPLE, BlockBatch, Pretrainer, new_model

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BYTES_PER_TOKEN = 4.0  # of English under a vocabulary of some thousand tokens
BEGIN, END = 0, 1  # any two ids: only shapes count


class PretrainEstimate(Result):
    """A pre-training in numbers: memory in bytes, time in seconds. The training of a tokenizer and
    the tokenizing are not in it.
    """

    recipe: str
    documents: int
    bytes: int
    parameters: int
    tokens: int
    steps: int
    estimated_memory_bytes: int
    load: MachineLoad
    time_from: Literal["measured", "shapes"]
    stages: list[StageTime]
    seconds: TimeRange


def estimate_pretraining(recipe: PretrainRecipe, path: Path) -> PretrainEstimate:
    """What a pre-training needs; nothing is written."""
    load, began = machine_load(), time.perf_counter()
    documents = read_corpus(path, recipe.corpus)
    reading = time.perf_counter() - began
    size = sum(len(document.text.encode()) for document in documents)
    train, whole = recipe.train, size / BYTES_PER_TOKEN
    tokens = int(whole * (1 - recipe.corpus.held_out) * train.epochs)
    steps = max(1, min(tokens // train.batch_tokens, train.max_steps or tokens))
    shape, dtype = recipe.model, compute_dtype(train.dtype)
    layer = 4 * shape.width**2 + 3 * shape.width * shape.feed_forward
    parameters = shape.vocabulary * shape.width + shape.layers * layer
    # Activations: about 34 widths a layer and token (Korthikanti et al. 2022, arXiv:2205.05198,
    # halves counted).
    activations = 17 * dtype.itemsize * train.batch_tokens * shape.layers * shape.width
    memory = resident_bytes() + 18 * parameters + activations
    limit = LOADED_ON_GPU if torch.cuda.is_available() else LOADED_HERE
    measured = 4 * parameters <= limit and memory <= available_bytes() + resident_bytes()
    times = _measured(recipe) if measured else _from_shapes(parameters, dtype)
    checks = -(-steps // train.save_every) * HELD_OUT_SAMPLE * shape.context
    seconds = {
        "read": reading,
        "train": steps * (train.batch_tokens * times.token + times.step)
        + checks * times.validation_token,
        "held-out": whole * recipe.corpus.held_out * times.validation_token,
    }
    factors = widening(load, measured=measured)
    ranges = {name: TimeRange.of(value).widened(*factors) for name, value in seconds.items()}
    return PretrainEstimate(
        recipe=recipe.name,
        documents=len(documents),
        bytes=size,
        parameters=parameters,
        tokens=steps * train.batch_tokens,
        steps=steps,
        estimated_memory_bytes=memory,
        load=load,
        time_from="measured" if measured else "shapes",
        stages=[StageTime(stage=name, seconds=value) for name, value in ranges.items()],
        seconds=sum(ranges.values(), TimeRange.of(0.0)),
    )


def _from_shapes(parameters: int, dtype: torch.dtype) -> TrainingTimes:
    token = 2 * parameters / (UTILISATION * matrix_peak(dtype))
    return TrainingTimes(3 * token, token, 0.0)


def _measured(recipe: PretrainRecipe) -> TrainingTimes:
    """With random tokens in the recipe's model, not compiled."""
    say("measuring this machine's speed: a few steps of the model on random tokens are timed")
    plain = recipe.model_copy(update={"train": recipe.train.model_copy(update={"compile": False})})
    model = _model(recipe)
    draw = np.random.default_rng(recipe.seed)
    size = int(model.config.vocab_size)
    with tempfile.TemporaryDirectory() as directory:
        corpus = TokenizedCorpus(np.zeros(recipe.train.batch_tokens + 2, np.uint16), [], "")
        trainer = Pretrainer(plain, model, corpus, Path(directory))

        def batch_of(_: int, rows: int) -> BlockBatch:
            return BlockBatch(
                torch.from_numpy(draw.integers(size, size=(rows, trainer.context + 1)))
            )

        return training_times(trainer, batch_of, trainer.rows, TRAINING_LIMIT)


def _model(recipe: PretrainRecipe) -> "PreTrainedModel":
    if recipe.model.continue_from:
        dtype = compute_dtype(recipe.train.dtype)
        return load_weights(locate(recipe.model.continue_from), dtype, "sdpa")
    special = {"bos_token_id": BEGIN, "eos_token_id": END, "pad_token_id": END}
    return new_model(recipe, recipe.model.vocabulary, special)


def pretraining_text(run: PretrainEstimate) -> str:
    """The estimate in lines for people."""
    return "\n".join(
        [
            f"plan of {run.recipe}: read → tokenize → train → held-out figures → base model",
            f"text      {run.documents:,} documents, {run.bytes:,} bytes",
            f"model     about {run.parameters:,} parameters",
            f"training  {run.steps:,} steps, about {rounded(run.tokens):,.0f} tokens",
            f"time      {run.seconds.text()}, {source_text(run.time_from, run.load)}",
            *(f"          {stage.stage:<10}{stage.seconds.text()}" for stage in run.stages),
            "          the training of a tokenizer and the tokenizing come on top",
            f"memory    about {run.estimated_memory_bytes / 2**30:.1f} GiB",
            "Nothing was written.",
        ]
    )
