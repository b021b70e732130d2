"""Training at a hosted service: upload, one job, watching it, its results; cancelling."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from medtune.errors import RecipeError, RunError
from medtune.files import whole_directory, write_json
from medtune.hosted.job import (
    JobState,
    Service,
    cancel,
    create_once,
    find_job,
    read_state,
    state_for,
    upload,
)
from medtune.hosted.quote import endpoint_of, state_file
from medtune.hosted.request import JobRequest, write_job_request
from medtune.hosted.watch import JobGoneError, fetch_rows, follow, write_results
from medtune.models.interface import SETTINGS_FILE, InferenceSettings
from medtune.models.open import EndpointRef
from medtune.progress import say
from medtune.recipe.schema import Endpoint, Recipe
from medtune.report.loss_plots import write_loss_files
from medtune.run_paths import RunPaths
from medtune.training.callbacks import MetricsRow

if TYPE_CHECKING:
    from openai.types.fine_tuning import FineTuningJob


def train_hosted(recipe: Recipe, run: RunPaths) -> None:
    """Write model/ and train/ from a hosted job, continuing one that an earlier run started."""
    path, endpoint = state_file(run), endpoint_of(recipe)
    request = write_job_request(recipe, run.data, run.train / "hosted")
    state = state_for(path, request.identity, endpoint.base_url)
    service = Service.open(endpoint)
    if state.job is None or not state.is_alive:
        _start(service, request, state, path)
    job, seen = _watch_to_end(service, recipe, run, state)
    rows = fetch_rows(service, job, seen)
    write_results(run.train, job, rows, request, recipe.train.hosted.usd_per_million_tokens)
    write_loss_files(run)
    model = recipe.model
    tuned = EndpointRef(
        str(job.fine_tuned_model),
        endpoint,
        model.prompt,
        recipe.data.system_prompt,
        model.chat_template,
    )
    with whole_directory(run.model) as directory:
        tuned.write(directory)
        settings = InferenceSettings.of(recipe, base=recipe.model.name)
        write_json(directory / SETTINGS_FILE, settings.as_json())


def _start(service: Service, request: JobRequest, state: JobState, path: Path) -> None:
    if not state.agreed:
        raise RunError(
            "nobody agreed to this job", where=str(path), fix="Run it again from the start."
        )
    state.job = state.status = None
    upload(service, request, state, path)
    create_once(service, request, state, path)


def _watch_to_end(
    service: Service, recipe: Recipe, run: RunPaths, state: JobState
) -> tuple["FineTuningJob", list[MetricsRow]]:
    """The succeeded job and its logged rows. Raises ``RunError`` where it ended otherwise."""
    path, job_id = state_file(run), str(state.job)
    say(f"hosted training: job {job_id} at {service.endpoint.base_url}")
    try:
        job, rows = follow(
            service, job_id, recipe.train.hosted.poll_seconds, run.train / "metrics.jsonl"
        )
    except JobGoneError:
        state.status = "vanished"
        state.end()
        state.save(path)
        raise
    except (KeyboardInterrupt, SystemExit):
        root = shlex.quote(str(run.root))
        print(
            f"\njob {job_id} goes on at the service. To go on watching: medtune run {root}\n"
            f"To cancel it: medtune train {root} --cancel",
            file=sys.stderr,
        )
        raise
    state.status = job.status
    if job.status != "succeeded" or not job.fine_tuned_model:
        state.end()
        state.save(path)
        raise _unsuccessful(job, service.endpoint)
    state.save(path)
    return job, rows


def _unsuccessful(job: "FineTuningJob", endpoint: Endpoint) -> RunError:
    error = job.error
    reason = f" ({error.code}: {error.message})" if error and error.code else ""
    field = f" Its field: {error.param}." if error and error.param else ""
    outcome = "ended without a model" if job.status == "succeeded" else job.status
    return RunError(
        f"job {job.id} {outcome}{reason}",
        where=endpoint.base_url,
        fix=f"The same command starts a new one, after asking.{field}",
    )


def cancel_run(recipe: Recipe, root: Path) -> tuple[str, str]:
    """Cancel the job of the run at ``root``; its id and its new status.

    Raises ``RecipeError`` where there is no job.
    """
    path = state_file(RunPaths(root))
    state = read_state(path)
    endpoint = endpoint_of(recipe)
    if state is None:
        raise RecipeError(
            "there is no job of this run",
            where=str(root),
            fix="Name the run's directory: --out DIR.",
        )
    service = Service.open(endpoint.model_copy(update={"base_url": state.base_url}))
    job_id = state.job
    if not state.is_alive or job_id is None:
        # Created, and interrupted before its id was written.
        job = find_job(service, state.identity)
        if job is None:
            raise RecipeError("there is no job of this run to cancel", where=str(path))
        job_id = job.id
    status = cancel(service, job_id)
    state.job, state.status = job_id, status
    if status == "cancelled":
        state.end()
    state.save(path)
    return job_id, status
