"""What one forward pass is: how rows become a batch, and the summed loss of its supervised tokens.

``CausalObjective`` for decoders, ``Seq2SeqObjective`` for encoder-decoders. The trainer knows no
architecture; it asks its objective.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from medtune.models.packed_attention import (
    PACKED_ATTENTION,
    cumulative_lengths,
    register_packed_attention,
)
from medtune.models.scoring import split_head
from medtune.models.t5_packed import PairBatch, decoder_hidden, start_token
from medtune.tokens.encode import Encoded
from medtune.tokens.encode_pairs import EncodedPair
from medtune.tokens.packing import PackedBatch, pack
from medtune.training.losses import linear_cross_entropy, trained_head_loss

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Batch(Protocol):
    """Rows of one forward pass as tensors."""

    @property
    def supervised(self) -> int:
        """Tokens that the loss is taken over."""

    @property
    def tokens(self) -> int:
        """Real tokens, padding not counted."""


class Objective(Protocol):
    """Rows to batches, batches to losses. Shared by training and validation."""

    def prepare(self, model: "PreTrainedModel") -> None:
        """Make the model ready, once."""

    def batches(self, rows: Sequence[Any], size: int, device: torch.device) -> Iterator[Batch]:
        """Batches of at most ``size`` rows that together hold every row once."""

    def loss(self, model: "PreTrainedModel", batch: Any) -> torch.Tensor:
        """Summed NLL (nats) of the batch's supervised tokens, a scalar."""


class CausalObjective:
    """Rows laid end to end without padding.

    The head is applied only where a token is supervised.
    """

    def prepare(self, model: "PreTrainedModel") -> None:
        """Rows attend to themselves alone."""
        register_packed_attention()
        model.set_attn_implementation(PACKED_ATTENTION)

    def batches(
        self, rows: Sequence[Encoded], size: int, device: torch.device
    ) -> Iterator[PackedBatch]:
        """``size`` rows at a time, in their order."""
        for start in range(0, len(rows), size):
            yield pack(rows[start : start + size]).to(device)

    def loss(self, model: "PreTrainedModel", batch: PackedBatch) -> torch.Tensor:
        """Summed NLL (nats) of the supervised tokens; other positions get no logits."""
        body, head = split_head(model)
        hidden = body(
            input_ids=batch.input_ids,
            position_ids=batch.position_ids,
            cu_seq_lens_q=cumulative_lengths(
                batch.lengths
            ),  # read on the host: never wait for the device
            use_cache=False,
        ).last_hidden_state[0]
        chosen = hidden[batch.predictors]
        if isinstance(head, torch.nn.Linear):
            return linear_cross_entropy(chosen, head.weight, batch.targets, head.bias)
        return torch.nn.functional.cross_entropy(
            head(chosen).float(), batch.targets, reduction="sum"
        )


if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Seq2SeqObjective:
    """Pairs laid end to end: there is no padding to compute or to mask, and the head sees real
    targets only.

    The decoder's inputs are made here from the targets, never by the model from labels: so the loss
    is a sum over tokens, which the trainer divides by those of the whole step (transformers 5.23
    divides T5's by those of each forward pass).
    """

    start: int | None = None

    def prepare(self, model: "PreTrainedModel") -> None:
        """Take the decoder's start token from the model."""
        self.start = start_token(model.config)

    def batches(
        self, rows: Sequence[EncodedPair], size: int, device: torch.device
    ) -> Iterator[PairBatch]:
        """``size`` rows at a time, in their order. Call ``prepare`` first."""
        if self.start is None:
            raise ValueError("the objective needs prepare(model) first")
        for first in range(0, len(rows), size):
            part = rows[first : first + size]
            answers = [np.concatenate([[self.start], row.target]) for row in part]
            yield PairBatch.of([row.source for row in part], answers, device)

    def loss(self, model: "PreTrainedModel", batch: PairBatch) -> torch.Tensor:
        """As in ``Objective``: summed NLL (nats) of the targets, a scalar."""
        hidden, head = decoder_hidden(model, batch)
        if not isinstance(head, torch.nn.Linear):  # a quantized one
            return torch.nn.functional.cross_entropy(
                head(hidden).float(), batch.targets, reduction="sum"
            )
        if torch.is_grad_enabled() and head.weight.requires_grad and head.bias is None:
            return trained_head_loss(hidden, head.weight, batch.targets)
        return linear_cross_entropy(hidden, head.weight, batch.targets, head.bias)
