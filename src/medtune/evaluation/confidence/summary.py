"""All that is reported of a task's confidence, as plain values, from its saved samples alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medtune.evaluation.confidence.abstention import threshold_facts
from medtune.evaluation.confidence.calibration import (
    brier,
    calibration_error,
    reliability,
    temperature_facts,
)
from medtune.evaluation.confidence.conformal import conformal_facts
from medtune.evaluation.confidence.discrimination import (
    aurc,
    auroc_facts,
    curve_points,
    plain,
    signal_facts,
)
from medtune.evaluation.confidence.scores import (
    ConfidenceScores,
    Sample,
    read_confidence_scores,
    softmax,
)
from medtune.report.confidence_text import sentences

Facts = dict[str, Any]
Samples = Mapping[str, Sequence[Sample]]


def confidence_of(
    before: Samples,
    after: Samples,
    validation_after: Samples,
    validation_before: Samples,
    resamples: int,
    seed: int,
    abstain_below: float,
) -> dict[str, dict[str, Facts]]:
    """Task → side → ``confidence_facts``, for the tasks whose samples tell a confidence."""
    found: dict[str, dict[str, Facts]] = {}
    for side, samples, held_out in (
        ("before", before, validation_before),
        ("after", after, validation_after),
    ):
        for task, own in samples.items():
            facts = confidence_facts(own, held_out.get(task), resamples, seed, abstain_below)
            if facts:
                found.setdefault(task, {})[side] = facts
    return found


def confidence_facts(
    samples: Sequence[Sample],
    validation: Sequence[Sample] | None,
    resamples: int,
    seed: int,
    abstain_below: float,
) -> Facts | None:
    """Calibration, signal, risk over coverage, and what ``validation`` sets.

    None where no sample has a confidence.

    ``None`` inside stands for "not measured": too few right or wrong answers, or no validation
    samples.
    """
    own = read_confidence_scores(samples)
    if own is None:
        return None
    held_out = read_confidence_scores(validation) if validation else None
    confidence, right, groups = own.confidence, own.right, own.groups
    facts = {
        "kind": own.kind,
        "n": len(right),
        "without": own.without,
        "right": float(right.mean()),
        "confidence": float(confidence.mean()),
        "ece": calibration_error(confidence, right, groups, resamples, seed),
        "brier": brier(confidence, right, groups, resamples, seed),
        "bins": reliability(confidence, right),
        **signal_facts(confidence, own.lengths, right, groups, resamples, seed),
        "further": _further(own, resamples, seed),
        "risk_coverage": curve_points(confidence, right),
        "aurc": aurc(confidence, right),
        "temperature": _temperature(own, held_out),
        "conformal": _conformal(own, held_out, resamples, seed),
        "threshold": _threshold(own, held_out, resamples, seed, abstain_below),
    }
    return facts | {"sentences": sentences(facts)}


def _further(own: ConfidenceScores, resamples: int, seed: int) -> dict[str, Any]:
    """The other scores of the same items, each with its AUROC over the items that have it."""
    found = {}
    for name, scores in own.further.items():
        there = np.isfinite(scores)
        groups = [group for group, has in zip(own.groups, there, strict=True) if has]
        made = auroc_facts({name: scores[there]}, own.right[there], groups, resamples, seed)
        mean = float(np.abs(scores[there]).mean()) if there.any() else None
        found[name] = {
            "n": int(there.sum()),
            "mean": mean,
            "auroc": plain(made[name]) if made else None,
        }
    return found


def _temperature(own: ConfidenceScores, held_out: ConfidenceScores | None) -> Facts | None:
    validation, test = _answered(held_out), _answered(own)
    if validation is None or test is None:
        return None
    top = _sure_of_first if own.kind == "answers" else _sure_of_top
    return temperature_facts(validation[:2], test[:2], test[2], top)


def _sure_of_top(probabilities: np.ndarray) -> np.ndarray:
    return np.asarray(probabilities.max(axis=1))


def _sure_of_first(probabilities: np.ndarray) -> np.ndarray:
    """Of a written answer's two options, right and wrong, the first."""
    return probabilities[:, 0]


def _answered(side: ConfidenceScores | None) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Scores, right option and correctness of the items whose right answer is an option at all,
    if there are such.
    """
    if side is None or side.scores is None or side.answer is None:
        return None
    there = side.answer >= 0
    return (side.scores[there], side.answer[there], side.right[there]) if there.any() else None


def _conformal(
    own: ConfidenceScores, held_out: ConfidenceScores | None, resamples: int, seed: int
) -> Facts | None:
    """Of chosen options: a written answer has no list of others to be in a set with."""
    if own.kind != "options" or held_out is None:
        return None
    if (
        own.scores is None
        or own.answer is None
        or held_out.scores is None
        or held_out.answer is None
    ):
        return None
    validation = (softmax(held_out.scores), held_out.answer)
    test = (softmax(own.scores), own.answer)
    return conformal_facts(validation, test, np.isfinite(own.scores), own.groups, resamples, seed)


def _threshold(
    own: ConfidenceScores,
    held_out: ConfidenceScores | None,
    resamples: int,
    seed: int,
    abstain_below: float,
) -> Facts | None:
    if held_out is None:
        return None
    known = signal_facts(
        held_out.confidence, held_out.lengths, held_out.right, held_out.groups, resamples, seed
    )["signal"]
    validation, test = (held_out.confidence, held_out.right), (own.confidence, own.right)
    return threshold_facts(validation, known, test, abstain_below)
