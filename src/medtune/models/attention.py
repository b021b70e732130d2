"""Attention for rows laid end to end: each row attends to itself alone, so packing cannot leak and no work is padded.

Registered with transformers under ``NAME``; models call it in place of their own. Row boundaries arrive as
``cu_seq_lens_q``, the cumulative lengths that transformers' variable-length kernels use too.
"""

import itertools
from typing import Any

import torch
from torch.nn import functional

NAME = "medtune_rows"
SHORT_ROW = 512


def _one_row(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float | None,
    dropout: float,
    window: int | None,
    softcap: float | None,
) -> torch.Tensor:
    """Causal attention within one row; all tensors are [1, heads, tokens, head width]."""
    length = query.shape[2]
    windowed = window is not None and length > window
    # On the CPU plain products beat the fused kernel for short rows, above all in the backward pass.
    short = query.device.type == "cpu" and length <= SHORT_ROW and query.requires_grad
    if not windowed and softcap is None and not short:
        return functional.scaled_dot_product_attention(
            query, key, value, dropout_p=dropout, is_causal=length > 1, scale=scaling
        )
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    scores = (query * scale) @ key.mT
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    positions = torch.arange(length, device=query.device)
    distance = positions[:, None] - positions[None, :]
    hidden = (distance < 0) if not windowed or window is None else (distance < 0) | (distance >= window)
    weights = functional.softmax(scores.masked_fill(hidden, float("-inf")).float(), dim=-1).to(query.dtype)
    return functional.dropout(weights, dropout) @ value


def row_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    cu_seq_lens_q: torch.Tensor | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """[1, heads, tokens, head width] queries (keys and values may have fewer heads) to [1, tokens, heads, head width].

    Raises ``ValueError`` when called without row boundaries: then another attention should have been chosen.
    """
    if cu_seq_lens_q is None:
        raise ValueError(f"{NAME} attention needs the rows' boundaries (cu_seq_lens_q)")
    repeats = query.shape[1] // key.shape[1]
    if repeats > 1:
        key, value = key.repeat_interleave(repeats, dim=1), value.repeat_interleave(repeats, dim=1)
    edges = cu_seq_lens_q.tolist()
    parts = [
        _one_row(
            query[:, :, start:end],
            key[:, :, start:end],
            value[:, :, start:end],
            scaling,
            dropout,
            sliding_window,
            softcap,
        )
        for start, end in itertools.pairwise(edges)
    ]
    return torch.cat(parts, dim=2).transpose(1, 2), None


def register() -> None:
    """Make ``NAME`` known to transformers (its public interface for attention functions)."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, row_attention)


def row_edges(lengths: tuple[int, ...], device: torch.device | None = None) -> torch.Tensor:
    """Cumulative lengths, [rows + 1] of int32."""
    return torch.tensor([0, *lengths], dtype=torch.int32, device=device).cumsum(0, dtype=torch.int32)
