"""``metrics.json``: the figures of a whole run, as a type."""

from pathlib import Path

from pydantic import Field

from medtune.data.audit import IdentifierAudit, SplitTextLoss
from medtune.evaluation.comparison.paired import BySource
from medtune.evaluation.comparison.seed_variance import (
    DecodingSpread,
    LearningCurve,
    SeedVariance,
)
from medtune.evaluation.comparison.variants import VariantComparison
from medtune.evaluation.decisions import MetricName, main_metric
from medtune.evaluation.results import Change, Changes, Result, Score, Scores
from medtune.evaluation.tasks import is_benefit
from medtune.files import read_as


class DataFigures(Result):
    """Rows by split, and what was left out. ``leaked``: held-out rows shared with training.

    ``text_loss``: by split, what the model's tokenizer cannot say.
    """

    train: int = 0
    validation: int = 0
    test: int = 0
    dropped: dict[str, int] = Field(default_factory=dict)
    leaked: int = 0
    measured_on: str = "test"
    truncated_rows: int = 0
    text_loss: dict[str, SplitTextLoss] = Field(default_factory=dict)


class TrainFigures(Result):
    """Of the training alone; what is not known (of a hosted service) is left out."""

    steps: int = 0
    tokens: int = 0
    supervised_tokens: int = 0
    seconds: float = 0.0
    tokens_per_second: float = 0.0
    peak_memory_bytes: int | None = None
    trainable_parameters: int | None = None
    parameters: int | None = None
    best_step: int | None = None
    best_validation_loss: float | None = None
    stopped_early: bool = False
    cost_usd: float | None = None


class TaskOverlap(Result):
    """How many ``items`` of a task share a run of words with a training row."""

    items: int
    overlapping: int
    mostly: int
    training_rows: int = 0
    examples: list[dict[str, str]] = Field(default_factory=list)
    ids: list[str] = Field(default_factory=list)


class CleanItems(Result):
    """A task's first tested metric on the ``n`` items that share nothing with training."""

    metric: str
    n: int
    before: Score
    after: Score
    change: Change | None


class Overlap(Result):
    """Runs of ``ngram`` words shared with training, by task; ``without`` those items."""

    ngram: int
    tasks: dict[str, TaskOverlap]
    without: dict[str, CleanItems] = Field(default_factory=dict)


class PublishedAnswer(Result):
    """What a published project took for an answer "before", and what the untouched model says."""

    question: str
    published: str
    untouched: str


class PublishedResult(Result):
    """A figure, or answers, computed as a published project did, over ``n`` rows or answers."""

    title: str | None = None
    answers: list[PublishedAnswer] | None = None
    before: float | None = None
    after: float | None = None
    n: int = 0
    sentence: str


class Metrics(Result):
    """Figures by task and metric: ``before``, ``after`` and ``change`` have the same keys.

    Rates are fractions, times seconds, memory bytes, intervals 95 %. ``baselines`` are task →
    baseline → scores; what was not asked for is left out. ``item_identifiers``: patients'
    identifiers in the items of tasks with a source of their own.
    """

    recipe: str
    status: str
    data: DataFigures = DataFigures()
    train: TrainFigures = TrainFigures()
    before: dict[str, Scores] = Field(default_factory=dict)
    after: dict[str, Scores] = Field(default_factory=dict)
    change: Changes = Field(default_factory=dict)
    baselines: dict[str, dict[str, Scores]] = Field(default_factory=dict)
    published: dict[str, PublishedResult] = Field(default_factory=dict)
    by_source: dict[str, BySource] = Field(default_factory=dict)
    overlap: Overlap | None = None
    item_identifiers: dict[str, IdentifierAudit] = Field(default_factory=dict)
    arms: VariantComparison | None = None
    seeds: SeedVariance | None = None
    learning_curve: LearningCurve | None = None
    decoding_seeds: dict[str, DecodingSpread] = Field(default_factory=dict)
    arms_by_task: list[VariantComparison] = Field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "Metrics":
        """Read ``metrics.json``; a pydantic ``ValidationError`` where it is malformed."""
        return read_as(path, cls)

    @property
    def trained(self) -> bool:
        """Whether the run holds a training."""
        return bool(self.train.model_fields_set)


def main_change(changes: Changes) -> tuple[str, str, Change] | None:
    """Task, metric and change that the verdict speaks of; None where nothing is tested."""
    chosen = main_metric(
        MetricName(task, name, is_benefit(change.kind or task))
        for task, metrics in changes.items()
        for name, change in metrics.items()
        if change.better is not None
    )
    return chosen and (chosen.task, chosen.metric, changes[chosen.task][chosen.metric])
