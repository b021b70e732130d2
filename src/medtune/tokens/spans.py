"""Which tokens lie inside which characters, and which tokens stay when a row is cut."""

from collections.abc import Sequence
from typing import Any

import numpy as np

MINIMUM_PROMPT = 32


def inside(offsets: np.ndarray, spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """Which tokens belong to an answer: those that end inside it.

    One that begins with the blank before the answer still predicts the answer's first letters.
    """
    supervised = np.zeros(len(offsets), dtype=bool)
    for start, end in spans:
        supervised |= (offsets[:, 1] > start) & (offsets[:, 1] <= end) & (offsets[:, 0] >= start - 1)
    return supervised


def tokens_inside(encoding: Any, start: int, end: int, length: int) -> int | None:
    """``inside`` for one span, counted by two look-ups instead of all offsets; None where that cannot tell.

    Offsets never step back, so the tokens inside lie between the first that covers ``start`` and the first that
    covers ``end``.
    """
    first = next((token for token in map(encoding.char_to_token, range(start, end)) if token is not None), None)
    if first is None or encoding.token_to_chars(first)[0] < start - 1:
        return None
    covering = map(encoding.char_to_token, range(end, length))
    return int(next((token for token in covering if token is not None), len(encoding)) - first)


def shared_length(ids: Sequence[int], whole: np.ndarray) -> int:
    """How many ids two sequences begin with alike."""
    size = min(len(ids), len(whole))
    differs = np.flatnonzero(np.array(ids[:size]) != whole[:size])
    return int(differs[0]) if len(differs) else size


def keep_positions(supervised: np.ndarray, limit: int) -> np.ndarray:
    """Which positions stay when a row is cut to ``limit`` ≥ 2 tokens.

    Tokens go first from the prompt, from its second on (the first is BOS), down to ``MINIMUM_PROMPT`` of its last
    tokens; then from the answer's end, but the last supervised token, the terminator, stays.
    """
    first = int(supervised.argmax())
    last = len(supervised) - 1 - int(supervised[::-1].argmax())
    positions = np.arange(last + 1)
    excess = len(positions) - limit
    if excess <= 0:
        return positions
    floor = min(first, MINIMUM_PROMPT, max(1, limit // 4))
    from_prompt = min(excess, first - floor)
    prompt = positions[:first]
    prompt = np.concatenate([prompt[:1], prompt[1 + from_prompt :]]) if from_prompt else prompt
    answer = positions[first:]
    rest = limit - len(prompt)
    answer = np.concatenate([answer[: rest - 1], answer[-1:]]) if len(answer) > rest else answer
    return np.concatenate([prompt, answer])
