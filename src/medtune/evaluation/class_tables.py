"""Samples of a classification as tables: every class, the confusion matrix, what was answered
how often.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medtune.evaluation.tasks.classification import class_counts, f1_by_class
from medtune.evaluation.tasks.task import Sample

UNPARSED = "unparsed"
SHOWN = 20


def class_tables(samples: Sequence[Sample]) -> dict[str, Any]:
    """Plain values: ``classes`` (n, predicted, precision, recall, f1), ``confusion``,
    ``predicted``, ``unparsed``.

    A precision or recall of nothing is None. Ties give each label its share. The confusion matrix
    has a row a right label and a column a label and one for unparsed answers; where texts have
    several labels there is none.
    """
    # Questions may have four options or five: letters mean the same in both.
    options = max((sample["options"] for sample in samples), key=len)
    sums = np.sum([class_counts({**sample, "options": options}) for sample in samples], axis=0)
    both, named, right = sums.reshape(3, -1)
    scores = f1_by_class(sums)
    unparsed = [sample for sample in samples if not sample["score"]["predicted"]]
    return {
        "labels": options,
        "classes": [
            {
                "label": label,
                "n": int(right[i]),
                "predicted": float(named[i]),
                "precision": _share(both[i], named[i]),
                "recall": _share(both[i], right[i]),
                "f1": float(scores[i]) if np.isfinite(scores[i]) else None,
            }
            for i, label in enumerate(options)
        ],
        "confusion": None
        if any(sample.get("sets") for sample in samples)
        else _confusion(samples, options),
        "unparsed": len(unparsed),
        "unparsed_answers": [
            {"id": s["id"], "output": s.get("output", "")} for s in unparsed[:SHOWN]
        ],
    }


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _confusion(samples: Sequence[Sample], options: Sequence[str]) -> list[list[float]]:
    place = {label: i for i, label in enumerate(options)}
    matrix = np.zeros((len(options), len(options) + 1))
    for sample in samples:
        row = place[sample["labels"][0]]
        for label, weight in (sample["score"]["predicted"] or {UNPARSED: 1.0}).items():
            matrix[row, place.get(label, len(options))] += weight
    rows: list[list[float]] = matrix.tolist()
    return rows


def tables_of_run(
    before: Mapping[str, Sequence[Sample]], after: Mapping[str, Sequence[Sample]]
) -> dict[str, dict[str, Any]]:
    """Task → side → tables, for the tasks of a run that classify."""
    sides = {"before": before, "after": after}
    tasks = [
        task for task, samples in (before or after).items() if samples and "options" in samples[0]
    ]
    return {
        task: {name: class_tables(side[task]) for name, side in sides.items() if side.get(task)}
        for task in tasks
    }
