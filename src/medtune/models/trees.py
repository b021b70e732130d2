"""A prompt and its possible answers as one tree of tokens: the prompt is its trunk, and each answer a branch.

What many prompts begin with (a system message, worked examples, a list of labels) is taken off and computed once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from medtune.errors import ModelError

LEAST = 16  # tokens that prompts must begin with in common, to be looked at together


@dataclass(frozen=True)
class Tree:
    """Ids of a prompt, ids of every branch, and in each branch the first id that is scored (the rest is prompt).

    ``before`` tokens of the prompt were taken off its beginning, and are computed elsewhere.
    """

    prompt: np.ndarray
    branches: tuple[np.ndarray, ...]
    firsts: tuple[int, ...]
    before: int = 0

    @classmethod
    def of(cls, rows: Sequence[np.ndarray], firsts: Sequence[int]) -> "Tree":
        """From whole rows (prompt and answer) and the first scored id of each: what all begin with is the prompt."""
        shortest = min(len(row) for row in rows)
        differs = np.flatnonzero((np.stack([row[:shortest] for row in rows]) != rows[0][:shortest]).any(axis=0))
        shared = max(1, min(min(firsts), int(differs[0]) if len(differs) else shortest))
        return cls(rows[0][:shared], tuple(row[shared:] for row in rows), tuple(first - shared for first in firsts))

    def cut(self, limit: int) -> tuple["Tree", int]:
        """The tree with at most ``limit`` tokens to its longest branch's end, and how many were left out.

        They go from the prompt's second token on (the first is BOS), as in training. Raises ``ModelError`` where an
        answer alone is longer.
        """
        room = limit - max(len(branch) for branch in self.branches)
        if room < 1:
            raise ModelError(
                f"an answer of {limit - room} tokens does not fit the model's context of {limit}",
                fix="Use shorter labels, or a model that sees more.",
            )
        excess = len(self.prompt) - room
        if excess <= 0:
            return self, 0
        kept = np.concatenate([self.prompt[:1], self.prompt[1 + excess :]])
        return replace(self, prompt=kept), excess

    def after(self, tokens: int) -> "Tree":
        """The tree without so many of its first tokens."""
        return replace(self, prompt=self.prompt[tokens:], before=self.before + tokens)

    @property
    def ids(self) -> np.ndarray:
        """The prompt's, then every branch's: as they are laid."""
        return np.concatenate([self.prompt, *self.branches])

    @property
    def tokens(self) -> int:
        """How many are laid."""
        return len(self.prompt) + sum(map(len, self.branches))

    def positions(self) -> np.ndarray:
        """Position of every token: each branch goes on where the prompt ends."""
        end = self.before + len(self.prompt)
        return np.concatenate(
            [np.arange(self.before, end), *(end + np.arange(len(branch)) for branch in self.branches)]
        )

    def seen(self, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Which keys each token from ``first`` on sees [those tokens, ``before`` + all], and how far before it they stand.

        It sees what was taken off, the prompt up to itself, and its own branch up to itself.
        """
        owners = np.repeat(np.arange(len(self.branches) + 1), [len(self.prompt), *map(len, self.branches)])
        owner_of_key = np.concatenate([np.zeros(self.before, dtype=owners.dtype), owners])
        positions = self.positions()
        distance = positions[first:, None] - np.concatenate([np.arange(self.before), positions])
        return ((owner_of_key == 0) | (owner_of_key == owners[first:, None])) & (distance >= 0), distance

    def scored(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each branch the places that predict its scored ids, and the places of these ids."""
        found, start = [], len(self.prompt)
        for branch, first in zip(self.branches, self.firsts, strict=True):
            targets = start + np.arange(first, len(branch))
            found.append((np.where(targets == start, len(self.prompt) - 1, targets - 1), targets))
            start += len(branch)
        return found


def by_beginning(trees: Sequence[Tree], worth: int) -> list[tuple[np.ndarray, list[int]]]:
    """The trees' numbers in groups, each with the ids that its prompts begin with: none, where less than ``worth`` is saved.

    ``worth`` is in tokens; less than a quarter of the usual prompt is not worth it either, since what stands after a
    beginning attends by a mask. Every prompt keeps its last token, which predicts the first of an answer.
    """
    alike: dict[bytes, list[int]] = {}
    for number, tree in enumerate(trees):
        alike.setdefault(tree.prompt[:LEAST].tobytes() if len(tree.prompt) > LEAST else b"", []).append(number)
    groups, alone = [], alike.pop(b"", [])
    for members in alike.values():
        beginning = _common([trees[number].prompt for number in members])
        usual = float(np.median([len(trees[number].prompt) for number in members]))
        if len(beginning) * (len(members) - 1) >= worth and len(beginning) >= usual / 4:
            groups.append((beginning, members))
        else:
            alone += members
    return [*groups, *([(np.array([], dtype=np.int64), sorted(alone))] if alone else [])]


def _common(prompts: Sequence[np.ndarray]) -> np.ndarray:
    shared = prompts[0][:-1]
    for prompt in prompts[1:]:
        size = min(len(shared), len(prompt) - 1)
        differs = np.flatnonzero(shared[:size] != prompt[:size])
        shared = shared[: int(differs[0]) if len(differs) else size]
    return shared
