"""The normal form in which two texts count as the same: NFKC, lower case, letters with their
combining marks, numbers in one spelling, signs that carry meaning, single blanks.
"""

import re
from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import blake2b

import numpy as np

from medtune.text.pieces import cached_by_text, word_pieces
from medtune.text.signs import MARKS, combining, marked, spaced, unmarked

_NOT_ASCII_WORD = re.compile(f"[^a-z0-9{MARKS}]+")


@cache
def _not_word() -> re.Pattern[str]:
    return re.compile(rf"[^\w{combining()}{MARKS}]+")


@cached_by_text(8192)  # a chunk's texts are normalised for several purposes, one after the other
def normalize(text: str) -> str:
    """Normal form of a text, so that case, punctuation, width and blanks do not hide a copy.

    Texts that differ in a sign (A+ and A-, < and ≥, −2.5 and 2.5), a decimal point, an exponent or
    a combining mark have different forms. Characters of scripts without blanks stand alone.
    """
    form = marked(text).casefold()
    if form.isascii():
        return _words_only(_NOT_ASCII_WORD, form).strip()
    if text.isascii():
        return _single_blanks(unmarked(_words_only(_NOT_ASCII_WORD, form)))
    return _single_blanks(unmarked(spaced(_words_only(_not_word(), form.replace("_", " ")))))


PART = 2**18  # characters whose words are in a list at once


def _words_only(not_words: re.Pattern[str], text: str) -> str:
    """A blank for each run of ``not_words``, part by part: a run is never parted."""
    parts, start = [], 0
    while len(text) - start > PART:
        run = not_words.search(text, start + PART)
        end = run.end() if run else len(text)
        parts.append(not_words.sub(" ", text[start:end]))
        start = end
    return "".join([*parts, not_words.sub(" ", text[start:])])


def _single_blanks(text: str) -> str:
    return " ".join(filter(None, (" ".join(part.split()) for part in word_pieces(text, PART))))


PERMUTATIONS = 128
SHINGLE = 3  # words
_SEED = 1
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_MIXER = np.uint64(0xBF58476D1CE4E5B9)
_CACHE_LIMIT = 500_000


def text_hash(text: str) -> int:
    """64-bit hash of a text as it is."""
    return int.from_bytes(
        blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little"
    )


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
    words, starts = array("Q"), [0]
    for text in texts:
        for part in word_pieces(text, PART):
            known = _words if len(text) <= PART else _WordHashes()  # a long text has its own words
            words.extend([known[word] for word in part.split()])
        starts.append(len(words))
    return np.frombuffer(words, dtype=np.uint64), np.array(starts, dtype=np.int64)


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


WORDS_AT_ONCE = 2**18


def run_hash_blocks(
    words: np.ndarray, starts: np.ndarray, length: int
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """The same for some texts at a time, with the number of the first: a text of more than
    ``WORDS_AT_ONCE`` comes in several blocks, each run in one of them.
    """
    texts, first = len(starts) - 1, 0
    while first < texts:
        most = int(np.searchsorted(starts, starts[first] + WORDS_AT_ONCE, side="right")) - 1
        after = min(texts, max(most, first + 1))
        begin, end = int(starts[first]), int(starts[after])
        inner = starts[first : after + 1] - begin
        for start in range(0, max(1, end - begin - length + 1), WORDS_AT_ONCE):
            part = words[begin + start : min(end, begin + start + WORDS_AT_ONCE + length - 1)]
            whole = after > first + 1 or len(part) == end - begin
            yield first, *run_hashes(part, inner if whole else np.array([0, len(part)]), length)
        first = after


def signatures(words: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """MinHash signatures [texts, 128] of uint16 over the texts' shingles of three words.

    Of each minimum the lower 16 bits are kept: two different ones agree by chance once in 65,536,
    and memory halves.
    """
    from rensa import RMinHash

    least = np.full((len(starts) - 1, PERMUTATIONS), 2**32 - 1, dtype=np.uint32)
    for first, values, run_starts in run_hash_blocks(words, starts, SHINGLE):
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            values, run_starts.astype(np.uint64), num_perm=PERMUTATIONS, seed=_SEED
        )
        rows = np.array(matrix.to_rows(), dtype=np.uint32).reshape(-1, PERMUTATIONS)
        of_block = least[first : first + len(rows)]
        np.minimum(of_block, rows, out=of_block)
    return (least & 0xFFFF).astype(np.uint16)


RECALL = 0.98  # of pairs exactly at the threshold that become candidates
SLACK = (
    0.02  # below the threshold, for the noise of the estimate (its standard error is 0.035 at 0.8)
)
BLOCK = 50_000  # signatures, or candidate pairs, in memory at once


def band_rows(threshold: float) -> int:
    """Signature rows in a band: as many as keep the recall at the threshold, 1 − (1 −
    t^r)^(128/r).
    """
    fitting = [r for r in range(1, 33) if 1 - (1 - threshold**r) ** (PERMUTATIONS // r) >= RECALL]
    return max(fitting, default=1)


def _band_values(signature: np.ndarray, chosen: np.ndarray, band: slice) -> np.ndarray:
    """One 64-bit hash for each chosen text [n], of the part ``band`` of its signature."""
    values = np.zeros(len(chosen), dtype=np.uint64)
    for block in range(0, len(chosen), BLOCK):
        part = values[block : block + BLOCK]
        with np.errstate(over="ignore"):
            for column in signature[chosen[block : block + BLOCK], band].T:
                part[:] = (part ^ column.astype(np.uint64)) * np.uint64(0x100000001B3)
                part ^= part >> np.uint64(29)
    return values


def _candidates(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Within each run of equal values: every member with the first and with the one before it."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    first = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    members = np.flatnonzero(~new)
    left = np.concatenate([order[first[members]], order[members - 1]])
    return left, np.concatenate([order[members], order[members]])


def similar_pairs(
    signature: np.ndarray, threshold: float, chosen: np.ndarray | None = None
) -> np.ndarray:
    """Pairs [n, 2] of texts whose signatures [texts, 128] agree in at least ``threshold`` of
    their places, or nearly.

    With ``chosen`` [m] only these rows of ``signature`` (which may lie in a file) are compared;
    pairs count within them. In a bucket of many texts each is compared with the first and with its
    neighbour, not with all: the cost grows with the texts, not with their square, and a cluster
    stays connected.
    """
    chosen = np.arange(len(signature)) if chosen is None else chosen
    rows, count = band_rows(threshold), max(1, len(chosen))
    known = np.zeros(0, dtype=np.int64)  # a pair as one number
    for start in range(0, PERMUTATIONS - rows + 1, rows):
        left, right = _candidates(_band_values(signature, chosen, slice(start, start + rows)))
        pairs = np.setdiff1d(np.minimum(left, right) * count + np.maximum(left, right), known)
        alike = [known]
        for block in range(0, len(pairs), BLOCK):
            new = pairs[block : block + BLOCK]
            a, b = signature[chosen[new // count]], signature[chosen[new % count]]
            alike.append(new[(a == b).mean(axis=1) >= threshold - SLACK])
        known = np.sort(np.concatenate(alike))
    return np.stack([known // count, known % count], axis=1)


def components(count: int, pairs: np.ndarray) -> np.ndarray:
    """Cluster number [count] of every item, items joined by ``pairs`` [n, 2].

    Numbered by first appearance.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array(
        (np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count)
    )
    _, labels = connected_components(graph, directed=False)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)
