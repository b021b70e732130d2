"""Long texts in windows: every token is scored exactly once, with as much context before it as the stride leaves."""

from collections.abc import Iterator


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
