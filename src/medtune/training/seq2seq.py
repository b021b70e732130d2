"""The objective of encoder-decoders: the answer's tokens, terminator included, given the question."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from medtune.models.t5_rows import PairBatch, decoder_hidden, start_token
from medtune.tokens.seq2seq import EncodedPair
from medtune.training.head_loss import trained_head_loss
from medtune.training.losses import linear_cross_entropy

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Seq2SeqObjective:
    """Pairs laid end to end: there is no padding to compute or to mask, and the head sees real targets only.

    The decoder's inputs are made here from the targets, never by the model from labels: so the loss is a sum over
    tokens, which the trainer divides by those of the whole step (transformers 5.23 divides T5's by those of each
    forward pass).
    """

    start: int | None = None

    def prepare(self, model: "PreTrainedModel") -> None:
        """Take the decoder's start token from the model."""
        self.start = start_token(model.config)

    def batches(self, rows: Sequence[EncodedPair], size: int, device: torch.device) -> Iterator[PairBatch]:
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
            return torch.nn.functional.cross_entropy(head(hidden).float(), batch.targets, reduction="sum")
        if torch.is_grad_enabled() and head.weight.requires_grad and head.bias is None:
            return trained_head_loss(hidden, head.weight, batch.targets)
        return linear_cross_entropy(hidden, head.weight, batch.targets, head.bias)
