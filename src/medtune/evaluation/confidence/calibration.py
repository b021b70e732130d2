"""Does a confidence of 0.8 mean right 80 times in 100? Calibration error with its own noise, Brier
score, reliability, temperature scaling.

``right`` is 0 or 1, or the share of a tie that was right; all arrays are [items].
"""

from collections.abc import Callable, Sequence

import numpy as np

from medtune.evaluation.confidence.scores import softmax
from medtune.evaluation.results import Estimate, Result
from medtune.evaluation.statistics import SHARE, cluster_interval, cluster_sums, ratio, wilson
from medtune.evaluation.studentized import LEVEL, resampled_sums

Array = np.ndarray
BINS = 10
TAILS = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]


class PerfectError(Result):
    """ECE that a perfectly calibrated model shows by chance: its mean and central 95 %."""

    mean: float
    low: float
    high: float


class CalibrationError(Estimate):
    """ECE of a model with its 95 % band, and that of a perfectly calibrated one."""

    perfect: PerfectError


class ReliabilityBin(Result):
    """``n`` items: mean confidence, share right with its interval."""

    n: int
    confidence: float
    right: float
    low: float
    high: float


class TemperatureScaling(Result):
    """The temperature fitted on validation, and what it does on test.

    ``at_limit``: it is an end of the range that is searched.
    """

    value: float
    n_validation: int
    at_limit: bool
    nll_before: float
    nll_after: float
    ece_before: float
    ece_after: float


def bin_numbers(confidences: Array, bins: int = BINS) -> Array:
    """The bin of each item, from 0 on: bins of equal mass, equal confidences together, so at
    most ``bins`` of them.

    Equal mass, because a language model's confidences crowd in a narrow range, and because the
    figure is less biased than over bins of equal width (Roelofs et al. 2022).
    """
    edges = np.unique(np.quantile(confidences, np.arange(1, bins) / bins, method="higher"))
    numbers = np.searchsorted(edges, confidences, side="right")
    return np.asarray(np.unique(numbers, return_inverse=True)[1])


def _gaps(confidences: Array, right: Array, numbers: Array) -> Array:
    """Right less confidence in the column of the item's bin, and a last column of ones: what the
    error is made of.
    """
    parts = np.zeros((len(numbers), numbers.max() + 2))
    parts[np.arange(len(numbers)), numbers] = right - confidences
    parts[:, -1] = 1
    return parts


def _error(sums: Array) -> Array:
    return np.asarray(np.abs(sums[..., :-1]).sum(axis=-1) / sums[..., -1])


def expected_calibration_error(confidences: Array, right: Array, bins: int = BINS) -> float:
    """ECE: the mean over items of their bin's |share right − mean confidence| (Naeini et al.

    2015; Guo et al. 2017).
    """
    return float(_error(_gaps(confidences, right, bin_numbers(confidences, bins)).sum(axis=0)))


def calibration_error(
    confidences: Array, right: Array, groups: Sequence[str], resamples: int, seed: int
) -> CalibrationError:
    """ECE with a 95 % band, and what a perfectly calibrated model with these very confidences
    would show.

    Noise can only raise the figure, and resampling raises it again. Each end therefore leans away
    from that bias: the upper one is the bootstrap's quantile, the lower one that of the basic
    bootstrap (twice the value less the upper quantile), and 0 where the figure is no more than a
    perfectly calibrated model could show.
    """
    parts = _gaps(confidences, right, bin_numbers(confidences))
    value = float(_error(parts.sum(axis=0)))
    sums = cluster_sums(parts, groups)
    chance = perfect(confidences, resamples, seed)
    low = high = None
    if len(sums) > 1:
        high = max(
            value, float(np.quantile(_error(resampled_sums(sums, resamples, seed)), TAILS[1]))
        )
        low = 0.0 if value <= chance.high else max(0.0, 2 * value - high)
    return CalibrationError(value=value, low=low, high=high, perfect=chance)


