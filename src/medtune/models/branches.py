"""A prompt and its possible answers as one row: the prompt is computed once, and each answer sees it and itself alone.

Answers are laid after the prompt like branches of a tree; positions go on from the prompt in each. Attention is
registered with transformers under ``NAME`` and told the shape of every row by ``trees``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from medtune.errors import ModelError
from medtune.models.attention import row_attention, row_edges
from medtune.models.choices import Asked, Choices
from medtune.models.heads import split_head, token_loglikelihoods
from medtune.models.protocol import Progress

NAME = "medtune_branches"


@dataclass(frozen=True)
class Tree:
    """Ids of a prompt, ids of every branch, and in each branch the first id that is scored (the rest is prompt)."""

    prompt: np.ndarray
    branches: tuple[np.ndarray, ...]
    firsts: tuple[int, ...]

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
        return Tree(kept, self.branches, self.firsts), excess

    @property
    def shape(self) -> tuple[int, ...]:
        """Tokens of the prompt and of each branch."""
        return (len(self.prompt), *map(len, self.branches))

    @property
    def tokens(self) -> int:
        """All of them."""
        return sum(self.shape)

    def positions(self) -> np.ndarray:
        """Position of every token: each branch goes on where the prompt ends."""
        start = len(self.prompt)
        return np.concatenate([np.arange(start), *(start + np.arange(len(branch)) for branch in self.branches)])

    def scored(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each branch the places that predict its scored ids, and the places of these ids."""
        found, start = [], len(self.prompt)
        for branch, first in zip(self.branches, self.firsts, strict=True):
            targets = start + np.arange(first, len(branch))
            found.append((np.where(targets == start, len(self.prompt) - 1, targets - 1), targets))
            start += len(branch)
        return found


def _seen(shape: Sequence[int], window: int | None, device: torch.device) -> torch.Tensor:
    """Which keys each branch token sees: [tokens of branches, all tokens]."""
    prompt, branches = shape[0], torch.tensor(shape[1:], device=device)
    owner = torch.repeat_interleave(torch.arange(len(branches), device=device), branches)
    start = torch.repeat_interleave(torch.cumsum(branches, 0) - branches, branches)
    position = prompt + torch.arange(len(owner), device=device) - start
    inner = (owner[:, None] == owner[None, :]) & (position[:, None] >= position[None, :])
    seen = torch.cat([torch.ones(len(owner), prompt, dtype=torch.bool, device=device), inner], dim=1)
    if window is None:
        return seen
    every = torch.cat([torch.arange(prompt, device=device), position])
    return seen & (position[:, None] - every[None, :] < window)


def branch_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    trees: Sequence[Sequence[int]] = (),
    sliding_window: int | None = None,
    softcap: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """[1, heads, tokens, head width] to [1, tokens, heads, head width]; ``trees`` holds each row's shape."""
    repeats = query.shape[1] // key.shape[1]
    if repeats > 1:
        key, value = key.repeat_interleave(repeats, dim=1), value.repeat_interleave(repeats, dim=1)
    parts, start = [], 0
    for shape in trees:
        end, prompt = start + sum(shape), shape[0]
        q, k, v = (x[:, :, start:end] for x in (query, key, value))
        edges = row_edges((prompt,), query.device)
        trunk, _ = row_attention(
            *(module, q[:, :, :prompt], k[:, :, :prompt], v[:, :, :prompt], None, scaling),
            cu_seq_lens_q=edges,
            sliding_window=sliding_window,
            softcap=softcap,
        )
        seen = _seen(shape, sliding_window, query.device)
        parts += [trunk, _masked(q[:, :, prompt:], k, v, seen, scaling, softcap).transpose(1, 2)]
        start = end
    return torch.cat(parts, dim=1), None


