"""Several models on the same items: every pair compared, and a ranking with ties.

The rank of a model is 1 + the number of models that are better by ``decide``, with p-values
corrected by Holm over all pairs of all tested figures. A tie means "not shown to differ", so a
middle model may tie with two that do differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from pydantic import Field

from medtune.errors import RunError
from medtune.evaluation.comparison.paired import Margins, compare_metric, no_margins, same_items
from medtune.evaluation.decisions import (
    FEWEST_GROUPS,
    RESAMPLES_PER_TEST,
    SIGNIFICANCE,
    corrected,
    decision_notes,
    too_few,
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
    Scores,
)
from medtune.evaluation.tasks import Metric, Sample, Task
from medtune.progress import Bar, track

TOKENIZERS_DIFFER = (
    "These models cut texts into different tokens, so their figures a token mean different "
    "things: shown, not ranked. Bits per byte compare."
)
TOO_FEW = (
    f"Fewer than {FEWEST_GROUPS} groups of items, or a few large ones among them: too few to tell "
    "anybody apart."
)
UNKNOWN = ("unknown", "text_unknown")  # fields of samples: tokens that a tokenizer does not know


class RankedScore(Score):
    """A model's score; ``rank`` is None in a table that is not ranked."""

    name: str
    rank: int | None


class RankedPair(Estimate):
    """Second minus first; ``better`` is the better one's name, ``decision`` is of the second.

    ``notes`` say what stands beside it, such as the test of a margin (the second not worse).
    """

    first: str
    second: str
    p: float | None
    p_corrected: float | None
    test: str
    n: int
    groups: int
    better: str | None
    decision: Decision
    margin: MarginTest | None = None
    notes: list[str] = Field(default_factory=list)


class Leaderboard(Result):
    """One metric of several models: rows, best first, and every pair's difference."""

    task: str
    task_title: str
    metric: str
    title: str
    unit: str
    better: Better | None
    groups: int
    ranked: bool
    note: str | None
    rows: list[RankedScore]
    pairs: list[RankedPair]


class TestFamily(Result):
    """How many p-values were corrected together, by which method, below which level one counts."""

    __test__ = False  # no class of tests

    tests: int
    method: str
    alpha: float
    resamples: int


@dataclass(frozen=True)
class ModelSamples:
    """A model's samples by task, and what names its tokenizer (equal names, equal tokens)."""

    name: str
    samples: Mapping[str, Sequence[Sample]]
    tokenizer: str


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
    models: Sequence[ModelSamples],
    tasks: Mapping[str, Task],
    resamples: int,
    seed: int,
    margins: Margins = no_margins,
) -> tuple[list[Leaderboard], TestFamily]:
    """A table for each task and metric that two models or more have, and the family of tests.

    The bootstrap draws at least ``resamples`` times, more where the family is large. Raises
    ``RunError`` where items differ.
    """
    models = _without_unknown(models)
    tables = [
        _Table(key, task, metric, tuple(measured))
        for key, task in tasks.items()
        if len(measured := _on_task(models, key)) > 1
        for metric in task.metrics
    ]
    family = sum(len(table.compared()) for table in tables if table.metric.better is not None)
    draws = max(resamples, RESAMPLES_PER_TEST * family)
    scores = {
        (model.name, key): score(task, model.samples[key], draws, seed)
        for model in models
        for key, task in tasks.items()
        if model.samples.get(key)
    }
    with track("comparing", sum(len(table.compared()) for table in tables), "pairs") as bar:
        changes = [
            table.changes(draws, seed, margins(table.key, table.metric.name), bar)
            for table in tables
        ]
    decided = iter(corrected([change for pairs in changes for change in pairs.values()]))
    boards = [
        table.board(scores, {pair: next(decided) for pair in pairs})
        for table, pairs in zip(tables, changes, strict=True)
    ]
    tests = sum(pair.p is not None for board in boards for pair in board.pairs)
    return [board for board in boards if board.rows], TestFamily(
        tests=tests, method="Holm", alpha=SIGNIFICANCE, resamples=draws
    )


