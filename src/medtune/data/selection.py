"""Which rows stay, in which group and split: repeats, contradictions, near-duplicates, the
mixture, the draw.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from medtune.data.dedup import components, similar_pairs
from medtune.data.index import NEAR_PARTS, Index
from medtune.data.published_split import (
    NONE,
    TEST,
    TRAIN,
    UNKNOWN,
    remaining_shares,
    shared_with_held_out,
)
from medtune.data.splits import PARTS, Keys, draw, group_rows, leaked_rows, split_groups
from medtune.data.steps import BEYOND, draw_per_label
from medtune.recipe.schema import Data

SHARED = "shared_with_held_out"


@dataclass
class Selection:
    """Over all indexed rows: which stay, their ``group`` and ``split`` (index into SPLITS.

    Both −1 where left out).

    ``merged`` gives the labels of rows that stand for a set, ``label`` every row's (first) label
    after that; ``unfilled`` the sources of fewer rows than the recipe draws from them: (asked for,
    there). ``published`` is the part that is kept of each row (NONE: it is divided) and
    ``published_leaks`` how many held-out rows shared something with training as published.
    """

    kept: np.ndarray
    group: np.ndarray
    split: np.ndarray
    keys: Keys
    dropped: Counter[str]
    not_drawn: int
    forced: set[int]
    merged: dict[int, list[str]]
    label: np.ndarray
    near: dict[str, int]
    unfilled: dict[str, tuple[int, int]]
    published: np.ndarray
    published_leaks: int
    clusters: list[list[int]] = field(default_factory=list)
    contradictory: list[list[int]] = field(default_factory=list)


def strata(index: Index, stratify_by: str) -> np.ndarray:
    """What each row counts for when shares are kept: its label, its source, or nothing."""
    if stratify_by == "none":
        return np.full(len(index), "all", object)
    if stratify_by == "source":
        return index.source
    unlabelled = index.label == None  # noqa: E711
    return np.where(unlabelled, "" if stratify_by == "label" else index.source, index.label)


def repeats_earlier(values: np.ndarray, parts: np.ndarray | None = None) -> np.ndarray:
    """Whether each value [n] stood at an earlier position; with ``parts`` [n], after the rows that
    were published for test, then validation: a held-out row never goes for a training row.
    """
    order = (
        np.arange(len(values)) if parts is None else np.argsort(-parts.clip(TRAIN), kind="stable")
    )
    first = order[np.unique(values[order], return_index=True)[1]]
    later = np.ones(len(values), bool)
    later[first] = False
    return later


def contradictory_sets(index: Index, kept: np.ndarray) -> list[list[int]]:
    """Rows that ask the same and are answered differently, set by set in order of appearance."""
    positions = np.flatnonzero(kept)
    order = positions[np.argsort(index.prompt[positions], kind="stable")]
    new = np.ones(len(order), bool)
    new[1:] = np.diff(index.prompt[order]) != 0
    starts = np.flatnonzero(new)
    first = order[starts[np.cumsum(new) - 1]]  # of the rows that ask the same
    differing = np.unique(first[index.answer[order] != index.answer[first]])
    differs = np.isin(order[starts], differing)
    parts = zip(starts[differs], np.append(starts[1:], len(order))[differs], strict=True)
    return sorted(order[start:end].tolist() for start, end in parts)


def _resolve_contradictions(
    index: Index, kept: np.ndarray, policy: str, parts: np.ndarray
) -> tuple[list[list[int]], dict[int, list[str]]]:
    """Apply the policy to ``kept`` in place; the first row of a set is a held-out one, if any is.

    The sets, and for ``label_sets`` the labels of each first row.
    """
    sets = [
        sorted(rows, key=lambda row: -max(int(parts[row]), TRAIN))
        for rows in contradictory_sets(index, kept)
    ]
    merged: dict[int, list[str]] = {}
    for rows in sets:
        labelled = all(index.choice[row] and index.label[row] is not None for row in rows)
        if policy == "drop":
            kept[rows] = False
        elif policy == "first":
            kept[[row for row in rows if index.answer[row] != index.answer[rows[0]]]] = False
        elif policy == "label_sets" and labelled:
            kept[rows[1:]] = False
            merged[rows[0]] = sorted({str(index.label[row]) for row in rows})
    return sets, merged


def _near_clusters(
    index: Index, kept: np.ndarray, part: int, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, the number of the near-duplicate cluster each lies in, and the number of its text
    (exact repeats share it).

    Clusters of one distinct text are left out.
    """
    near = index.near
    chosen = np.flatnonzero((near.parts == part) & kept[near.rows])
    texts, first, inverse = np.unique(near.texts[chosen], return_index=True, return_inverse=True)
    order = np.argsort(first)  # texts by first appearance
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    cluster = components(
        len(texts), similar_pairs(near.signatures, threshold, chosen[first[order]])
    )
    several = np.bincount(cluster, minlength=1) > 1
    of_entry = cluster[number[inverse]]
    mask = several[of_entry] if len(of_entry) else np.zeros(0, bool)
    return near.rows[chosen[mask]], of_entry[mask], number[inverse][mask]


