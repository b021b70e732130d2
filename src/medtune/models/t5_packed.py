"""T5 without padding: sources and targets laid end to end, each row attending to itself (and its
own source) alone.

The model's own modules are called in their own order, so adapters and dropout are where they
belong; only attention is done row by row. `tests/models/test_encoder_decoder.py` holds it against
transformers' forward.

Against the padded forward of transformers in the same training loop (77 M parameters, bf16, batch
8, one core) it is 1.2 times as fast on rows of like length (90 % of a batch is no padding) and 1.7
times on MedQuAD's (62 %), with 3.9 instead of 5.5 GiB at the peak.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from medtune.models.scoring import base_transformer

Lengths = Sequence[int]


@dataclass(frozen=True)
class PairBatch:
    """Several pairs: ``source`` [S], ``inputs`` and ``targets`` [T] ids, and the tokens of each
    row in both.

    ``inputs`` are the targets moved right by one within their row, behind the decoder's start
    token. Several rows of targets may follow one source: ``reading_lengths`` are the tokens of all
    targets that read each source.
    """

    source: torch.Tensor
    inputs: torch.Tensor
    targets: torch.Tensor
    source_lengths: tuple[int, ...]
    target_lengths: tuple[int, ...]
    reading_lengths: tuple[int, ...]

    @property
    def supervised(self) -> int:
        """Tokens that are learnt: those of all targets."""
        return sum(self.target_lengths)

    @property
    def tokens(self) -> int:
        """Tokens of sources and targets; there is no padding."""
        return sum(self.source_lengths) + self.supervised

    @classmethod
    def of(
        cls, sources: Sequence[np.ndarray], answers: Sequence[np.ndarray], device: torch.device
    ) -> "PairBatch":
        """Lay pairs end to end.

        An answer begins with what stands before its first target, such as the start token.

        Neighbours whose sources are one array (the same object) share it: the encoder reads it
        once.
        """
        firsts = [i for i, ids in enumerate(sources) if i == 0 or ids is not sources[i - 1]]
        parts = (
            [sources[i] for i in firsts],
            [ids[:-1] for ids in answers],
            [ids[1:] for ids in answers],
        )
        source, inputs, targets = (
            torch.from_numpy(np.concatenate(part)).to(device) for part in parts
        )
        lengths = tuple(len(ids) - 1 for ids in answers)
        reading = tuple(sum(lengths[a:b]) for a, b in pairwise([*firsts, len(answers)]))
        return cls(source, inputs, targets, tuple(len(ids) for ids in parts[0]), lengths, reading)


def start_token(config: Any) -> int:
    """What stands before every target: the decoder's start token, T5's padding token where none
    is named.
    """
    start = getattr(config, "decoder_start_token_id", None)
    return int(config.pad_token_id if start is None else start)


def decoder_hidden(model: Any, batch: PairBatch) -> tuple[torch.Tensor, torch.nn.Module]:
    """Hidden states [T, width] before the head, scaled where the architecture scales them, and
    the head itself.
    """
    t5 = base_transformer(model)
    read = _stack(t5.encoder, batch.source, batch.source_lengths)
    across = (batch.reading_lengths, batch.source_lengths)
    hidden = _stack(t5.decoder, batch.inputs, batch.target_lengths, read, across)
    if t5.config.scale_decoder_outputs:  # tied embeddings: T5, not Flan-T5
        hidden = hidden * t5.model_dim**-0.5
    return hidden, t5.lm_head


def _stack(
    stack: Any,
    ids: torch.Tensor,
    lengths: Lengths,
    memory: torch.Tensor | None = None,
    across: tuple[Lengths, Lengths] = ((), ()),
) -> torch.Tensor:
    hidden: torch.Tensor = _dropout(stack.embed_tokens(ids), stack.dropout)
    bias = _position_bias(stack, max(lengths))
    for block in stack.block:
        run = _block(block, lengths, across)
        if block.gradient_checkpointing and stack.training:
            hidden = block._gradient_checkpointing_func(run, hidden, bias, memory)
        else:
            hidden = run(hidden, bias, memory)
    ended: torch.Tensor = _dropout(stack.final_layer_norm(hidden), stack.dropout)
    return ended


def _position_bias(stack: Any, longest: int) -> torch.Tensor:
    """[heads, longest, longest] to be added to attention scores.

    −inf hides what comes later from a decoder.
    """
    attention = stack.block[0].layer[0].SelfAttention
    bias: torch.Tensor = attention.compute_bias(longest, longest)[0]
    if not stack.is_decoder:
        return bias
    later = torch.ones(longest, longest, dtype=torch.bool, device=bias.device).triu(1)
    return bias.masked_fill(later, float("-inf"))


def _block(
    block: Any, lengths: Lengths, across: tuple[Lengths, Lengths]
) -> Callable[..., torch.Tensor]:
    def run(hidden: torch.Tensor, bias: torch.Tensor, memory: torch.Tensor | None) -> torch.Tensor:
        attend = block.layer[0]
        normed = attend.layer_norm(hidden)
        hidden = hidden + _dropout(
            _attention(attend.SelfAttention, normed, normed, lengths, lengths, bias),
            attend.dropout,
        )
        if memory is not None:
            cross = block.layer[1]
            normed = cross.layer_norm(hidden)
            read = _attention(cross.EncDecAttention, normed, memory, *across, None)
            hidden = hidden + _dropout(read, cross.dropout)
        last = block.layer[-1]
        return hidden + _dropout(
            _feed_forward(last.DenseReluDense, last.layer_norm(hidden)), last.dropout
        )

    return run


def _attention(
    attention: Any,
    hidden: torch.Tensor,
    memory: torch.Tensor,
    lengths: Lengths,
    memory_lengths: Lengths,
    bias: torch.Tensor | None,
) -> torch.Tensor:
    """Attention of [T, width] over [S, width], row by row. T5 does not scale its scores."""

    def rows(projected: torch.Tensor, sizes: Lengths) -> tuple[torch.Tensor, ...]:
        heads = projected.view(
            len(projected), attention.n_heads, attention.key_value_proj_dim
        ).transpose(0, 1)
        # Split, not slices: its backward pass is one concatenation.
        return tuple(torch.split(heads, list(sizes), dim=1))

    parts = []
    for query, key, value in zip(
        rows(attention.q(hidden), lengths),
        rows(attention.k(memory), memory_lengths),
        rows(attention.v(memory), memory_lengths),
        strict=True,
    ):
        scores = query @ key.mT
        if bias is not None:
            scores = scores + bias[:, : scores.shape[1], : scores.shape[2]]
        weights = functional.softmax(scores, dim=-1)  # its sums are float32 inside
        parts.append(dropout(weights, attention.dropout if attention.training else 0.0) @ value)
    joined = torch.cat(parts, dim=1).transpose(0, 1).reshape(len(hidden), -1)
    output: torch.Tensor = attention.o(joined)
    return output


def _feed_forward(dense: Any, hidden: torch.Tensor) -> torch.Tensor:
    """As the module does it, but with torch's own GELU in place of one written out in eight
    steps.
    """

    def act(value: torch.Tensor) -> torch.Tensor:
        if type(dense.act).__name__ == "NewGELUActivation":
            return functional.gelu(value, approximate="tanh")
        return dense.act(value)  # type: ignore[no-any-return]

    inner = (
        act(dense.wi_0(hidden)) * dense.wi_1(hidden)
        if hasattr(dense, "wi_0")
        else act(dense.wi(hidden))
    )
    output: torch.Tensor = dense.wo(_dropout(inner, dense.dropout))
    return output


def _dropout(hidden: torch.Tensor, module: torch.nn.Dropout) -> torch.Tensor:
    return dropout(hidden, module.p if module.training else 0.0)


def dropout(hidden: torch.Tensor, share: float) -> torch.Tensor:
    """As ``functional.dropout``.

    On the CPU four decisions are cut from one random number, which is thrice as fast.

    There ``share`` is taken to the nearest 1/65,536, and what stays is scaled by exactly that.
    """
    limit = round(share * 2**16)
    if limit == 0 or hidden.device.type != "cpu":
        return functional.dropout(hidden, share)
    noise = (
        torch.empty(-(-hidden.numel() // 4), dtype=torch.int64)
        .random_(-(2**63), None)
        .view(torch.int16)
    )
    stays = (noise[: hidden.numel()] >= limit - 2**15).view(hidden.shape).to(hidden.dtype)
    return hidden * stays.mul_(2**16 / (2**16 - limit))
