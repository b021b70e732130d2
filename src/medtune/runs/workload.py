"""What the tasks of a recipe ask of a model, recorded without computing anything: prompts, texts
and answers, with the seconds that scoring them takes.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from medtune.errors import MedtuneError
from medtune.evaluation.evaluate import Job, score
from medtune.evaluation.tasks import task_of
from medtune.models.cache import CachedModel
from medtune.models.interface import (
    ChoiceLikelihoods,
    ChoiceRequest,
    DecodingSettings,
    Generated,
    Likelihood,
    Messages,
    Progress,
)
from medtune.progress import say, without_progress

NAME = "workload"


@dataclass(frozen=True)
class ModelCall:
    """Requests of one kind: ``method`` is that of the model; ``decoding`` of answers alone."""

    method: str
    requests: Sequence[Any]
    decoding: DecodingSettings | None = None

    @property
    def kind(self) -> tuple[str, DecodingSettings | None]:
        """Calls of one kind differ in their requests and their seeds alone."""
        return self.method, self.decoding and replace(self.decoding, seed=0)


@dataclass(frozen=True)
class ForeseenJob:
    """A job of a run, what to call it, and whether it is done before and after training."""

    job: Job
    label: str
    before: bool = True
    after: bool = True
    arm: bool = False


@dataclass(frozen=True)
class TaskWorkload:
    """All that one job asks, and how long its scores take without a model.

    ``similarities``: answers that an encoder compares with their references.
    """

    foreseen: ForeseenJob
    items: int
    calls: Sequence[ModelCall]
    scoring_seconds: float = 0.0
    similarities: int = 0

    @property
    def answers(self) -> int:
        """How many answers the model generates."""
        return sum(len(call.requests) for call in self.calls if call.decoding)

    @property
    def likelihoods(self) -> int:
        """Texts, or prompts with all their answers, whose likelihood is computed."""
        return sum(len(call.requests) for call in self.calls if not call.decoding)

    @property
    def generated_tokens(self) -> int:
        """Tokens of all answers, where none ends by itself."""
        return sum(
            len(call.requests) * call.decoding.max_new_tokens
            for call in self.calls
            if call.decoding
        )


@dataclass
class WorkloadRecorder:
    """A ``LanguageModel`` that notes what it is asked and returns stand-ins at once."""

    name: str = NAME
    fingerprint: str = NAME
    calls: list[ModelCall] = field(default_factory=list)

    def generate(
        self,
        prompts: Sequence[Messages],
        decoding: DecodingSettings,
        progress: Progress | None = None,
    ) -> list[Generated]:
        """An answer of as many words as tokens are allowed, to each."""
        self.calls.append(ModelCall("generate", prompts, decoding))
        text = " ".join(f"word{n}" for n in range(decoding.max_new_tokens))
        return [Generated("", text, decoding.max_new_tokens, False) for _ in prompts]

    def loglikelihoods(
        self, pairs: Sequence[tuple[Messages, str]], progress: Progress | None = None
    ) -> list[Likelihood]:
        """Of each text one nat a byte, with its sizes."""
        self.calls.append(ModelCall("loglikelihoods", pairs))
        return [_likelihood(text) for _, text in pairs]

    def conversation_loglikelihoods(
        self, pairs: Sequence[tuple[Messages, str]], progress: Progress | None = None
    ) -> list[Likelihood]:
        """Of each text one nat a byte, with its sizes."""
        self.calls.append(ModelCall("conversation_loglikelihoods", pairs))
        return [_likelihood(text) for _, text in pairs]

    def text_loglikelihoods(
        self, texts: Sequence[str], progress: Progress | None = None
    ) -> list[Likelihood]:
        """Of each text one nat a byte, with its sizes."""
        self.calls.append(ModelCall("text_loglikelihoods", texts))
        return [_likelihood(text) for text in texts]

    def choice_loglikelihoods(
        self, requests: Sequence[ChoiceRequest], progress: Progress | None = None
    ) -> list[ChoiceLikelihoods]:
        """One nat a byte, and another for each answer before it."""
        self.calls.append(ModelCall("choice_loglikelihoods", requests))
        return [_choices(answers) for _, answers in requests]

    def choices_with_ends(
        self, requests: Sequence[ChoiceRequest], progress: Progress | None = None
    ) -> list[ChoiceLikelihoods]:
        """As ``choice_loglikelihoods``, with an end of one nat to each."""
        self.calls.append(ModelCall("choices_with_ends", requests))
        return [replace(_choices(answers), ends=(-1.0,) * len(answers)) for _, answers in requests]


def _likelihood(text: str) -> Likelihood:
    size = max(1, len(text.encode()))
    return Likelihood("", text, -float(size), size, size)


def _choices(answers: Sequence[str]) -> ChoiceLikelihoods:
    sizes = tuple(max(1, len(answer.encode())) for answer in answers)
    scores = tuple(-float(size + n) for n, size in enumerate(sizes))
    return ChoiceLikelihoods("", tuple(answers), scores, sizes, sizes)


def recorded_workload(
    foreseen: Sequence[ForeseenJob], directory: Path, resamples: int, *, text_likelihoods: bool
) -> list[TaskWorkload]:
    """The work of each job. What an earlier one has asked already is asked once, as in a run.

    A task that cannot be foreseen (it asks a judge, or something of its own) is named and left out.
    ``directory`` is a temporary one.
    """
    recorder = WorkloadRecorder()
    model = CachedModel(
        lambda: recorder,
        directory / "workload.jsonl",
        name=NAME,
        fingerprint=NAME,
        text_likelihoods=text_likelihoods,
    )
    workloads = []
    for one in foreseen:
        recorder.calls, job = [], one.job
        try:
            with without_progress():
                workload = _record(one, model, resamples)
        except (MedtuneError, AttributeError, TypeError, ValueError) as error:
            # tasks from outside, too, which may ask a model for anything
            reason = error.what if isinstance(error, MedtuneError) else type(error).__name__
            say(f"{one.label}: its time is not foreseen ({reason})")
            continue
        if job.spec.judge:
            say(f"{one.label}: the time of its judge is not foreseen")
        workloads.append(replace(workload, calls=_joined(recorder.calls)))
    return workloads


def _record(foreseen: ForeseenJob, model: CachedModel, resamples: int) -> TaskWorkload:
    job = foreseen.job
    spec = job.spec.model_copy(update={"judge": None, "encoder": "none"})
    task, settings = task_of(spec), replace(job.settings, spec=spec, cache=None)
    began = time.perf_counter()
    samples = task.run(model, job.items, settings)
    score(task, samples, resamples, settings.seed)
    seconds = time.perf_counter() - began
    compared = len(samples) if "encoder" in spec.declared.settings else 0
    similarities = compared if job.spec.encoder != "none" else 0
    return TaskWorkload(foreseen, len(samples), [], seconds, similarities)


def _joined(calls: Sequence[ModelCall]) -> list[ModelCall]:
    """One call of each kind."""
    kinds: dict[object, list[ModelCall]] = {}
    for call in calls:
        kinds.setdefault(call.kind, []).append(call)
    return [
        replace(same[0], requests=[request for call in same for request in call.requests])
        for same in kinds.values()
    ]
