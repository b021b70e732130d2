"""A run's classifications as plain values for the page: baselines beside the models, classes,
confusion, what was unparsed.
"""

from collections.abc import Sequence
from typing import Any

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


def classifications(figures: Figures) -> list[dict[str, Any]]:
    """A section a task that classifies: ``task``, ``columns``, ``rows``, ``classes``,
    ``confusion``, ``unparsed``.
    """
    return [_section(figures, task, sides) for task, sides in figures.tables.items()]


def _section(figures: Figures, task: str, sides: dict[str, Any]) -> dict[str, Any]:
    rows = _rows(figures, task)
    columns = [name for name in COLUMNS if any(name in row["scores"] for row in rows)]
    last = sides.get("after") or sides["before"]
    return {
        "task": task,
        "columns": {name: COLUMNS[name] for name in columns},
        "rows": rows,
        "classes": _classes(sides),
        "side": SIDES["after" if "after" in sides else "before"],
        "labels": last["labels"],
        "confusion": last["confusion"],
        "unparsed": {
            name: (tables["unparsed"], tables["unparsed_answers"]) for name, tables in sides.items()
        },
    }


def _rows(figures: Figures, task: str) -> list[dict[str, Any]]:
    """Whoever answered the same items, with their scores; at the end what the labels allow."""
    made = figures.baselines.get(task, {})
    rows = [{"title": entry["title"], "scores": entry["scores"]} for entry in made.values()]
    rows += [
        {"title": title + _remark(figures, task, side), "scores": figures.metrics[side][task]}
        for side, title in SIDES.items()
        if task in figures.metrics[side]
    ]
    labels = figures.audit.labels
    if labels and labels.selected and not labels.label_sets:
        most = {"value": labels.selected.ceiling, "low": None, "high": None}
        rows.append(
            {
                "title": "the most that these labels allow (equal texts, different labels)",
                "scores": {"accuracy": most},
            }
        )
    return rows


def _remark(figures: Figures, task: str, side: str) -> str:
    return (
        " (chance level)"
        if chance_level(figures.metrics, task, "accuracy", side) is not None
        else ""
    )


def _classes(sides: dict[str, Any]) -> list[dict[str, Any]]:
    """A row a label, with the figures of both sides."""
    tables: Sequence[tuple[str, Any]] = list(sides.items())
    labels = tables[0][1]["labels"]
    return [
        {"label": label, "n": tables[0][1]["classes"][i]["n"]}
        | {name: side["classes"][i] for name, side in tables}
        for i, label in enumerate(labels)
    ]
