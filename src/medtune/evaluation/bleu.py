"""BLEU from counts a text: the counts of all texts are summed, then the figure is made, so that one bootstrap serves it too.

Papineni et al. 2002 with the tokens, the clipping and the exponential smoothing of sacrebleu (Post 2018, signature
``nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp``), which it equals.
"""

from collections import Counter

import numpy as np

from medtune.evaluation.statistics import Array

ORDERS = 4
NO_COUNTS = (0,) * (2 + 2 * ORDERS)


def bleu_counts(output: str, reference: str) -> list[int]:
    """Tokens of the output and of the reference, matched n-grams of 1 to 4 tokens, and all n-grams of the output."""
    made, wanted = _tokens(output), _tokens(reference)
    matched, total = [], []
    for order in range(1, ORDERS + 1):
        ours, theirs = _grams(made, order), _grams(wanted, order)
        matched.append((ours & theirs).total())
        total.append(ours.total())
    return [len(made), len(wanted), *matched, *total]


def bleu(sums: Array) -> Array:
    """BLEU (0 to 100) of summed counts [..., 10]; NaN where no reference has a token."""
    sums = np.asarray(sums, dtype=float)
    made, wanted = sums[..., 0], sums[..., 1]
    matched, total = sums[..., 2 : 2 + ORDERS], sums[..., 2 + ORDERS :]
    with np.errstate(divide="ignore", invalid="ignore"):
        # The k-th order without a match counts as 1/2^k matches (Chen and Cherry 2014, method 3).
        halvings = np.cumsum(matched == 0, axis=-1)
        precisions = np.where(matched == 0, 0.5**halvings, matched) / total
        brevity = np.exp(np.minimum(0, 1 - wanted / made))
        score = 100 * brevity * np.exp(np.log(precisions).mean(axis=-1))
    score = np.where((matched.sum(axis=-1) == 0) | (total == 0).any(axis=-1), 0.0, score)
    return np.where(wanted == 0, np.nan, score)


def _tokens(text: str) -> list[str]:
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a  # a sixth of a second that other tasks need not wait

    split: list[str] = Tokenizer13a()(text.rstrip()).split()
    return split


def _grams(tokens: list[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[i:] for i in range(order)), strict=False))
