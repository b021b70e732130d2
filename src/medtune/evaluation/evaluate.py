"""A model measured on tasks: every item kept, every score with its n and interval."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medtune.conversation import Conversation
from medtune.evaluation.statistics import Interval, bootstrap_interval, proportion_interval, wilson
from medtune.evaluation.tasks import Sample, Task, TaskSettings, task_of
from medtune.files import (
    read_json,
    read_json_lines,
    sha256_file,
    sha256_json,
    write_json,
    write_json_lines,
)
from medtune.models.interface import LanguageModel
from medtune.progress import say
from medtune.recipe.schema import TaskSpec

Scores = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Job:
    """One task with its settings and the items it is measured on."""

    spec: TaskSpec
    settings: TaskSettings
    items: Sequence[Conversation]

    @classmethod
    def of_all(
        cls, specs: Sequence[TaskSpec], items: Sequence[Conversation], settings: TaskSettings
    ) -> "list[Job]":
        """One a task, all on the same items."""
        return [cls(spec, settings.for_task(spec), items) for spec in specs]


def score(task: Task, samples: Sequence[Sample], resamples: int, seed: int) -> Scores:
    """The task's metrics from its samples alone: metric → value, low, high, n."""
    groups = [sample["group"] for sample in samples]
    scores: Scores = {}
    for metric in task.metrics:
        parts = metric.columns(samples)
        if not len(parts) or not np.isfinite(metric.value(parts.sum(axis=0))):
            continue  # nothing to divide by, such as repetition among no words
        # An item of which the figure does not speak is none of its n.
        spoken = metric.speaks(parts)
        parts, own = (
            parts[spoken],
            [group for group, counts in zip(groups, spoken, strict=True) if counts],
        )
        if metric.is_share(parts) and (parts[:, 1] == 1).all():
            interval = proportion_interval(parts[:, 0], own, resamples, seed)
        else:
            interval = bootstrap_interval(parts, own, metric.value, resamples, seed)
        if metric.is_share(parts) and interval.low == interval.high and interval.low in (0, 1):
            # None, or all: a bootstrap knows no spread.
            interval = Interval(
                interval.value, *wilson(int(interval.value) * len(set(own)), len(set(own)))
            )
        scores[metric.name] = {**asdict(interval), "n": len(own), "groups": len(set(own))}
    return scores


def evaluate(
    model: LanguageModel, jobs: Sequence[Job], resamples: int, directory: Path
) -> dict[str, Scores]:
    """Run tasks and write ``<task>.json`` and ``<task>.samples.jsonl``.

    A task whose files are there is not run again.
    """
    results = {}
    for job in jobs:
        name, task, settings = job.spec.key, task_of(job.spec), job.settings
        wanted = [
            job.spec.model_dump(mode="json"),
            settings.as_dict(),
            [i.as_dict() for i in job.items],
            resamples,
        ]
        key = sha256_json([name, model.fingerprint, task.fingerprint(job.spec), *wanted])
        results[name] = _kept(directory, name, key)
        if results[name]:
            say(f"{name}: kept from before")
            continue
        samples = task.run(model, job.items, settings)
        results[name] = score(task, samples, resamples, settings.seed)
        samples_path = directory / f"{name}.samples.jsonl"
        write_json_lines(samples_path, samples)
        write_json(
            directory / f"{name}.json",
            {
                "task": job.spec.task,
                "model": model.name,
                "model_fingerprint": model.fingerprint,
                "key": key,
                "samples_sha256": sha256_file(samples_path),
                "settings": settings.as_dict(),
                "scores": results[name],
            },
        )
    return results


def _kept(directory: Path, name: str, key: str) -> Scores:
    """Scores that an earlier, interrupted evaluation of the same model and items finished."""
    path, samples = directory / f"{name}.json", directory / f"{name}.samples.jsonl"
    if not path.exists() or not samples.exists():
        return {}
    earlier = read_json(path)
    whole = earlier["key"] == key and earlier["samples_sha256"] == sha256_file(samples)
    scores: Scores = earlier["scores"] if whole else {}
    return scores


def read_samples(directory: Path, name: str) -> list[Sample]:
    """The saved samples of a task."""
    return read_json_lines(directory / f"{name}.samples.jsonl")
