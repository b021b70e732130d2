"""Long texts in windows: every token is scored exactly once, with as much context before it as the stride leaves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Piece:
    """A window of one text to be scored: its ids, and the first position whose token counts."""

    owner: int
    ids: np.ndarray
    first: int


def windows(length: int, size: int, stride: int) -> Iterator[tuple[int, int, int]]:
    """[start, end) of each window over ``length`` tokens, and the first position that it scores.

    The first window scores from position 1 on (position 0 has nothing before it); each later one scores the tokens
    that no earlier window has, so it sees at least ``size - stride`` tokens before them. ``0 < stride < size``.
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


def batches(pieces: Sequence[Piece], tokens_at_once: int) -> Iterator[list[Piece]]:
    """Pieces in their order, at most ``tokens_at_once`` tokens (or one piece) at a time."""
    batch: list[Piece] = []
    tokens = 0
    for piece in pieces:
        if batch and tokens + len(piece.ids) > tokens_at_once:
            yield batch
            batch, tokens = [], 0
        batch.append(piece)
        tokens += len(piece.ids)
    if batch:
        yield batch
