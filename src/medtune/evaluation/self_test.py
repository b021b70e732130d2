"""Cases with known answers for the scoring code, to be run where it is used: libraries differ
between machines.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from medtune.evaluation.confidence.abstention import conformal_limit, conformal_rank
from medtune.evaluation.confidence.calibration import expected_calibration_error
from medtune.evaluation.confidence.discrimination import auroc
from medtune.evaluation.confidence.scores import semantic_entropy
from medtune.evaluation.decisions import decide
from medtune.evaluation.judge import item_score
from medtune.evaluation.known_answers import CaseResult, Figures, KnownAnswer
from medtune.evaluation.self_test_tokens import TOKEN_CASES
from medtune.evaluation.self_test_words import WORD_CASES
from medtune.evaluation.statistics import (
    PairedCounts,
    PairedDifference,
    clustered_standard_error,
    holm,
    mcnemar_exact,
    paired_change,
    proportion_interval,
    ratio,
    wilson,
)
from medtune.evaluation.tasks import TASKS, Sample
from medtune.evaluation.tasks.classification import macro_f1
from medtune.evaluation.tasks.tied_choices import tied_best


def _samples(task: str, rows: Sequence[Mapping[str, object]]) -> list[Sample]:
    """Samples of a task from what a case needs of them."""
    named = [{"id": f"{number}", "group": f"{number}", **row} for number, row in enumerate(rows)]
    return [TASKS[task].sample.model_validate(row) for row in named]


def _metric(task: str, name: str, rows: Sequence[Mapping[str, object]]) -> Figures:
    metric = next(metric for metric in TASKS[task].metrics if metric.name == name)
    return [float(metric.value(metric.columns(_samples(task, rows)).sum(axis=0)))]


def _scored(*items: tuple[float, int, int]) -> list[dict[str, object]]:
    """Samples of given texts by (negative log-likelihood, tokens, bytes)."""
    return [
        {"loglikelihoods": [-nll], "tokens": tokens, "bytes": size} for nll, tokens, size in items
    ]


def _always(first: str, counts: dict[str, int]) -> tuple[float, float]:
    """Accuracy and macro-F1 of who always answers ``first``."""
    options = list(counts)
    samples = [
        {"options": options, "labels": [label], "score": {"predicted": {first: 1.0}}}
        for label, count in counts.items()
        for _ in range(count)
    ]
    (metric,) = [m for m in TASKS["classification"].metrics if m.figure is macro_f1]
    figure = macro_f1(metric.columns(_samples("classification", samples)).sum(axis=0))
    return counts[first] / len(samples), float(figure)


def _length_bias() -> Figures:
    """A short wrong option against a long right one: by log-likelihood, and by log-likelihood a
    byte.
    """
    scores, sizes = np.array([-2.0, -6.0]), np.array([1, 10])
    return [
        tied_best(["short", "long"], measure).get("long", 0.0)
        for measure in (scores, scores / sizes)
    ]


def _copies() -> Figures:
    """Standard errors of ten answers that stand ten times each: as if they were independent, and
    by group.
    """
    values = [float(group < 8) for group in range(10) for _ in range(10)]
    alone = clustered_standard_error(values, [str(i) for i in range(100)])
    return [alone, clustered_standard_error(values, [str(i // 10) for i in range(100)])]


def _p(difference: PairedDifference) -> float:
    return math.nan if difference.p is None else difference.p


def _nothing_changed() -> Figures:
    """Difference and p-value of two equal sides."""
    parts = np.stack([np.arange(20.0), np.ones(20)], axis=1)
    difference = paired_change(parts, parts, [str(i) for i in range(20)], ratio(), 500, 0)
    return [difference.value, _p(difference)]


def _switches() -> Figures:
    """McNemar's counts of four items alone, that items in groups have none, and what two groups
    can prove at most.
    """
    before, after = np.array([0, 1, 0, 1]), np.array([1, 0, 1, 1])
    alone = PairedCounts.of(before, after, list("abcd"))
    counts = (alone.only_before, alone.only_after) if alone else (math.nan, math.nan)
    parts = np.stack([np.zeros(20), np.ones(20)], axis=1)
    groups = ["a"] * 10 + ["b"] * 10
    difference = paired_change(parts, np.ones((20, 2)), groups, ratio(), 500, 0)
    return [
        *counts,
        float(PairedCounts.of(parts[:, 0], parts[:, 1], groups) is None),
        _p(difference),
    ]


def _one_procedure() -> Figures:
    """Of 60 sets of 6 to 20 skewed groups: in how many the interval and the p-value say different
    things, and the share of false alarms where nothing changed.
    """
    rng = np.random.default_rng(0)
    disagree = alarms = 0
    for number in range(60):
        count = 6 + number % 15
        after = rng.exponential(size=count) - 1  # its mean is 0
        parts = np.stack([np.zeros(count), np.ones(count)], axis=1)
        changed = np.stack([after, np.ones(count)], axis=1)
        names = [str(group) for group in range(count)]
        difference = paired_change(parts, changed, names, ratio(), 199, number)
        low, high = _ends(difference.low, difference.high)
        shown = _p(difference) <= 0.05
        disagree += shown == (low <= 0 <= high)
        alarms += shown
    return [disagree, alarms / 60]


def _ends(low: float | None, high: float | None) -> tuple[float, float]:
    return -math.inf if low is None else low, math.inf if high is None else high


def _decided() -> Figures:
    """Whether a clear difference decides with 9, with 10 groups, and with 10 of which few count;
    and whether no difference does.
    """
    cases = ((0.2, 9, None), (0.2, 10, None), (0.2, 10, 4.0), (0.0, 50, None))
    return [
        float(decide(value, "higher", 0.001, groups, effective) != "undecided")
        for value, groups, effective in cases
    ]


def _none_right() -> Figures:
    """The interval of no right answer among ten items, each alone, and in five groups of two."""
    alone, grouped = (
        proportion_interval([0.0] * 10, [str(i // size) for i in range(10)], 200, 0)
        for size in (1, 2)
    )
    return [math.nan if end is None else end for end in (alone.low, alone.high, grouped.high)]


def _ragged() -> Figures:
    """Accuracy over questions with three, four and five options, and how many samples every
    metric counts.
    """
    samples = []
    for size in (3, 4, 5):
        options = list("ABCDE"[:size])
        top = tied_best(options, -np.arange(float(size)))
        score = {"correct": top.get("A", 0.0), "predicted": top}
        samples.append(
            {"options": options, "labels": ["A"], "classes": False, "prompt_cut": 0, "score": score}
        )
    read = _samples("multiple_choice", samples)
    counted = {len(metric.columns(read)) for metric in TASKS["multiple_choice"].metrics}
    return [*_metric("multiple_choice", "accuracy", samples), *counted]


def _auroc() -> Figures:
    """Of ties alone, and of a score that sorts."""
    right = np.array([1.0, 0.0, 1.0, 0.0])
    return [float(np.squeeze(auroc(scores, right))) for scores in (np.ones(4), right)]


def _conformal() -> Figures:
    """The limit with too few rows, the one with just enough, and the expected coverage with 100."""
    scores = np.linspace(0.1, 0.9, 9)
    return [
        float(np.isinf(conformal_limit(scores[:8]))),
        conformal_limit(scores),
        conformal_rank(100) / 101,
    ]


def _calibration() -> Figures:
    """Of ten answers at 0.8: eight right, five right."""
    sure = np.full(10, 0.8)
    return [
        expected_calibration_error(sure, np.array([1.0] * n + [0.0] * (10 - n))) for n in (8, 5)
    ]


CASES = (
    KnownAnswer(
        "perplexity is exponentiated once",
        [3.3201],
        lambda: _metric("perplexity", "perplexity", _scored((4, 2, 9), (8, 8, 9))),
    ),
    KnownAnswer(
        "bits per byte of a uniform model",
        [4.6851],
        lambda: _metric("perplexity", "bits_per_byte", _scored((3 * math.log(50_257), 3, 10))),
    ),
    KnownAnswer("options: raw and per byte", [0, 1], _length_bias),
    KnownAnswer("questions with 3, 4 and 5 options", [1, 3], _ragged, 1e-12),
    KnownAnswer(
        "options that tie share their rightness",
        [0.25],
        lambda: [tied_best(list("ABCD"), np.zeros(4))["A"]],
    ),
    KnownAnswer(
        "macro-F1 of the majority, 9 to 1", [0.9, 0.4737], lambda: _always("a", {"a": 9, "b": 1})
    ),
    KnownAnswer(
        "PubMedQA, always yes: accuracy, macro-F1",
        [0.552, 0.2371],
        lambda: _always("yes", {"yes": 276, "no": 169, "maybe": 55}),
    ),
    KnownAnswer("exact McNemar, 60 to 30", [0.00206], lambda: [mcnemar_exact(60, 30)], 1e-5),
    KnownAnswer(
        "exact McNemar, 5 to 0 and 10 to 2",
        [0.0625, 0.038574],
        lambda: [mcnemar_exact(5, 0), mcnemar_exact(10, 2)],
        1e-6,
    ),
    KnownAnswer(
        "Newcombe's interval of 36, 12, 2, 0 pairs",
        [-0.3404, -0.0569],
        lambda: PairedCounts(36, 12, 2, 0).interval(),
    ),
    KnownAnswer("switches; none in groups; p of two groups", [1, 2, 1, 0.5], _switches, 1e-12),
    KnownAnswer("interval and p agree; false alarms", [0, 0.03], _one_procedure, 0.035),
    KnownAnswer("9, 10, 10 unequal groups; no change", [0, 1, 0, 0], _decided),
    KnownAnswer("Holm's correction", [0.03, 0.06, 0.06], lambda: holm([0.01, 0.04, 0.03]), 1e-12),
    KnownAnswer("Wilson's interval of 8 of 10", [0.4902, 0.9433], lambda: wilson(8, 10)),
    KnownAnswer("none right of 10: alone, in 5 groups", [0, 0.2775, 0.4345], _none_right),
    KnownAnswer("standard error without and with groups", [0.0402, 0.1333], _copies),
    KnownAnswer("no change: difference, p-value", [0, 1], _nothing_changed, 1e-12),
    KnownAnswer("calibration error: 8 and 5 of 10 at 0.8", [0, 0.3], _calibration, 1e-12),
    KnownAnswer("AUROC of ties, of a perfect score", [0.5, 1], _auroc, 1e-12),
    KnownAnswer(
        "semantic entropy of clusters 5, 3, 2",
        [1.029653],
        lambda: [semantic_entropy([0] * 5 + [1] * 3 + [2] * 2)],
        1e-6,
    ),
    KnownAnswer("conformal: all labels, limit, coverage", [1, 0.9, 0.90099], _conformal, 1e-5),
    KnownAnswer(
        "rubric with a penalty",
        [0.2],
        lambda: [item_score([5, 5, -3], [True, False, True]) or math.nan],
        1e-12,
    ),
    *WORD_CASES,
    *TOKEN_CASES,
)


def self_test() -> list[CaseResult]:
    """Every case's result; none needs data, a network, or a model beside the packaged tokenizer."""
    return [case.run() for case in CASES]
