"""Texts as numbers: 64-bit hashes of words, runs of words and whole texts, and MinHash signatures (Broder 1997).

All is computed for a chunk of texts at once on flat arrays: ``words`` [n] holds the word hashes of all texts one after
the other and ``starts`` [texts + 1] where each begins.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from medtune.data.normalize import normalize

PERMUTATIONS = 128
SHINGLE = 3  # words
_SEED = 1
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_MIXER = np.uint64(0xBF58476D1CE4E5B9)
_CACHE_LIMIT = 500_000


def text_hash(text: str) -> int:
    """64-bit hash of a text as it is."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class _WordHashes(dict[str, int]):
    def __missing__(self, word: str) -> int:
        if len(self) > _CACHE_LIMIT:
            self.clear()
        value = self[word] = text_hash(word)
        return value


_words = _WordHashes()


def word_hashes(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """``words`` and ``starts`` of texts, normalised."""
    return normalized_word_hashes([normalize(text) for text in texts])


def normalized_word_hashes(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The same for texts in normal form."""
    hashes = [[_words[word] for word in text.split()] for text in texts]
    starts = np.cumsum([0, *map(len, hashes)], dtype=np.int64)
    words = np.fromiter((value for row in hashes for value in row), dtype=np.uint64, count=int(starts[-1]))
    return words, starts


def run_hashes(words: np.ndarray, starts: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of all runs of ``length`` words inside one text, and the starts of each text's runs.

    A polynomial over the word hashes modulo 2^64, mixed so that all bits count.
    """
    counts = np.maximum(np.diff(starts) - (length - 1), 0)
    total = max(0, len(words) - (length - 1))
    values = np.zeros(total, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for offset in range(length):
            values = values * _MULTIPLIER + words[offset : offset + total]
        values ^= values >> np.uint64(31)
        values *= _MIXER
        values ^= values >> np.uint64(29)
    run_starts = np.cumsum(np.concatenate([[0], counts]))
    # Runs that begin in one text and end in another are left out.
    positions = np.arange(run_starts[-1]) + np.repeat(starts[:-1] - run_starts[:-1], counts)
    return values[positions], run_starts


def signatures(words: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """MinHash signatures [texts, 128] of uint16 over the texts' shingles of three words.

    Of each minimum the lower 16 bits are kept: two different ones agree by chance once in 65,536, and memory halves.
    """
    from rensa import RMinHash

    values, run_starts = run_hashes(words, starts, SHINGLE)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        values, run_starts.astype(np.uint64), num_perm=PERMUTATIONS, seed=_SEED
    )
    return (np.array(matrix.to_rows(), dtype=np.uint32) & 0xFFFF).astype(np.uint16).reshape(-1, PERMUTATIONS)
