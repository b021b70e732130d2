"""A job at a hosted service: upload, creation exactly once, cancelling."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from medtune.errors import DataError, RunError
from medtune.files import read_json, write_json
from medtune.hosted.request import JobRequest
from medtune.models.openai_client import open_client, translate_errors
from medtune.progress import say
from medtune.recipe.schema import Endpoint


@dataclass
class JobState:
    """``identity`` of what is sent, whether a person agreed to it, ids of files (by split) and
    job, last status seen.

    ``ended`` are jobs of the same identity that failed, were cancelled or vanished. The key is not
    here.
    """

    identity: str
    base_url: str
    agreed: bool = False
    files: dict[str, str] = field(default_factory=dict)
    job: str | None = None
    status: str | None = None
    ended: list[str] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write the state to ``path``, whole or not at all."""
        write_json(path, asdict(self))

    def end(self) -> None:
        """The job came to nothing: a further one needs a person's word again."""
        if self.job and self.job not in self.ended:
            self.ended.append(self.job)
        self.agreed = False

    @property
    def is_alive(self) -> bool:
        """Whether there is a job that may still train, or has trained."""
        return self.job is not None and self.job not in self.ended


def read_state(path: Path) -> JobState | None:
    """The state in a file, if there is one."""
    return JobState(**read_json(path)) if path.exists() else None


def state_for(path: Path, identity: str, base_url: str) -> JobState:
    """The state of this very job: as far as it got, or new.

    One of other data or settings is left behind.
    """
    state = read_state(path)
    if state and (state.identity, state.base_url) == (identity, base_url):
        return state
    return JobState(identity, base_url)


class HasId(Protocol):
    """An object of a list."""

    id: str


T = TypeVar("T", bound=HasId)
LIMIT = 100


def newest_first(page: Callable[..., Any], known: set[str]) -> Iterator[T]:
    """Objects of ``page(limit=…, after=…)`` that are not ``known`` yet, and then are.

    Ends where the service says so, at the first known object, and where a server ignores ``after``
    and would send the same page for ever.
    """
    after: dict[str, str] = {}
    while True:
        answer = page(limit=LIMIT, **after)
        fresh = [item for item in answer.data if item.id not in known]
        known.update(item.id for item in fresh)
        yield from fresh
        if not fresh or len(fresh) < len(answer.data) or answer.has_more is False:
            return
        after = {"after": answer.data[-1].id}


if TYPE_CHECKING:
    import openai
    from openai.types.fine_tuning import FineTuningJob

MARK = "medtune_job"  # key of a job's metadata
LONGEST_PAUSE = 120.0


@dataclass(frozen=True)
class Service:
    """A service and the client that speaks with it."""

    endpoint: Endpoint
    client: "openai.OpenAI"

    @classmethod
    def open(cls, endpoint: Endpoint) -> "Service":
        """Raises ``ModelError`` where there is no key."""
        return cls(endpoint, open_client(endpoint))


def upload(service: Service, request: JobRequest, state: JobState, path: Path) -> None:
    """Send the files that are not there yet; each id is kept at once."""
    for split, file in request.files.items():
        if split in state.files:
            continue
        say(f"uploading {file.name}: {file.stat().st_size:,} bytes to {service.endpoint.base_url}")
        with open(file, "rb") as handle, translate_errors(service.endpoint, "upload of files"):
            name = f"{request.parameters['suffix']}-{file.name}"
            uploaded = service.client.files.create(
                file=(name, handle, "application/jsonl"), purpose="fine-tune"
            )
        if uploaded.status == "error":
            raise DataError(
                f"the service refused the file: {uploaded.status_details}", where=str(file)
            )
        state.files[split] = uploaded.id
        state.save(path)


def find_job(service: Service, identity: str) -> "FineTuningJob | None":
    """The job made from this data and these parameters, if it trains or has trained."""
    with translate_errors(service.endpoint, "list of jobs"):
        jobs: Any = newest_first(service.client.fine_tuning.jobs.list, set())
        return next((job for job in jobs if _is_same(job, identity)), None)


def _is_same(job: "FineTuningJob", identity: str) -> bool:
    return (job.metadata or {}).get(MARK) == identity and job.status not in ("failed", "cancelled")


def create_once(service: Service, request: JobRequest, state: JobState, path: Path) -> None:
    """The job's id in ``state``: of one that is there already, or of a new one.

    The client's own repetitions are off, for one that went through unanswered would make a second
    job. After every failure the list is asked first. Raises ``RunError`` where it stays open
    whether there is a job.
    """
    existing = find_job(service, request.identity)
    if existing:
        say(f"job {existing.id} was made of these very data and settings: no second one")
    job = existing or _create(service, request, state, path)
    state.job, state.status = job.id, job.status
    state.save(path)


def _create(service: Service, request: JobRequest, state: JobState, path: Path) -> "FineTuningJob":
    import openai

    # A client of its own: a copy by `with_options` would no longer check that an answer has all its
    # fields.
    jobs = open_client(service.endpoint.model_copy(update={"max_retries": 0})).fine_tuning.jobs
    fields = {"train": "training_file", "validation": "validation_file"}
    files: dict[str, Any] = {fields[split]: file_id for split, file_id in state.files.items()}
    for attempt in range(service.endpoint.max_retries + 1):
        try:
            return jobs.create(**request.parameters, **files, metadata={MARK: request.identity})
        except openai.APIResponseValidationError as error:
            return _created_but_unread(service, request, error)
        except (openai.APIConnectionError, openai.APIStatusError) as error:
            failure = error
        job = find_job(service, request.identity) if _is_open(failure) else None
        if job:
            return job
        if not isinstance(failure, openai.APIStatusError):
            raise _unknown_whether_made(service)
        if not _is_open(failure) or attempt == service.endpoint.max_retries:
            break
        say(f"the service answers {failure.status_code}: asking again")
        time.sleep(_pause(failure.response.headers.get("retry-after"), attempt))
    if failure.param in ("training_file", "validation_file"):
        state.files.clear()  # gone there, or refused: sent anew the next time
        state.save(path)
    with translate_errors(service.endpoint, f"model {request.model} to fine-tune"):
        raise failure


def _created_but_unread(
    service: Service, request: JobRequest, error: "openai.APIResponseValidationError"
) -> "FineTuningJob":
    """The job that a malformed answer speaks of, as the list names it.

    Raises ``ModelError`` where it is not there.
    """
    job = find_job(service, request.identity)
    if job is None:
        with translate_errors(service.endpoint, "job"):
            raise error
    return job


def _is_open(failure: "openai.APIError") -> bool:
    """Whether the job may have been made all the same, or can be made a moment later."""
    status = getattr(failure, "status_code", 500)
    return status in (408, 409, 429) or status >= 500


def _unknown_whether_made(service: Service) -> RunError:
    return RunError(
        "the connection broke off while the job was made, and the service lists none yet",
        where=service.endpoint.base_url,
        fix="The same command looks for it again before it makes one.",
    )


def _pause(retry_after: str | None, attempt: int) -> float:
    """Seconds that the service asks for, else growing ones."""
    try:
        seconds = float(retry_after or "")
    except ValueError:
        seconds = 0.5 * 2**attempt
    return float(min(max(0.0, seconds), LONGEST_PAUSE))


def cancel(service: Service, job: str) -> str:
    """Cancel a job; its status afterwards.

    Raises where it has ended already (the service says so).
    """
    with translate_errors(service.endpoint, f"job {job}"):
        return service.client.fine_tuning.jobs.cancel(job).status
