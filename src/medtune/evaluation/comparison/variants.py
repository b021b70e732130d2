"""Ways to use the models beside each other on the same items: which is best, and the cheapest
that holds up beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from medtune.evaluation.comparison.paired import compare_metric, paired_samples
from medtune.evaluation.decisions import (
    RESAMPLES_PER_TEST,
    can_show,
    corrected,
    margin_notes,
    too_few_groups,
)
from medtune.evaluation.evaluate import score
from medtune.evaluation.results import (
    Better,
    Change,
    Decision,
    Estimate,
    MarginTest,
    Result,
    Score,
)
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
    margin: MarginTest | None = None


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
    """All variants by one metric; ``cheapest`` is the first in cost that holds up beside the best:
    shown to be not worse by more than the margin or, where none was set, not shown to differ (None
    where these items can show nothing). ``unmeasured`` names those without the figure.
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
    variants: Sequence[Variant],
    key: str,
    task: Task,
    metric: Metric,
    resamples: int,
    seed: int,
    margin: float | None = None,
) -> VariantComparison | None:
    """Every variant's score, its paired difference to the best one, and the cheapest that holds up.

    The family of Holm's correction are all pairs, since the best one is picked on these very items.
    That a test shows no difference does not prove that there is none: ``detectable`` says what it
    could have shown, and only a ``margin`` lets a way be called not worse. None where fewer than
    two variants have the figure.
    """
    scores = {v.name: score(task, v.samples, resamples, seed).get(metric.name) for v in variants}
    measured = [(v, variant_score) for v in variants if (variant_score := scores[v.name])]
    if len(measured) < 2:
        return None
    sign = 1 if metric.better == "higher" else -1
    best = max(range(len(measured)), key=lambda i: sign * measured[i][1].value)
    changes = _against_best([v for v, _ in measured], best, metric, resamples, seed, margin)
    rows = [
        _row(v, variant_score, change)
        for (v, variant_score), change in zip(measured, changes, strict=True)
    ]
    holding = [row for i, row in enumerate(rows) if i == best or _holds_up(changes[i], len(rows))]
    cheapest = min(holding, key=lambda row: row.cost)
    few = _nothing_shown([change for change in changes if change], _pairs(len(rows)))
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


def _pairs(ways: int) -> int:
    return ways * (ways - 1) // 2


def _nothing_shown(changes: Sequence[Change], tests: int) -> str | None:
    """The groups in words where no change rests on enough of them to show anything."""
    if not changes or any(can_show(c.groups, c.effective_groups, tests) for c in changes):
        return None
    return too_few_groups(changes[0]) or f"{changes[0].groups} groups, for {tests} tests,"


def _holds_up(change: Change | None, ways: int) -> bool:
    """Beside the best one: by the margin or, where there is none, by no shown difference."""
    if change is None:
        return False
    if change.margin:
        return change.margin.not_worse == "shown"
    able = can_show(change.groups, change.effective_groups, _pairs(ways))
    return able and change.decision != "worse"


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
            margin=change.margin,
        ),
    )


def _against_best(
    variants: Sequence[Variant],
    best: int,
    metric: Metric,
    resamples: int,
    seed: int,
    margin: float | None,
) -> list[Change | None]:
    """Each variant's difference to the best one, corrected over the family of all pairs."""
    count = range(len(variants))
    pairs = [(best, i) for i in count if i != best]
    pairs += [pair for pair in combinations(count, 2) if best not in pair]
    changes = {}
    for i, j in pairs:
        left, right = paired_samples(variants[i].samples, variants[j].samples)
        draws = max(resamples, RESAMPLES_PER_TEST * len(pairs))
        changes[i, j] = compare_metric(metric, left, right, draws, seed, margin)
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
    margins = [row.against_best.margin for row in rows if row.against_best]
    margin = next((test for test in margins if test), None)
    if best is cheapest:
        return f"{start} It is also the cheapest way that holds up: {_why(rows, best, margin)}."
    change = cheapest.against_best
    assert change is not None  # what holds up was compared
    trained = "" if cheapest.needs_training else "without any training, "
    facts = (
        f"{trained}{cheapest.name} ({cheapest.value:.3g}; difference {change.value:+.3g}, "
        f"95 % {change.low:.3g} to {change.high:.3g}"
    )
    if change.margin:
        words = "; ".join(margin_notes(change.margin))
        return f"{start} The cheapest way that holds up is, {facts}): {words}."
    shown = "not known" if change.detectable is None else f"{change.detectable:.2g}"
    return (
        f"{start} The cheapest way for which this test does not show a difference is, {facts}; "
        f"what it could have shown: {shown}). That is no proof that there is none."
    )


def _why(rows: Sequence[VariantRow], best: VariantRow, margin: MarginTest | None) -> str:
    """Why no cheaper way than the best one is named."""
    cheaper = [row.against_best for row in rows if row.cost < best.cost]
    if not cheaper:
        return "it is the cheapest, too"
    if margin:
        return f"no cheaper way is shown to be not worse by more than {margin.margin:g}"
    worse = all(against and against.decision == "worse" for against in cheaper)
    return "every cheaper way is significantly worse" if worse else "no cheaper way could be tested"
