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
from medtune.models.interface import ChoiceLikelihoods, ChoiceRequest, Progress
from medtune.models.onednn_linear import padding_rows
from medtune.models.packed_attention import cumulative_lengths, packed_attention
from medtune.models.scoring import split_head, token_loglikelihoods

LEAST = 16  # tokens that prompts must begin with in common, to be looked at together


@dataclass(frozen=True)
class PromptTree:
    """Ids of a prompt, ids of every branch, and in each branch the first id that is scored (the
    rest is prompt).

    ``before`` tokens of the prompt were taken off its beginning, and are computed elsewhere.
    """

    prompt: np.ndarray
    branches: tuple[np.ndarray, ...]
    firsts: tuple[int, ...]
    before: int = 0

    @classmethod
    def of(cls, rows: Sequence[np.ndarray], firsts: Sequence[int]) -> "PromptTree":
        """From whole rows (prompt and answer) and the first scored id of each: what all begin
        with is the prompt.
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
        )

    def cut(self, limit: int) -> tuple["PromptTree", int]:
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

    def after(self, tokens: int) -> "PromptTree":
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
            [
                np.arange(self.before, end),
                *(end + np.arange(len(branch)) for branch in self.branches),
            ]
        )

    def seen(self, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Which keys each token from ``first`` on sees [those tokens, ``before`` + all], and how
        far before it they stand.

        It sees what was taken off, the prompt up to itself, and its own branch up to itself.
        """
        owners = np.repeat(
            np.arange(len(self.branches) + 1), [len(self.prompt), *map(len, self.branches)]
        )
        owner_of_key = np.concatenate([np.zeros(self.before, dtype=owners.dtype), owners])
        positions = self.positions()
        distance = positions[first:, None] - np.concatenate([np.arange(self.before), positions])
        return ((owner_of_key == 0) | (owner_of_key == owners[first:, None])) & (
            distance >= 0
        ), distance

    def scored(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each branch the places that predict its scored ids, and the places of these ids."""
        found, start = [], len(self.prompt)
        for branch, first in zip(self.branches, self.firsts, strict=True):
            targets = start + np.arange(first, len(branch))
            found.append((np.where(targets == start, len(self.prompt) - 1, targets - 1), targets))
            start += len(branch)
        return found


def group_by_prefix(trees: Sequence[PromptTree], worth: int) -> list[tuple[np.ndarray, list[int]]]:
    """The trees' numbers in groups, each with the ids that its prompts begin with: none, where
    less than ``worth`` is saved.

    ``worth`` is in tokens; less than a quarter of the usual prompt is not worth it either, since
    what stands after a beginning attends by a mask. Every prompt keeps its last token, which
    predicts the first of an answer.
    """
    alike: dict[bytes, list[int]] = {}
    for number, tree in enumerate(trees):
        alike.setdefault(
            tree.prompt[:LEAST].tobytes() if len(tree.prompt) > LEAST else b"", []
        ).append(number)
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


TREE_ATTENTION = "tree_attention"


class TreeMask:
    """What the tokens of one tree see, for the attention of every layer."""

    def __init__(self, tree: PromptTree, device: torch.device) -> None:
        self.tokens, self.before = tree.tokens, tree.before
        # A prompt with nothing before it is a row like any other, for which there are faster ways
        # than a mask.
        self.plain = 0 if tree.before else len(tree.prompt)
        seen, self._distance = tree.seen(self.plain)
        self._seen = torch.from_numpy(seen).to(device)

    def mask(self, window: int | None) -> torch.Tensor:
        """[tokens after the plain ones, ``before`` + tokens]."""
        if window is None or self.before + self.tokens <= window:
            return self._seen
        return self._seen & torch.from_numpy(self._distance < window).to(self._seen.device)


@dataclass(frozen=True)
class PrefixKV:
    """Keys and values of the tokens that several prompts begin with: by layer, [1, heads,
    tokens, head width].
    """

    layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)
    twice: set[int] = field(default_factory=set)  # layers that attend more than once (DiffLlama's)

    def keep(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> None:
        """What a layer computed for them."""
        if layer in self.layers:
            self.twice.add(layer)
        self.layers[layer] = (key, value)

    def before(
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
    sights: Sequence[TreeMask] = (),
    beginning: PrefixKV | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """[1, heads, tokens, head width] to [1, tokens, heads, head width].

    ``sights`` tell of each tree in turn.

    Where no tree has anything before it, a ``beginning`` is filled; else it is what all of them
    begin with.
    """
    repeats = query.shape[1] // key.shape[1]
    if repeats > 1:
        key, value = key.repeat_interleave(repeats, dim=1), value.repeat_interleave(repeats, dim=1)
    layer = int(module.layer_idx) if beginning else 0  # type: ignore[arg-type]
    if beginning and not sights[0].before:
        size = sights[0].tokens  # the rest fills up
        beginning.keep(layer, key[:, :, :size], value[:, :, :size])
    parts, start = [], 0
    for sight in sights:
        end, plain = start + sight.tokens, sight.plain
        q, k, v = (x[:, :, start:end] for x in (query, key, value))
        start = end
        if plain:
            row = (q[:, :, :plain], k[:, :, :plain], v[:, :, :plain])
            edges = cumulative_lengths((plain,), query.device)
            kind = {"cu_seq_lens_q": edges, "sliding_window": sliding_window, "softcap": softcap}
            parts.append(packed_attention(module, *row, None, scaling, **kind)[0])  # type: ignore[arg-type]
        if sight.tokens > plain:
            if sight.before and beginning:
                k, v = beginning.before(layer, k, v)
            parts.append(
                _masked(
                    q[:, :, plain:], k, v, sight.mask(sliding_window), scaling, softcap
                ).transpose(1, 2)
            )
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
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask=seen, scale=scaling
        )
    scores = (query * (scaling if scaling is not None else query.shape[-1] ** -0.5)) @ key.mT
    scores = (torch.tanh(scores / softcap) * softcap).masked_fill(~seen, float("-inf"))
    return functional.softmax(scores.float(), dim=-1).to(query.dtype) @ value


@torch.no_grad()
def _hidden(model: Any, trees: Sequence[PromptTree], beginning: PrefixKV | None) -> torch.Tensor:
    """Hidden states [tokens of all trees, width], and of a few that fill up their number."""
    from transformers import AttentionInterface

    more = padding_rows(sum(tree.tokens for tree in trees))
    if more:
        trees = [*trees, PromptTree(np.zeros(more, dtype=np.int64), (), ())]
    AttentionInterface.register(TREE_ATTENTION, tree_attention)
    model.set_attn_implementation(TREE_ATTENTION)
    device = model.device
    hidden: torch.Tensor = split_head(model)[0](
        input_ids=torch.from_numpy(np.concatenate([tree.ids for tree in trees])).to(device)[None],
        position_ids=torch.from_numpy(np.concatenate([tree.positions() for tree in trees])).to(
            device
        )[None],
        sights=[TreeMask(tree, device) for tree in trees],
        beginning=beginning,
        use_cache=False,
    ).last_hidden_state[0]
    return hidden


@torch.no_grad()
def score_prompt_trees(
    model: Any, trees: Sequence[PromptTree], beginning: PrefixKV | None = None
) -> list[list[float]]:
    """Summed log-likelihood of every branch of every tree, in one forward pass over all of them."""
    hidden = _hidden(model, trees, beginning)
    ids = torch.from_numpy(np.concatenate([tree.ids for tree in trees])).to(hidden.device)
    starts = np.cumsum([0, *(tree.tokens for tree in trees[:-1])])
    places = [
        [(a + start, b + start) for a, b in tree.scored()]
        for tree, start in zip(trees, starts, strict=True)
    ]
    flat = [pair for tree in places for pair in tree]
    predictors, targets = (
        torch.from_numpy(np.concatenate(side)).to(hidden.device) for side in zip(*flat, strict=True)
    )
    picked = token_loglikelihoods(split_head(model)[1], hidden[predictors], ids[targets])
    owners = torch.from_numpy(np.repeat(np.arange(len(flat)), [len(b) for _, b in flat]))
    sums = torch.zeros(len(flat), dtype=torch.float64).index_add_(0, owners, picked.double().cpu())
    values = iter(sums.tolist())
    return [[next(values) for _ in tree] for tree in places]


def _compute(model: Any, ids: np.ndarray) -> PrefixKV | None:
    """Keys and values of ``ids``, for trees that stand after them.

    None where it cannot be told which are whose.
    """
    beginning = PrefixKV()
    _hidden(model, [PromptTree(ids, (), ())], beginning)
    return None if beginning.twice else beginning


def score_in_batches(
    model: Any, trees: Sequence[PromptTree], tokens_at_once: int, progress: Progress | None = None
) -> list[list[float]]:
    """``score_prompt_trees`` of trees of like length together, at most so many tokens (or one tree) at
    a time.

    What many prompts begin with is computed once, where that saves a batch or more.
    """
    results: dict[int, list[float]] = {}
    for ids, members in group_by_prefix(trees, tokens_at_once):
        beginning = _compute(model, ids) if len(ids) else None
        rest = {i: trees[i].after(len(ids)) if beginning else trees[i] for i in members}
        order = sorted(members, key=lambda i: -rest[i].tokens)
        while order:
            size, tokens = 1, rest[order[0]].tokens
            while size < len(order) and tokens + rest[order[size]].tokens <= tokens_at_once:
                tokens += rest[order[size]].tokens
                size += 1
            batch, order = order[:size], order[size:]
            results |= dict(
                zip(
                    batch,
                    score_prompt_trees(model, [rest[i] for i in batch], beginning),
                    strict=True,
                )
            )
            if progress:
                progress(size)
    return [results[i] for i in range(len(trees))]


def score_choices(
    model: Any,
    tokenizer: Any,
    asked: Sequence[ChoiceRequest],
    texts: Sequence[Sequence[tuple[str, str]]],
    ids: Sequence[Sequence[tuple[np.ndarray, int]]],
    limits: tuple[int, int],
    progress: Progress | None = None,
) -> list[ChoiceLikelihoods]:
    """The answers to every prompt, given as (prompt, answer) ``texts`` and as ids with the
    answer's first.

    ``limits`` are the tokens that the model sees at once, and those to compute at once.
    """
    made, trees = [], []
    for (_, answers), some, rows in zip(asked, texts, ids, strict=True):
        tree, cut = PromptTree.of([row for row, _ in rows], [first for _, first in rows]).cut(
            limits[0]
        )
        trees.append(tree)
        prompt = str(tokenizer.decode(tree.prompt)) if cut else some[0][0]
        sizes = tuple(len(answer.strip().encode()) for answer in answers)
        tokens = tuple(
            len(branch) - first for branch, first in zip(tree.branches, tree.firsts, strict=True)
        )
        made.append(
            ChoiceLikelihoods(prompt, tuple(text for _, text in some), (), tokens, sizes, cut)
        )
    scores = score_in_batches(model, trees, limits[1], progress)
    return [
        replace(choices, loglikelihoods=tuple(found))
        for choices, found in zip(made, scores, strict=True)
    ]
