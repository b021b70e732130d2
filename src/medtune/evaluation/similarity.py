"""How near two texts are in meaning, by vectors of an encoder: the cosine of their means, and
BERTScore.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from medtune.models.interface import TextEmbedding

PAIRS_AT_ONCE = 64  # their vectors lie in memory together


class Encoder(Protocol):
    """Texts to vectors."""

    @property
    def name(self) -> str:
        """For people."""

    def encode(self, texts: Sequence[str]) -> list[TextEmbedding]:
        """The vectors of each text."""


def cosine(left: np.ndarray, right: np.ndarray) -> float:
    """Cosine of two vectors [width] of length 1, or 0 where a text had no word."""
    return float(np.clip(left @ right, -1, 1))


def bert_score(output: np.ndarray, reference: np.ndarray) -> float:
    """BERTScore F1 (Zhang et al.

    2020, section 3) of token vectors [n, width] of length 1; 0 where one has none.

    Each token is matched with the nearest one of the other text. No weights by frequency, no
    rescaling with a baseline.
    """
    if not len(output) or not len(reference):
        return 0.0
    near = output @ reference.T
    precision, recall = float(near.max(axis=1).mean()), float(near.max(axis=0).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def similarities(
    encoder: Encoder,
    pairs: Sequence[tuple[str, str]],
    progress: Callable[[int], None] | None = None,
) -> list[tuple[float, float]]:
    """Cosine and BERTScore F1 of every (output, reference), in order.

    Those of like length are computed together.
    """
    order = sorted(range(len(pairs)), key=lambda i: -sum(map(len, pairs[i])))
    found: dict[int, tuple[float, float]] = {}
    for start in range(0, len(order), PAIRS_AT_ONCE):
        chosen = order[start : start + PAIRS_AT_ONCE]
        texts = list(dict.fromkeys(text for i in chosen for text in pairs[i]))
        vectors = dict(zip(texts, encoder.encode(texts), strict=True))
        for i in chosen:
            output, reference = (vectors[text] for text in pairs[i])
            found[i] = (
                cosine(output.mean, reference.mean),
                bert_score(output.tokens, reference.tokens),
            )
        if progress:
            progress(len(chosen))
    return [found[i] for i in range(len(pairs))]
