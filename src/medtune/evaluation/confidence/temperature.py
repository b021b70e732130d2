"""Temperature scaling: one number, fitted on validation, that makes probabilities sharper or softer."""

from collections.abc import Callable
from typing import Any

import numpy as np

from medtune.evaluation.confidence.calibration import expected_calibration_error
from medtune.evaluation.confidence.uncertainty import softmax

Array = np.ndarray
Confidence = Callable[[Array], Array]
RANGE = (-5.0, 5.0)  # of log T: what is fitted at an end is said to be there


def negative_loglikelihood(scores: Array, right: Array, temperature: float = 1.0) -> float:
    """Mean −log p(right option) under softmax(scores / T); ``scores`` [items, options], ``right`` index [items]."""
    # The logarithm of the softmax itself: far from T = 1 probabilities would round to 0.
    scaled = scores / temperature
    top = scaled.max(axis=1)
    normaliser = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
    return float((normaliser - scaled[np.arange(len(right)), right]).mean())


def fit_temperature(scores: Array, right: Array) -> float:
    """The T with the least negative log-likelihood (Guo et al. 2017, section 4.2), searched over log T."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log_t: negative_loglikelihood(scores, right, float(np.exp(log_t))), bounds=RANGE, method="bounded"
    )
    return float(np.exp(found.x))


def temperature_facts(
    validation: tuple[Array, Array], test: tuple[Array, Array], correct: Array, confidence: Confidence
) -> dict[str, Any]:
    """T from ``validation``, and on ``test`` what it does to likelihood and calibration. Each (scores, right index).

    ``confidence`` makes the confidences [items] of probabilities [items, options]; ``correct`` is what they are about.
    """
    temperature = fit_temperature(*validation)
    scores, right = test
    return {
        "value": temperature,
        "n_validation": len(validation[1]),
        "at_limit": bool(abs(np.log(temperature)) > RANGE[1] - 0.01),
        "nll_before": negative_loglikelihood(scores, right),
        "nll_after": negative_loglikelihood(scores, right, temperature),
        "ece_before": expected_calibration_error(confidence(softmax(scores)), correct),
        "ece_after": expected_calibration_error(confidence(softmax(scores / temperature)), correct),
    }
