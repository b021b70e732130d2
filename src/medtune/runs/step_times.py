"""Seconds of a model's real steps, from growing samples within a time limit: likelihoods, answers,
and forward and backward passes with their optimizer step.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from medtune.models.interface import (
    LanguageModel,
    choice_loglikelihoods,
    choices_with_ends,
    conversation_loglikelihoods,
)
from medtune.runs.workload import ModelCall
from medtune.training.trainer import Trainer

Request = TypeVar("Request")
Clock = Callable[[], float]
CHARACTERS_PER_TOKEN = 4  # of English: how much of a long prompt a model's context can hold
FIRST_TOKENS = 4  # of the first measured answers; then twice as many, as time allows


@dataclass(frozen=True)
class AnswerTimes:
    """Seconds of a batch of answers: ``prompt`` to the first token, ``token`` of a further one."""

    prompt: float
    token: float

    def batch(self, tokens: float) -> float:
        """Seconds of a batch whose longest answer has so many tokens."""
        return self.prompt + self.token * max(0.0, tokens - 1)


@dataclass(frozen=True)
class TrainingTimes:
    """Seconds of a trained token, of a validated one, and of an optimizer step's own work."""

    token: float
    validation_token: float
    step: float


def timed(work: Callable[[], Any], clock: Clock = time.perf_counter) -> float:
    """Seconds of ``work``, with what a GPU still has to do."""
    began = clock()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return clock() - began


def spread(requests: Sequence[Request], sizes: Sequence[int], count: int) -> list[int]:
    """Numbers of ``count`` requests, evenly spread over their sizes."""
    order = sorted(range(len(requests)), key=lambda i: sizes[i])
    return [order[int((n + 0.5) * len(order) / count)] for n in range(count)]


def total_seconds(
    work: Callable[[list[Request]], Any],
    requests: Sequence[Request],
    sizes: Sequence[int],
    limit: float,
    clock: Clock = time.perf_counter,
) -> float:
    """Seconds for all requests, in proportion to their ``sizes``; 0 of none.

    Samples grow while ``limit`` seconds allow it; the largest counts. The first is one request, and
    so the model's first.
    """
    count, began = min(1, len(requests)), clock()
    while count:
        chosen = spread(requests, sizes, count)
        seconds = timed(lambda: work([requests[i] for i in chosen]), clock)  # noqa: B023
        if count == len(requests):
            return seconds
        left = limit - (clock() - began)
        if 2 * seconds > left:
            return seconds * sum(sizes) / max(1, sum(sizes[i] for i in chosen))
        count = min(len(requests), count * (4 if 4 * seconds < left else 2))
    return 0.0


def answer_times(
    generate: Callable[[list[Request], int], int],
    requests: Sequence[Request],
    sizes: Sequence[int],
    batch: int,
    limit: float,
    most: int,
    clock: Clock = time.perf_counter,
) -> AnswerTimes:
    """Seconds of a full batch. ``generate`` answers with at most so many tokens and returns the
    tokens of the longest answer.

    A batch that would take longer than ``limit`` is measured with fewer prompts and scaled up.
    """
    began, full = clock(), min(batch, len(requests))
    one = [requests[i] for i in spread(requests, sizes, 1)]
    first = timed(lambda: generate(one, 1), clock)
    count = max(1, min(full, int(limit / 4 / max(first, 1e-9))))
    rows, scale = [requests[i] for i in spread(requests, sizes, count)], full / count
    first, tokens, step = timed(lambda: generate(rows, 1), clock), min(FIRST_TOKENS, most), 0.0
    while tokens > 1:
        lengths: list[int] = []
        seconds = timed(lambda: lengths.append(generate(rows, tokens)), clock)  # noqa: B023
        step = max(0.0, seconds - first) / max(1, lengths[0] - 1)
        if lengths[0] < tokens or tokens == most or 2 * seconds > limit - (clock() - began):
            break
        tokens = min(most, 2 * tokens)
    return AnswerTimes(first * scale, step * scale)


def call_sizes(call: ModelCall, context: int) -> list[int]:
    """Characters that the model reads for each request of a call."""
    longest = CHARACTERS_PER_TOKEN * context

    def size(request: Any) -> int:
        if isinstance(request, str):
            return len(request)
        if call.decoding:
            return min(longest, sum(len(message.content) for message in request))
        messages, answers = request
        read = min(longest, sum(len(message.content) for message in messages))
        return read + sum(map(len, [answers] if isinstance(answers, str) else answers))

    return [max(1, size(request)) for request in call.requests]


def compute_likelihoods(model: LanguageModel, method: str, requests: list[Any]) -> Any:
    """The likelihoods of this name, as tasks ask for them."""
    if method == "conversation_loglikelihoods":
        answers = model.loglikelihoods(requests) if not hasattr(model, method) else []
        return conversation_loglikelihoods(model, requests, answers)
    functions: dict[str, Callable[[list[Any]], Any]] = {
        "loglikelihoods": model.loglikelihoods,
        "text_loglikelihoods": model.text_loglikelihoods,
        "choice_loglikelihoods": lambda part: choice_loglikelihoods(model, part),
        "choices_with_ends": lambda part: choices_with_ends(model, part),
    }
    return functions[method](requests)


def training_times(
    trainer: Trainer,
    batch_of: Callable[[int, int], Any],
    rows: int,
    limit: float,
    clock: Clock = time.perf_counter,
) -> TrainingTimes:
    """Forward and backward passes of up to ``rows`` rows and optimizer steps, which change the
    model's weights.

    ``batch_of(number, rows)`` gives batches. The first pass, of one row, tells how many rows fit
    the limit; then the median of up to four counts. The first optimizer step, for which torch loads
    its compiler, does not count.
    """
    trainer.model.train()
    one = batch_of(0, 1)
    _backward(trainer, one)
    _optimize(trainer, one.supervised)
    began = clock()
    first = timed(lambda: _backward(trainer, one), clock)
    rows = max(1, min(rows, int(limit / 6 / max(first, 1e-9))))
    rates, steps = [], []
    for number in range(4):
        batch = batch_of(number, rows)
        seconds = timed(lambda: _backward(trainer, batch), clock)  # noqa: B023
        rates.append(seconds / batch.tokens)
        steps.append(timed(lambda: _optimize(trainer, batch.supervised), clock))  # noqa: B023
        if clock() - began + 2 * seconds > limit:
            break
    with torch.no_grad():
        validation = timed(lambda: trainer.loss(batch), clock)
    return TrainingTimes(float(np.median(rates)), validation / batch.tokens, min(steps))


def _backward(trainer: Trainer, batch: Any) -> None:
    loss = trainer.loss(batch)
    loss.backward()
    trainer.weights.collect()
    float(loss.detach())


def _optimize(trainer: Trainer, targets: int) -> None:
    norm = trainer.settings.max_grad_norm
    trainer.weights.step(trainer.schedule(0), max(1, targets), norm, skip_overflow=trainer.half)
