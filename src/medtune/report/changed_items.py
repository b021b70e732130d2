"""Items whose result changed between the untouched and the trained model, as plain values that a
page can browse.
"""

import json
from collections.abc import Sequence
from typing import Any

from medtune.report.figures import Figures

# Where a sample keeps what a metric counts, if not under the metric's own name; 1 is right for
# those of RIGHT.
KEPT_AS = {"accuracy": "correct", "hit_at_1": "correct", "critical_violations": "critical"}
RIGHT = {
    "accuracy": ("right", "wrong"),
    "hit_at_1": ("right", "wrong"),
    "critical_violations": ("harmless", "harmful"),
}
KINDS = (
    "lost",
    "gained",
    "kept",
    "missed",
)  # right → wrong, wrong → right, right twice, wrong twice
MOVED = ("worse", "better", "same")
SAME = 1e-9


def changed_items(figures: Figures) -> list[dict[str, Any]]:
    """A task each: ``task``, ``title``, ``words`` (of right and wrong, None for a figure by
    degrees), ``kinds``, ``rows``.

    A row is [id, kind's place, before, after, question, text before, text after, reference], the
    largest changes first.
    """
    # Tasks that keep the prompt alone may share their items with one that keeps the bare question.
    asked = {
        s["id"]: s["question"]
        for samples in figures.samples["before"].values()
        for s in samples
        if "question" in s
    }
    found = [
        _of_task(figures, task, change, asked) for task, change in figures.metrics["change"].items()
    ]
    return [task for task in found if task]


def _of_task(
    figures: Figures, task: str, change: dict[str, Any], asked: dict[str, str]
) -> dict[str, Any] | None:
    before, after = (figures.samples[side].get(task, []) for side in ("before", "after"))
    later = {sample["id"]: sample for sample in after}
    pairs = [(sample, later[sample["id"]]) for sample in before if sample["id"] in later]
    for metric, entry in change.items():
        values = [(value_of(left, metric), value_of(right, metric)) for left, right in pairs]
        known = [(pair, own) for pair, own in zip(pairs, values, strict=True) if None not in own]
        if entry["better"] is not None and known:
            table = _table(task, metric, entry, known, len(pairs) - len(known))
            for row in table["rows"]:
                row[4] = asked.get(row[0], row[4])
            return table
    return None


def value_of(sample: dict[str, Any], metric: str) -> float | None:
    """What one item adds to a metric; None where the sample does not keep it as one number."""
    score = sample.get("score")
    if isinstance(score, dict):
        score = score.get(KEPT_AS.get(metric, metric))
    elif metric != "bits_per_byte":  # the one task whose score is a number
        return None
    return float(score) if isinstance(score, int | float) else None


def _table(
    task: str, metric: str, entry: dict[str, Any], known: Sequence[tuple[Any, Any]], without: int
) -> dict[str, Any]:
    words = RIGHT.get(metric)
    kinds = KINDS if words else MOVED
    sign = -1 if entry["better"] == "lower" else 1
    rows = []
    for (left, right), (first, second) in known:
        kind = (
            _kind(sign * first, sign * second, sign) if words else _moved(sign * (second - first))
        )
        rows.append([left["id"], kinds.index(kind), first, second, *_texts(left, right)])
    rows.sort(key=lambda row: (row[1], -abs(row[3] - row[2])))
    counts = [sum(row[1] == place for row in rows) for place in range(len(kinds))]
    return {
        "task": task,
        "title": entry["title"],
        "words": words,
        "kinds": _said(words, kinds),
        "counts": counts,
        "without": without,
        "rows": rows,
    }


def _kind(first: float, second: float, sign: int) -> str:
    """Of a share of 1 that is right (ties of several options: more than half), or of a harm that
    is there.
    """
    was, is_now = (value > (0.5 if sign > 0 else -0.5) for value in (first, second))
    return {
        (True, False): "lost",
        (False, True): "gained",
        (True, True): "kept",
        (False, False): "missed",
    }[was, is_now]


def _moved(gain: float) -> str:
    return "same" if abs(gain) < SAME else "better" if gain > 0 else "worse"


def _said(words: tuple[str, str] | None, kinds: Sequence[str]) -> list[str]:
    if words is None:
        return list(kinds)
    good, bad = words
    return [f"{good} → {bad}", f"{bad} → {good}", f"{good} both times", f"{bad} both times"]


def _texts(left: dict[str, Any], right: dict[str, Any]) -> list[str]:
    return [
        left.get("question") or left["prompt"],
        answer_text(left),
        answer_text(right),
        str(left["reference"] or ""),
    ]


def answer_text(sample: dict[str, Any]) -> str:
    """What a model said or chose; empty for a task that only scores a given text."""
    if "output" in sample:
        return str(sample["output"]) or "(nothing)"
    score = sample["score"]
    return " or ".join(score["top"]) if isinstance(score, dict) and "top" in score else ""


def as_json(items: Any) -> str:
    """JSON that may stand inside a script element: nothing in it can end the element or open a
    comment.
    """
    text = json.dumps(items, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
