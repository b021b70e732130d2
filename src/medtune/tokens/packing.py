"""Rows laid end to end without padding: positions restart at each row, and attention keeps to
its own row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from medtune.tokens.encode import Encoded


@dataclass(frozen=True)
class PackedBatch:
    """Several rows as one sequence.

    ``input_ids`` and ``position_ids`` are [1, tokens]; ``lengths`` the rows' tokens; ``predictors``
    [n] are the positions whose next token is supervised, ``targets`` [n] those next tokens.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    lengths: tuple[int, ...]
    predictors: torch.Tensor
    targets: torch.Tensor

    @property
    def supervised(self) -> int:
        """How many tokens are learnt."""
        return len(self.targets)

    @property
    def tokens(self) -> int:
        """How many tokens all rows have."""
        return sum(self.lengths)

    def to(self, device: torch.device) -> "PackedBatch":
        """The same on another device."""
        return PackedBatch(
            self.input_ids.to(device),
            self.position_ids.to(device),
            self.lengths,
            self.predictors.to(device),
            self.targets.to(device),
        )


def pack(rows: Sequence[Encoded]) -> PackedBatch:
    """Lay rows end to end. The first token of a row is never a target, whatever its mask says."""
    ids = np.concatenate([row.ids for row in rows])
    supervised = np.concatenate([np.concatenate([[False], row.supervised[1:]]) for row in rows])
    positions = np.concatenate([np.arange(len(row.ids)) for row in rows])
    targets = np.flatnonzero(supervised)
    return PackedBatch(
        input_ids=torch.from_numpy(ids)[None],
        position_ids=torch.from_numpy(positions)[None],
        lengths=tuple(len(row.ids) for row in rows),
        predictors=torch.from_numpy(targets - 1),
        targets=torch.from_numpy(ids[targets]),
    )
