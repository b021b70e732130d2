"""How sure a model is of one item: from the scores of its options, from its answer's likelihood, or from several answers."""

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from medtune.data.normalize import normalize

Array = np.ndarray
Embed = Callable[[Sequence[str]], Array]  # texts to vectors [texts, width]
ALIKE = 0.85  # cosine from which two answers count as one meaning


def softmax(scores: Array) -> Array:
    """Probabilities of options from their log-likelihoods (or other scores) [..., options]; −inf is no option."""
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def margin(probabilities: Sequence[float] | Array) -> float:
    """The likeliest option's probability less the second's; 1 where there is one option."""
    ordered = sorted((float(p) for p in probabilities), reverse=True)
    return ordered[0] - ordered[1] if len(ordered) > 1 else 1.0


def token_confidence(loglikelihood: float, tokens: int) -> float | None:
    """exp(mean log-likelihood a token): the geometric mean of the tokens' probabilities; None without tokens.

    The length-normalised likelihood of Malinin and Gales 2021 (section 3).
    """
    return math.exp(min(0.0, loglikelihood / tokens)) if tokens > 0 else None


def clusters(texts: Sequence[str], embed: Embed | None = None, alike: float = ALIKE) -> list[int]:
    """The number of its cluster for each text, in order of first appearance.

    Equal after normalisation (NFKC, lower case, letters and digits); with ``embed``, also where the cosine with the
    cluster's first member is at least ``alike``, in the one pass over the texts of Farquhar et al. 2024.
    """
    if embed is None or not texts:
        keys = [normalize(text) for text in texts]
        seen = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        return [seen[key] for key in keys]
    vectors = np.asarray(embed(texts), dtype=float)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    firsts: list[int] = []
    owners = []
    for index in range(len(texts)):
        near = (number for number, first in enumerate(firsts) if vectors[index] @ vectors[first] >= alike)
        owner = next(near, len(firsts))
        if owner == len(firsts):
            firsts.append(index)
        owners.append(owner)
    return owners


def semantic_entropy(owners: Sequence[int]) -> float:
    """Discrete semantic entropy in nats: −Σ p ln p over the shares of clusters among sampled answers.

    Farquhar, Kossen, Kuhn and Gal 2024 (Nature 630, 625–630), the estimate that needs no likelihoods.
    """
    shares = np.array(list(Counter(owners).values())) / len(owners)
    return float(abs(-(shares * np.log(shares)).sum()))


def self_consistency(owners: Sequence[int]) -> float:
    """Share of the sampled answers in the largest cluster (Wang et al. 2023)."""
    return max(Counter(owners).values()) / len(owners)