def _near_duplicates(
    index: Index, kept: np.ndarray, settings: Data, published: np.ndarray
) -> tuple[Keys, Counter[str], list[list[int]], int]:
    """Keys that tie near-duplicates, how many rows repeat an earlier one almost, the clusters,
    and rows dropped.
    """
    ties, counts, clusters, dropped = Keys.of([]), Counter[str](), [], 0
    policy, threshold = settings.near_duplicates.policy, settings.near_duplicates.threshold
    for part, name in enumerate(NEAR_PARTS):
        if policy == "off":
            break
        rows, numbers, texts = _near_clusters(index, kept, part, threshold)
        # Of each cluster the first text stands for itself; rows that repeat it exactly are no
        # near-duplicates.
        later = ~np.isin(texts, texts[~repeats_earlier(numbers, published[rows])])
        counts[name] = int(later.sum())
        if policy == "drop" and name == "answer":
            kept[rows[later]] = False
            dropped = len(np.unique(rows[later]))
        elif name in settings.split.group_by:
            values = numbers.astype(np.uint64) * np.uint64(len(NEAR_PARTS)) + np.uint64(part)
            ties = ties.joined(Keys(rows, np.full(len(rows), PARTS.index("near"), np.int8), values))
        members: dict[int, list[int]] = defaultdict(list)
        for row, number in zip(rows.tolist(), numbers.tolist(), strict=True):
            members[number].append(row)
        clusters += sorted(members.values(), key=len, reverse=True)
    return ties, counts, clusters, dropped


def mixture(sources: Sequence[str], settings: Data, names: Sequence[str]) -> dict[str, int]:
    """Source → rows to draw from it: its ``rows``, or its part by weight of as many as the
    scarcest source allows.
    """
    usable = Counter(sources)
    quotas = {}
    weights = {
        name: spec.weight for name, spec in zip(names, settings.source, strict=True) if spec.weight
    }
    whole = sum(weights.values())
    total = min((usable[name] * whole / weight for name, weight in weights.items()), default=0.0)
    if settings.limit is not None:
        total = min(total, settings.limit)
    for name, spec in zip(names, settings.source, strict=True):
        if spec.rows is not None:
            quotas[name] = min(spec.rows, usable[name])
    return quotas | _largest_remainders(
        {name: total * weight / whole for name, weight in weights.items()}
    )


