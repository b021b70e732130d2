"""Splits that cannot leak: rows that share a question, an answer, an entity or almost a text are
never parted.

They form one group. All works on hashes in arrays, so that millions of rows fit.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path

import numpy as np

from medtune.conversation import bare_question
from medtune.data.dedup import components, normalize, text_hash
from medtune.data.rows import Row
from medtune.recipe.schema import Split
from medtune.text.pieces import word_pieces
from medtune.text.signs import word_count
from medtune.text.words import read_words

SPLITS = ("train", "validation", "test")
TELLING_WORDS = 3  # of an answer; a shorter one ties nothing together
TELLING_CONTENT = 2  # words with content of a later question: "And in children?" asks of another
_COURTESY = read_words(Path(__file__).with_name("courtesy_words.txt"))
_GENERIC = _COURTESY | read_words(Path(__file__).with_name("generic_words.txt"))
PARTS = ("question", "answer", "entity", "near")
_SENTENCE = re.compile(r"[^.!?。！？؟]+[.!?。！？؟]*")
_ASKED = ("?", "？", "؟")


@dataclass(frozen=True)
class Keys:
    """What ties rows together: ``rows`` [n] has the key ``values`` [n] of the kind ``parts`` [n]
    (index into PARTS).
    """

    rows: np.ndarray
    parts: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, triples: Iterable[tuple[int, str, int]]) -> "Keys":
        """From triples of row, part and hash."""
        numbered = [(row, PARTS.index(part), value) for row, part, value in triples]
        rows, parts, values = zip(*numbered, strict=True) if numbered else ((), (), ())
        return cls(np.array(rows, np.int64), np.array(parts, np.int8), np.array(values, np.uint64))

    def only(self, kept: np.ndarray) -> "Keys":
        """The keys of some rows [bool over all rows], renumbered."""
        number = np.cumsum(kept) - 1
        mask = kept[self.rows]
        return Keys(number[self.rows[mask]], self.parts[mask], self.values[mask])

    def by(self, group_by: Sequence[str]) -> "Keys":
        """The keys of some parts.

        Near-duplicates tie as what they are, questions or answers, whenever they are there.
        """
        mask = np.isin(self.parts, [PARTS.index(part) for part in (*group_by, "near")])
        return Keys(self.rows[mask], self.parts[mask], self.values[mask])

    def joined(self, other: "Keys") -> "Keys":
        """The keys of both, over the same rows."""
        return Keys(
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.parts, other.parts]),
            np.concatenate([self.values, other.values]),
        )

    def numbers(self) -> np.ndarray:
        """Equal keys as equal small numbers [n]; keys of different parts are never equal."""
        with np.errstate(over="ignore"):
            mixed = self.values * np.uint64(0x9E3779B97F4A7C15) + self.parts.astype(np.uint64)
        return np.asarray(np.unique(mixed, return_inverse=True)[1], np.int64)


def row_keys(row: Row) -> list[tuple[str, int]]:
    """What ties a row to others: its normalised questions, answers (of every turn) and entity,
    where there are any.
    """
    asked = [] if row.shared_request else row.turns("user")
    if row.options:  # the same question may stand with other options
        asked = [*asked, *(bare_question(text, row.options) for text in asked)]
    *earlier, last = row.turns("assistant") or [""]
    answered = [*(text for text in earlier if not _asks_back(text)), last]
    values = {"question": asked, "answer": answered, "entity": [row.entity or ""]}
    # A label such as "Cardiology" is the answer of every row of its class: it ties nothing
    # together.
    if row.is_choice:
        values["answer"] = []
    keys = dict.fromkeys(
        (part, normalize(text)) for part, texts in values.items() for text in texts
    )
    first = {
        ("question", normalize(text))
        for one in asked[:1]
        for text in (one, bare_question(one, row.options))
    }
    telling = ((part, text) for part, text in keys if _tells(part, text, (part, text) in first))
    return [(part, text_hash(text)) for part, text in telling]


def _asks_back(text: str) -> bool:
    """Whether an answer before the last only asks in return, as "How long have you had it?" is
    asked in many dialogues.
    """
    return all(
        sentence.rstrip().endswith(_ASKED) or not set(normalize(sentence).split()) - _COURTESY
        for sentence in _SENTENCE.findall(text)
    )


def _tells(part: str, text: str, first: bool) -> bool:
    """Whether a text in normal form has enough content to tie rows: "Yes", "Take care" are the
    answers to many questions, and "Thank you!" is said in many dialogues.
    """
    if part == "entity":
        return bool(text.split(maxsplit=1))
    words = (word for piece in word_pieces(text) for word in piece.split())
    telling = next((word for word in words if word not in _COURTESY), None)
    if telling is None:
        return False
    if part == "answer":
        return _counts(word_pieces(text), TELLING_WORDS)
    content = (word for word in chain([telling], words) if word not in _GENERIC)
    return first or _counts(_distinct(content), TELLING_CONTENT)


def _counts(texts: Iterable[str], least: float) -> bool:
    """Whether texts in normal form have at least so many words together."""
    return any(total >= least for total in accumulate(map(word_count, texts)))


def _distinct(words: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for word in words:
        if word not in seen:
            seen.add(word)
            yield word


def widest_tie(keys: Keys) -> tuple[str, int]:
    """The part whose one key ties most rows together, and how many."""
    if not len(keys.rows):
        return "", 0
    numbers = keys.numbers()
    counts = np.bincount(numbers)
    widest = int(counts.argmax())
    return PARTS[int(keys.parts[numbers == widest][0])], int(counts[widest])


def group_rows(count: int, keys: Keys) -> np.ndarray:
    """Group number [count] of every row, numbered by first appearance: connected components of
    rows and keys.
    """
    numbers = keys.numbers()
    tying = np.bincount(numbers, minlength=1) > 1  # a key of one row ties nothing
    node = count - 1 + np.cumsum(tying)
    mask = tying[numbers]
    pairs = np.stack([keys.rows[mask], node[numbers[mask]]], axis=1)
    return components(int(node[-1]) + 1, pairs)[:count]


def draw(strata: Sequence[str], limit: int | None, seed: int) -> np.ndarray:
    """Positions of ``limit`` rows drawn by seed, in proportion to the strata (largest
    remainders), in their old order.
    """
    if limit is None or limit >= len(strata):
        return np.arange(len(strata))
    members: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(strata):
        members[name].append(index)
    exact = {name: limit * len(rows) / len(strata) for name, rows in members.items()}
    counts = {name: int(share) for name, share in exact.items()}
    rng = np.random.default_rng(seed)
    tie = dict(zip(sorted(exact), rng.random(len(exact)), strict=True))
    by_remainder = sorted(exact, key=lambda name: (counts[name] - exact[name], tie[name]))
    for name in by_remainder[: limit - sum(counts.values())]:
        counts[name] += 1
    kept = [
        members[name][i]
        for name in sorted(members)
        for i in rng.permutation(len(members[name]))[: counts[name]]
    ]
    return np.array(sorted(kept), dtype=np.int64)


def _strata_of_groups(strata: Sequence[str], groups: np.ndarray) -> dict[str, np.ndarray]:
    """Stratum → groups in order of their numbers.

    A group counts for the stratum most of its rows have.
    """
    names = sorted(set(strata))
    number = {name: position for position, name in enumerate(names)}
    codes = np.fromiter((number[name] for name in strata), np.int64, len(groups))
    pairs, counts = np.unique(groups * max(1, len(names)) + codes, return_counts=True)
    group, code = np.divmod(pairs, max(1, len(names)))
    order = np.lexsort(
        (code, -counts, group)
    )  # of each group the largest first, by name where equal
    chosen = order[np.unique(group[order], return_index=True)[1]]
    return {name: group[chosen[code[chosen] == number[name]]] for name in names}


def split_groups(
    strata: Sequence[str], groups: np.ndarray, split: Split, seed: int, forced_test: set[int]
) -> np.ndarray:
    """The split of every row (index into SPLITS).

    Groups are dealt in seeded order, the large ones first, each to the split that is furthest below
    its share. Shares are kept within each stratum as far as whole groups allow. Groups of
    ``forced_test`` go to test.
    """
    sizes = np.bincount(groups)
    members = _strata_of_groups(strata, groups)
    shares = (split.train, split.validation, split.test)
    rng = np.random.default_rng(seed)
    split_of_group = np.zeros(len(sizes), dtype=np.int8)
    carried = [0.0, 0.0, 0.0]
    forced = np.isin(np.arange(len(sizes)), list(forced_test))
    for stratum in sorted(members):
        order = members[stratum][rng.permutation(len(members[stratum]))]
        order = order[np.lexsort((-sizes[order], ~forced[order]))]
        total = int(sizes[order].sum())
        # What earlier strata left over or took too much of is made good here.
        room = [share * total + rest for share, rest in zip(shares, carried, strict=True)]
        for group, size in zip(order, sizes[order].tolist(), strict=True):
            best = max(range(3), key=lambda i: room[i] / shares[i] if shares[i] else -1e18)
            split_of_group[group] = to = 2 if forced[group] else best
            room[to] -= size
        carried = room
    split_of_row: np.ndarray = split_of_group[groups]
    return split_of_row


def leaked_rows(keys: Keys, splits: np.ndarray) -> dict[str, int]:
    """Rows outside train that share a question, answer, entity or near-duplicate with a training
    row, and in all.
    """
    numbers = keys.numbers()
    training = np.zeros(int(numbers.max()) + 1 if len(numbers) else 0, dtype=bool)
    training[numbers[splits[keys.rows] == 0]] = True
    shared = (
        training[numbers] & (splits[keys.rows] != 0) if len(numbers) else np.zeros(0, dtype=bool)
    )
    counts = {
        name: len(np.unique(keys.rows[shared & (keys.parts == part)]))
        for part, name in enumerate(PARTS)
    }
    return counts | {"any": len(np.unique(keys.rows[shared]))}


def random_split(count: int, split: Split, seed: int) -> np.ndarray:
    """The row-by-row random split that most notebooks make (index into SPLITS): for comparison
    only.
    """
    edges = np.cumsum([split.train, split.validation])
    positions = np.random.default_rng(seed).permutation(count) / max(1, count)
    return np.searchsorted(edges, positions, side="right").clip(max=2).astype(np.int8)
