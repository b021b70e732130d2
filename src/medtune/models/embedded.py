"""The vectors of a text, as encoders give them."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Embedded:
    """``mean`` [width] of the whole text and ``tokens`` [n, width] of its tokens, each of length 1 (0 for a text of none)."""

    mean: np.ndarray
    tokens: np.ndarray
