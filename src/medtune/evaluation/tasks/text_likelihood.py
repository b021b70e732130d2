"""What the tasks that predict text share: bits per byte, and what a sample keeps of a scored
text.
"""

import math

import numpy as np

from medtune.evaluation.tasks.task import Metric, Sample
from medtune.models.interface import Likelihood


def bits(values: np.ndarray) -> np.ndarray:
    """Nats as bits."""
    return values / math.log(2)


def bits_per_byte(title: str) -> Metric:
    """Negative log-likelihood in bits over UTF-8 bytes, summed over all items: comparable across
    tokenizers.
    """
    return Metric(
        "bits_per_byte",
        title,
        lambda s: (-s["loglikelihoods"][0], s["bytes"]),
        "lower",
        bits,
        "bits/byte",
    )


def scored(text: str, found: Likelihood) -> Sample:
    """The scored part of a sample; ``score`` is its bits per byte, for reading."""
    return {
        "prompt": found.prompt,
        "continuations": [text],
        "loglikelihoods": [found.loglikelihood],
        "tokens": found.tokens,
        "bytes": found.bytes,
        "score": float(bits(np.array(-found.loglikelihood / max(1, found.bytes)))),
    }
