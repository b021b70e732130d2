"""Classifications and measured confidence of a run, as tables and pictures for the page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from medtune.evaluation.class_tables import ClassRow, ClassTables, UnparsedAnswer
from medtune.evaluation.confidence.abstention import Threshold
from medtune.evaluation.confidence.summary import ConfidenceFacts
from medtune.evaluation.results import Estimate
from medtune.report.evaluation_plots import reliability_plot, risk_plot
from medtune.report.figures import Figures
from medtune.report.verdict import chance_level

COLUMNS = {
    "accuracy": "accuracy",
    "hit_at_1": "first label in the set",
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "parse_rate": "answers that name a label",
}
SIDES = {"before": "untouched model", "after": "trained model"}


@dataclass(frozen=True)
class Answerer:
    """Who answered the items, with scores by metric."""

    title: str
    scores: Mapping[str, Estimate]


@dataclass(frozen=True)
class ClassSides:
    """A label that is right in ``n`` items, with its figures by side."""

    label: str
    n: int
    sides: Mapping[str, ClassRow]


@dataclass(frozen=True)
class ClassificationSection:
    """A task that classifies; ``confusion`` and ``labels`` are of the ``side``."""

    task: str
    columns: Mapping[str, str]  # metric → title
    rows: Sequence[Answerer]
    classes: Sequence[ClassSides]
    side: str
    labels: Sequence[str]
    confusion: Sequence[Sequence[float]] | None
    unparsed: Mapping[str, tuple[int, Sequence[UnparsedAnswer]]]  # side → count, the first ones


def classifications(figures: Figures) -> list[ClassificationSection]:
    """A section for each task that classifies."""
    return [_classification(figures, task, sides) for task, sides in figures.tables.items()]


def _classification(
    figures: Figures, task: str, sides: Mapping[str, ClassTables]
) -> ClassificationSection:
    rows = _answerers(figures, task)
    side = "after" if "after" in sides else "before"
    return ClassificationSection(
        task=task,
        columns={
            name: title
            for name, title in COLUMNS.items()
            if any(name in row.scores for row in rows)
        },
        rows=rows,
        classes=_classes(sides),
        side=SIDES[side],
        labels=sides[side].labels,
        confusion=sides[side].confusion,
        unparsed={
            name: (tables.unparsed, tables.unparsed_answers) for name, tables in sides.items()
        },
    )


def _answerers(figures: Figures, task: str) -> list[Answerer]:
    """Baselines and both models; at the end what the labels allow."""
    baselines = figures.baselines.get(task, {})
    rows = [Answerer(baseline.title, baseline.scores) for baseline in baselines.values()]
    measured = {"before": figures.metrics.before, "after": figures.metrics.after}
    for side, title in SIDES.items():
        if task in measured[side]:
            chance = chance_level(figures.metrics, task, "accuracy", side) is not None
            remark = " (chance level)" if chance else ""
            rows.append(Answerer(title + remark, measured[side][task]))
    labels = figures.audit.labels
    if labels and labels.selected and not labels.label_sets:
        most = Estimate(value=labels.selected.ceiling, low=None, high=None)
        title = "the most that these labels allow (equal texts, different labels)"
        rows.append(Answerer(title, {"accuracy": most}))
    return rows


def _classes(sides: Mapping[str, ClassTables]) -> list[ClassSides]:
    first = next(iter(sides.values()))
    return [
        ClassSides(row.label, row.n, {side: tables.classes[i] for side, tables in sides.items()})
        for i, row in enumerate(first.classes)
    ]


@dataclass(frozen=True)
class ConfidenceSection:
    """A task whose confidence was measured: a table, and sentences by side.

    ``meaning`` says what confidence and right are; ``columns`` are the titles of the sides.
    """

    task: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]  # title, a cell a side
    meaning: str
    sentences: Mapping[str, Sequence[str]]


def confidence_sections(figures: Figures) -> list[ConfidenceSection]:
    """A section for each task whose confidence was measured."""
    return [_confidence(task, sides) for task, sides in figures.confidence.items()]


def _confidence(task: str, sides: Mapping[str, ConfidenceFacts]) -> ConfidenceSection:
    sentences = {SIDES[side]: facts.sentences for side, facts in sides.items()}
    cells = zip(*(_cells(facts) for facts in sides.values()), strict=True)
    return ConfidenceSection(
        task=task,
        columns=list(sentences),
        rows=list(zip(CONFIDENCE_TITLES, cells, strict=True)),
        meaning=next(iter(sentences.values()))[0],
        sentences={side: texts[1:] for side, texts in sentences.items()},
    )


def confidence_drawings(figures: Figures, directory: Path) -> dict[str, Callable[[], str]]:
    """By name what draws an inline SVG: ``reliability_TASK`` and ``risk_TASK``, also written to
    ``directory``.
    """
    return {
        name: partial(draw, sides, directory, name)
        for task, sides in figures.confidence.items()
        for name, draw in ((f"reliability_{task}", reliability_plot), (f"risk_{task}", risk_plot))
    }


CONFIDENCE_TITLES = [
    "items with a confidence",
    "mean confidence",
    "right",
    "calibration error (ECE)",
    "… of a perfectly calibrated model",
    "Brier score",
    "AUROC of confidence",
    "AUROC of answer length",
    "signal",
    "AURC (random order, at best)",
    "temperature (ECE before, after)",
    "conformal sets: coverage reached (stated)",
    "conformal sets: mean size",
    "threshold to abstain below",
]


def _cells(facts: ConfidenceFacts) -> list[str]:
    """The texts under ``CONFIDENCE_TITLES``."""
    area, scaling, sets = facts.aurc, facts.temperature, facts.conformal
    chance = facts.ece.perfect
    # A written answer has no other options.
    missing = "not measured" if facts.kind == "options" else "–"
    warmth = (
        f"{scaling.value:.3g} ({_f(scaling.ece_before)}, {_f(scaling.ece_after)})"
        if scaling
        else "not measured"
    )
    return [
        f"{facts.n:,}",
        _f(facts.confidence),
        _f(facts.right),
        _band(facts.ece),
        f"{_f(chance.mean)} ({_f(chance.low)}–{_f(chance.high)})",
        _band(facts.brier),
        _band(facts.auroc),
        _band(facts.length_auroc),
        facts.signal,
        f"{_f(area.value)} ({_f(area.random)}, {_f(area.oracle)})",
        warmth,
        f"{_band(sets.reached)}, stated {sets.stated:.0%}" if sets else missing,
        f"{sets.mean_size:.2f} of {sets.options:.3g}" if sets else missing,
        _limit(facts.threshold),
    ]


def _limit(threshold: Threshold | None) -> str:
    if threshold is None:
        return "not measured"
    return _f(threshold.value) if threshold.status == "set" else f"none: {threshold.status}"


def _f(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _band(figure: Estimate | None) -> str:
    if figure is None:
        return "not measured"
    span = "" if figure.low is None else f" ({_f(figure.low)}–{_f(figure.high)})"
    return _f(figure.value) + span
