"""What a task's confidence is worth, measured on its saved samples alone."""

from collections.abc import Mapping, Sequence

import numpy as np

from medtune.evaluation.confidence.abstention import (
    ConformalSets,
    Threshold,
    measure_conformal,
    set_threshold,
)
from medtune.evaluation.confidence.calibration import (
    TemperatureScaling,
    brier,
    calibration_error,
    reliability,
    scale_temperature,
)
from medtune.evaluation.confidence.discrimination import (
    curve_points,
    measure_signal,
    resampled_aurocs,
    risk_area,
)
from medtune.evaluation.confidence.scores import (
    ConfidenceScores,
    read_confidence_scores,
    softmax,
)
from medtune.evaluation.confidence.summary import ConfidenceFacts, FurtherScore, sentences
from medtune.evaluation.results import Sample

Samples = Mapping[str, Sequence[Sample]]


def confidence_of(
    before: Samples,
    after: Samples,
    validation_after: Samples,
    validation_before: Samples,
    resamples: int,
    seed: int,
    abstain_below: float,
) -> dict[str, dict[str, ConfidenceFacts]]:
    """Task → side → what its confidence is worth, for the tasks whose samples tell a confidence."""
    tasks: dict[str, dict[str, ConfidenceFacts]] = {}
    sides = {"before": (before, validation_before), "after": (after, validation_after)}
    for side, (samples, held_out) in sides.items():
        for task, task_samples in samples.items():
            facts = confidence_facts(
                task_samples, held_out.get(task), resamples, seed, abstain_below
            )
            if facts:
                tasks.setdefault(task, {})[side] = facts
    return tasks


def confidence_facts(
    samples: Sequence[Sample],
    validation: Sequence[Sample] | None,
    resamples: int,
    seed: int,
    abstain_below: float,
) -> ConfidenceFacts | None:
    """Calibration, signal, risk over coverage, and what ``validation`` sets.

    None where no sample has a confidence.
    """
    measured = read_confidence_scores(samples)
    if measured is None:
        return None
    held_out = read_confidence_scores(validation) if validation else None
    confidence, right, groups = measured.confidence, measured.right, measured.groups
    facts = ConfidenceFacts(
        kind=measured.kind,
        n=len(right),
        without=measured.without,
        right=float(right.mean()),
        confidence=float(confidence.mean()),
        ece=calibration_error(confidence, right, groups, resamples, seed),
        brier=brier(confidence, right, groups, resamples, seed),
        bins=reliability(confidence, right),
        **dict(measure_signal(confidence, measured.lengths, right, groups, resamples, seed)),
        further=_further(measured, resamples, seed),
        risk_coverage=curve_points(confidence, right),
        aurc=risk_area(confidence, right),
        temperature=_temperature(measured, held_out),
        conformal=_conformal(measured, held_out, resamples, seed),
        threshold=_threshold(measured, held_out, resamples, seed, abstain_below),
    )
    return facts.model_copy(update={"sentences": sentences(facts)})


def _further(measured: ConfidenceScores, resamples: int, seed: int) -> dict[str, FurtherScore]:
    """The other scores of the same items, each with its AUROC over the items that have it."""
    further = {}
    for name, scores in measured.further.items():
        known = np.isfinite(scores)
        groups = [group for group, has in zip(measured.groups, known, strict=True) if has]
        aurocs = resampled_aurocs(
            {name: scores[known]}, measured.right[known], groups, resamples, seed
        )
        further[name] = FurtherScore(
            n=int(known.sum()),
            mean=float(np.abs(scores[known]).mean()) if known.any() else None,
            auroc=aurocs[name].estimate() if aurocs else None,
        )
    return further


def _temperature(
    measured: ConfidenceScores, held_out: ConfidenceScores | None
) -> TemperatureScaling | None:
    validation, test = _answered(held_out), _answered(measured)
    if validation is None or test is None:
        return None
    top = _sure_of_first if measured.kind == "answers" else _sure_of_top
    return scale_temperature(validation[:2], test[:2], test[2], top)


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
    known = side.answer >= 0
    return (side.scores[known], side.answer[known], side.right[known]) if known.any() else None


def _conformal(
    measured: ConfidenceScores, held_out: ConfidenceScores | None, resamples: int, seed: int
) -> ConformalSets | None:
    """Of chosen options: a written answer has no list of others to be in a set with."""
    if measured.kind != "options" or held_out is None:
        return None
    if (
        measured.scores is None
        or measured.answer is None
        or held_out.scores is None
        or held_out.answer is None
    ):
        return None
    validation = (softmax(held_out.scores), held_out.answer)
    test = (softmax(measured.scores), measured.answer)
    return measure_conformal(
        validation, test, np.isfinite(measured.scores), measured.groups, resamples, seed
    )


def _threshold(
    measured: ConfidenceScores,
    held_out: ConfidenceScores | None,
    resamples: int,
    seed: int,
    abstain_below: float,
) -> Threshold | None:
    if held_out is None:
        return None
    validation, test = (held_out.confidence, held_out.right), (measured.confidence, measured.right)
    signal = measure_signal(
        held_out.confidence, held_out.lengths, held_out.right, held_out.groups, resamples, seed
    )
    return set_threshold(validation, signal.signal, test, abstain_below)
