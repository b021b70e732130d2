"""A prompt and its possible answers as one tree of tokens: the prompt is its trunk, and each
answer a branch.

What many prompts begin with (a system message, worked examples, a list of labels) is taken off and
computed once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from medtune.errors import ModelError
from medtune.models.interface import (
    ChoiceLikelihoods,
    ChoiceRequest,
    Progress,
    first_equal,
)
from medtune.models.onednn_linear import padding_rows
from medtune.models.packed_attention import cumulative_lengths, packed_attention
from medtune.models.scoring import split_head, sum_by_owner, token_batches, token_loglikelihoods

MIN_SHARED = 16  # tokens that prompts must begin with in common, to be looked at together


@dataclass(frozen=True)
class PromptTree:
    """Ids of a prompt, ids of every branch, and in each branch the first id that is scored (the
    rest is prompt).

    ``ends`` is in each branch the first id of what ends the turn, which is summed by itself.
    ``prefix_length`` tokens of the prompt were taken off its beginning, and are computed elsewhere.
    """

    prompt: np.ndarray
    branches: tuple[np.ndarray, ...]
    firsts: tuple[int, ...]
    prefix_length: int = 0
    ends: tuple[int, ...] = ()

    @classmethod
    def from_rows(
        cls, rows: Sequence[np.ndarray], firsts: Sequence[int], ends: Sequence[int] = ()
    ) -> "PromptTree":
        """From whole rows (prompt and answer), the first scored id of each, and the first id of
        each turn's end: what all begin with is the prompt.
        """
        shortest = min(len(row) for row in rows)
        differs = np.flatnonzero(
            (np.stack([row[:shortest] for row in rows]) != rows[0][:shortest]).any(axis=0)
        )
        shared = max(1, min(min(firsts), int(differs[0]) if len(differs) else shortest))
        return cls(
            rows[0][:shared],
            tuple(row[shared:] for row in rows),
            tuple(first - shared for first in firsts),
            ends=tuple(end - shared for end in ends),
        )

    def truncated(self, limit: int) -> tuple["PromptTree", int]:
        """The tree with at most ``limit`` tokens to its longest branch's end, and how many were
        left out.

        They go from the prompt's second token on (the first is BOS), as in training. Raises
        ``ModelError`` where an answer alone is longer.
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

    def without_prefix(self, tokens: int) -> "PromptTree":
        """The tree without so many of its first tokens."""
        return replace(self, prompt=self.prompt[tokens:], prefix_length=self.prefix_length + tokens)

    @property
    def ids(self) -> np.ndarray:
        """The prompt's, then every branch's: as they are laid."""
        return np.concatenate([self.prompt, *self.branches])

    @property
    def tokens(self) -> int:
        """How many tokens the prompt and all branches have."""
        return len(self.prompt) + sum(map(len, self.branches))

    def positions(self) -> np.ndarray:
        """Position of every token: each branch goes on where the prompt ends."""
        end = self.prefix_length + len(self.prompt)
        return np.concatenate(
            [
                np.arange(self.prefix_length, end),
                *(end + np.arange(len(branch)) for branch in self.branches),
            ]
        )

    def visible_keys(self, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Which keys each token from ``first`` on sees, and how far before it they stand: both
        [those tokens, ``prefix_length`` + all].

        It sees what was taken off, the prompt up to itself, and its own branch up to itself.
        """
        owners = np.repeat(
            np.arange(len(self.branches) + 1), [len(self.prompt), *map(len, self.branches)]
        )
        owner_of_key = np.concatenate([np.zeros(self.prefix_length, dtype=owners.dtype), owners])
        positions = self.positions()
        of_keys = np.concatenate([np.arange(self.prefix_length), positions])
        distance = positions[first:, None] - of_keys
        same_path = (owner_of_key == 0) | (owner_of_key == owners[first:, None])
        return same_path & (distance >= 0), distance

    def summed(self) -> list[int]:
        """How many scored ids are summed together: of each branch all, or with ``ends`` those of
        the answer and those of the turn's end.
        """
        lengths = [len(branch) for branch in self.branches]
        if not self.ends:
            return [length - first for length, first in zip(lengths, self.firsts, strict=True)]
        borders = zip(self.firsts, self.ends, lengths, strict=True)
        return [count for first, end, length in borders for count in (end - first, length - end)]

    def scored_positions(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each branch the positions that predict its scored ids, and those of these ids."""
        pairs, start = [], len(self.prompt)
        for branch, first in zip(self.branches, self.firsts, strict=True):
            targets = start + np.arange(first, len(branch))
            pairs.append((np.where(targets == start, len(self.prompt) - 1, targets - 1), targets))
            start += len(branch)
        return pairs


def group_by_prefix(
    trees: Sequence[PromptTree], min_saved: int
) -> list[tuple[np.ndarray, list[int]]]:
    """The trees' numbers in groups, each with the ids that its prompts begin with: none, where
    less than ``min_saved`` is saved.

    ``min_saved`` is in tokens; less than a quarter of the usual prompt is not worth it either,
    since what stands after a prefix attends by a mask. Every prompt keeps its last token, which
    predicts the first of an answer.
    """
    by_start: dict[bytes, list[int]] = {}
    for number, tree in enumerate(trees):
        by_start.setdefault(
            tree.prompt[:MIN_SHARED].tobytes() if len(tree.prompt) > MIN_SHARED else b"", []
        ).append(number)
    groups, alone = [], by_start.pop(b"", [])
    for members in by_start.values():
        prefix = _common_prefix([trees[number].prompt for number in members])
        usual = float(np.median([len(trees[number].prompt) for number in members]))
        if len(prefix) * (len(members) - 1) >= min_saved and len(prefix) >= usual / 4:
            groups.append((prefix, members))
        else:
            alone += members
    return [*groups, *([(np.array([], dtype=np.int64), sorted(alone))] if alone else [])]


def _common_prefix(prompts: Sequence[np.ndarray]) -> np.ndarray:
    shared = prompts[0][:-1]
    for prompt in prompts[1:]:
        size = min(len(shared), len(prompt) - 1)
        differs = np.flatnonzero(shared[:size] != prompt[:size])
        shared = shared[: int(differs[0]) if len(differs) else size]
    return shared


TREE_ATTENTION = "tree_attention"


class TreeMask:
    """What the tokens of one tree see, for the attention of every layer."""

    def __init__(self, tree: PromptTree, device: torch.device) -> None:
        self.tokens, self.prefix_length = tree.tokens, tree.prefix_length
        # A prompt with nothing before it is a row like any other, for which there are faster ways
        # than a mask.
        self.causal_tokens = 0 if tree.prefix_length else len(tree.prompt)
        visible, self._distance = tree.visible_keys(self.causal_tokens)
        self._visible = torch.from_numpy(visible).to(device)

    def mask(self, window: int | None) -> torch.Tensor:
        """[tokens after the causal ones, ``prefix_length`` + tokens]."""
        if window is None or self.prefix_length + self.tokens <= window:
            return self._visible
        return self._visible & torch.from_numpy(self._distance < window).to(self._visible.device)


@dataclass(frozen=True)
class PrefixKV:
    """Keys and values of the tokens that several prompts begin with: by layer, [1, heads,
    tokens, head width].
    """

    layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)
    # layers that attend more than once (DiffLlama's)
    called_twice: set[int] = field(default_factory=set)

    def store(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> None:
        """What a layer computed for them."""
        if layer in self.layers:
            self.called_twice.add(layer)
        self.layers[layer] = (key, value)

    def prepended(
        self, layer: int, key: torch.Tensor, value: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Them, and then ``key`` and ``value``."""
        first = self.layers[layer]
        return torch.cat([first[0], key], dim=2), torch.cat([first[1], value], dim=2)


def tree_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    tree_masks: Sequence[TreeMask] = (),
    prefix_kv: PrefixKV | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """[1, heads, tokens, head width] to [1, tokens, heads, head width].

    ``tree_masks`` are those of the trees in turn. Where the first has nothing before it,
    ``prefix_kv`` is filled; else it holds what all of them begin with.
    """
    repeats = query.shape[1] // key.shape[1]
    if repeats > 1:
        key, value = key.repeat_interleave(repeats, dim=1), value.repeat_interleave(repeats, dim=1)
    layer = int(module.layer_idx) if prefix_kv else 0  # type: ignore[arg-type]
    if prefix_kv and not tree_masks[0].prefix_length:
        size = tree_masks[0].tokens  # the rest fills up
        prefix_kv.store(layer, key[:, :, :size], value[:, :, :size])
    parts, start = [], 0
    for tree_mask in tree_masks:
        end, causal = start + tree_mask.tokens, tree_mask.causal_tokens
        q, k, v = (x[:, :, start:end] for x in (query, key, value))
        start = end
        if causal:
            row, _ = packed_attention(
                module,
                q[:, :, :causal],
                k[:, :, :causal],
                v[:, :, :causal],
                None,
                scaling,
                cu_seq_lens_q=cumulative_lengths((causal,), query.device),
                sliding_window=sliding_window,
                softcap=softcap,
            )
            parts.append(row)
        if tree_mask.tokens > causal:
            if tree_mask.prefix_length and prefix_kv:
                k, v = prefix_kv.prepended(layer, k, v)
            mask = tree_mask.mask(sliding_window)
            row = _masked(q[:, :, causal:], k, v, mask, scaling, softcap)
            parts.append(row.transpose(1, 2))
    return torch.cat(parts, dim=1), None


def _masked(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    visible: torch.Tensor,
    scaling: float | None,
    softcap: float | None,
) -> torch.Tensor:
    if softcap is None:
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask=visible, scale=scaling
        )
    scores = (query * (scaling if scaling is not None else query.shape[-1] ** -0.5)) @ key.mT
    scores = (torch.tanh(scores / softcap) * softcap).masked_fill(~visible, float("-inf"))
    return functional.softmax(scores.float(), dim=-1).to(query.dtype) @ value


@torch.no_grad()
def _hidden(model: Any, trees: Sequence[PromptTree], prefix_kv: PrefixKV | None) -> torch.Tensor:
    """Hidden states [tokens of all trees + padding, width]."""
    from transformers import AttentionInterface

    padding = padding_rows(sum(tree.tokens for tree in trees))
    if padding:
        trees = [*trees, PromptTree(np.zeros(padding, dtype=np.int64), (), ())]
    AttentionInterface.register(TREE_ATTENTION, tree_attention)
    model.set_attn_implementation(TREE_ATTENTION)
    ids, positions = (
        torch.from_numpy(np.concatenate(parts)).to(model.device)[None]
        for parts in ([tree.ids for tree in trees], [tree.positions() for tree in trees])
    )
    hidden: torch.Tensor = split_head(model)[0](
        input_ids=ids,
        position_ids=positions,
        tree_masks=[TreeMask(tree, model.device) for tree in trees],
        prefix_kv=prefix_kv,
        use_cache=False,
    ).last_hidden_state[0]
    return hidden


@torch.no_grad()
def score_prompt_trees(
    model: Any, trees: Sequence[PromptTree], prefix_kv: PrefixKV | None = None
) -> list[list[float]]:
    """Summed log-likelihoods of every tree as ``PromptTree.summed`` says, in one forward pass over
    all of them.
    """
    hidden = _hidden(model, trees, prefix_kv)
    ids = torch.from_numpy(np.concatenate([tree.ids for tree in trees])).to(hidden.device)
    starts = np.cumsum([0, *(tree.tokens for tree in trees[:-1])])
    pairs = [
        (predictors + start, targets + start)
        for tree, start in zip(trees, starts, strict=True)
        for predictors, targets in tree.scored_positions()
    ]
    predictors, targets = (
        torch.from_numpy(np.concatenate(side)).to(hidden.device)
        for side in zip(*pairs, strict=True)
    )
    scores = token_loglikelihoods(split_head(model)[1], hidden[predictors], ids[targets])
    counts = [tree.summed() for tree in trees]
    sums = iter(sum_by_owner(scores, [count for of_tree in counts for count in of_tree]))
    return [[next(sums) for _ in of_tree] for of_tree in counts]


def compute_prefix(model: Any, ids: np.ndarray) -> PrefixKV | None:
    """Keys and values of ``ids``, for trees that stand after them.

    None where it cannot be told which are whose.
    """
    prefix_kv = PrefixKV()
    _hidden(model, [PromptTree(ids, (), ())], prefix_kv)
    return None if prefix_kv.called_twice else prefix_kv


def score_in_batches(
    model: Any, trees: Sequence[PromptTree], tokens_at_once: int, progress: Progress | None = None
) -> list[list[float]]:
    """``score_prompt_trees`` of trees of like length together, at most so many tokens (or one
    tree) at a time.

    What many prompts begin with is computed once, where that saves a batch or more.
    """
    results: dict[int, list[float]] = {}
    for ids, members in group_by_prefix(trees, tokens_at_once):
        prefix_kv = compute_prefix(model, ids) if len(ids) else None
        rest = [
            (number, trees[number].without_prefix(len(ids)) if prefix_kv else trees[number])
            for number in members
        ]
        rest.sort(key=lambda numbered: -numbered[1].tokens)
        for batch in token_batches(rest, lambda numbered: numbered[1].tokens, tokens_at_once):
            numbers, batch_trees = zip(*batch, strict=True)
            scores = score_prompt_trees(model, batch_trees, prefix_kv)
            results |= dict(zip(numbers, scores, strict=True))
            if progress:
                progress(len(batch))
    return [results[i] for i in range(len(trees))]


def score_choices(
    model: Any,
    tokenizer: Any,
    requests: Sequence[ChoiceRequest],
    texts: Sequence[Sequence[tuple[str, str]]],
    rows: Sequence[Sequence[tuple[np.ndarray, int]]],
    context: int,
    tokens_at_once: int,
    progress: Progress | None = None,
    ends: Sequence[Sequence[int]] | None = None,
) -> list[ChoiceLikelihoods]:
    """The log-likelihoods of the answers to every prompt.

    ``texts`` are the (prompt, answer) as they are rendered, ``rows`` their ids with the index of
    the answer's first, ``ends`` the index of the first that ends the turn.
    """
    trees, cuts = [], []
    for number, encoded in enumerate(rows):
        ids, firsts = zip(*encoded, strict=True)
        borders = ends[number] if ends else ()
        tree, cut = PromptTree.from_rows(ids, firsts, borders).truncated(context)
        trees.append(tree)
        cuts.append(cut)
    scores = score_in_batches(model, trees, tokens_at_once, progress)
    return [
        ChoiceLikelihoods(
            str(tokenizer.decode(tree.prompt)) if cut else pairs[0][0],
            tuple(text for _, text in pairs),
            tuple(sums[::2] if ends else sums),
            tuple(tree.summed()[::2] if ends else tree.summed()),
            tuple(len(answer.strip().encode()) for answer in answers),
            cut,
            tuple(sums[1::2]) if ends else None,
            first_equal([ids.tobytes() for ids, _ in encoded]),
        )
        for (_, answers), pairs, encoded, tree, cut, sums in zip(
            requests, texts, rows, trees, cuts, scores, strict=True
        )
    ]
