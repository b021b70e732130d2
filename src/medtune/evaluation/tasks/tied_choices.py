"""Options that tie: which are best alike, what a choice among them counts, and options that are the
same tokens to the model, between which it cannot choose.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from medtune.files import sha256_json
from medtune.models.interface import ChoiceLikelihoods

TIE = 1e-5  # log-likelihoods nearer than this are equal: rounding of float32 decides nothing
Weights = dict[str, float | int]  # option → its share of a choice; options that tie share 1


def tied_best(
    options: Sequence[str], scores: np.ndarray, token_groups: Sequence[int] | None = None
) -> Weights:
    """The options of the highest score, each with its share of 1: the expected choice where they
    tie.

    Options of one number in ``token_groups`` are the same tokens: a choice of one is of all.
    """
    numbers = token_groups or range(len(options))
    best = {n for n, score in zip(numbers, scores, strict=True) if score >= scores.max() - TIE}
    tied = [option for option, n in zip(options, numbers, strict=True) if n in best]
    return {option: count / len(tied) for option, count in Counter(tied).items()}


def drawn(top: Weights, item: str) -> str:
    """One of the options that tie, where the way on needs one: by a hash of the ``item``'s id, so
    that no place in the list is favoured, and before and after training the same is drawn.
    """
    return min(top, key=lambda option: sha256_json([item, option]))


def same_tokens(choice: ChoiceLikelihoods) -> dict[str, list[int]]:
    """What a sample holds of options that are the same tokens, where there are any."""
    groups = choice.indistinct_groups()
    return {"token_groups": list(groups)} if len(set(groups)) < len(groups) else {}


def right_share(labels: Sequence[str], top: Weights) -> float | int:
    """The share of a choice that is right: its expected accuracy (an untrained uniform model:
    exactly 1 / k).
    """
    return sum(weight for option, weight in top.items() if option in labels)
