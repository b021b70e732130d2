"""What one forward pass is: how rows become a batch, and the summed loss of its supervised tokens.

The trainer knows no architecture; it asks its objective.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch

from medtune.models.attention import NAME as ROW_ATTENTION
from medtune.models.attention import register, row_edges
from medtune.models.heads import split_head
from medtune.tokens.flattening import FlatBatch, flatten
from medtune.tokens.labels import Encoded
from medtune.training.losses import linear_cross_entropy

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Batch(Protocol):
    """Rows of one forward pass as tensors."""

    @property
    def supervised(self) -> int:
        """Tokens that are learnt."""

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
    """Rows laid end to end without padding; the head is applied only where a token is supervised."""

    def prepare(self, model: "PreTrainedModel") -> None:
        """Rows attend to themselves alone."""
        register()
        model.set_attn_implementation(ROW_ATTENTION)

    def batches(self, rows: Sequence[Encoded], size: int, device: torch.device) -> Iterator[FlatBatch]:
        """``size`` rows at a time, in their order."""
        for start in range(0, len(rows), size):
            yield flatten(rows[start : start + size]).to(device)

    def loss(self, model: "PreTrainedModel", batch: FlatBatch) -> torch.Tensor:
        """As in ``Objective``."""
        body, head = split_head(model)
        hidden = body(
            input_ids=batch.input_ids,
            position_ids=batch.position_ids,
            cu_seq_lens_q=row_edges(batch.lengths),  # read on the host: never wait for the device
            use_cache=False,
        ).last_hidden_state[0]
        chosen = hidden[batch.predictors]
        if isinstance(head, torch.nn.Linear):
            return linear_cross_entropy(chosen, head.weight, batch.targets, head.bias)
        return torch.nn.functional.cross_entropy(head(chosen).float(), batch.targets, reduction="sum")
