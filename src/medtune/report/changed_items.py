"""Items whose result changed between the untouched and the trained model, as plain values that a
page can browse.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medtune.evaluation.results import Change, Result, Sample
from medtune.report.figures import Figures

# Where a sample keeps what a metric counts, if not under the metric's own name; 1 is right for
# those of RIGHT.
KEPT_AS = {"accuracy": "correct", "hit_at_1": "correct", "critical_violations": "critical"}
RIGHT = {
    "accuracy": ("right", "wrong"),
    "hit_at_1": ("right", "wrong"),
    "critical_violations": ("harmless", "harmful"),
}
# Right → wrong, wrong → right, right twice, wrong twice.
KINDS = ("lost", "gained", "kept", "missed")
MOVED = ("worse", "better", "same")
SAME = 1e-9

Pair = tuple[Sample, Sample]
Values = tuple[float, float]
# Id, index of the kind, value before, value after, question, text before, text after, reference.
ItemRow = list[Any]


@dataclass(frozen=True)
class ChangedTask:
    """A task's items by the first tested metric of which its samples hold a value.

    ``words`` are those of right and wrong, None for a figure by degrees; ``counts`` are of the
    ``kinds``; ``without`` so many items have no value. The largest changes come first.
    """

    task: str
    title: str
    words: tuple[str, str] | None
    kinds: Sequence[str]
    counts: Sequence[int]
    without: int
    rows: Sequence[ItemRow]


def changed_items(figures: Figures) -> list[ChangedTask]:
    """A table for each task that holds values item by item."""
    # Tasks that keep the prompt alone may share their items with one that keeps the bare question.
    questions = {
        sample.id: sample.question
        for samples in figures.samples["before"].values()
        for sample in samples
        if sample.question is not None
    }
    tables = [
        _of_task(figures, task, changes, questions)
        for task, changes in figures.metrics.change.items()
    ]
    return [table for table in tables if table]


def _of_task(
    figures: Figures, task: str, changes: Mapping[str, Change], questions: Mapping[str, str]
) -> ChangedTask | None:
    before, after = (figures.samples[side].get(task, []) for side in ("before", "after"))
    later = {sample.id: sample for sample in after}
    pairs = [(sample, later[sample.id]) for sample in before if sample.id in later]
    for metric, change in changes.items():
        valued = [
            (pair, (first, second))
            for pair in pairs
            if (first := value_of(pair[0], metric)) is not None
            and (second := value_of(pair[1], metric)) is not None
        ]
        if change.better is not None and valued:
            return _table(task, metric, change, valued, len(pairs) - len(valued), questions)
    return None


def value_of(sample: Sample, metric: str) -> float | None:
    """What one item adds to a metric; None where the sample does not keep it as one number."""
    score = _score(sample)
    if isinstance(score, dict):
        score = score.get(KEPT_AS.get(metric, metric))
    elif metric != "bits_per_byte":  # the one task whose score is a number
        return None
    return float(score) if isinstance(score, int | float) else None


def _score(sample: Sample) -> Any:
    return sample.score.as_json() if isinstance(sample.score, Result) else sample.score


def _table(
    task: str,
    metric: str,
    change: Change,
    valued: Sequence[tuple[Pair, Values]],
    without: int,
    questions: Mapping[str, str],
) -> ChangedTask:
    words = RIGHT.get(metric)
    kinds = KINDS if words else MOVED
    sign = -1 if change.better == "lower" else 1
    rows: list[ItemRow] = []
    for (left, right), (first, second) in valued:
        gain = sign * (second - first)
        kind = _kind(sign * first, sign * second, sign) if words else _moved(gain)
        question = questions.get(left.id, left.question or left.prompt)
        texts = (question, answer_text(left), answer_text(right), left.reference or "")
        rows.append([left.id, kinds.index(kind), first, second, *texts])
    rows.sort(key=lambda row: (row[1], -abs(row[3] - row[2])))
    counts = [sum(row[1] == index for row in rows) for index in range(len(kinds))]
    names = list(kinds)
    if words:
        good, bad = words
        names = [f"{good} → {bad}", f"{bad} → {good}", f"{good} both times", f"{bad} both times"]
    return ChangedTask(task, change.title, words, names, counts, without, rows)


def _kind(first: float, second: float, sign: int) -> str:
    """Of a share of 1 that is right (ties of several options: more than half), or of a harm."""
    was, is_now = (value > (0.5 if sign > 0 else -0.5) for value in (first, second))
    return {
        (True, False): "lost",
        (False, True): "gained",
        (True, True): "kept",
        (False, False): "missed",
    }[was, is_now]


def _moved(gain: float) -> str:
    return "same" if abs(gain) < SAME else "better" if gain > 0 else "worse"


def answer_text(sample: Sample) -> str:
    """What a model answered or chose; empty for a task that only scores a given text."""
    if sample.output is not None:
        return sample.output or "(nothing)"
    score = _score(sample)
    return " or ".join(score["top"]) if isinstance(score, dict) and "top" in score else ""


def as_json(items: Sequence[ChangedTask]) -> str:
    """JSON that may stand inside a script element: nothing in it can end the element or open a
    comment.
    """
    values = [vars(item) for item in items]
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
