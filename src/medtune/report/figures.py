"""What page, card and plots show, read from a run's files once, as typed values."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pydantic import ConfigDict, Field

from medtune.data.audit import RunAudit, read_audit
from medtune.evaluation.class_tables import ClassTables
from medtune.evaluation.confidence.summary import ConfidenceFacts
from medtune.evaluation.decisions import decision_notes
from medtune.evaluation.results import (
    BaselineScores,
    Change,
    Result,
    Sample,
    Score,
    read_baselines_file,
)
from medtune.evaluation.tasks import TASKS, Task, find, task_of
from medtune.evaluation.tasks.perplexity import LikelihoodSample
from medtune.files import read_as, read_json, read_json_lines
from medtune.recipe.published_names import published_name, published_recipe
from medtune.recipe.read import parse_recipe, to_yaml
from medtune.recipe.schema import Recipe, TaskSpec
from medtune.recipe.yaml_core import load_yaml
from medtune.report.run_metrics import Metrics
from medtune.report.verdict import verdict
from medtune.run_paths import RunPaths

# What a reader may ask for beside the tasks; whatever a run did not measure is listed as such.
MEASURABLE = {
    "calibration": "whether the model's confidence means anything",
    "human": "judgement by clinicians",
    "external": "data from elsewhere: the test split comes from the same sources as the training "
    "split",
    "seeds": "spread over seeds: this is one training with one seed",
}
UNSEEN_SUBJECTS = (
    "questions on new diseases: the data name no subject, so one disease may be learnt and tested"
)
R = TypeVar("R", bound=Result)
Samples = dict[str, list[Sample]]  # task → samples


class FileRecord(Result):
    """What a report shows of a file that another part of medtune writes: the rest is ignored."""

    model_config = ConfigDict(extra="ignore")


class Weights(FileRecord):
    """A model: its name, and SHA-256 of its weights, where they can be read."""

    name: str = ""
    fingerprint: str = ""
    weights_sha256: str | None = None
    weights_sha256_after: str | None = None


class Hardware(FileRecord):
    """The machine of a run; ``threads`` compute on its processor (0: an earlier version's run)."""

    processor: str
    cores: int
    threads: int = 0
    memory_bytes: int = 0
    gpus: list[str]


class StageTimes(FileRecord):
    """``end``: ISO time, None of a stage that did not end."""

    end: str | None = None


class RunState(FileRecord):
    """``run.json``: weights, times and versions of a run."""

    base: Weights
    result: Weights | None = None
    stages: dict[str, StageTimes] = Field(default_factory=dict)
    versions: dict[str, str]
    hardware: Hardware
    data_dir: str | None = None
    end: str | None = None


class TrainerStats(FileRecord):
    """``trainer_stats.json``; ``model`` is the name of a model trained by a service."""

    steps: int = 0
    tokens: int = 0
    supervised_tokens: int = 0
    method: str = ""
    dtype: str = ""
    best_step: int | None = None
    stopped_early: bool = False
    total_flos: float | None = None
    model: str | None = None


@dataclass(frozen=True)
class MetricRow:
    """A metric before and after, for a table: ``change`` with its task, name and both scores."""

    task: str
    metric: str
    change: Change
    before: Score
    after: Score

    @property
    def title(self) -> str:
        """The metric's title as tables show it."""
        return self.change.title

    @property
    def decision(self) -> str:
        """Better, worse, undecided, or described."""
        return self.change.decision

    @property
    def notes(self) -> list[str]:
        """What stands beside the decision, such as the test of a margin."""
        return decision_notes(self.change)

    @property
    def tested(self) -> bool:
        """Whether the metric is good or bad, not a description."""
        return self.change.better is not None

    @property
    def n(self) -> int:
        """The items that the metric speaks of, such as the emergencies among all prompts."""
        return self.before.n


@dataclass(frozen=True)
class Figures:
    """Everything that is shown, read once: of paths on this machine the last part alone."""

    recipe_text: str  # as it lies in the run, with paths
    state: RunState
    audit: RunAudit
    metrics: Metrics
    log: Sequence[dict[str, float]]
    stats: TrainerStats | None
    samples: dict[str, Samples]  # before and after
    tables: dict[str, dict[str, ClassTables]]  # task → side
    baselines: dict[str, dict[str, BaselineScores]]  # task → baseline
    confidence: dict[str, dict[str, ConfidenceFacts]] = field(default_factory=dict)  # task → side

    @classmethod
    def read(cls, run: RunPaths) -> "Figures":
        """From the files of a run, whole or partial."""
        stats = run.train / "trainer_stats.json"
        log = run.train / "metrics.jsonl"
        evaluation = run.root / "eval"
        return cls(
            recipe_text=run.recipe.read_text(encoding="utf-8"),
            state=_published_state(read_as(run.state_file, RunState)),
            audit=read_audit(run.data / "audit.json"),
            metrics=Metrics.read(run.metrics),
            log=read_json_lines(log) if log.exists() and stats.exists() else [],
            stats=read_as(stats, TrainerStats) if stats.exists() else None,
            samples={"before": _samples(run.before), "after": _samples(run.after)},
            tables=_by_side(evaluation / "tables.json", ClassTables),
            baselines=read_baselines_file(evaluation / "baselines.json"),
            confidence=_by_side(evaluation / "confidence.json", ConfidenceFacts),
        )

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe that the run was resolved to, parsed once, without paths."""
        return published_recipe(self._resolved)

    @cached_property
    def recipe_shown(self) -> str:
        """The recipe as YAML for people, every default written out."""
        return to_yaml(published_recipe(self._resolved, extensions=True))

    @cached_property
    def _resolved(self) -> Recipe:
        recipe = parse_recipe(load_yaml(self.recipe_text), "recipe.yaml")
        assert isinstance(recipe, Recipe)
        return recipe

    @cached_property
    def specs(self) -> dict[str, TaskSpec]:
        """The recipe's tasks by the name under which their figures are kept."""
        return {spec.key: spec for spec in self.recipe.evaluate.tasks}

    def kind(self, task: str) -> str:
        """The name of a task, under whatever key its figures are kept."""
        return self.task(task).name

    def task(self, key: str) -> Task:
        """The task whose figures are kept under a key."""
        return task_of(self.specs[key]) if key in self.specs else find(key)

    def in_section(self, section: str) -> list[str]:
        """Keys of the measured tasks whose figures stand in a section of the page."""
        keys = self.metrics.before or self.metrics.after
        return [key for key in keys if self.task(key).section == section]

    def of_sample(self, kind: type[Sample]) -> list[str]:
        """Keys of the measured tasks that training was for and whose samples are of a kind."""
        tasks = {key: self.task(key) for key in self.metrics.before or self.metrics.after}
        return [
            key for key, task in tasks.items() if task.benefit and issubclass(task.sample, kind)
        ]

    @property
    def likelihood_tasks(self) -> list[str]:
        """Keys of the measured tasks that predict the held-out answers."""
        return self.of_sample(LikelihoodSample)

    @property
    def verdict(self) -> str:
        """The run in a sentence."""
        if not self.metrics.change:
            return "Not finished: there is no measurement before and after yet."
        return verdict(self.metrics)

    @cached_property
    def rows(self) -> list[MetricRow]:
        """A row for each metric measured before and after."""
        before, after = self.metrics.before, self.metrics.after
        return [
            MetricRow(task, name, change, before[task][name], after[task][name])
            for task, changes in self.metrics.change.items()
            for name, change in changes.items()
        ]

    def not_measured(self) -> list[str]:
        """What this run says nothing about."""
        measured = self._measured()
        measurable = {task.name: task.missing for task in TASKS.values() if task.missing}
        missing = [text for name, text in (measurable | MEASURABLE).items() if name not in measured]
        return missing + ([] if self.audit.groups.entities else [UNSEEN_SUBJECTS])

    def _measured(self) -> set[str]:
        """Tasks by name, and which of ``MEASURABLE`` this run says something about."""
        tasks = list(self.metrics.before)
        kinds = {self.kind(task) for task in tasks}
        outside = any(
            self.task(task).benefit and task in self.specs and self.specs[task].source
            for task in tasks
        )
        others = {
            "calibration": any(self.confidence.values()),
            "seeds": self.metrics.seeds is not None,
            "external": outside,
        }
        return kinds | {name for name, measured in others.items() if measured}

    def side_by_side(self, task: str, limit: int) -> list[tuple[Sample, Sample]]:
        """The first ``limit`` samples of a task before and after: not chosen."""
        before, after = (self.samples[side].get(task, []) for side in ("before", "after"))
        return list(zip(before[:limit], after[:limit], strict=False))


def _published_state(state: RunState) -> RunState:
    """The base by its published name."""
    name = published_name(state.base.name)
    return state.model_copy(update={"base": state.base.model_copy(update={"name": name})})


def _by_side(path: Path, kind: type[R]) -> dict[str, dict[str, R]]:
    """Task → side → record; empty where there is no such file."""
    values = read_json(path) if path.exists() else {}
    return {
        task: {side: kind.model_validate(value) for side, value in sides.items()}
        for task, sides in values.items()
    }


def _samples(directory: Path) -> Samples:
    paths = sorted(directory.glob("*.samples.jsonl")) if directory.exists() else []
    return {
        path.name.removesuffix(".samples.jsonl"): [
            Sample.model_validate(row) for row in read_json_lines(path)
        ]
        for path in paths
    }
