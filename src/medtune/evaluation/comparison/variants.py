"""Ways to use the models beside each other on the same items: which is best, and the cheapest
that is not shown to be worse.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from medtune.evaluation.comparison.paired import compare_metric, paired_samples
from medtune.evaluation.evaluate import score
from medtune.evaluation.statistics import holm
from medtune.evaluation.tasks import Metric, Sample, Task

ALPHA = 0.05


@dataclass(frozen=True)
class Side:
    """One way: the untouched or the trained model, with a system message and worked examples,
    and its samples.
    """

    name: str
    model: str  # base or tuned
    system_prompt: str | None
    shots: int
    samples: Sequence[Sample]

    @property
    def needs_training(self) -> bool:
        """Whether somebody must train for it."""
        return self.model == "tuned"

    @property
    def prompt_bytes(self) -> float:
        """Mean UTF-8 size of a prompt: what every question costs."""
        return float(np.mean([len(sample["prompt"].encode()) for sample in self.samples]))

    @property
    def cost(self) -> tuple[bool, float]:
        """In order of cheapness: no training before training, then short prompts before long
        ones.
        """
        return self.needs_training, self.prompt_bytes


def compare_arms(
    sides: Sequence[Side], key: str, task: Task, metric: Metric, resamples: int, seed: int
) -> dict[str, Any] | None:
    """Every side's score, its paired difference to the best one with p corrected by Holm, and
    the cheapest that holds up.

    The family of the correction are all pairs of sides, since the best one is picked on these very
    items. Cheapest is the first in ``Side.cost`` whose difference to the best is not significant.
    That a test shows no difference does not prove that there is none: ``detectable`` says what it
    could have shown. None where fewer than two sides have the figure.
    """
    found = [score(task, list(side.samples), resamples, seed).get(metric.name) for side in sides]
    there = [(side, scores) for side, scores in zip(sides, found, strict=True) if scores]
    if len(there) < 2:
        return None
    measured, sign = [side for side, _ in there], 1 if metric.better == "higher" else -1
    best = max(range(len(there)), key=lambda i: sign * there[i][1]["value"])
    against = _against_best(measured, best, metric, resamples, seed)
    fair = [i for i, entry in enumerate(against) if not _is_worse(entry)]
    cheapest = min(fair, key=lambda i: measured[i].cost)
    rows = [
        {name: value for name, value in asdict(side).items() if name != "samples"}
        | {"needs_training": side.needs_training, "prompt_bytes": side.prompt_bytes}
        | {name: scores[name] for name in ("value", "low", "high", "n")}
        | {"against_best": entry}
        for (side, scores), entry in zip(there, against, strict=True)
    ]
    told = {
        "task": key,
        "metric": metric.name,
        "title": metric.title,
        "unit": metric.unit,
        "better": metric.better,
    }
    whole: dict[str, Any] = {
        **told,
        "rows": rows,
        "best": measured[best].name,
        "cheapest": measured[cheapest].name,
    }
    whole["unmeasured"] = [
        side.name for side, scores in zip(sides, found, strict=True) if not scores
    ]
    return whole | {"sentence": _sentence(whole)}


def _is_worse(entry: dict[str, Any] | None) -> bool:
    """Significantly; without a test nothing is."""
    return bool(entry and entry["p_corrected"] is not None and entry["p_corrected"] < ALPHA)


def _against_best(
    sides: Sequence[Side], best: int, metric: Metric, resamples: int, seed: int
) -> list[dict[str, Any] | None]:
    """Each side's difference to the best one.

    The corrected p-values are of the family of all pairs.
    """
    count = range(len(sides))
    others = [(i, j) for i, j in combinations(count, 2) if best not in (i, j)]
    own = {i: _against(sides[best], sides[i], metric, resamples, seed) for i in count if i != best}
    entries = [
        *own.values(),
        *(_against(sides[i], sides[j], metric, resamples, seed) for i, j in others),
    ]
    tested = [entry for entry in entries if entry and entry["p"] is not None]
    for entry, corrected in zip(tested, holm([entry["p"] for entry in tested]), strict=True):
        entry["p_corrected"] = corrected
    return [own.get(i) for i in count]


def _against(
    best: Side, side: Side, metric: Metric, resamples: int, seed: int
) -> dict[str, Any] | None:
    """What a side has less (or more) than the best one."""
    left, right = paired_samples(best.samples, side.samples)
    found = compare_metric(metric, left, right, resamples, seed)
    names = ("value", "low", "high", "p", "p_corrected", "test", "detectable")
    return {name: found[name] for name in names} if found else None


def _sentence(found: dict[str, Any]) -> str:
    rows = {row["name"]: row for row in found["rows"]}
    best, cheapest = rows[found["best"]], rows[found["cheapest"]]
    said = f"Best of {len(rows)} ways by {found['title'].lower()}: {best['name']} ({best['value']:.3g})."
    if any(
        row["against_best"] and row["against_best"]["p_corrected"] is None for row in rows.values()
    ):
        return f"{said} Nothing was tested: the items are a single group, and chance cannot be told from it."
    if best is cheapest:
        rest = (
            "every cheaper way is significantly worse"
            if _cheaper(rows, best)
            else "it is the cheapest, too"
        )
        return f"{said} It is also the cheapest way that holds up: {rest}."
    entry = cheapest["against_best"]
    shown = "not known" if entry["detectable"] is None else f"{entry['detectable']:.2g}"
    trained = "" if cheapest["needs_training"] else "without any training, "
    return (
        f"{said} The cheapest way that is not significantly worse is, {trained}{cheapest['name']} ({cheapest['value']:.3g}; "
        f"difference {entry['value']:+.3g}, 95 % {entry['low']:.3g} to {entry['high']:.3g}; what this test could have shown: "
        f"{shown})."
    )


def _cheaper(rows: dict[str, Any], best: dict[str, Any]) -> bool:
    cost = (best["needs_training"], best["prompt_bytes"])
    return any((row["needs_training"], row["prompt_bytes"]) < cost for row in rows.values())
