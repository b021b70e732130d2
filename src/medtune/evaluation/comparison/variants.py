"""Ways to use the models beside each other on the same items: which is best, and the cheapest
that is not shown to be worse.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from medtune.evaluation.comparison.paired import compare_metric, paired_samples
from medtune.evaluation.decisions import corrected, too_few_groups
from medtune.evaluation.evaluate import score
from medtune.evaluation.results import Better, Change, Decision, Estimate, Result, Score
from medtune.evaluation.tasks import Metric, Sample, Task


@dataclass(frozen=True)
class Variant:
    """A way to use a model: untouched or trained, with a system message and worked examples."""

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


class AgainstBest(Estimate):
    """A variant's figure less that of the best one; p-values are corrected over all pairs."""

    p: float | None
    p_corrected: float | None
    test: str
    detectable: float | None
    decision: Decision


class VariantRow(Estimate):
    """A variant with its score; ``against_best`` is None for the best one."""

    name: str
    model: str
    system_prompt: str | None
    shots: int
    needs_training: bool
    prompt_bytes: float
    n: int
    against_best: AgainstBest | None

    @property
    def cost(self) -> tuple[bool, float]:
        """In order of cheapness: no training before training, then short prompts before long."""
        return self.needs_training, self.prompt_bytes


class VariantComparison(Result):
    """All variants by one metric; ``cheapest`` is the first in cost that is not shown to be worse
    than the best (None where the groups are too few to tell any from another), ``unmeasured`` names
    those without the figure.
    """

    task: str
    metric: str
    title: str
    unit: str
    better: Better | None
    rows: list[VariantRow]
    best: str
    cheapest: str | None
    unmeasured: list[str]
    sentence: str


def compare_variants(
    variants: Sequence[Variant], key: str, task: Task, metric: Metric, resamples: int, seed: int
) -> VariantComparison | None:
    """Every variant's score, its paired difference to the best one, and the cheapest that holds up.

    The family of Holm's correction are all pairs, since the best one is picked on these very items.
    That a test shows no difference does not prove that there is none: ``detectable`` says what it
    could have shown. None where fewer than two variants have the figure.
    """
    scores = {v.name: score(task, v.samples, resamples, seed).get(metric.name) for v in variants}
    measured = [(v, variant_score) for v in variants if (variant_score := scores[v.name])]
    if len(measured) < 2:
        return None
    sign = 1 if metric.better == "higher" else -1
    best = max(range(len(measured)), key=lambda i: sign * measured[i][1].value)
    changes = _against_best([v for v, _ in measured], best, metric, resamples, seed)
    rows = [
        _row(v, variant_score, change)
        for (v, variant_score), change in zip(measured, changes, strict=True)
    ]
    holding = [row for row, change in zip(rows, changes, strict=True) if not _is_worse(change)]
    cheapest = min(holding, key=lambda row: row.cost)
    few = _too_few([change for change in changes if change])
    return VariantComparison(
        task=key,
        metric=metric.name,
        title=metric.title,
        unit=metric.unit,
        better=metric.better,
        rows=rows,
        best=rows[best].name,
        cheapest=None if few else cheapest.name,
        unmeasured=[name for name, variant_score in scores.items() if not variant_score],
        sentence=_sentence(metric.title, rows, rows[best], cheapest, few),
    )


def _too_few(changes: Sequence[Change]) -> str | None:
    """The groups in words where no change rests on enough of them."""
    few = [too_few_groups(change) for change in changes]
    return few[0] if few and all(few) else None


def _is_worse(change: Change | None) -> bool:
    return change is not None and change.decision == "worse"


def _row(variant: Variant, variant_score: Score, change: Change | None) -> VariantRow:
    return VariantRow(
        name=variant.name,
        model=variant.model,
        system_prompt=variant.system_prompt,
        shots=variant.shots,
        needs_training=variant.needs_training,
        prompt_bytes=variant.prompt_bytes,
        value=variant_score.value,
        low=variant_score.low,
        high=variant_score.high,
        n=variant_score.n,
        against_best=change
        and AgainstBest(
            value=change.value,
            low=change.low,
            high=change.high,
            p=change.p,
            p_corrected=change.p_corrected,
            test=change.test,
            detectable=change.detectable,
            decision=change.decision,
        ),
    )


def _against_best(
    variants: Sequence[Variant], best: int, metric: Metric, resamples: int, seed: int
) -> list[Change | None]:
    """Each variant's difference to the best one, corrected over the family of all pairs."""
    count = range(len(variants))
    pairs = [(best, i) for i in count if i != best]
    pairs += [pair for pair in combinations(count, 2) if best not in pair]
    changes = {}
    for i, j in pairs:
        left, right = paired_samples(variants[i].samples, variants[j].samples)
        changes[i, j] = compare_metric(metric, left, right, resamples, seed)
    compared = {pair: change for pair, change in changes.items() if change}
    decided = dict(zip(compared, corrected(list(compared.values())), strict=True))
    return [decided.get((best, i)) for i in count]


def _sentence(
    title: str,
    rows: Sequence[VariantRow],
    best: VariantRow,
    cheapest: VariantRow,
    few: str | None,
) -> str:
    start = f"Best of {len(rows)} ways by {title.lower()}: {best.name} ({best.value:.3g})."
    if any(row.against_best and row.against_best.p_corrected is None for row in rows):
        return (
            f"{start} Nothing was tested: the items are a single group, and chance cannot be told "
            "from it."
        )
    if few:
        return f"{start} {few} are too few to tell any way from another."
    if best is cheapest:
        cheaper = any(row.cost < best.cost for row in rows)
        rest = "every cheaper way is significantly worse" if cheaper else "it is the cheapest, too"
        return f"{start} It is also the cheapest way that holds up: {rest}."
    change = cheapest.against_best
    if change is None:
        return f"{start} The cheapest way, {cheapest.name}, could not be compared with it."
    shown = "not known" if change.detectable is None else f"{change.detectable:.2g}"
    trained = "" if cheapest.needs_training else "without any training, "
    return (
        f"{start} The cheapest way that is not significantly worse is, {trained}{cheapest.name} "
        f"({cheapest.value:.3g}; difference {change.value:+.3g}, 95 % {change.low:.3g} to "
        f"{change.high:.3g}; what this test could have shown: {shown})."
    )
