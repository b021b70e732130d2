"""What each task is measured on: items, worked examples, rows on which confidence is calibrated;
and the baselines, which need no language model.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from medtune.conversation import Conversation, iter_conversations, read_conversations
from medtune.data.dedup import normalize
from medtune.data.eval_items import Benchmark, read_benchmark
from medtune.data.sources.open_source import source_files
from medtune.errors import DataError
from medtune.evaluation.decisions import MetricName, main_metric
from medtune.evaluation.evaluate import Job, score
from medtune.evaluation.results import BaselineScores, plain, read_baselines_file
from medtune.evaluation.tasks import TaskSettings, task_of
from medtune.evaluation.tasks.classification import is_classified, right_labels
from medtune.files import file_hash, write_json
from medtune.progress import say
from medtune.recipe.schema import Arm, Recipe, TaskSpec
from medtune.runs.plan import NOT_MEASURED_BY
from medtune.runs.stage import RunDirectory, Stage

CHANGING = ("mask", "drop")  # policies that make other items; before, items knew none
BARE = {
    "permutations": 1,
    "samples": 0,
    "confidence": False,
}  # what compares ways to use a model does not need


@dataclass(frozen=True)
class LabelSpace:
    """The fixed list of labels, of train and test, and how many of them most training texts
    have.
    """

    labels: tuple[str, ...] = ()
    set_size: int = 1


def main_task(recipe: Recipe) -> TaskSpec | None:
    """The task that the verdict speaks of: the prediction of answers where it is measured, else
    the first on the run's items.
    """
    names = [
        MetricName(spec.key, metric.name, task_of(spec).benefit)
        for spec in recipe.evaluate.tasks
        for metric in task_of(spec).metrics
        if metric.better
    ]
    main = main_metric(names)
    specs = {spec.key: spec for spec in recipe.evaluate.tasks}
    return specs[main.task] if main and main.benefit else None


def label_space(recipe: Recipe, data: Path) -> LabelSpace:
    """Of the splits in a directory; empty where the recipe classifies nothing."""
    if not any(task_of(spec).labelled for spec in recipe.evaluate.tasks):
        return LabelSpace()
    labels: set[str] = set()
    sizes: Counter[int] = Counter()
    for split in ("train", "test"):
        for chunk in iter_conversations(data / f"{split}.parquet"):
            of_chunk = [right_labels(item) for item in chunk if is_classified(item)]
            labels.update(label for of_item in of_chunk for label in of_item)
            sizes.update(len(of_item) for of_item in of_chunk if split == "train")
    return LabelSpace(tuple(sorted(labels)), sizes.most_common(1)[0][0] if sizes else 1)


def needs_splits(recipe: Recipe) -> bool:
    """Whether a task is measured on rows of the run, takes its labels of them, or shows some."""
    return any(
        task_of(spec).labelled
        or (_benchmark_source(spec) is None and (not task_of(spec).own_items or spec.shots > 0))
        for spec in recipe.evaluate.tasks
    )


@dataclass(frozen=True)
class TaskItems:
    """The recipe's tasks on the splits that lie in ``data``, None where no task needs them.

    Sources of their own are found by ``data_dir``.
    """

    recipe: Recipe
    data: Path | None
    data_dir: Path | None
    judgements: Path | None = None

    def split(self, name: str) -> Sequence[Conversation]:
        """The conversations of one split."""
        if self.data is None:
            return ()
        return read_conversations(self.data / f"{name}.parquet")

    def benchmark(self, spec: TaskSpec) -> Benchmark | None:
        """The rows of another data set that a task is measured on, after the recipe's policy on
        identifiers; None where it is measured on the run's own.
        """
        source = _benchmark_source(spec)
        policy = self.recipe.data.identifiers
        return _read(source, spec.split, self.data_dir, policy) if source else None

    def settings(self) -> TaskSettings:
        """Of all tasks, with the labels of the data."""
        space = label_space(self.recipe, self.data) if self.data else LabelSpace()
        settings = TaskSettings.of(self.recipe, space.labels, space.set_size)
        return replace(settings, cache=self.judgements)

    def jobs(self, arm: Arm | None = None) -> list[Job]:
        """One a task, in the recipe's order.

        Those of an ``arm`` with its system message and worked examples.
        """
        settings, items = self.settings(), self.split(self.recipe.evaluate.split)
        jobs = []
        for spec in self.recipe.evaluate.tasks:
            if arm:
                if not task_of(spec).in_variants:
                    continue
                spec = spec.model_copy(update=BARE)
            shots = spec.shots + (arm.shots if arm else 0)
            benchmark = self.benchmark(spec)
            of_task = settings.for_task(spec)
            if shots:
                pool = _unmeasured(benchmark, of_task) if benchmark else self.split("train")
                of_task = replace(
                    of_task, examples=draw_examples(pool, shots, self.recipe.seed, spec)
                )
            if arm:
                of_task = replace(of_task, system=arm.system_prompt)
            jobs.append(Job(spec, of_task, benchmark.items if benchmark else items))
        return jobs

    def validation_jobs(self) -> list[Job]:
        """Of the tasks that want ``confidence``: the same questions to rows that are neither
        trained on nor measured.
        """
        limit, jobs = self.recipe.evaluate.calibration_limit, []
        for job in self.jobs():
            if not job.spec.confidence:
                continue
            benchmark = self.benchmark(job.spec)
            shown = {example.id for example in job.settings.examples}
            rows = self._untrained(benchmark.others) if benchmark else self.split("validation")
            rows = [item for item in rows if item.id not in shown]
            jobs.append(Job(job.spec, replace(job.settings, limit=limit), rows))
        return [job for job in jobs if job.items]

    def _untrained(self, items: Sequence[Conversation]) -> list[Conversation]:
        """Those whose question, without its options, is not in train; the others are counted."""
        known = {normalize(item.stem) for item in self.split("train")}
        kept = [item for item in items if normalize(item.stem) not in known]
        if len(kept) < len(items):
            say(
                f"{len(items) - len(kept):,} of {len(items):,} rows for calibration were trained "
                f"on: left out"
            )
        return kept


def draw_examples(
    pool: Sequence[Conversation], shots: int, seed: int, spec: TaskSpec
) -> tuple[Conversation, ...]:
    """Worked examples, the same for all items, drawn by seed.

    Raises ``DataError`` where there are not so many.
    """
    if not shots:
        return ()
    pool = [item for item in pool if task_of(spec).can_demonstrate(item)]
    if len(pool) < shots:
        raise DataError(
            f"{shots} worked examples are wanted and there are {len(pool)} rows to draw from",
            where=f"evaluate.tasks: {spec.key}",
            fix="Ask for fewer shots, or name a source with a part that is not measured.",
        )
    return tuple(pool[i] for i in np.random.default_rng(seed).permutation(len(pool))[:shots])


def _unmeasured(benchmark: Benchmark, settings: TaskSettings) -> Sequence[Conversation]:
    """Rows of a source for worked examples: of another part of it, else of the measured one what
    the limit leaves out.
    """
    if benchmark.examples:
        return benchmark.examples
    measured = {item.group for item in settings.draw(benchmark.items)}
    return [item for item in benchmark.items if item.group not in measured]


def _benchmark_source(spec: TaskSpec) -> str | None:
    """The data set whose rows a task is measured on, where these are not the run's own."""
    return spec.source if task_of(spec).source_holds == "rows" else None


