"""All that is reported of a task's confidence, and what it says in sentences."""

from pydantic import Field

from medtune.evaluation.confidence.abstention import ConformalSets, Threshold
from medtune.evaluation.confidence.calibration import (
    CalibrationError,
    ReliabilityBin,
    TemperatureScaling,
)
from medtune.evaluation.confidence.discrimination import (
    CHANCE,
    NO_SIGNAL,
    SIGNAL,
    RiskArea,
    RiskPoint,
    Signal,
)
from medtune.evaluation.results import Estimate, Result


class FurtherScore(Result):
    """Another score of the same items: ``n`` of them have it; ``mean`` of its size."""

    n: int
    mean: float | None
    auroc: Estimate | None


class ConfidenceFacts(Signal):
    """What a model's confidence in a task is worth; None stands for "not measured".

    ``kind`` is options or answers, ``without`` the items that have no confidence, ``right`` and
    ``confidence`` are means.
    """

    kind: str
    n: int
    without: int
    right: float
    confidence: float
    ece: CalibrationError
    brier: Estimate
    bins: list[ReliabilityBin]
    further: dict[str, FurtherScore]
    risk_coverage: list[RiskPoint]
    aurc: RiskArea
    temperature: TemperatureScaling | None
    conformal: ConformalSets | None
    threshold: Threshold | None
    sentences: list[str] = Field(default_factory=list)


MEANINGS = {
    "options": (
        "Confidence is the softmax over the scores of the options: the share of the likeliest one."
    ),
    "answers": (
        "Confidence is exp(mean log-likelihood a token) of the model's own answer. An answer "
        "counts "
        "as right where its ROUGE-L with the reference is at least 0.3 (the convention of Kuhn et "
        "al. 2023): overlap of words, not a judgement by a clinician."
    ),
}
NAMES = {
    "margin": "margin to the second option",
    "likelihood_per_token": "likelihood a token of the chosen option",
    "self_consistency": "self-consistency of sampled answers",
    "semantic_entropy": "semantic entropy of sampled answers (low is sure)",
}


def sentences(facts: ConfidenceFacts) -> list[str]:
    """A sentence or two each on calibration, signal, selection, and what validation set."""
    parts = [_missing, _calibration, _signal, _further]
    parts += [_selection, _temperature, _conformal, _threshold]
    texts = [MEANINGS[facts.kind], *(part(facts) for part in parts)]
    return [text for text in texts if text]


def _f(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _band(figure: Estimate | None) -> str:
    if figure is None:
        return "–"
    if figure.low is None:
        return f"{_f(figure.value)} (no interval)"
    return f"{_f(figure.value)} ({_f(figure.low)}–{_f(figure.high)})"


def _missing(facts: ConfidenceFacts) -> str:
    text = f"{facts.without:,} items have no confidence and are left out here."
    return text if facts.without else ""


def _calibration(facts: ConfidenceFacts) -> str:
    ece, chance = facts.ece, facts.ece.perfect
    if ece.value <= chance.high:
        verdict = "no more than chance would give"
    else:
        verdict = "overconfident" if facts.confidence > facts.right else "underconfident"
        verdict = f"more than chance would give; on the whole the model is {verdict}"
    return (
        f"Mean confidence {_f(facts.confidence)}, right {_f(facts.right)} of the time. Calibration "
        f"error {_band(ece)}; a perfectly calibrated model with these {facts.n:,} confidences "
        "would "
        f"show {_f(chance.mean)} ({_f(chance.low)}–{_f(chance.high)}): {verdict}."
    )


def _signal(facts: ConfidenceFacts) -> str:
    area, length = facts.auroc, facts.length_auroc
    if area is None or length is None:
        return (
            "Whether confidence tells right from wrong was not measured: fewer than five answers "
            "are right, or wrong."
        )
    baseline = f"Answer length alone ({length.direction} is surer) reaches {_band(length)}"
    if facts.signal == SIGNAL:
        return f"Confidence carries a signal: AUROC {_band(area)}. {baseline}."
    below = area.low is None or area.low <= CHANCE
    why = "its interval does not lie above 0.5" if below else "it is not surely better than length"
    return f"No signal: AUROC {_band(area)}, {why}. {baseline}."


def _further(facts: ConfidenceFacts) -> str:
    parts = [
        f"{NAMES[name]}: AUROC {_band(score.auroc) if score.auroc else 'not measured'} "
        f"(n = {score.n:,})"
        for name, score in facts.further.items()
    ]
    return f"Other signals: {'; '.join(parts)}." if parts else ""


def _selection(facts: ConfidenceFacts) -> str:
    area = facts.aurc
    return (
        "Answering the surest first, the mean share of wrong answers over all coverages (AURC) is "
        f"{_f(area.value)}; in random order it would be {_f(area.random)}, at best "
        f"{_f(area.oracle)}."
    )


def _temperature(facts: ConfidenceFacts) -> str:
    scaling = facts.temperature
    if not scaling:
        return "Temperature scaling was not measured."
    effect = "lowers" if scaling.ece_after < scaling.ece_before else "does not lower"
    limit = " (the end of the range that is searched)" if scaling.at_limit else ""
    return (
        f"Temperature {scaling.value:.3g}{limit}, fitted on {scaling.n_validation:,} validation "
        f"items, {effect} the calibration error on test: {_f(scaling.ece_before)} before, "
        f"{_f(scaling.ece_after)} after; negative log-likelihood {_f(scaling.nll_before)} before, "
        f"{_f(scaling.nll_after)} after."
    )


def _conformal(facts: ConfidenceFacts) -> str:
    if facts.kind != "options":
        return ""
    sets = facts.conformal
    if not sets:
        return "Conformal sets were not measured."
    if sets.limit is None:
        few = f"{sets.n_validation:,} validation items are too few for {sets.stated:.0%}"
        wrong = "on validation the right answer is too often none of the options"
        why = few if sets.expected == 1 else wrong
        return f"Conformal sets: {why}, so every option is in every set."
    return (
        f"Conformal sets, stated to hold the right option {sets.stated:.0%} of the time, do so in "
        f"{_band(sets.reached)} of the test items, with {sets.mean_size:.2f} of {sets.options:.3g} "
        f"options on average ({sets.n_validation:,} validation items; {sets.one:.0%} of the sets "
        f"hold one option, {sets.none:.0%} none)."
    )


def _threshold(facts: ConfidenceFacts) -> str:
    threshold = facts.threshold
    if not threshold:
        return "A threshold for abstaining was not measured: no validation items with a confidence."
    target, status = f"{threshold.target:.0%}", threshold.status
    if status == "out of reach":
        return (
            f"No threshold: at no confidence are {target} of at least ten validation answers "
            "right. "
            "Nothing is held back."
        )
    test = threshold.test
    if threshold.value is None or test is None:
        unknown = "no signal that could be measured (fewer than five right, or wrong)"
        shown = NO_SIGNAL if status == NO_SIGNAL else unknown
        return f"No threshold: on validation confidence shows {shown}. Nothing is held back."
    if status == "not needed":
        return (
            f"All validation answers together are right {threshold.right:.0%} of the time "
            f"({target} wanted): nothing is held back."
        )
    right = "none" if test.right is None else f"{test.right:.0%}"
    who = "ask and chat abstain" if facts.kind == "answers" else "the model had better abstain"
    return (
        f"Below {_f(threshold.value)} {who}: on validation {threshold.right:.0%} of the answers "
        f"from there on are right ({target} wanted), {threshold.coverage:.0%} of all; on test "
        f"{right} of {test.n:,} ({test.coverage:.0%} of all)."
    )
