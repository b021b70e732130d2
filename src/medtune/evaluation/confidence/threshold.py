"""From what confidence on a model should speak: set on validation, checked on test."""

from typing import Any

import numpy as np

from medtune.evaluation.confidence.ranking import SIGNAL
from medtune.evaluation.statistics import wilson

Array = np.ndarray
FEWEST_ABOVE = 10  # validation answers that a threshold rests on at least


def lowest_threshold(confidences: Array, right: Array, wanted: float) -> float | None:
    """The lowest confidence such that the answers at or above it are right at least ``wanted`` of the time.

    The lower end of Wilson's 95 % interval must be there, not the share alone: the threshold is picked among many on the
    same answers, and one of them looks good by luck. Equal confidences stand together; above fewer than ten answers: None.
    """
    order = np.argsort(-confidences, kind="stable")
    sure = confidences[order]
    ends = np.append(np.flatnonzero(np.diff(sure)), len(sure) - 1)
    hits = np.cumsum(right[order])[ends]
    sure_of = np.array([wilson(int(hit), int(n))[0] for hit, n in zip(hits, ends + 1, strict=True)])
    enough = ends[(sure_of >= wanted) & (ends + 1 >= FEWEST_ABOVE)]
    return float(sure[enough[-1]]) if len(enough) else None


def above(confidences: Array, right: Array, value: float) -> dict[str, Any]:
    """How many answers are at or above a threshold, which share of all that is, and which share of them is right."""
    passed = confidences >= value
    count = int(passed.sum())
    return {
        "n": count,
        "coverage": float(passed.mean()),
        "right": float(right[passed].mean()) if count else None,
    }


def threshold_facts(
    validation: tuple[Array, Array], signal: str, test: tuple[Array, Array], wanted: float
) -> dict[str, Any]:
    """The threshold and what it does on validation and on test. Each side is (confidences, right).

    ``value`` is None where nothing can be set; ``status`` then says why: ``no signal`` or ``not measured`` (the order
    of confidences means nothing on validation), or ``out of reach`` (no confidence is right often enough). Where all
    answers together are right often enough, nothing is held back (0, ``not needed``).
    """
    confidences, right = validation
    facts = {"wanted": wanted, "signal": signal, "n_validation": len(right), "right_of_all": float(right.mean())}
    nothing = {"value": None, "n": 0, "coverage": None, "right": None, "test": None}
    if right.mean() >= wanted and len(right) >= FEWEST_ABOVE:
        value, status = 0.0, "not needed"
    elif signal != SIGNAL:
        return facts | nothing | {"status": signal}
    else:
        found = lowest_threshold(confidences, right, wanted)
        if found is None:
            return facts | nothing | {"status": "out of reach"}
        value, status = found, "set"
    return facts | {"value": value, "status": status, **above(confidences, right, value), "test": above(*test, value)}
