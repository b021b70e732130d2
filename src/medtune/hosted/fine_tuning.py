"""The model of a run trained by a hosted service: the job, watched to its end, its results, and
cancelling it.
"""

import shlex
import sys
from pathlib import Path
from typing import Any

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
from medtune.hosted.request import Offer, make_offer
from medtune.hosted.results import fetch_rows, write_results
from medtune.hosted.watch import JobGoneError, follow
from medtune.models.inference_settings import use_of
from medtune.models.open import EndpointRef
from medtune.progress import say
from medtune.recipe.schema import Endpoint, Recipe
from medtune.report.loss_plots import write_loss_files
from medtune.run_paths import RunPaths
from medtune.runs.plan import Plan


def train_hosted(plan: Plan, run: RunPaths) -> None:
    """model/ and train/ of a hosted job: upload, one job, watching, results.

    Goes on where an earlier run stopped.
    """
    recipe, path = plan.recipe, state_file(run)
    endpoint = endpoint_of(recipe)
    offer = make_offer(recipe, run.data, run.train / "hosted")
    state = state_for(path, offer.identity, endpoint.base_url)
    service = Service.open(endpoint)
    if state.job is None or not state.is_alive:
        _start(service, offer, state, path)
    job, seen = _watched(service, plan, run, state)
    rows = fetch_rows(service, job, seen)
    write_results(run.train, job, rows, offer, recipe.train.hosted.usd_per_million_tokens)
    write_loss_files(run)
    model = recipe.model
    tuned = EndpointRef(
        str(job.fine_tuned_model),
        endpoint,
        model.prompt,
        recipe.data.system_prompt,
        model.chat_template,
    )
    with whole_directory(run.model) as place:
        tuned.write(place)
        write_json(place / "medtune.json", use_of(recipe) | {"base": recipe.model.name})


def _start(service: Service, offer: Offer, state: JobState, path: Path) -> None:
    if not state.agreed:
        raise RunError(
            "nobody agreed to this job", where=str(path), fix="Run it again from the start."
        )
    state.job = state.status = None
    upload(service, offer, state, path)
    create_once(service, offer, state, path)


def _watched(
    service: Service, plan: Plan, run: RunPaths, state: JobState
) -> tuple[Any, list[dict[str, Any]]]:
    """The job as it succeeded, and the rows of its events.

    Raises ``RunError`` where it came to nothing.
    """
    path, job_id = state_file(run), str(state.job)
    say(f"hosted training: job {job_id} at {service.endpoint.base_url}")
    try:
        job, rows = follow(
            service, job_id, plan.recipe.train.hosted.poll_seconds, run.train / "metrics.jsonl"
        )
    except JobGoneError:
        state.status = "vanished"
        state.end()
        state.save(path)
        raise
    except (KeyboardInterrupt, SystemExit):
        where = shlex.quote(str(run.root))
        print(
            f"\njob {job_id} goes on at the service. To go on watching: medtune run {where}\n"
            f"To cancel it: medtune train {where} --cancel",
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


def _unsuccessful(job: Any, endpoint: Endpoint) -> RunError:
    error = job.error
    said = f" ({error.code}: {error.message})" if error and error.code else ""
    field = f" Its field: {error.param}." if error and error.param else ""
    return RunError(
        f"job {job.id} {'ended without a model' if job.status == 'succeeded' else job.status}{said}",
        where=endpoint.base_url,
        fix=f"The same command starts a new one, after asking.{field}",
    )


def cancel_run(recipe: Recipe, root: Path) -> tuple[str, str]:
    """Cancel the job of the run at ``root``; its id and its status then.

    A watching process sees it end.

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
    job = state.job
    if not state.is_alive or job is None:
        found = find_job(service, state.identity)  # made, and interrupted before its id was written
        if found is None:
            raise RecipeError("there is no job of this run to cancel", where=str(path))
        job = found.id
    status = cancel(service, job)
    state.job, state.status = job, status
    if status == "cancelled":
        state.end()
    state.save(path)
    return job, status
