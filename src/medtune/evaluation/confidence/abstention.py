"""Whether an answer is given or held back: what a run's validation set, applied to one answer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medtune.errors import ModelError
from medtune.evaluation.confidence.discrimination import SIGNAL
from medtune.evaluation.confidence.scores import token_confidence
from medtune.evaluation.results import Result
from medtune.evaluation.statistics import wilson
from medtune.files import read_json
from medtune.models.interface import LanguageModel, Messages

FILE = Path("eval") / "confidence.json"
WHY_NONE = {
    "not needed": "nothing is held back: validation answers are right often enough",
    "out of reach": "no threshold: at none are enough validation answers right",
    "not measured": "no threshold: not measured on validation",
}


@dataclass(frozen=True)
class AbstentionPolicy:
    """The threshold of a run's answers, if validation set one, and what confidence showed there
    (``signal``).
    """

    threshold: float | None
    signal: str
    status: str

    @classmethod
    def read(cls, name: str | Path) -> "AbstentionPolicy | None":
        """Of a run's directory, the model inside it or an export.

        None where its answers' confidence was not measured.
        """
        use = Path(name) / "medtune.json"
        carried = read_json(use).get("confidence") if use.is_file() else None
        if carried:
            return cls(**carried)
        runs = [d for d in (Path(name), Path(name).parent) if (d / "run.json").exists()]
        file = next((d / FILE for d in runs if (d / FILE).exists()), None)
        return cls.of(read_json(file)) if file else None

    @classmethod
    def of(cls, measured: dict[str, Any]) -> "AbstentionPolicy | None":
        """From ``eval/confidence.json``: task → side → what was measured of it.

        The trained model's written answers count; None where there are none.
        """
        trained = (sides.get("after") for sides in measured.values())
        answers = next((side for side in trained if side and side["kind"] == "answers"), None)
        if answers is None:
            return None
        threshold = answers["threshold"]
        if threshold is None:
            return cls(None, "not measured", "not measured")
        return cls(threshold["value"], threshold["signal"], threshold["status"])

    def holds_back(self, confidence: float | None) -> bool:
        """Whether an answer of this confidence is held back.

        Never where there is none, or no threshold.
        """
        return self.threshold is not None and confidence is not None and confidence < self.threshold

    def remark(self, confidence: float | None) -> str:
        """The line beside an answer."""
        if self.signal == "no signal":
            return "confidence: no signal on validation"
        if confidence is None:
            return "confidence: not measured (no likelihood of this answer)"
        if self.status == "set" and self.threshold is not None:
            shown = two_apart(confidence, self.threshold)
            return f"confidence {shown[0]} (threshold {shown[1]}, set on validation)"
        return f"confidence {confidence:.2f} ({WHY_NONE[self.status]})"

    def refusal(self, confidence: float) -> str:
        """What is said in place of an answer that is held back."""
        own, limit = two_apart(confidence, self.threshold or 0.0)
        return (
            "I am not sure enough to answer this: my confidence is "
            f"{own}, below the threshold of {limit} that validation set. Please ask a clinician."
        )


def two_apart(first: float, second: float) -> tuple[str, str]:
    """Two figures with two digits, or as many more as it takes to tell them apart."""
    digits = next((d for d in range(2, 7) if f"{first:.{d}f}" != f"{second:.{d}f}"), 2)
    return f"{first:.{digits}f}", f"{second:.{digits}f}"


def confidence_in(model: LanguageModel, messages: Messages, text: str) -> float | None:
    """exp(mean log-likelihood a token) of ``text`` as the answer.

    None without words, or from a model that gives none.
    """
    if not text.strip():
        return None
    try:
        (likelihood,) = model.loglikelihoods([(messages, text)])
    except ModelError:
        return None
    return token_confidence(likelihood.loglikelihood, likelihood.tokens)


Array = np.ndarray


class AboveThreshold(Result):
    """How many answers are at or above a threshold, their share of all, the share right of them."""

    n: int
    coverage: float
    right: float | None


class Threshold(Result):
    """What validation set, and what it does there and on ``test``.

    ``value`` is None where nothing can be set; ``status`` then says why: ``no signal`` or ``not
    measured`` (the order of confidences means nothing on validation), or ``out of reach`` (no
    confidence is right often enough). Where all answers together are right often enough, nothing is
    held back (0, ``not needed``).
    """

    wanted: float
    signal: str
    n_validation: int
    right_of_all: float
    value: float | None = None
    status: str
    n: int = 0
    coverage: float | None = None
    right: float | None = None
    test: AboveThreshold | None = None


FEWEST_ABOVE = 10  # validation answers that a threshold rests on at least


def lowest_threshold(confidences: Array, right: Array, target: float) -> float | None:
    """The lowest confidence such that the answers at or above it are right at least ``target``
    of the time.

    The lower end of Wilson's 95 % interval must be there, not the share alone: the threshold is
    picked among many on the same answers, and one of them looks good by luck. Equal confidences
    stand together; above fewer than ten answers: None.
    """
    order = np.argsort(-confidences, kind="stable")
    sure = confidences[order]
    ends = np.append(np.flatnonzero(np.diff(sure)), len(sure) - 1)
    hits = np.cumsum(right[order])[ends]
    sure_of = np.array([wilson(int(hit), int(n))[0] for hit, n in zip(hits, ends + 1, strict=True)])
    enough = ends[(sure_of >= target) & (ends + 1 >= FEWEST_ABOVE)]
    return float(sure[enough[-1]]) if len(enough) else None


def above(confidences: Array, right: Array, value: float) -> AboveThreshold:
    """What a threshold does to answers."""
    passed = confidences >= value
    count = int(passed.sum())
    return AboveThreshold(
        n=count,
        coverage=float(passed.mean()),
        right=float(right[passed].mean()) if count else None,
    )


def set_threshold(
    validation: tuple[Array, Array], signal: str, test: tuple[Array, Array], target: float
) -> Threshold:
    """From ``validation``, so that ``target`` of the answers from it on are right.

    Each side is (confidences, right).
    """
    confidences, right = validation
    value: float | None = None
    if right.mean() >= target and len(right) >= FEWEST_ABOVE:
        value, status = 0.0, "not needed"
    elif signal != SIGNAL:
        status = signal
    else:
        value = lowest_threshold(confidences, right, target)
        status = "out of reach" if value is None else "set"
    passed = None if value is None else above(confidences, right, value)
    return Threshold(
        wanted=target,
        signal=signal,
        n_validation=len(right),
        right_of_all=float(right.mean()),
        value=value,
        status=status,
        n=passed.n if passed else 0,
        coverage=passed.coverage if passed else None,
        right=passed.right if passed else None,
        test=None if value is None else above(*test, value),
    )
