"""From counts and measured speeds to the time of each stage, as a range: the arithmetic of
`--dry-run`, its result, and the lines for people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from medtune.evaluation.results import Result
from medtune.hosted.quote import Quote, dry_run_text
from medtune.progress import duration
from medtune.runs.measured_speed import MeasuredSpeed, TaskSpeed
from medtune.runs.workload import TaskWorkload

# How far a run may take less or more than a short measurement says: of an idle machine, of a busy
# one, and where only shapes were looked at.
IDLE, BUSY, SHAPES = (0.7, 1.4), (0.7, 2.0), (0.3, 3.0)
PICTURES = 8  # of a report, about
SCORES_IN_REPORT = 3  # both sides' scores once more, and their comparison


def rounded(value: float) -> float:
    """To two figures: more would say what nobody knows."""
    return float(f"{value:.2g}")


class TimeRange(Result):
    """Seconds: at least, as measured, and at most."""

    low: float
    likely: float
    high: float

    def __add__(self, other: "TimeRange") -> "TimeRange":
        return TimeRange(
            low=self.low + other.low,
            likely=self.likely + other.likely,
            high=self.high + other.high,
        )

    def widened(self, low: float, high: float) -> "TimeRange":
        """The same with more room on both sides."""
        return TimeRange(low=self.low * low, likely=self.likely, high=self.high * high)

    @classmethod
    def of(cls, seconds: float) -> "TimeRange":
        """One figure, not widened yet."""
        return cls(low=seconds, likely=seconds, high=seconds)

    def text(self) -> str:
        """For people, two figures each: 2 min 10 s to 4 min 00 s."""
        low, high = duration(rounded(self.low)), duration(rounded(self.high))
        return f"about {high}" if low == high else f"{low} to {high}"


class MachineLoad(Result):
    """Cores of this process, and how many of them others used when the measurement began."""

    cores: float
    used_by_others: float
    busy: bool


class StageTime(Result):
    """A stage of the run: prepare, baselines, before, train, after, arms, repeats or report."""

    stage: str
    seconds: TimeRange


class TaskTime(Result):
    """A task on one side: what it asks of the model, and how long that takes before and after
    training. ``generated_tokens`` at most.
    """

    task: str
    items: int
    likelihoods: int
    answers: int
    generated_tokens: int
    before: TimeRange
    after: TimeRange


class RunTimes(TypedDict):
    """The times of a `RunEstimate`."""

    stages: list[StageTime]
    tasks: list[TaskTime]
    seconds: TimeRange


class RunEstimate(Result):
    """A run in numbers: memory in bytes, time in seconds.

    ``time_from``: steps of the model itself were measured, or only its shapes were looked at.
    """

    recipe: str
    model: str
    parameters: int
    method: str
    dtype: str
    rows: dict[str, int]
    dropped: dict[str, int]
    truncated_rows: int
    steps: int
    tokens: int
    trainings: int
    estimated_memory_bytes: int
    memory_parts: dict[str, int | bool]
    available_memory_bytes: int
    memory_of: str
    load: MachineLoad
    time_from: Literal["measured", "shapes"]
    stages: list[StageTime]
    tasks: list[TaskTime]
    seconds: TimeRange


@dataclass(frozen=True)
class TrainingWork:
    """Optimizer steps, tokens that are trained on, and tokens of all validations together."""

    steps: int
    tokens: int
    validated_tokens: int


@dataclass(frozen=True)
class WorkCounts:
    """What a run does. ``repeated_trainings`` are counted in whole ones.

    ``reference_tokens``: median and 90 % quantile of the reference answers. Of a task several
    workloads may stand in ``tasks``: its items, rows for calibration, and arms.
    """

    tasks: Sequence[TaskWorkload]
    training: TrainingWork
    repeated_trainings: float
    repeated_evaluations: int
    repeated_task: str | None
    reference_tokens: tuple[float, float]


def estimated_times(
    counts: WorkCounts,
    speed: MeasuredSpeed,
    preparation: float,
    load: MachineLoad,
    *,
    measured: bool,
) -> RunTimes:
    """The time of each stage and task, widened by what is known of the machine."""
    low, high = widening(load, measured=measured)
    tasks, arms = (
        [
            task_time(work, task, counts.reference_tokens)
            for work, task in zip(counts.tasks, speed.tasks, strict=True)
            if work.foreseen.arm is arm
        ]
        for arm in (False, True)
    )
    opened = TimeRange.of(speed.load)
    before = sum((task.before for task in tasks), opened + TimeRange.of(speed.encoder_load))
    after = sum((task.after for task in tasks), opened)
    train = training_seconds(counts.training, speed)
    stages = {
        "prepare": TimeRange.of(preparation),
        "baselines": TimeRange.of(speed.baselines),
        "before": before,
        "train": TimeRange.of(speed.load + train),
        "after": after,
        "arms": sum((arm.before + arm.after for arm in arms), TimeRange.of(0.0)),
        "repeats": _repeats(counts, tasks, speed, train),
        "report": TimeRange.of(
            PICTURES * speed.picture + SCORES_IN_REPORT * sum(task.scoring for task in speed.tasks)
        ),
    }
    widened = {name: time.widened(low, high) for name, time in stages.items() if time.likely}
    return {
        "stages": [StageTime(stage=name, seconds=time) for name, time in widened.items()],
        "tasks": [
            task.model_copy(
                update={
                    "before": task.before.widened(low, high),
                    "after": task.after.widened(low, high),
                }
            )
            for task in [*tasks, *arms]
        ],
        "seconds": sum(widened.values(), TimeRange.of(0.0)),
    }


def widening(load: MachineLoad, *, measured: bool) -> tuple[float, float]:
    """Factors of the least and the most time. Others who are busy now may leave, which gives us
    their share, or be joined by more.
    """
    low, high = (BUSY if load.busy else IDLE) if measured else SHAPES
    share = load.cores / (load.cores + load.used_by_others) if load.busy else 1.0
    return low * share, high


def task_time(
    work: TaskWorkload, speed: TaskSpeed, reference_tokens: tuple[float, float]
) -> TaskTime:
    """One task on both sides. An untrained model seldom ends its answers before the most tokens;
    a trained one's are as long as references, or not ended either.
    """
    median, long = reference_tokens
    alone = TimeRange.of(speed.likelihoods + speed.scoring)

    def answers(tokens: float) -> float:
        return sum(
            part.batches * part.times.batch(min(part.most, tokens)) for part in speed.answers
        )

    short, most = answers(median), answers(float("inf"))
    nothing = TimeRange.of(0.0)
    before = alone + TimeRange(low=short, likely=most, high=most)
    after = alone + TimeRange(low=short, likely=answers(long), high=most)
    return TaskTime(
        task=work.foreseen.label,
        items=work.items,
        likelihoods=work.likelihoods,
        answers=work.answers,
        generated_tokens=work.generated_tokens,
        before=before if work.foreseen.before else nothing,
        after=after if work.foreseen.after else nothing,
    )


def training_seconds(work: TrainingWork, speed: MeasuredSpeed) -> float:
    """Forward and backward passes, optimizer steps and validations."""
    times = speed.training
    return (
        work.tokens * times.token
        + work.steps * times.step
        + work.validated_tokens * times.validation_token
    )


def _repeats(
    counts: WorkCounts, tasks: Sequence[TaskTime], speed: MeasuredSpeed, train: float
) -> TimeRange:
    """Further trainings, each measured on the main task."""
    one = next((task.after for task in tasks if task.task == counts.repeated_task), None)
    total = TimeRange.of(counts.repeated_trainings * train)
    for _ in range(counts.repeated_evaluations if one else 0):
        assert one
        total = total + one + TimeRange.of(2 * speed.load)
    return total


def estimate_text(run: RunEstimate | Quote) -> str:
    """The estimate in lines for people."""
    if isinstance(run, Quote):
        return dry_run_text(run)
    rows = ", ".join(f"{name} {count:,}" for name, count in run.rows.items())
    needed, free = run.estimated_memory_bytes, run.available_memory_bytes
    fits = "fits" if needed < free else "does NOT fit"
    trainings = f"{run.trainings} trainings; the first: " if run.trainings > 1 else ""
    return "\n".join(
        [
            f"plan of {run.recipe}: prepare → evaluate base → train → evaluate tuned → report",
            f"model     {run.model}, {run.parameters:,} parameters, {run.method} in {run.dtype}",
            f"rows      {rows}; {run.truncated_rows:,} cut",
            f"training  {trainings}{run.steps:,} steps, about {rounded(run.tokens):,.0f} tokens",
            f"time      {run.seconds.text()}, {source_text(run.time_from, run.load)}",
            *(f"          {stage.stage:<10}{stage.seconds.text()}" for stage in run.stages),
            *(f"          {_task_text(task)}" for task in run.tasks),
            f"memory    about {needed / 2**30:.1f} GiB of {free / 2**30:.0f} GiB free "
            f"on the {run.memory_of}: {fits}",
            "Nothing was written.",
        ]
    )


def source_text(time_from: str, load: MachineLoad) -> str:
    """Where a time comes from, and what the machine was doing."""
    source = "from steps of this model measured on this machine"
    if time_from == "shapes":
        source = "from the model's shapes alone, which is rough"
    if not load.busy:
        return source
    return (
        f"{source}; it is busy ({load.used_by_others:.1f} of {load.cores:g} cores are used "
        "by others): less when it is idle"
    )


def _task_text(task: TaskTime) -> str:
    parts = [f"{task.likelihoods:,} likelihoods"] if task.likelihoods else []
    if task.answers:
        tokens = f"{task.generated_tokens:,} tokens"
        parts.append(f"{task.answers:,} answers of at most {tokens} together")
    asked = ", ".join(parts) or "nothing that is not computed already"
    sides = {"before": task.before, "after": task.after}  # an arm is of one side alone
    times = ", ".join(f"{side} {time.text()}" for side, time in sides.items() if time.likely)
    return f"{task.task}: {asked}; {times}"