def perfect(confidences: Array, resamples: int, seed: int) -> PerfectError:
    """Mean and central 95 % of the ECE where every item is right with its own confidence as
    probability.

    Labels are simulated (the consistency resampling of Bröcker and Smith 2007), each item for
    itself: items of one group that stand or fall together would show more.
    """
    rng = np.random.default_rng(seed)
    numbers = bin_numbers(confidences)
    member = np.eye(numbers.max() + 1)[numbers]
    expected = confidences @ member
    step = max(1, 4_000_000 // len(confidences))
    errors = []
    for start in range(0, resamples, step):
        labels = rng.random((min(step, resamples - start), len(confidences))) < confidences
        errors.append(np.abs(labels @ member - expected).sum(axis=1) / len(confidences))
    drawn = np.concatenate(errors)
    low, high = np.quantile(drawn, TAILS)
    return PerfectError(mean=float(drawn.mean()), low=float(low), high=float(high))


def brier(
    confidences: Array, right: Array, groups: Sequence[str], resamples: int, seed: int
) -> Estimate:
    """Brier score of "this answer is right" (Brier 1950) with its interval.

    Of a tie, the expected score.
    """
    scores = right * (1 - confidences) ** 2 + (1 - right) * confidences**2
    interval = cluster_interval(
        np.stack([scores, np.ones_like(scores)], axis=1), groups, ratio(), resamples, seed, SHARE
    )
    return Estimate(value=interval.value, low=interval.low, high=interval.high)


def reliability(confidences: Array, right: Array, bins: int = BINS) -> list[ReliabilityBin]:
    """A row a bin: n, mean confidence, share right with Wilson's interval (ties rounded to whole
    items).
    """
    numbers = bin_numbers(confidences, bins)
    rows = []
    for number in range(numbers.max() + 1):
        in_bin = numbers == number
        low, high = wilson(round(float(right[in_bin].sum())), int(in_bin.sum()))
        share = float(right[in_bin].mean())
        rows.append(
            ReliabilityBin(
                n=int(in_bin.sum()),
                confidence=float(confidences[in_bin].mean()),
                right=share,
                low=min(low, share),
                high=max(high, share),
            )
        )
    return rows


Confidence = Callable[[Array], Array]
RANGE = (-5.0, 5.0)  # of log T: what is fitted at an end is said to be there


def negative_loglikelihood(scores: Array, right: Array, temperature: float = 1.0) -> float:
    """Mean −log p(right option) under softmax(scores / T).

    ``scores`` [items, options], ``right`` index [items].
    """
    # The logarithm of the softmax itself: far from T = 1 probabilities would round to 0.
    scaled = scores / temperature
    top = scaled.max(axis=1)
    normaliser = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
    return float((normaliser - scaled[np.arange(len(right)), right]).mean())


def fit_temperature(scores: Array, right: Array) -> float:
    """The T with the least negative log-likelihood (Guo et al.

    2017, section 4.2), searched over log T.
    """
    from scipy.optimize import minimize_scalar

    minimum = minimize_scalar(
        lambda log_t: negative_loglikelihood(scores, right, float(np.exp(log_t))),
        bounds=RANGE,
        method="bounded",
    )
    return float(np.exp(minimum.x))


def scale_temperature(
    validation: tuple[Array, Array],
    test: tuple[Array, Array],
    correct: Array,
    confidence: Confidence,
) -> TemperatureScaling:
    """T from ``validation``, and on ``test`` what it does to likelihood and calibration.

    Each (scores, right index).

    ``confidence`` makes the confidences [items] of probabilities [items, options]; ``correct`` is
    what they are about.
    """
    temperature = fit_temperature(*validation)
    scores, right = test
    sure, scaled = (confidence(softmax(scores / t)) for t in (1.0, temperature))
    return TemperatureScaling(
        value=temperature,
        n_validation=len(validation[1]),
        at_limit=bool(abs(np.log(temperature)) > RANGE[1] - 0.01),
        nll_before=negative_loglikelihood(scores, right),
        nll_after=negative_loglikelihood(scores, right, temperature),
        ece_before=expected_calibration_error(sure, correct),
        ece_after=expected_calibration_error(scaled, correct),
    )
