"""Agreement of an answer with a reference, and how much a text repeats itself."""

import re
import string
from collections import Counter

_WORDS = re.compile(r"[a-z0-9]+")
_ANY_WORDS = re.compile(r"[^\W_]+")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def rouge_words(text: str) -> list[str]:
    """ROUGE's words: runs of letters a-z and digits, lower case."""
    return _WORDS.findall(text.lower())


def words(text: str) -> list[str]:
    """Runs of letters and digits of any script, lower case."""
    return _ANY_WORDS.findall(text.lower())


def sentence_count(text: str) -> int:
    """Runs of text that end with a full stop, question or exclamation mark, or with the text; a decimal point ends none."""
    return sum(bool(words(part)) for part in re.split(r"[.!?]+(?=\s|$)|\n{2,}", text))


def rouge_l(output: str, reference: str) -> float:
    """ROUGE-L F1: F-measure of the longest common subsequence of words (Lin 2004), without stemming."""
    from rapidfuzz.distance import LCSseq

    # ROUGE's own words are of English; a text in another script would have none, and score 0 against itself.
    split = rouge_words if rouge_words(reference) else words
    made, wanted = split(output), split(reference)
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
    found = words(text)
    grams = list(zip(*(found[i:] for i in range(n)), strict=False))
    return len(set(grams)), len(grams)


def repeated_words(text: str, n: int = 4) -> tuple[int, int]:
    """Words inside an n-gram that stood earlier in the text, and all words: the repetition rate is their ratio."""
    found = words(text)
    seen: set[tuple[str, ...]] = set()
    repeated = [False] * len(found)
    for start in range(len(found) - n + 1):
        gram = tuple(found[start : start + n])
        if gram in seen:
            repeated[start : start + n] = [True] * n
        seen.add(gram)
    return sum(repeated), len(found)
