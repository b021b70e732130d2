"""When an answer is held back: a threshold of confidence set on validation and checked on test.

``AbstentionPolicy`` applies it to one answer. Conformal sets hold the right option as often as
stated, whatever the model (split-conformal prediction).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ConfigDict, Field

from medtune.errors import ModelError
from medtune.evaluation.confidence.discrimination import SIGNAL
from medtune.evaluation.confidence.scores import token_confidence
from medtune.evaluation.results import Estimate, Result
from medtune.evaluation.statistics import proportion_interval, wilson
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
        stated, limit = two_apart(confidence, self.threshold or 0.0)
        return (
            "I am not sure enough to answer this: my confidence is "
            f"{stated}, below the threshold of {limit} that validation set. Please ask a clinician."
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

    model_config = ConfigDict(
        validate_by_alias=True, validate_by_name=True, serialize_by_alias=True
    )

    target: float = Field(alias="wanted")  # the key in metrics.json
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
        target=target,
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


MISCOVERAGE = 0.1  # share of items whose set may lack the right option


class ConformalSets(Result):
    """Coverage ``stated``, ``expected`` of so few validation items, and ``reached`` on test.

    ``limit`` is None where every option is in every set; ``one`` and ``none`` are shares of sets
    with one option and with none.
    """

    stated: float
    expected: float
    reached: Estimate
    limit: float | None
    n_validation: int
    mean_size: float
    options: float
    one: float
    none: float


def conformal_rank(n: int, alpha: float = MISCOVERAGE) -> int:
    """ceil((n + 1)(1 − α)): which of n ordered validation scores is the limit.

    N + 1 or more means every option.
    """
    return math.ceil((n + 1) * (1 - alpha) - 1e-9)


def conformal_limit(scores: Array, alpha: float = MISCOVERAGE) -> float:
    """The limit below which an option's score lies to be in the set.

    Infinite where validation is too small.

    Vovk, Gammerman and Shafer 2005; the finite-sample quantile as in Angelopoulos and Bates 2023,
    section 1.
    """
    rank = conformal_rank(len(scores), alpha)
    return math.inf if rank > len(scores) else float(np.sort(scores)[rank - 1])


def conformal_sets(probabilities: Array, limit: float, is_option: Array) -> Array:
    """Which options are in each set [items, options]: 1 − p ≤ limit (LAC, Sadinle et al.

    2019); ``is_option`` [items, options].
    """
    return np.asarray(is_option & (1 - probabilities <= limit))


def measure_conformal(
    validation: tuple[Array, Array],
    test: tuple[Array, Array],
    is_option: Array,
    groups: Sequence[str],
    resamples: int,
    seed: int,
    alpha: float = MISCOVERAGE,
) -> ConformalSets:
    """Stated and reached coverage, and how large the sets are.

    ``validation`` and ``test``: (probabilities, right index).

    Right index −1: the right answer is no option, so no set can hold it.
    """
    probabilities, right = validation
    scores = np.where(right >= 0, 1 - probabilities[np.arange(len(right)), right], np.inf)
    limit = conformal_limit(scores, alpha)
    sets = conformal_sets(test[0], limit, is_option)
    held = np.where(test[1] >= 0, sets[np.arange(len(sets)), test[1]], False).astype(float)
    reached = proportion_interval(held, groups, resamples, seed)
    rank = conformal_rank(len(right), alpha)
    sizes = sets.sum(axis=1)
    return ConformalSets(
        stated=1 - alpha,
        expected=min(1.0, rank / (len(right) + 1)),
        reached=Estimate(value=reached.value, low=reached.low, high=reached.high),
        limit=None if math.isinf(limit) else limit,
        n_validation=len(right),
        mean_size=float(sizes.mean()),
        options=float(is_option.sum(axis=1).mean()),
        one=float((sizes == 1).mean()),
        none=float((sizes == 0).mean()),
    )
