"""Splits that cannot leak: rows that share a question, an answer or an entity form one group; groups are never divided."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from scipy.cluster.hierarchy import DisjointSet

from medtune.data.normalize import normalize
from medtune.data.rows import Row
from medtune.recipe.schema import Split

SPLITS = ("train", "validation", "test")


def group_keys(row: Row, group_by: Iterable[str]) -> list[tuple[str, str]]:
    """What ties a row to others: its normalised questions, answers (of every turn) and entity, where there are any."""
    values = {"question": row.turns("user"), "answer": row.turns("assistant"), "entity": [row.entity or ""]}
    # A label such as "Cardiology" is the answer of every row of its class: it ties nothing together.
    if row.label is not None and normalize(row.answer) == normalize(row.label):
        values["answer"] = []
    keys = ((part, normalize(text)) for part in group_by for text in values[part])
    return [(part, text) for part, text in keys if text]


def group_rows(rows: Sequence[Row], group_by: Sequence[str]) -> list[int]:
    """Group numbers, one a row (union-find over ``group_keys``), numbered by first appearance."""
    sets: DisjointSet[Hashable] = DisjointSet(range(len(rows)))
    seen: dict[tuple[str, str], int] = {}
    for index, row in enumerate(rows):
        for key in group_keys(row, group_by):
            if key in seen:
                sets.merge(seen[key], index)
            else:
                seen[key] = index
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(sets[index], len(numbers)) for index in range(len(rows))]


def stratum_of(row: Row, stratify_by: str) -> str:
    """What a row counts for when shares are kept: its label, its source, or nothing."""
    if stratify_by == "none":
        return "all"
    if stratify_by == "source":
        return row.source
    return row.label or ("" if stratify_by == "label" else row.source)


def draw(rows: Sequence[Row], limit: int | None, stratify_by: str, seed: int) -> list[Row]:
    """``limit`` rows drawn by seed, in proportion to the strata (largest remainders), in their old order."""
    if limit is None or limit >= len(rows):
        return list(rows)
    strata: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        strata[stratum_of(row, stratify_by)].append(index)
    exact = {name: limit * len(members) / len(rows) for name, members in strata.items()}
    counts = {name: int(share) for name, share in exact.items()}
    rng = np.random.default_rng(seed)
    tie = dict(zip(sorted(exact), rng.random(len(exact)), strict=True))
    by_remainder = sorted(exact, key=lambda name: (counts[name] - exact[name], tie[name]))
    for name in by_remainder[: limit - sum(counts.values())]:
        counts[name] += 1
    kept = [strata[name][i] for name in sorted(strata) for i in rng.permutation(len(strata[name]))[: counts[name]]]
    return [rows[index] for index in sorted(kept)]


def split_groups(
    rows: Sequence[Row], groups: Sequence[int], split: Split, stratify_by: str, seed: int, forced_test: set[int]
) -> list[str]:
    """The split of every row. Groups are dealt in seeded order, each to the split that is furthest below its share.

    Shares are kept within each stratum as far as whole groups allow; a group counts for the stratum most of its rows
    have. Groups of ``forced_test`` go to test.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    strata: dict[str, list[int]] = defaultdict(list)
    for group, indices in members.items():
        counts = Counter(stratum_of(rows[index], stratify_by) for index in indices)
        strata[min(counts, key=lambda name: (-counts[name], name))].append(group)
    shares = {"train": split.train, "validation": split.validation, "test": split.test}
    rng = np.random.default_rng(seed)
    place: dict[int, str] = {}
    carried = dict.fromkeys(SPLITS, 0.0)
    for stratum in sorted(strata):
        order = [strata[stratum][i] for i in rng.permutation(len(strata[stratum]))]
        order.sort(key=lambda group: (group not in forced_test, -len(members[group])))
        total = sum(len(members[group]) for group in order)
        # What earlier strata left over or took too much of is made good here.
        open_rows = {name: share * total + carried[name] for name, share in shares.items()}
        for group in order:
            best = max(SPLITS, key=lambda name: open_rows[name] / shares[name] if shares[name] else -1e18)
            place[group] = "test" if group in forced_test else best
            open_rows[place[group]] -= len(members[group])
        carried = open_rows
    return [place[group] for group in groups]


def leaked_rows(rows: Sequence[Row], splits: Sequence[str], group_by: Sequence[str]) -> dict[str, int]:
    """Test and validation rows that share a normalised question, answer or entity with a training row, by kind and in all."""
    train = {
        key for row, split in zip(rows, splits, strict=True) if split == "train" for key in group_keys(row, group_by)
    }
    counts = dict.fromkeys([*group_by, "any"], 0)
    for row, split in zip(rows, splits, strict=True):
        if split == "train":
            continue
        shared = {key[0] for key in group_keys(row, group_by) if key in train}
        for part in shared:
            counts[part] += 1
        counts["any"] += bool(shared)
    return counts


def random_split(count: int, split: Split, seed: int) -> list[str]:
    """The row-by-row random split that most notebooks make: for comparison only."""
    names = np.array(SPLITS)
    edges = np.cumsum([split.train, split.validation])
    positions = np.random.default_rng(seed).permutation(count) / max(1, count)
    return [str(name) for name in names[np.searchsorted(edges, positions, side="right").clip(max=2)]]
