"""Several models on the same items: every pair compared, and a ranking that ties whoever cannot
be told apart.

The rank of a contestant is 1 + the number of contestants that are significantly better: the paired
difference has the right sign and its p-value, corrected by Holm over all pairs of all tested
figures, is below 0.05. Whoever nobody beats is first, alone or with others; a tie says "not shown
to differ", so a middle one may tie with two that do differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from medtune.errors import RunError
from medtune.evaluation.comparison.paired import compare_metric
from medtune.evaluation.evaluate import score
from medtune.evaluation.statistics import holm
from medtune.evaluation.tasks import Metric, Sample, Task
from medtune.progress import Bar, track
from medtune.report.verdict import ALPHA, FEW_GROUPS

PER_TOKEN = ("perplexity", "row_mean_perplexity", "text_perplexity")
TOKENIZERS_DIFFER = (
    "These models cut texts into different tokens, so their figures a token mean different things: shown, not ranked. "
    "Bits per byte compare."
)
TOO_FEW = f"Fewer than {FEW_GROUPS} groups of items: too few to tell anybody apart."
RESOLUTION = (
    100  # resamples a test of the family: Holm multiplies the smallest p-value by their number
)


@dataclass(frozen=True)
class ModelSamples:
    """One contestant: its samples by task, and what names its tokenizer (equal names, equal
    tokens).
    """

    name: str
    samples: Mapping[str, Sequence[Sample]]
    tokenizer: str


def item_of(sample: Sample) -> tuple[Any, ...]:
    """What makes an item the same one; the rendered prompt differs between models."""
    options = tuple(sample.get("options") or ())
    return sample["id"], sample["group"], sample.get("question"), sample["reference"], options


def same_items(left: Sequence[Sample], right: Sequence[Sample]) -> bool:
    """Whether two evaluations hold the same items, in whatever order."""
    return len(left) == len(right) and {*map(item_of, left)} == {*map(item_of, right)}


def _aligned(samples: Sequence[Sample], like: Sequence[Sample], name: str) -> list[Sample]:
    by_id = {sample["id"]: sample for sample in samples}
    if not same_items(samples, like):
        raise RunError(
            "the evaluations hold different items",
            where=name,
            fix="Measure all on the same data: --on.",
        )
    return [by_id[sample["id"]] for sample in like]


def compare_all(
    contestants: Sequence[ModelSamples], tasks: Mapping[str, Task], resamples: int, seed: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A table a task and metric that two contestants or more have, and the family of tests.

    A table holds ``rows`` (name, value, low, high, n, rank; best first) and ``pairs`` (first,
    second, the difference second minus first with interval, p, p_corrected, and ``better``: a name
    or None). The bootstrap draws at least ``resamples`` times, more where the family is large.
    Raises ``RunError`` where items differ.
    """
    tables = [
        _Table(key, metric, tuple(_on_task(contestants, key)))
        for key, task in tasks.items()
        for metric in task.metrics
        if len(_on_task(contestants, key)) > 1
    ]
    family = sum(len(table.compared()) for table in tables if table.metric.better is not None)
    draws = max(resamples, RESOLUTION * family)
    scores = _scores(contestants, tasks, draws, seed)
    with track("comparing", sum(len(table.compared()) for table in tables), "pairs") as bar:
        made = [table.made(tasks[table.task], scores, draws, seed, bar) for table in tables]
    made = [table for table in made if table["rows"]]
    tested = [pair for table in made for pair in table["pairs"] if pair["p"] is not None]
    for pair, corrected in zip(tested, holm([pair["p"] for pair in tested]), strict=True):
        pair["p_corrected"] = corrected
    for table in made:
        _rank(table)
    return made, {"tests": len(tested), "method": "Holm", "alpha": ALPHA, "resamples": draws}


def _on_task(contestants: Sequence[ModelSamples], task: str) -> list[ModelSamples]:
    """Those that were measured on a task, their items in one order."""
    there = [c for c in contestants if c.samples.get(task)]
    return [
        ModelSamples(
            c.name, {task: _aligned(c.samples[task], there[0].samples[task], c.name)}, c.tokenizer
        )
        for c in there
    ]


def _scores(
    contestants: Sequence[ModelSamples], tasks: Mapping[str, Task], resamples: int, seed: int
) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (c.name, key): score(task, c.samples[key], resamples, seed)
        for c in contestants
        for key, task in tasks.items()
        if c.samples.get(key)
    }


@dataclass(frozen=True)
class _Table:
    task: str
    metric: Metric
    contestants: tuple[ModelSamples, ...]

    def compared(self) -> list[tuple[ModelSamples, ModelSamples]]:
        """All pairs; for a figure a token only those with the same tokens."""
        pairs = combinations(self.contestants, 2)
        return [
            (a, b)
            for a, b in pairs
            if self.metric.name not in PER_TOKEN or a.tokenizer == b.tokenizer
        ]

    def made(
        self,
        task: Task,
        scores: Mapping[tuple[str, str], dict[str, Any]],
        resamples: int,
        seed: int,
        bar: Bar,
    ) -> dict[str, Any]:
        pairs = []
        for first, second in self.compared():
            found = compare_metric(
                self.metric, first.samples[self.task], second.samples[self.task], resamples, seed
            )
            bar.advance()
            if found:
                wanted = {
                    k: found[k]
                    for k in ("value", "low", "high", "p", "p_corrected", "test", "n", "groups")
                }
                pairs.append({"first": first.name, "second": second.name, **wanted})
        rows = [
            {"name": c.name, **found}
            for c in self.contestants
            if (found := scores[c.name, self.task].get(self.metric.name))
        ]
        mixed = self.metric.name in PER_TOKEN and len({c.tokenizer for c in self.contestants}) > 1
        groups = min((row["groups"] for row in rows), default=0)
        few = self.metric.better is not None and groups < FEW_GROUPS
        return {
            "task": self.task,
            "task_title": task.title,
            "metric": self.metric.name,
            "title": self.metric.title,
            "unit": self.metric.unit,
            "better": self.metric.better,
            "groups": groups,
            "ranked": self.metric.better is not None and not mixed,
            "note": TOKENIZERS_DIFFER if mixed else TOO_FEW if few else None,
            "rows": rows,
            "pairs": pairs,
        }


def _rank(table: dict[str, Any]) -> None:
    """Decide the pairs, rank the rows, best first."""
    for pair in table["pairs"]:
        pair["better"] = _winner(pair, table)
    for row in table["rows"]:
        beaten = [p for p in table["pairs"] if row["name"] in (p["first"], p["second"])]
        row["rank"] = (
            1 + sum(p["better"] not in (None, row["name"]) for p in beaten)
            if table["ranked"]
            else None
        )
    if table["better"] is not None:
        sign = 1 if table["better"] == "lower" else -1
        table["rows"].sort(key=lambda row: (row["rank"] or 0, sign * row["value"]))


def _winner(pair: Mapping[str, Any], table: Mapping[str, Any]) -> str | None:
    undecided = pair["p_corrected"] is None or pair["p_corrected"] >= ALPHA or pair["value"] == 0
    if undecided or table["groups"] < FEW_GROUPS:
        return None
    return str(
        pair["second"] if (pair["value"] < 0) == (table["better"] == "lower") else pair["first"]
    )
