"""Sets of options that hold the right one as often as stated, whatever the model:
split-conformal prediction.
"""

import math
from collections.abc import Sequence

import numpy as np

from medtune.evaluation.results import Estimate, Result
from medtune.evaluation.statistics import proportion_interval

Array = np.ndarray
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
    own, right = validation
    scores = np.where(right >= 0, 1 - own[np.arange(len(right)), right], np.inf)
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
