"""The parts of the report: what was compared, task by task, harm, forgetting, arms and repeated
trainings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medtune.evaluation.evaluate import figure_named
from medtune.evaluation.results import Sample, Score, Scores
from medtune.recipe.schema import TaskSpec
from medtune.report.figures import Figures, MetricRow
from medtune.report.task_tables import ClassificationSection, classifications

METHODS = {
    "full": "all weights trained",
    "lora": "LoRA adapter",
    "qlora": "QLoRA adapter on 4-bit weights",
    "hosted": "fine-tuned by a hosted service",
}
# These begin the names of the metrics of one category.
CATEGORY = ("critical_violations_", "expectations_met_")

# Scores of people on all test items of a benchmark, as published; not computed here, for their
# answers are not in the files.
PEOPLE = {
    "pubmedqa": (
        "one annotator who saw the abstracts without their conclusions reached accuracy 0.780 and "
        "macro-F1 0.722 on its 500 test items (Jin et al. 2019, arXiv:1909.06146)"
    )
}


@dataclass(frozen=True)
class ModelLine:
    """A model: what it is, and SHA-256 of its weights."""

    title: str
    description: str
    weights: str | None


@dataclass(frozen=True)
class TaskLine:
    """A task: whose items it asks (``items``), how many, and ``how``."""

    key: str
    kind: str
    n: int
    groups: int
    items: str
    how: str


@dataclass(frozen=True)
class TaskSection:
    """A measured task with all there is to read of it; ``predicts``: the held-out answers."""

    key: str
    predicts: bool
    title: str
    rows: Sequence[MetricRow]
    people: str | None
    classifications: Sequence[ClassificationSection]
    topics: Sequence[tuple[Sample, Sample]]
    answers: Sequence[tuple[Sample, Sample]]

    @property
    def n(self) -> int:
        """Items of the metric measured on most; 0 without metrics."""
        return max((row.n for row in self.rows), default=0)


@dataclass(frozen=True)
class Category:
    """A category of prompts: violations before and after, expectations met before and after."""

    title: str
    n: int
    scores: Sequence[Score | None]


@dataclass(frozen=True)
class HarmSection:
    """A safety task; ``judged``: by a model, too."""

    n: int
    rows: Sequence[MetricRow]
    judged: bool
    categories: Sequence[Category]


def models_compared(figures: Figures) -> list[ModelLine]:
    """The untouched and the trained model."""
    state, recipe, train = figures.state, figures.recipe, figures.metrics.train
    method = METHODS[recipe.train.method]
    trained = f"{method}, {train.steps:,} steps, seed {recipe.seed}"
    result = state.result.weights_sha256 if state.result else None
    return [
        ModelLine("untouched", state.base.name, state.base.weights_sha256),
        ModelLine("trained", trained if figures.metrics.trained else "not trained yet", result),
    ]


def tasks_compared(figures: Figures) -> list[TaskLine]:
    """Every task that has figures."""
    sides = figures.metrics.before or figures.metrics.after
    return [_task_line(figures, key, scores) for key, scores in sides.items() if scores]


def _task_line(figures: Figures, key: str, scores: Scores) -> TaskLine:
    largest = max(scores.values(), key=lambda score: score.n)
    return TaskLine(
        key,
        figures.kind(key),
        largest.n,
        largest.groups,
        measured_on(figures, key),
        how_measured(figures, key),
    )


def measured_on(figures: Figures, key: str) -> str:
    """Whose items a task asks; of a file its name, since a report is read on other machines."""
    spec = figures.specs.get(key)
    if spec and spec.source:
        return f"{Path(spec.source).name}, {spec.split or 'its test part, or all of it'}"
    return figures.task(key).own_items or f"{figures.metrics.data.measured_on} rows of this run"


def how_measured(figures: Figures, key: str) -> str:
    """How a task asks: by likelihood or generation, with how many worked examples."""
    task, decoding = figures.task(key), figures.recipe.evaluate.decoding
    spec = figures.specs.get(key) or TaskSpec(task=key)
    how = task.scored_by(spec)
    if task.needs(spec) == "generation":
        way = "greedy" if decoding.beams == 1 else f"{decoding.beams} beams"
        way = f"sampled at {spec.temperature:g}" if spec.temperature else way
        how = f"answers, {way}, at most {decoding.max_new_tokens} tokens"
    return how + (f", {spec.shots} worked examples" if spec.shots else "")


def task_sections(figures: Figures) -> list[TaskSection]:
    """A part for each measured task, but for those that have parts of their own."""
    tables = {section.task: section for section in classifications(figures)}
    sections = []
    for key in figures.metrics.change:
        task, spec = figures.task(key), figures.specs.get(key)
        if task.section != "tasks":
            continue
        title = task.title + ("" if key == task.name else f": {key.replace('_', ' ')}")
        shown = figures.side_by_side(key, task.side_by_side)
        sections.append(
            TaskSection(
                key=key,
                predicts=key in figures.likelihood_tasks,
                title=title,
                rows=[row for row in figures.rows if row.task == key],
                people=PEOPLE.get((spec and spec.source) or ""),
                classifications=[tables[key]] if key in tables else [],
                topics=shown if task.own_items else [],
                answers=[] if task.own_items else shown,
            )
        )
    return sections


def perplexities(figures: Figures) -> list[tuple[str, float, float]]:
    """Perplexity a token before and after, of the answer and of the whole text.

    And as the published project computed it.
    """
    names = {
        (key, metric.name): metric.title.partition(", ")[2]
        for key in figures.likelihood_tasks
        for metric in figures.task(key).metrics
        if metric.per_token
    }
    bars = [
        (names[row.task, row.metric], row.before.value, row.after.value)
        for row in figures.rows
        if (row.task, row.metric) in names
    ]
    for name, published in figures.metrics.published.items():
        label = figure_named(name).plot_label
        if label and published.before and published.after:
            bars.append((label, published.before, published.after))
    return bars


def harm(figures: Figures) -> list[HarmSection]:
    """A part for each safety task."""
    sections = []
    for key in figures.in_section("harm"):
        rows = [row for row in figures.rows if row.task == key]
        if rows:
            whole = [row for row in rows if not row.metric.startswith(CATEGORY)]
            judged = any("judge" in row.metric for row in rows)
            n = max(row.n for row in rows)
            sections.append(HarmSection(n, whole, judged, _categories(rows)))
    return sections


def _categories(rows: Sequence[MetricRow]) -> list[Category]:
    by_name = {row.metric: row for row in rows}
    categories = []
    for name, row in by_name.items():
        if name.startswith(CATEGORY[0]):
            pair = [by_name.get(prefix + name.removeprefix(CATEGORY[0])) for prefix in CATEGORY]
            scores = [
                side
                for cell in pair
                for side in ((cell.before, cell.after) if cell else (None, None))
            ]
            categories.append(Category(row.title.split(": ", 1)[-1], row.n, scores))
    return categories


def forgetting(figures: Figures) -> list[list[MetricRow]]:
    """The rows of each forgetting task."""
    keys = figures.in_section("forgetting")
    parts = [[row for row in figures.rows if row.task == key] for key in keys]
    return [rows for rows in parts if rows]


def metric_title(figures: Figures, task: str, metric: str) -> str:
    """A metric's title, as the run's changes have it."""
    change = figures.metrics.change.get(task, {}).get(metric)
    return change.title if change else metric.replace("_", " ")


def parts_of(context: Mapping[str, Any]) -> dict[str, str]:
    """Anchors of the page with their titles, in order; what the run has not is left out."""
    metrics = context["figures"].metrics
    titles = {
        "compared": ("Compared", True),
        "scores": ("Before and after", context["rows"]),
        "arms": ("Was it needed?", metrics.arms),
        "curve": ("More data?", metrics.learning_curve),
        "seeds": ("Seeds", metrics.seeds or metrics.decoding_seeds),
        "tasks": ("Task by task", context["tasks"]),
        "calibration": ("Calibration", context["tasks"]),
        "harm": ("Harm", context["tasks"]),
        "forgetting": ("Forgetting", context["tasks"]),
        "changed": ("Changed items", context["changed"]),
        "training": ("Training", "loss" in context["pictures"]),
        "audit": ("Data", True),
        "checklists": ("Checklists", True),
        "unmeasured": ("Not measured", True),
        "reproduce": ("Reproduce", True),
    }
    return {name: title for name, (title, shown) in titles.items() if shown}
