"""Samples of a classification as tables: every class, the confusion matrix, unread answers."""

from collections.abc import Mapping, Sequence

import numpy as np

from medtune.evaluation.results import Result, Sample
from medtune.evaluation.tasks.classification import ChoiceSample, class_counts, f1_by_class

UNPARSED = "unparsed"
SHOWN = 20


class ClassRow(Result):
    """One label: in how many items it is right and predicted (ties give each its share).

    A precision or recall of nothing is None.
    """

    label: str
    n: int
    predicted: float
    precision: float | None
    recall: float | None
    f1: float | None


class UnparsedAnswer(Result):
    """An answer that names no label."""

    id: str
    output: str


class ClassTables(Result):
    """One model's classification.

    ``confusion`` has a row a right label, a column a label and one for unparsed answers; None where
    texts have several labels. ``unparsed_answers`` are the first of the ``unparsed``.
    """

    labels: list[str]
    classes: list[ClassRow]
    confusion: list[list[float]] | None
    unparsed: int
    unparsed_answers: list[UnparsedAnswer]


def class_tables(samples: Sequence[ChoiceSample]) -> ClassTables:
    """The tables of one model's samples."""
    # Questions may have four options or five: letters mean the same in both.
    labels = max((sample.options for sample in samples), key=len)
    sums = np.sum([class_counts(sample, labels) for sample in samples], axis=0)
    both, named, right = sums.reshape(3, -1)
    scores = f1_by_class(sums)
    unparsed = [sample for sample in samples if not sample.score.predicted]
    several = any(sample.get("sets") for sample in samples)
    return ClassTables(
        labels=labels,
        classes=[
            ClassRow(
                label=label,
                n=int(right[i]),
                predicted=float(named[i]),
                precision=_share(both[i], named[i]),
                recall=_share(both[i], right[i]),
                f1=float(scores[i]) if np.isfinite(scores[i]) else None,
            )
            for i, label in enumerate(labels)
        ],
        confusion=None if several else _confusion(samples, labels),
        unparsed=len(unparsed),
        unparsed_answers=[UnparsedAnswer(id=s.id, output=s.output or "") for s in unparsed[:SHOWN]],
    )


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _confusion(samples: Sequence[ChoiceSample], labels: Sequence[str]) -> list[list[float]]:
    index = {label: i for i, label in enumerate(labels)}
    matrix = np.zeros((len(labels), len(labels) + 1))
    for sample in samples:
        row = index[sample.labels[0]]
        for label, weight in (sample.score.predicted or {UNPARSED: 1.0}).items():
            matrix[row, index.get(label, len(labels))] += weight
    rows: list[list[float]] = matrix.tolist()
    return rows


def tables_of_run(
    before: Mapping[str, Sequence[Sample]], after: Mapping[str, Sequence[Sample]]
) -> dict[str, dict[str, ClassTables]]:
    """Task → side → tables, for the tasks of a run that classify."""
    tables: dict[str, dict[str, ClassTables]] = {}
    for name, side in (("before", before), ("after", after)):
        for task, samples in side.items():
            choices = [sample for sample in samples if isinstance(sample, ChoiceSample)]
            if choices:
                tables.setdefault(task, {})[name] = class_tables(choices)
    return tables
