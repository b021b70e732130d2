"""How texts are scored: in windows, in batches of so many tokens, from the hidden states of a
model's body through its head.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

Head = Callable[[torch.Tensor], torch.Tensor]
Item = TypeVar("Item")
# of one product with the head: its logits are then below 32 MB, which the allocator keeps for the
# next
POSITIONS = 128
# at a time in float32: 4 MB, so that a block stays in the processor's cache
BLOCK_LOGITS = 2**20


def has_adapter(model: Any) -> bool:
    """Whether PEFT wraps the model.

    Nothing can be wrapped before PEFT is imported, which takes a second: not for this.
    """
    peft = sys.modules.get("peft")
    return peft is not None and isinstance(model, peft.PeftModel)


def base_transformer(model: Any) -> Any:
    """The transformers model below a PEFT wrapper, its adapted layers in place."""
    return model.get_base_model() if has_adapter(model) else model


def split_head(model: Any) -> tuple[nn.Module, Head]:
    """The body (called for ``last_hidden_state``) and the head, soft-capped where the
    architecture caps its logits.
    """
    causal = base_transformer(model)
    body = getattr(causal, causal.base_model_prefix)
    linear = causal.get_output_embeddings()
    cap = getattr(causal.config.get_text_config(), "final_logit_softcapping", None)
    if cap is None:
        return body, linear
    return body, lambda hidden: torch.tanh(linear(hidden) / cap) * cap


def token_loglikelihoods(head: Head, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Log-likelihood (nats, float32) of each of ``targets`` [n], given the hidden state that
    predicts it [n, width].
    """
    scores = []
    for states, ids in zip(hidden.split(POSITIONS), targets.split(POSITIONS), strict=True):
        logits = head(states)
        on_cpu = logits.device.type == "cpu"
        size = max(1, BLOCK_LOGITS // logits.shape[1]) if on_cpu else len(logits)
        for block, tokens in zip(logits.split(size), ids[:, None].split(size), strict=True):
            values = block.float()
            scores.append(values.gather(1, tokens).squeeze(1) - values.logsumexp(dim=-1))
    return torch.cat(scores)


@dataclass(frozen=True)
class TextWindow:
    """A window of one text to be scored: its ids, and the first position whose token counts."""

    owner: int
    ids: np.ndarray
    first: int


def windows(length: int, size: int, stride: int) -> Iterator[tuple[int, int, int]]:
    """[start, end) of each window over ``length`` tokens, and the first position that it scores.

    The first window scores from position 1 on (position 0 has nothing before it); each later one
    scores the tokens that no earlier window has, so it sees at least ``size - stride`` tokens
    before them. ``0 < stride < size``.
    """
    if not 0 < stride < size:
        raise ValueError(f"0 < stride < size is needed, not stride {stride} and size {size}")
    start, scored = 0, 1
    while True:
        end = min(start + size, length)
        yield start, end, scored
        if end == length:
            return
        start, scored = start + stride, end


def token_batches(
    items: Iterable[Item], tokens_of: Callable[[Item], int], tokens_at_once: int
) -> Iterator[list[Item]]:
    """Items in their order, at most ``tokens_at_once`` tokens (or one item) at a time."""
    batch: list[Item] = []
    tokens = 0
    for item in items:
        if batch and tokens + tokens_of(item) > tokens_at_once:
            yield batch
            batch, tokens = [], 0
        batch.append(item)
        tokens += tokens_of(item)
    if batch:
        yield batch


def sum_by_owner(scores: torch.Tensor, counts: Sequence[int]) -> list[float]:
    """Sums of the first ``counts[0]`` scores, of the next ``counts[1]``, and so on, in float64."""
    owners = torch.from_numpy(np.repeat(np.arange(len(counts)), counts))
    sums = torch.zeros(len(counts), dtype=torch.float64)
    return [float(value) for value in sums.index_add_(0, owners, scores.double().cpu())]
