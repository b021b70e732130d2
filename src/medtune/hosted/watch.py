"""Watching a job: its status, its events as progress and as lines of ``metrics.jsonl``."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtune.errors import RunError
from medtune.hosted.job import Service, newest_first
from medtune.models.openai_client import translate_errors
from medtune.progress import Bar, detail, say, track
from medtune.training.callbacks import MetricsLog, MetricsRow

if TYPE_CHECKING:
    from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent

FINAL = ("succeeded", "failed", "cancelled")
# Our names of a service's figures; the first that is there counts.
FIGURES = {
    "loss": ("train_loss",),
    "validation_loss": ("valid_loss", "full_valid_loss"),
    "token_accuracy": ("train_mean_token_accuracy", "train_accuracy"),
    "validation_token_accuracy": ("valid_mean_token_accuracy", "full_valid_mean_token_accuracy"),
}


class JobGoneError(RunError):
    """The service knows a job no longer."""


def metrics_row(values: Mapping[str, Any]) -> MetricsRow | None:
    """One log step as ``{step, loss, …}`` from a service's figures, which may be texts.

    None without a step or figure.
    """
    step = _number(values.get("step"))
    numbers = {
        name: next((n for k in keys if (n := _number(values.get(k))) is not None), None)
        for name, keys in FIGURES.items()
    }
    figures = {name: value for name, value in numbers.items() if value is not None}
    return {"step": int(step), **figures} if step is not None and figures else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def watch(
    service: Service, job_id: str, pause: float
) -> Iterator[tuple["FineTuningJob", list["FineTuningJobEvent"]]]:
    """The job and what is new of its events, oldest first, every ``pause`` seconds until it has
    ended.

    Raises ``JobGoneError`` where the service knows it no longer.
    """
    import openai

    jobs, known = service.client.fine_tuning.jobs, set[str]()
    while True:
        with translate_errors(service.endpoint, f"job {job_id}"):
            try:
                job = jobs.retrieve(job_id)
                events: list[Any] = list(newest_first(partial(jobs.list_events, job_id), known))
            except openai.NotFoundError:
                raise JobGoneError(
                    f"the service no longer knows job {job_id}",
                    where=service.endpoint.base_url,
                    fix="Look in the service's own list; the same command makes a new one, "
                    "after asking.",
                ) from None
        yield job, events[::-1]
        if job.status in FINAL:
            return
        time.sleep(pause)


def follow(
    service: Service, job_id: str, pause: float, log_path: Path
) -> tuple["FineTuningJob", list[MetricsRow]]:
    """Watch to the end; the job as it ended, and its rows by step.

    Every row is in the log as soon as it is known.
    """
    log, rows, status = MetricsLog(log_path, 0), dict[float, MetricsRow](), ""
    with ExitStack() as stack:
        bar: Bar | None = None
        for job, events in watch(service, job_id, pause):
            if job.status != status:
                status = job.status
                say(f"job {job_id}: {status.replace('_', ' ')}")
            for row in sorted(_rows(events), key=lambda row: int(row["step"])):
                rows[row["step"]] = rows.get(row["step"], {}) | row
                log.write(row)
            bar = bar or _bar(stack, events)
            if bar and rows:
                _show(bar, rows[max(rows)])
        return job, [rows[step] for step in sorted(rows)]


def _rows(events: list["FineTuningJobEvent"]) -> Iterator[MetricsRow]:
    """Rows of the events that hold figures.

    The others are told: warnings to all, the rest to who wants detail.
    """
    for event in events:
        row = metrics_row(event.data) if isinstance(event.data, Mapping) else None
        if row:
            yield row
        else:
            (detail if event.level == "info" else say)(f"  {event.level}: {event.message}")


def _bar(stack: ExitStack, events: list["FineTuningJobEvent"]) -> Bar | None:
    """A bar as soon as an event tells of how many steps there are."""
    totals = (event.data.get("total_steps") for event in events if isinstance(event.data, Mapping))
    total = next((number for value in totals if (number := _number(value))), None)
    return stack.enter_context(track("hosted training", total, "steps")) if total else None


def _show(bar: Bar, row: MetricsRow) -> None:
    note = f"loss {row['loss']:.3f}" if "loss" in row else None
    bar.advance(max(0, row["step"] - bar.done), note)