@lru_cache(maxsize=8)
def _read(source: str, split: str | None, data_dir: Path | None, policy: str) -> Benchmark:
    """Both sides, baselines and arms are measured on it: it is read once."""
    return read_benchmark(source, split, data_dir, policy)


def source_hashes(recipe: Recipe, data_dir: Path | None) -> list[str]:
    """SHA-256 of the files that tasks are measured on, where these are not the run's own rows, and
    the policy where it makes other items of them.
    """
    names = [spec.source for spec in recipe.evaluate.tasks if spec.source]
    files = [Path(name) if Path(name).is_file() else None for name in names]
    paths = [
        path
        for name, file in zip(names, files, strict=True)
        for path in ([file] if file else source_files(name, data_dir))
    ]
    policy = recipe.data.identifiers
    changed = policy in CHANGING and bool(names)
    return [*map(file_hash, paths), *([f"identifiers: {policy}, version 1"] if changed else [])]


def baselines_stage(recipe: Recipe, run: RunDirectory, data_dir: Path | None) -> None:
    """eval/baselines.json, where the recipe asks for labels or options.

    Each baseline on the very items of each task.
    """
    if not any(task_of(spec).baselines for spec in recipe.evaluate.tasks):
        return
    file = baselines_file(run)
    splits = [run.data / f"{name}.parquet" for name in ("train", recipe.evaluate.split)]
    inputs = {
        "evaluate settings": recipe.evaluate.model_dump(mode="json", exclude=set(NOT_MEASURED_BY)),
        "seed": recipe.seed,
        "items": [*map(file_hash, splits), *source_hashes(recipe, data_dir)],
    }

    def work() -> None:
        items = TaskItems(recipe, run.data, data_dir)
        train = list(items.split("train"))
        baselines = {
            job.spec.key: _measure(train, job, recipe)
            for job in items.jobs()
            if task_of(job.spec).baselines
        }
        file.parent.mkdir(exist_ok=True)
        write_json(file, plain(baselines))

    run.perform(Stage("baselines", inputs, (file,), ("numpy", "scikit-learn")), work)


def baselines_file(run: RunDirectory) -> Path:
    """The file of the scores, eval/baselines.json."""
    return run.root / "eval" / "baselines.json"


def read_baselines(run: RunDirectory) -> dict[str, dict[str, BaselineScores]]:
    """Task → baseline → its scores; empty where none were measured."""
    return read_baselines_file(baselines_file(run))


def _measure(train: Sequence[Conversation], job: Job, recipe: Recipe) -> dict[str, BaselineScores]:
    task = task_of(job.spec)
    titles = {baseline.name: baseline.title for baseline in task.baselines}
    return {
        name: BaselineScores(
            title=titles[name],
            trained_on=len(train),
            scores=score(task, samples, recipe.evaluate.resamples, recipe.seed),
        )
        for name, samples in task.baseline_samples(train, job.items, job.settings).items()
    }
