"""A long text encoded in pieces that overlap, joined where both have the same tokens: what comes is
what encoding it at once gives, in the memory of one piece.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

LONG = 2**19  # characters; a longer text is encoded in pieces
PIECE = 2**15
OVERLAP = 2**11  # characters that two pieces share
AGREEING = 4  # tokens on either side of a joint that both pieces must have


class Tokens(NamedTuple):
    """``ids`` [tokens], and the [start, end) of each token in its text [tokens, 2]."""

    ids: np.ndarray
    offsets: np.ndarray


def joined_pieces(text: str, encode: Callable[[str], Tokens]) -> Iterator[Tokens]:
    """The tokens of a text in its order, some at a time.

    Where two pieces agree nowhere (one word of thousands of letters, parted by its beginning), the
    next one begins where a token of the first does.
    """
    piece, end = encode(text[:PIECE]), PIECE
    while end < len(text):
        begin = end - OVERLAP
        following = _encoded(text, begin, encode)
        kept, first = _joint(piece, following, begin + OVERLAP // 2)
        if not kept:
            kept = int(np.searchsorted(piece.offsets[:, 0], begin + OVERLAP // 2))
            begin = int(piece.offsets[kept, 0]) if kept < len(piece.ids) else end
            following = _encoded(text, begin, encode)
        yield Tokens(piece.ids[:kept], piece.offsets[:kept])
        piece = Tokens(following.ids[first:], following.offsets[first:])
        end = begin + PIECE
    yield piece


def _encoded(text: str, begin: int, encode: Callable[[str], Tokens]) -> Tokens:
    """The piece that begins there, with offsets of the whole text."""
    piece = encode(text[begin : begin + PIECE])
    return Tokens(piece.ids, piece.offsets + begin)


def _joint(piece: Tokens, following: Tokens, middle: int) -> tuple[int, int]:
    """The index in each piece of a token near the ``middle`` of what they share, around which they
    agree; 0 and 0 where they do not.
    """
    start = int(np.searchsorted(piece.offsets[:, 0], middle))
    for index in range(start, len(piece.ids) - AGREEING):
        same = int(np.searchsorted(following.offsets[:, 0], piece.offsets[index, 0]))
        if min(index, same) >= AGREEING and _alike(piece, index, following, same):
            return index, same
    return 0, 0


def _alike(piece: Tokens, index: int, other: Tokens, same: int) -> bool:
    """Whether the tokens around an index of one piece are those around one of the other."""
    left, right = (slice(at - AGREEING, at + AGREEING) for at in (index, same))
    ids = np.array_equal(piece.ids[left], other.ids[right])
    return ids and np.array_equal(piece.offsets[left], other.offsets[right])
