"""The size below which a difference of a figure is none: what the arithmetic behind it can resolve.

The same weights do not give the same figure twice: sums of float32 depend on their order, so on the
batch, the threads and the device; bfloat16 keeps eight bits. A difference no larger than that is
called none, however alike it looks in every item.
"""

from collections.abc import Callable

import numpy as np

# How far a sum moves by rounding alone, as a share of its size. Values that are computed one by one
# in float32, such as a cosine:
FLOAT_NOISE = 1e-6
# Log-likelihoods. Measured with benchmarks/rounding.py (16 answers, on a processor): in other
# batches, in another order and with two threads not a bit changes, in float32 nor in bfloat16;
# between the formats single answers move by up to 3.2e-3, their sum by 2.8e-6 (medtune-base) and,
# to one side, by 8.7e-4 (stories260k). The samples do not say in which format they were computed.
LIKELIHOOD_NOISE = 1e-3


def resolution(
    figure: Callable[[np.ndarray], np.ndarray],
    columns: np.ndarray,
    noise: float,
    *,
    is_ratio: bool,
) -> float:
    """The size below which a difference of ``figure`` is none, in its unit.

    ``columns`` [items, k] are summed. Of a ratio the numerator moves by ``noise`` of the sum of its
    sizes; counts are exact, so any other figure moves by ``noise`` of itself.
    """
    sums = columns.sum(axis=0)
    value = float(figure(sums))
    if not is_ratio:
        return noise * abs(value)
    step = np.zeros_like(sums)
    step[0] = noise * np.abs(columns[:, 0]).sum()
    return max(abs(float(figure(sums + sign * step)) - value) for sign in (-1, 1))