def _masked(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    seen: torch.Tensor,
    scaling: float | None,
    softcap: float | None,
) -> torch.Tensor:
    if softcap is None:
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=seen, scale=scaling)
    scores = (query * (scaling if scaling is not None else query.shape[-1] ** -0.5)) @ key.mT
    scores = (torch.tanh(scores / softcap) * softcap).masked_fill(~seen, float("-inf"))
    return functional.softmax(scores.float(), dim=-1).to(query.dtype) @ value


@torch.no_grad()
def score_trees(model: Any, trees: Sequence[Tree]) -> list[list[float]]:
    """Summed log-likelihood of every branch of every tree, in one forward pass over all of them."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, branch_attention)
    model.set_attn_implementation(NAME)
    device = model.device
    rows = [np.concatenate([tree.prompt, *tree.branches]) for tree in trees]
    ids = torch.from_numpy(np.concatenate(rows)).to(device)
    positions = torch.from_numpy(np.concatenate([tree.positions() for tree in trees])).to(device)
    body, head = split_head(model)
    hidden = body(
        input_ids=ids[None], position_ids=positions[None], trees=[tree.shape for tree in trees], use_cache=False
    ).last_hidden_state[0]
    starts = np.cumsum([0, *(len(row) for row in rows[:-1])])
    places = [[(a + start, b + start) for a, b in tree.scored()] for tree, start in zip(trees, starts, strict=True)]
    flat = [pair for tree in places for pair in tree]
    predictors, targets = (torch.from_numpy(np.concatenate(side)).to(device) for side in zip(*flat, strict=True))
    picked = token_loglikelihoods(head, hidden[predictors], ids[targets])
    owners = torch.from_numpy(np.repeat(np.arange(len(flat)), [len(b) for _, b in flat]))
    sums = torch.zeros(len(flat), dtype=torch.float64).index_add_(0, owners, picked.double().cpu())
    values = iter(sums.tolist())
    return [[next(values) for _ in tree] for tree in places]


def score_in_batches(
    model: Any, trees: Sequence[Tree], tokens_at_once: int, progress: Progress | None = None
) -> list[list[float]]:
    """``score_trees`` of trees of like length together, at most so many tokens (or one tree) at a time."""
    order = sorted(range(len(trees)), key=lambda i: -trees[i].tokens)
    results: dict[int, list[float]] = {}
    while order:
        size, tokens = 1, trees[order[0]].tokens
        while size < len(order) and tokens + trees[order[size]].tokens <= tokens_at_once:
            tokens += trees[order[size]].tokens
            size += 1
        batch, order = order[:size], order[size:]
        results |= dict(zip(batch, score_trees(model, [trees[i] for i in batch]), strict=True))
        if progress:
            progress(size)
    return [results[i] for i in range(len(trees))]


def score_choices(
    model: Any,
    tokenizer: Any,
    asked: Sequence[Asked],
    texts: Sequence[Sequence[tuple[str, str]]],
    ids: Sequence[Sequence[tuple[np.ndarray, int]]],
    limits: tuple[int, int],
    progress: Progress | None = None,
) -> list[Choices]:
    """The answers to every prompt, given as (prompt, answer) ``texts`` and as ids with the answer's first.

    ``limits`` are the tokens that the model sees at once, and those to compute at once.
    """
    made, trees = [], []
    for (_, answers), some, rows in zip(asked, texts, ids, strict=True):
        tree, cut = Tree.of([row for row, _ in rows], [first for _, first in rows]).cut(limits[0])
        trees.append(tree)
        prompt = str(tokenizer.decode(tree.prompt)) if cut else some[0][0]
        sizes = tuple(len(answer.strip().encode()) for answer in answers)
        tokens = tuple(len(branch) - first for branch, first in zip(tree.branches, tree.firsts, strict=True))
        made.append(Choices(prompt, tuple(text for _, text in some), (), tokens, sizes, cut))
    scores = score_in_batches(model, trees, limits[1], progress)
    return [replace(choices, loglikelihoods=tuple(found)) for choices, found in zip(made, scores, strict=True)]
