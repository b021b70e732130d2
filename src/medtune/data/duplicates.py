"""Near-duplicates among many texts: locality-sensitive hashing of MinHash signatures.

Bands find candidate pairs (Leskovec et al., Mining of Massive Datasets, chapter 3), and the signatures' agreement, which
estimates the Jaccard similarity, decides.
"""

import numpy as np

from medtune.data.fingerprints import PERMUTATIONS

RECALL = 0.98  # of pairs exactly at the threshold that become candidates
SLACK = 0.02  # below the threshold, for the noise of the estimate (its standard error is 0.035 at 0.8)
BLOCK = 50_000  # signatures, or candidate pairs, in memory at once


def band_rows(threshold: float) -> int:
    """Signature rows in a band: as many as keep the recall at the threshold, 1 − (1 − t^r)^(128/r)."""
    fitting = [r for r in range(1, 33) if 1 - (1 - threshold**r) ** (PERMUTATIONS // r) >= RECALL]
    return max(fitting, default=1)


def _band_values(signature: np.ndarray, chosen: np.ndarray, band: slice) -> np.ndarray:
    """One 64-bit hash for each chosen text [n], of the part ``band`` of its signature."""
    values = np.zeros(len(chosen), dtype=np.uint64)
    for block in range(0, len(chosen), BLOCK):
        here = values[block : block + BLOCK]
        with np.errstate(over="ignore"):
            for column in signature[chosen[block : block + BLOCK], band].T:
                here[:] = (here ^ column.astype(np.uint64)) * np.uint64(0x100000001B3)
                here ^= here >> np.uint64(29)
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


def similar_pairs(signature: np.ndarray, threshold: float, chosen: np.ndarray | None = None) -> np.ndarray:
    """Pairs [n, 2] of texts whose signatures [texts, 128] agree in at least ``threshold`` of their places, or nearly.

    With ``chosen`` [m] only these rows of ``signature`` (which may lie in a file) are compared; pairs count within them.
    In a bucket of many texts each is compared with the first and with its neighbour, not with all: the cost grows with
    the texts, not with their square, and a cluster stays connected.
    """
    chosen = np.arange(len(signature)) if chosen is None else chosen
    rows, count = band_rows(threshold), max(1, len(chosen))
    found = np.zeros(0, dtype=np.int64)  # a pair as one number
    for start in range(0, PERMUTATIONS - rows + 1, rows):
        left, right = _candidates(_band_values(signature, chosen, slice(start, start + rows)))
        pairs = np.setdiff1d(np.minimum(left, right) * count + np.maximum(left, right), found)
        alike = [found]
        for block in range(0, len(pairs), BLOCK):
            some = pairs[block : block + BLOCK]
            a, b = signature[chosen[some // count]], signature[chosen[some % count]]
            alike.append(some[(a == b).mean(axis=1) >= threshold - SLACK])
        found = np.sort(np.concatenate(alike))
    return np.stack([found // count, found % count], axis=1)


def components(count: int, pairs: np.ndarray) -> np.ndarray:
    """Cluster number [count] of every item, items joined by ``pairs`` [n, 2]; numbered by first appearance."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)