def _without_unknown(models: Sequence[ModelSamples]) -> list[ModelSamples]:
    """Texts that one model's tokenizer does not know are left out for all: a table's figures are
    of the same items.
    """
    strange: set[tuple[str, str, str]] = {
        (key, sample.id, name)
        for model in models
        for key, samples in model.samples.items()
        for sample in samples
        for name in UNKNOWN
        if sample.get(name)
    }
    if not strange:
        return list(models)
    return [
        replace(
            model,
            samples={
                key: [_marked(sample, key, strange) for sample in samples]
                for key, samples in model.samples.items()
            },
        )
        for model in models
    ]


def _marked(sample: Sample, key: str, strange: set[tuple[str, str, str]]) -> Sample:
    names = [name for name in UNKNOWN if (key, sample.id, name) in strange]
    update = {name: sample.get(name) or 1 for name in names}
    return sample.model_copy(update=update) if update else sample


def _on_task(models: Sequence[ModelSamples], task: str) -> list[ModelSamples]:
    """Those that were measured on a task, their items in one order."""
    measured = [model for model in models if model.samples.get(task)]
    return [
        ModelSamples(
            model.name,
            {task: _aligned(model.samples[task], measured[0].samples[task], model.name)},
            model.tokenizer,
        )
        for model in measured
    ]


@dataclass(frozen=True)
class _Table:
    key: str
    task: Task
    metric: Metric
    models: tuple[ModelSamples, ...]

    def compared(self) -> list[tuple[ModelSamples, ModelSamples]]:
        """All pairs; for a figure a token only those with the same tokens."""
        return [
            (first, second)
            for first, second in combinations(self.models, 2)
            if not self.metric.per_token or first.tokenizer == second.tokenizer
        ]

    def changes(
        self, resamples: int, seed: int, margin: float | None, bar: Bar
    ) -> dict[tuple[str, str], Change]:
        """Names of first and second → second minus first, where the metric says something."""
        changes = {}
        for first, second in self.compared():
            sides = first.samples[self.key], second.samples[self.key]
            change = compare_metric(self.metric, *sides, resamples, seed, margin)
            bar.advance()
            if change:
                changes[first.name, second.name] = change
        return changes

    def board(
        self,
        scores: Mapping[tuple[str, str], Scores],
        changes: Mapping[tuple[str, str], Change],
    ) -> Leaderboard:
        better = self.metric.better
        mixed = self.metric.per_token and len({m.tokenizer for m in self.models}) > 1
        ranked = better is not None and not mixed
        pairs = [_pair(*names, change) for names, change in changes.items()]
        rows = [
            RankedScore(name=model.name, **dict(model_score), rank=_rank(model.name, pairs, ranked))
            for model in self.models
            if (model_score := scores[model.name, self.key].get(self.metric.name))
        ]
        if better is not None:
            sign = 1 if better == "lower" else -1
            rows.sort(key=lambda row: (row.rank or 0, sign * row.value))
        groups = min((row.groups for row in rows), default=0)
        few = all(map(too_few_groups, changes.values())) if changes else too_few(groups)
        few = few and better is not None
        return Leaderboard(
            task=self.key,
            task_title=self.task.title,
            metric=self.metric.name,
            title=self.metric.title,
            unit=self.metric.unit,
            better=better,
            groups=groups,
            ranked=ranked,
            note=TOKENIZERS_DIFFER if mixed else TOO_FEW if few else None,
            rows=rows,
            pairs=pairs,
        )


def _pair(first: str, second: str, change: Change) -> RankedPair:
    winner = {"better": second, "worse": first}.get(change.decision)
    return RankedPair(
        first=first,
        second=second,
        value=change.value,
        low=change.low,
        high=change.high,
        p=change.p,
        p_corrected=change.p_corrected,
        test=change.test,
        n=change.n,
        groups=change.groups,
        better=winner,
        decision=change.decision,
        margin=change.margin,
        notes=decision_notes(change),
    )


def _rank(name: str, pairs: Sequence[RankedPair], ranked: bool) -> int | None:
    """1 + how many are better than ``name``."""
    beaten = [pair for pair in pairs if name in (pair.first, pair.second)]
    return 1 + sum(pair.better not in (None, name) for pair in beaten) if ranked else None
