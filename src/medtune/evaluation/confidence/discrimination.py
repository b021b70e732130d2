"""Does confidence tell right answers from wrong ones: AUROC against answer length, and risk over
coverage.

``right`` is 0 or 1, or the share of a tie that was right; all arrays are [items].
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medtune.evaluation.confidence.calibration import TAILS
from medtune.evaluation.results import Estimate, Result

Array = np.ndarray


class LengthAuroc(Estimate):
    """AUROC of the answers' length in the ``direction`` that is of more use (shorter, longer)."""

    direction: str


class Signal(Result):
    """AUROC of confidence and of length, and their difference; None where not measured."""

    auroc: Estimate | None
    length_auroc: LengthAuroc | None
    difference: Estimate | None
    signal: str


class RiskPoint(Result):
    """Share of items answered, share wrong among them, and the lowest confidence of these."""

    coverage: float
    risk: float
    confidence: float


class RiskArea(Result):
    """Mean risk over all coverages, that of a random order and that of an oracle."""

    value: float
    random: float
    oracle: float


@dataclass(frozen=True)
class ResampledAuroc:
    """A figure with its value in every resample."""

    value: float
    drawn: Array

    def estimate(self) -> Estimate:
        """With the central 95 % of the resamples."""
        low, high = np.nanquantile(self.drawn, TAILS)
        return Estimate(value=self.value, low=float(low), high=float(high))


FEWEST = 5  # right and wrong answers each, from which an AUROC is reported
POINTS = 50
CHANCE = 0.5
SIGNAL, NO_SIGNAL, NOT_MEASURED = "signal", "no signal", "not measured"


def auroc(scores: Array, right: Array, weights: Array | None = None) -> Array:
    """Chance that a right answer scores above a wrong one, ties counted half (Hanley and McNeil
    1982).

    ``weights`` [..., items] count each item; the figures are [...], NaN where all are right or all
    wrong.
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    times = np.ones(len(scores)) if weights is None else weights
    rights = np.add.reduceat(times[..., order] * right[order], starts, axis=-1)
    wrongs = np.add.reduceat(times[..., order] * (1 - right[order]), starts, axis=-1)
    below = np.cumsum(wrongs, axis=-1) - wrongs / 2
    pairs = rights.sum(axis=-1) * wrongs.sum(axis=-1)
    figures = np.divide(
        (rights * below).sum(axis=-1), pairs, out=np.full(np.shape(pairs), np.nan), where=pairs > 0
    )
    return np.asarray(figures)


def _times(groups: Sequence[str], resamples: int, seed: int) -> Iterator[Array]:
    """How often each item stands in bootstrap resamples of the groups, a part of the resamples
    at a time.
    """
    owners = np.unique(np.array(groups), return_inverse=True)[1]
    count = int(owners.max()) + 1
    rng = np.random.default_rng(seed)
    step = max(1, 1_000_000 // len(owners))
    for start in range(0, resamples, step):
        drawn = rng.integers(count, size=(min(step, resamples - start), count))
        rows = drawn + count * np.arange(len(drawn))[:, None]
        times = np.bincount(rows.ravel(), minlength=count * len(drawn)).reshape(len(drawn), count)
        yield times[:, owners].astype(float)


def resampled_aurocs(
    scores: Mapping[str, Array], right: Array, groups: Sequence[str], resamples: int, seed: int
) -> dict[str, ResampledAuroc]:
    """The AUROC of every score from one bootstrap over groups.

    Empty where fewer than five answers are right, or wrong, or all are of one group: nothing can be
    told from that.
    """
    if min(right.sum(), len(right) - right.sum()) < FEWEST or len(set(groups)) < 2:
        return {}
    parts: dict[str, list[Array]] = {name: [] for name in scores}
    for times in _times(groups, resamples, seed):
        for name, values in scores.items():
            parts[name].append(auroc(values, right, times))
    return {
        name: ResampledAuroc(float(auroc(values, right)), np.concatenate(parts[name]))
        for name, values in scores.items()
    }


def measure_signal(
    confidences: Array,
    lengths: Array,
    right: Array,
    groups: Sequence[str],
    resamples: int,
    seed: int,
) -> Signal:
    """Whether confidence tells right from wrong.

    The length's direction is the one that is of more use on these very items, which favours the
    baseline. There is a signal where the confidence's interval lies above 0.5 and, if length tells
    anything itself (its own interval lies above 0.5), the interval of the paired difference lies
    above 0 too. Too few right or wrong: "not measured".
    """
    aurocs = resampled_aurocs(
        {"confidence": confidences, "length": -lengths}, right, groups, resamples, seed
    )
    if not aurocs:
        return Signal(auroc=None, length_auroc=None, difference=None, signal=NOT_MEASURED)
    confidence, length = aurocs["confidence"], aurocs["length"]
    direction = "shorter"
    if length.value < CHANCE:
        direction, length = "longer", ResampledAuroc(1 - length.value, 1 - length.drawn)
    gap = ResampledAuroc(
        confidence.value - length.value, confidence.drawn - length.drawn
    ).estimate()
    area, baseline = confidence.estimate(), length.estimate()
    above = _above(area, CHANCE) and (not _above(baseline, CHANCE) or _above(gap, 0))
    return Signal(
        auroc=area,
        length_auroc=LengthAuroc(**dict(baseline), direction=direction),
        difference=gap,
        signal=SIGNAL if above else NO_SIGNAL,
    )


def _above(estimate: Estimate, limit: float) -> bool:
    return estimate.low is not None and estimate.low > limit


def risk_coverage(confidences: Array, right: Array) -> tuple[Array, Array, Array]:
    """Coverage, risk (share wrong among those answered) and confidence, answering 1, 2, … n
    items, the surest first.

    El-Yaniv and Wiener 2010. Equal confidences are taken in all orders: the expected risk.
    """
    order = np.argsort(-confidences, kind="stable")
    sure, wrong = confidences[order], (1 - right)[order]
    ends = np.append(np.flatnonzero(np.diff(sure)) + 1, len(sure))
    counts = np.arange(1, len(sure) + 1)
    errors = np.interp(
        counts, np.concatenate([[0], ends]), np.concatenate([[0.0], np.cumsum(wrong)[ends - 1]])
    )
    return counts / len(sure), errors / counts, sure


def risk_area(confidences: Array, right: Array) -> RiskArea:
    """AURC, the mean risk over all coverages (Geifman and El-Yaniv 2017)."""
    wrong = 1 - right
    counts = np.arange(1, len(wrong) + 1)
    oracle = float((np.cumsum(np.sort(wrong)) / counts).mean())
    value = float(risk_coverage(confidences, right)[1].mean())
    return RiskArea(value=value, random=float(wrong.mean()), oracle=oracle)


def curve_points(confidences: Array, right: Array) -> list[RiskPoint]:
    """At most fifty points of the risk–coverage curve, the whole test set the last."""
    coverage, risk, sure = risk_coverage(confidences, right)
    chosen = np.unique(np.linspace(0, len(sure) - 1, min(POINTS, len(sure))).round().astype(int))
    return [
        RiskPoint(coverage=float(coverage[i]), risk=float(risk[i]), confidence=float(sure[i]))
        for i in chosen
    ]
