"""Words, sentences and repetitions of a text."""

import re

_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Runs of letters and digits of any script, lower case."""
    return _WORD.findall(text.lower())


def sentence_count(text: str) -> int:
    """The number of sentences: they end with a full stop, question or exclamation mark, or with the
    text, but not with a decimal point.
    """
    return sum(bool(words(part)) for part in re.split(r"[.!?]+(?=\s|$)|\n{2,}", text))


def distinct_n(text: str, n: int = 2) -> tuple[int, int]:
    """The number of distinct word n-grams, and of all (distinct-n, Li et al. 2016)."""
    tokens = words(text)
    grams = list(zip(*(tokens[i:] for i in range(n)), strict=False))
    return len(set(grams)), len(grams)


def repeated_words(text: str, n: int = 4) -> tuple[int, int]:
    """The number of words in n-grams that occurred before in the text, and of all words."""
    tokens = words(text)
    seen: set[tuple[str, ...]] = set()
    repeated = [False] * len(tokens)
    for start in range(len(tokens) - n + 1):
        gram = tuple(tokens[start : start + n])
        if gram in seen:
            repeated[start : start + n] = [True] * n
        seen.add(gram)
    return sum(repeated), len(tokens)
