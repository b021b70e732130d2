"""What a finished job leaves: the loss curve from its result file, and figures under the names
of local training.
"""

import base64
import binascii
import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtune.errors import MedtuneError
from medtune.files import whole_file, write_json, write_text
from medtune.hosted.job import Service
from medtune.hosted.request import JobRequest
from medtune.hosted.watch import metrics_row
from medtune.models.openai_client import translate_errors
from medtune.progress import say
from medtune.training.callbacks import MetricsRow

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
) -> dict[str, Any]:
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
