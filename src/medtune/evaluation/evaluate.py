"""A model measured on tasks: every item kept, every score with its n and interval.

``published_figures`` computes figures of a published project beside them, where a recipe names any.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from medtune.conversation import Conversation
from medtune.errors import RecipeError
from medtune.evaluation.results import Score, Scores, TaskResult
from medtune.evaluation.statistics import (
    SHARE,
    UNBOUNDED,
    cluster_interval,
    proportion_interval,
    wilson,
)
from medtune.evaluation.tasks import Metric, Sample, Task, TaskSettings, find, task_of
from medtune.files import (
    read_as,
    read_json,
    read_json_lines,
    sha256_file,
    sha256_json,
    write_json,
    write_json_lines,
)
from medtune.models.interface import LanguageModel
from medtune.progress import say
from medtune.recipe.extensions import load_extension
from medtune.recipe.schema import Recipe, TaskSpec


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
    """The task's metrics from its samples alone.

    A metric with nothing to divide by, such as repetition among no words, is left out.
    """
    scores = {}
    for metric in task.metrics:
        parts = metric.columns(samples)
        if len(parts) and np.isfinite(metric.value(parts.sum(axis=0))):
            scores[metric.name] = _score(metric, parts, samples, resamples, seed)
    return scores


def _score(
    metric: Metric, parts: np.ndarray, samples: Sequence[Sample], resamples: int, seed: int
) -> Score:
    # An item of which the figure does not speak is none of its n.
    spoken = metric.speaks(parts)
    parts = parts[spoken]
    groups = [sample["group"] for sample, counts in zip(samples, spoken, strict=True) if counts]
    count, share = len(set(groups)), metric.is_share(parts)
    if share and (parts[:, 1] == 1).all():
        interval = proportion_interval(parts[:, 0], groups, resamples, seed)
    else:
        bounds = SHARE if share else UNBOUNDED
        interval = cluster_interval(parts, groups, metric.value, resamples, seed, bounds)
    value, low, high = interval.value, interval.low, interval.high
    if share and low == high and low in (0, 1):  # none, or all: no spread between groups
        low, high = wilson(int(value) * count, count)
    result = Score(value=value, low=low, high=high, n=len(groups), groups=count)
    unknown = sum(
        bool(sample.get("unknown") or sample.get("text_unknown"))
        for sample, counts in zip(samples, spoken, strict=True)
        if not counts
    )
    return result.model_copy(update={"left_out": unknown}) if unknown else result


def evaluate(
    model: LanguageModel, jobs: Sequence[Job], resamples: int, directory: Path
) -> dict[str, Scores]:
    """Run tasks and write ``<task>.json`` and ``<task>.samples.jsonl``.

    A task whose files are complete already is not run again.
    """
    return {job.spec.key: _evaluate_task(model, job, resamples, directory) for job in jobs}


def _evaluate_task(model: LanguageModel, job: Job, resamples: int, directory: Path) -> Scores:
    name, task, settings = job.spec.key, task_of(job.spec), job.settings
    inputs = [
        job.spec.model_dump(mode="json"),
        settings.as_dict(),
        [item.as_dict() for item in job.items],
        resamples,
    ]
    key = sha256_json([name, model.fingerprint, task.fingerprint(job.spec), *inputs])
    if earlier := _complete(directory, name, key):
        say(f"{name}: kept from before")
        return earlier
    samples = task.run(model, job.items, settings)
    scores = score(task, samples, resamples, settings.seed)
    samples_path = directory / f"{name}.samples.jsonl"
    write_json_lines(samples_path, [sample.as_json() for sample in samples])
    result = TaskResult(
        task=job.spec.task,
        model=model.name,
        model_fingerprint=model.fingerprint,
        key=key,
        samples_sha256=sha256_file(samples_path),
        settings=settings.as_dict(),
        scores=scores,
    )
    write_json(directory / f"{name}.json", result.as_json())
    return scores


def _complete(directory: Path, name: str, key: str) -> Scores:
    """Scores that an earlier, interrupted evaluation of the same model and items finished."""
    path, samples = directory / f"{name}.json", directory / f"{name}.samples.jsonl"
    if not path.exists() or not samples.exists():
        return {}
    earlier = read_as(path, TaskResult)
    whole = earlier.key == key and earlier.samples_sha256 == sha256_file(samples)
    return earlier.scores if whole else {}


def read_samples(directory: Path, name: str) -> list[Sample]:
    """The saved samples of a task, of its own class."""
    sample = find(read_json(directory / f"{name}.json")["task"]).sample
    lines = read_json_lines(directory / f"{name}.samples.jsonl")
    return [sample.model_validate(line) for line in lines]


if TYPE_CHECKING:
    from medtune.models.causal import CausalModel

KEY = "evaluate.published"


class PublishedFigure:
    """One figure. ``directory`` is where it keeps files in a run (eval/published/)."""

    needs_trained_model: ClassVar[bool] = False
    plot_label: ClassVar[str | None] = None  # beside the perplexities; None: not drawn

    def measure(
        self,
        trained: "CausalModel",
        rows: Sequence[Conversation],
        settings: TaskSettings,
        directory: Path,
    ) -> None:
        """Ask the trained model, once it has been measured; asked where it is needed only."""

    def compute(
        self,
        recipe: Recipe,
        before: Mapping[str, Sequence[Sample]],
        after: Mapping[str, Sequence[Sample]],
        directory: Path,
    ) -> dict[str, object] | None:
        """A ``title``, a ``sentence``, and what stands between them; None where there is none.

        ``before`` and ``after`` hold task → saved samples. ``before``, ``after`` and ``n`` of the
        result are numbers; ``answers`` holds texts (question, published, untouched).
        """
        raise NotImplementedError


def figure_named(name: str) -> PublishedFigure:
    """The figure of a recipe's name. Raises ``RecipeError`` where it is none."""
    figure = load_extension(KEY, name)
    if not isinstance(figure, PublishedFigure):
        raise RecipeError(
            f"{name} is no PublishedFigure", where=KEY, fix="See medtune.evaluation.evaluate."
        )
    return figure


def published_figures(
    recipe: Recipe,
    before: Mapping[str, Sequence[Sample]],
    after: Mapping[str, Sequence[Sample]],
    directory: Path,
) -> dict[str, dict[str, object]]:
    """The figures that the recipe names, by name, from saved samples."""
    figures = {
        name: figure_named(name).compute(recipe, before, after, directory)
        for name in recipe.evaluate.published
    }
    return {name: figure for name, figure in figures.items() if figure is not None}
