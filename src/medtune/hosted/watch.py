"""A job from its start to its results: status and events as progress, the loss curve at its end.

Events become lines of ``metrics.jsonl``; the result file becomes the figures and files that local
training leaves.
"""

import base64
import binascii
import csv
import io
import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtune.errors import MedtuneError, RunError
from medtune.files import whole_file, write_json, write_text
from medtune.hosted.job import Service, newest_first
from medtune.hosted.request import JobRequest
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


if TYPE_CHECKING:
    from openai.types.fine_tuning import FineTuningJob


def parse_result(raw: bytes) -> list[MetricsRow]:
    """Rows by step from a result file: CSV, plain or in base64.

    Raises ``ValueError`` where it is neither.
    """
    for text in (_text(raw), _text(_decoded(raw))):
        reader = csv.DictReader(io.StringIO(text))
        if reader.fieldnames and "step" in reader.fieldnames:
            rows = [row for values in reader if (row := metrics_row(values))]
            return sorted(rows, key=lambda row: int(row["step"]))
    raise ValueError("neither CSV with a column step nor base64 of one")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8-sig", errors="replace")


def _decoded(raw: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(raw.split()), validate=True)
    except binascii.Error:
        return b""


def fetch_rows(service: Service, job: "FineTuningJob", seen: list[MetricsRow]) -> list[MetricsRow]:
    """The loss curve from the job's result file.

    Where that is not to be had, from the events ``seen``, and says so.

    The model is trained and paid for by now: a missing curve does not undo it.
    """
    if not job.result_files:
        say("the service names no result file: the loss curve is that of the events")
        return seen
    try:
        with translate_errors(service.endpoint, f"result file {job.result_files[0]}"):
            raw = service.client.files.content(job.result_files[0]).content
        rows = parse_result(raw)
    except (MedtuneError, ValueError) as error:
        reason = str(error).splitlines()[0]
        say(f"the result file cannot be read ({reason}): the loss curve is that of the events")
        return seen
    return rows or seen


def write_results(
    directory: Path,
    job: "FineTuningJob",
    rows: list[MetricsRow],
    request: JobRequest,
    price: float,
) -> None:
    """Write metrics.jsonl, loss.csv and trainer_stats.json; ``price`` is in dollars a million."""
    write_text(directory / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    with (
        whole_file(directory / "loss.csv") as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as handle,
    ):
        writer = csv.writer(handle)
        writer.writerow(["Step", "Loss", "Validation loss"])
        writer.writerows(
            [row["step"], row.get("loss", ""), row.get("validation_loss", "")] for row in rows
        )
    write_json(directory / "trainer_stats.json", stats_of(job, rows, request, price))


def stats_of(
    job: "FineTuningJob", rows: list[MetricsRow], request: JobRequest, price: float
) -> dict[str, str | float | None]:
    """Figures with local training's names where they exist.

    What a service does not show (memory, parameters) is absent.

    ``tokens`` are those billed; ``seconds`` run from the job's creation to its end, waiting in the
    queue included.
    """
    chosen = job.method.supervised.hyperparameters if job.method and job.method.supervised else None
    epochs = getattr(chosen, "n_epochs", None) or job.hyperparameters.n_epochs
    passes = epochs if isinstance(epochs, int) else request.epochs
    tokens = request.tokens * passes if job.trained_tokens is None else job.trained_tokens
    seconds = float((job.finished_at or job.created_at) - job.created_at)
    steps = max((row["step"] for row in rows), default=0)
    losses = [row["loss"] for row in rows if "loss" in row]
    validation = [row["validation_loss"] for row in rows if "validation_loss" in row]
    return {
        "steps": steps,
        "tokens": tokens,
        "supervised_tokens": request.learnt_tokens * passes,
        "seconds": seconds,
        "tokens_per_second": tokens / seconds if seconds else 0.0,
        "best_step": 0,
        "best_validation_loss": min(validation, default=None),
        "stopped_early": False,
        "method": "hosted",
        "dtype": "unknown",
        "train_loss": sum(losses) / len(losses) if losses else None,
        "train_runtime": seconds,
        "train_steps_per_second": steps / seconds if seconds else 0.0,
        "trained_tokens": job.trained_tokens,
        "epochs": passes,
        "cost_usd": tokens * price / 1e6,
        "job": job.id,
        "model": job.fine_tuned_model,
    }
