"""Agreement of an answer with a reference, and how much a text repeats itself."""

import re
import string
from collections import Counter

_WORDS = re.compile(r"[a-z0-9]+")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def rouge_words(text: str) -> list[str]:
    """ROUGE's words: runs of letters a-z and digits, lower case."""
    return _WORDS.findall(text.lower())


def rouge_l(output: str, reference: str) -> float:
    """ROUGE-L F1: F-measure of the longest common subsequence of words (Lin 2004), without stemming."""
    from rapidfuzz.distance import LCSseq

    made, wanted = rouge_words(output), rouge_words(reference)
    if not made or not wanted:
        return 0.0
    common = LCSseq.similarity(made, wanted)
    return 2 * common / (len(made) + len(wanted))


def token_f1(output: str, reference: str) -> float:
    """F1 over the bags of words, without articles and punctuation (as in SQuAD, Rajpurkar et al. 2016)."""
    made, wanted = (
        Counter(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()) for text in (output, reference)
    )
    common = sum((made & wanted).values())
    return 2 * common / (made.total() + wanted.total()) if common else 0.0


def distinct_n(text: str, n: int = 2) -> tuple[int, int]:
    """Different n-grams of words, and all of them (distinct-n, Li et al. 2016)."""
    words = rouge_words(text)
    grams = list(zip(*(words[i:] for i in range(n)), strict=False))
    return len(set(grams)), len(grams)


def repeated_words(text: str, n: int = 4) -> tuple[int, int]:
    """Words inside an n-gram that stood earlier in the text, and all words: the repetition rate is their ratio."""
    words = rouge_words(text)
    seen: set[tuple[str, ...]] = set()
    repeated = [False] * len(words)
    for start in range(len(words) - n + 1):
        gram = tuple(words[start : start + n])
        if gram in seen:
            repeated[start : start + n] = [True] * n
        seen.add(gram)
    return sum(repeated), len(words)
