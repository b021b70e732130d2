"""Attention for rows laid end to end: each row attends to itself alone, so packing cannot leak
and no work is padded.

Registered with transformers under ``PACKED_ATTENTION``; models call it in place of their own. Row
boundaries arrive as ``cu_seq_lens_q``, the cumulative lengths that transformers' variable-length
kernels use too.
"""

from functools import lru_cache
from typing import Any

import torch
from torch.nn import functional

from medtune.errors import ModelError
from medtune.models.scoring import split_head

PACKED_ATTENTION = "packed_attention"
BLOCK = 256  # queries at a time: keys that stand after all of them are not multiplied
LONG_ROW = 1024  # above this, training on the CPU keeps no attention weights for the backward pass


def _fused_is_best(query: torch.Tensor, length: int) -> bool:
    """On the CPU plain products beat the fused kernel: in bf16 twice and more, in fp32 with the
    backward pass.
    """
    if query.device.type == "cuda":
        return True
    return length > LONG_ROW if query.requires_grad else query.dtype == torch.float32


@lru_cache(maxsize=8)
def _hidden(
    keys: int, window: int | None, dtype: torch.dtype, device: torch.device
) -> torch.Tensor:
    """[BLOCK, keys] of 0 and -inf: a query sees itself and what stands before it, ``window``
    tokens in all.

    The last query stands at the last key.
    """
    distance = torch.arange(keys - BLOCK, keys, device=device)[:, None] - torch.arange(
        keys, device=device
    )
    hidden = (distance < 0) if window is None else (distance < 0) | (distance >= window)
    return torch.zeros(BLOCK, keys, dtype=dtype, device=device).masked_fill_(hidden, float("-inf"))


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
    window = window if window is not None and length > window else None
    if window is None and softcap is None and _fused_is_best(query, length):
        return functional.scaled_dot_product_attention(
            query, key, value, dropout_p=dropout, is_causal=length > 1, scale=scaling
        )
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    parts = []
    for start in range(0, length, BLOCK):
        end = min(length, start + BLOCK)
        first = 0 if window is None else max(0, start - window + 1)
        # How far a query stands from a key is all that counts, so blocks share a few masks and take
        # their corner.
        size = -(-(end - first) // BLOCK) * BLOCK
        mask = _hidden(size, window, query.dtype, query.device)[start - end :, first - end :]
        keys, values = key[0, :, first:end], value[0, :, first:end]
        if softcap is None:
            scores = torch.baddbmm(mask, query[0, :, start:end], keys.mT, alpha=scale)
        else:
            scores = (
                torch.tanh(query[0, :, start:end] @ keys.mT * (scale / softcap)) * softcap + mask
            )
        parts.append(functional.dropout(torch.softmax(scores, dim=-1), dropout) @ values)
    return (torch.cat(parts, dim=1) if len(parts) > 1 else parts[0])[None]


def packed_attention(
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
    calls: list[str] | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """[1, heads, tokens, head width] queries (keys and values may have fewer heads) to [1,
    tokens, heads, head width].

    A list ``calls`` receives the name at each call: some architectures attend in their own way,
    whatever they are given. Raises ``ValueError`` when called without row boundaries: then another
    attention should have been chosen.
    """
    if calls is not None:
        calls.append(PACKED_ATTENTION)
    if cu_seq_lens_q is None:
        raise ValueError(f"{PACKED_ATTENTION} attention needs the rows' boundaries (cu_seq_lens_q)")
    repeats = query.shape[1] // key.shape[1]
    if repeats > 1:
        key, value = key.repeat_interleave(repeats, dim=1), value.repeat_interleave(repeats, dim=1)
    lengths = cu_seq_lens_q.diff().tolist()
    # Split as a whole: slices would each fill a gradient of all tokens in the backward pass.
    rows = zip(*(tensor.split(lengths, dim=2) for tensor in (query, key, value)), strict=True)
    parts = [_one_row(q, k, v, scaling, dropout, sliding_window, softcap) for q, k, v in rows]
    return torch.cat(parts, dim=2).transpose(1, 2), None


def register_packed_attention() -> None:
    """Make ``PACKED_ATTENTION`` known to transformers, by its public interface for attention."""
    from transformers import AttentionInterface

    AttentionInterface.register(PACKED_ATTENTION, packed_attention)


def cumulative_lengths(
    lengths: tuple[int, ...], device: torch.device | None = None
) -> torch.Tensor:
    """Cumulative lengths, [rows + 1] of int32."""
    return torch.tensor([0, *lengths], dtype=torch.int32, device=device).cumsum(
        0, dtype=torch.int32
    )


ROW = 12
TOLERANCE = {torch.float32: 2e-4, torch.bfloat16: 5e-2}  # of the largest logit


class PackingUnsupportedError(ModelError):
    """The architecture cannot be run on rows laid end to end."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(
            f"the architecture {kind} does not give the same result for rows laid end to end",
            where=name,
            fix="It can be measured and asked, not trained. "
            "Train a GPT-2, Llama, Mistral, Gemma, Qwen, Phi-3 or OLMo kind.",
        )


@torch.no_grad()
def check_packing(model: Any, name: str) -> None:
    """Compare the second of two packed rows with the same row alone in the model's own eager path.

    Raises ``PackingUnsupportedError`` where they differ or the architecture cannot be run row by
    row.
    """
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(
        0, model.config.get_text_config().vocab_size, (2, ROW), generator=generator
    ).to(model.device)
    refusal = PackingUnsupportedError(model.config.model_type, name)
    calls: list[str] = []
    try:
        model.set_attn_implementation("eager")
        alone = model(rows[1:], use_cache=False).logits[0].float()
        model.set_attn_implementation(PACKED_ATTENTION)
        body, head = split_head(model)
        hidden = body(
            input_ids=rows.reshape(1, -1),
            position_ids=torch.arange(ROW, device=model.device).repeat(2)[None],
            cu_seq_lens_q=cumulative_lengths((ROW, ROW), model.device),
            calls=calls,
            use_cache=False,
        ).last_hidden_state[0, ROW:]
        packed = head(hidden).float()
    except torch.OutOfMemoryError:
        raise  # no fault of the architecture
    except (KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise refusal from error
    scale = float(alone.abs().max().clamp_min(1e-6))
    if not calls or float((packed - alone).abs().max()) > TOLERANCE.get(model.dtype, 5e-2) * scale:
        raise refusal