def unfilled(
    sources: Sequence[str], settings: Data, names: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Source → (rows asked for, usable rows there), where there are too few."""
    usable = Counter(sources)
    asked = {
        name: spec.rows
        for name, spec in zip(names, settings.source, strict=True)
        if spec.rows is not None
    }
    return {name: (rows, usable[name]) for name, rows in asked.items() if rows > usable[name]}


def _largest_remainders(exact: dict[str, float]) -> dict[str, int]:
    """Whole numbers that add up to the whole part of the sum (Hamilton's method)."""
    counts = {name: int(share + 1e-9) for name, share in exact.items()}
    left = int(sum(exact.values()) + 1e-9) - sum(counts.values())
    for name in sorted(exact, key=lambda name: (counts[name] - exact[name], name))[:left]:
        counts[name] += 1
    return counts


def _draw(
    index: Index,
    kept: np.ndarray,
    settings: Data,
    names: Sequence[str],
    seed: int,
    parts: np.ndarray,
) -> int:
    """Narrow ``kept`` to the mixture and the limit, published parts in proportion; how many were
    not drawn.
    """
    before = int(kept.sum())
    stratum = strata(index, settings.stratify_by)
    if (parts > TRAIN).any():
        stratum = np.array([f"{p} {s}" for p, s in zip(parts, stratum, strict=True)], object)
    for name, quota in mixture(index.source[kept].tolist(), settings, names).items():
        positions = np.flatnonzero(kept & (index.source == name))
        kept[positions] = False
        kept[positions[draw(stratum[positions].tolist(), quota, seed)]] = True
    positions = np.flatnonzero(kept)
    kept[:] = False
    kept[positions[draw(stratum[positions].tolist(), settings.limit, seed)]] = True
    return before - int(kept.sum())


def _groups(
    index: Index, kept: np.ndarray, tied: Keys, parts: np.ndarray, settings: Data
) -> tuple[np.ndarray, int]:
    """Group of every kept row, and how many rows on a demonstration's subject had to be left out.

    A group with such a row goes to test whole. Where that group is larger than half of what test
    may hold (common answers can chain thousands of rows together), or where test was published, its
    rows on the subject are left out instead.
    """
    groups = group_rows(int(kept.sum()), tied.only(kept))
    sizes = np.bincount(groups, minlength=1)
    allowed = max(settings.split.test * len(groups) / 2, 1)
    positions = np.flatnonzero(kept)
    out_of_test = (sizes[groups] > allowed) | (parts == TEST).any() if len(positions) else kept[:0]
    out = positions[index.on_subject[positions] & (parts[positions] <= TRAIN) & out_of_test]
    if not len(out):
        return groups, 0
    kept[out] = False
    return group_rows(int(kept.sum()), tied.only(kept)), len(out)


def _published_parts(index: Index, settings: Data) -> np.ndarray:
    """The part that each row keeps; NONE where it is divided."""
    if settings.published_split == "ignore":
        return np.full(len(index), NONE, np.int8)
    return np.where(index.published == UNKNOWN, np.int8(NONE), index.published)


def _leave_out_shared(
    kept: np.ndarray, keys: Keys, parts: np.ndarray, dropped: Counter[str]
) -> int:
    """Leave out of ``kept`` what would leak from one published part to another; how many held-out
    rows shared something with training before.
    """
    if not (parts > TRAIN).any():
        return 0
    of_kept, positions = keys.only(kept), np.flatnonzero(kept)
    divided = parts[positions].clip(TRAIN)
    shared = positions[shared_with_held_out(of_kept, divided)]
    kept[shared] = False
    dropped[SHARED] = len(shared)
    return leaked_rows(of_kept, divided)["any"]


def _deal(
    stratum: np.ndarray,
    groups: np.ndarray,
    parts: np.ndarray,
    settings: Data,
    seed: int,
    forced: set[int],
) -> np.ndarray:
    """The split of every row: the part it was published in, the others by group."""
    split, divided = parts.clip(TRAIN).astype(np.int8), parts <= TRAIN
    shares = remaining_shares(settings.split, parts)
    split[divided] = split_groups(stratum[divided].tolist(), groups[divided], shares, seed, forced)
    return split


def select(index: Index, settings: Data, names: Sequence[str], seed: int) -> Selection:
    """Decide over all rows. ``names`` are the sources' names in the recipe's order."""
    dropped: Counter[str] = Counter()
    parts = _published_parts(index, settings)
    kept = ~repeats_earlier(index.conversation, parts)
    dropped["repeated"] = len(index) - int(kept.sum())
    usable = int(kept.sum())
    sets, merged = _resolve_contradictions(index, kept, settings.contradictions, parts)
    dropped["contradictory"] = usable - int(kept.sum())
    ties, near, clusters, dropped["near_duplicate"] = _near_duplicates(index, kept, settings, parts)
    keys = index.keys.joined(ties)
    by_group = keys.by(settings.split.group_by)
    published_leaks = _leave_out_shared(kept, by_group, parts, dropped)
    lacking = unfilled(index.source[kept].tolist(), settings, names)
    label = index.label.copy()
    for row, labels in merged.items():
        label[row] = labels[0]
    if settings.per_label is not None:
        dropped[BEYOND], few = draw_per_label(label, kept, settings.per_label, seed)
        lacking |= few
    not_drawn = _draw(index, kept, settings, names, seed, parts)
    groups, dropped["demonstration_subject"] = _groups(index, kept, by_group, parts, settings)
    positions = np.flatnonzero(kept)
    forced = set(groups[index.on_subject[positions] & (parts[positions] <= TRAIN)].tolist())
    stratum = strata(index, settings.stratify_by)[positions]
    group, split = np.full(len(index), -1, np.int64), np.full(len(index), -1, np.int8)
    group[positions] = groups
    split[positions] = _deal(stratum, groups, parts[positions], settings, seed, forced)
    counted = (dropped, not_drawn, forced, merged, label, dict(near), lacking)
    published = (parts, published_leaks)
    return Selection(kept, group, split, keys.only(kept), *counted, *published, clusters, sets)
