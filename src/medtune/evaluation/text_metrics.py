"""Agreement of an answer with a reference."""

import re
import string
from collections import Counter

import numpy as np

from medtune.evaluation.statistics import Array
from medtune.text.word_counts import words

_WORDS = re.compile(r"[a-z0-9]+")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def rouge_words(text: str) -> list[str]:
    """ROUGE's words: runs of letters a-z and digits, lower case."""
    return _WORDS.findall(text.lower())


def rouge_l(output: str, reference: str) -> float:
    """ROUGE-L F1: F-measure of the longest common subsequence of words (Lin 2004), without
    stemming.
    """
    from rapidfuzz.distance import LCSseq

    # ROUGE's own words are of English; a text in another script would have none, and score 0
    # against itself.
    split = rouge_words if rouge_words(reference) else words
    output_words, reference_words = split(output), split(reference)
    if not output_words or not reference_words:
        return 0.0
    common = LCSseq.similarity(output_words, reference_words)
    return 2 * common / (len(output_words) + len(reference_words))


def token_f1(output: str, reference: str) -> float:
    """F1 over the bags of words, without articles and punctuation (as in SQuAD, Rajpurkar et al.

    2016).
    """
    output_words, reference_words = (
        Counter(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())
        for text in (output, reference)
    )
    common = sum((output_words & reference_words).values())
    return 2 * common / (output_words.total() + reference_words.total()) if common else 0.0


ORDERS = 4
NO_COUNTS = (0,) * (2 + 2 * ORDERS)


def bleu_counts(output: str, reference: str) -> list[int]:
    """Tokens of the output and of the reference, matched n-grams of 1 to 4 tokens, and all
    n-grams of the output.
    """
    output_words, reference_words = _tokens(output), _tokens(reference)
    matched, total = [], []
    for order in range(1, ORDERS + 1):
        ours, theirs = _grams(output_words, order), _grams(reference_words, order)
        matched.append((ours & theirs).total())
        total.append(ours.total())
    return [len(output_words), len(reference_words), *matched, *total]


def bleu(sums: Array) -> Array:
    """BLEU (0 to 100) of summed counts [..., 10]; NaN where no reference has a token."""
    sums = np.asarray(sums, dtype=float)
    output_words, reference_words = sums[..., 0], sums[..., 1]
    matched, total = sums[..., 2 : 2 + ORDERS], sums[..., 2 + ORDERS :]
    with np.errstate(divide="ignore", invalid="ignore"):
        # The k-th order without a match counts as 1/2^k matches (Chen and Cherry 2014, method 3).
        halvings = np.cumsum(matched == 0, axis=-1)
        precisions = np.where(matched == 0, 0.5**halvings, matched) / total
        brevity = np.exp(np.minimum(0, 1 - reference_words / output_words))
        score = 100 * brevity * np.exp(np.log(precisions).mean(axis=-1))
    score = np.where((matched.sum(axis=-1) == 0) | (total == 0).any(axis=-1), 0.0, score)
    return np.where(reference_words == 0, np.nan, score)


def _tokens(text: str) -> list[str]:
    from sacrebleu.tokenizers.tokenizer_13a import (
        Tokenizer13a,
    )  # a sixth of a second that other tasks need not wait

    split: list[str] = Tokenizer13a()(text.rstrip()).split()
    return split


def _grams(tokens: list[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[i:] for i in range(order)), strict=False))
