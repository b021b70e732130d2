"""Tokens and lengths as plain text: boundaries, special tokens and what is invisible shown; a histogram as bars."""

from itertools import pairwise
from typing import Any

from medtune.tokens.views import Piece, View

BOUNDARY, REST = "│", "‥"
LEGEND = (
    f"⟦learnt⟧  context  ~~cut~~  {BOUNDARY} token boundary  ‹special token›\n"
    f"↵ line break  {{seen by no token}}  {REST} rest of a character"
)
OPENED = {"supervised": "⟦", "context": "", "cut": "~~"}
CLOSED = {"supervised": "⟧", "context": "", "cut": "~~"}
EIGHTHS = " ▏▎▍▌▋▊▉█"
WIDTH = 80


def visible(text: str) -> str:
    """The text with everything shown that a terminal would hide or obey: line breaks, tabs, controls, marks of format."""
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character == "\n":
        return "↵\n"
    if character < " ":
        return chr(0x2400 + ord(character))
    return character if character.isprintable() else f"\\u{ord(character):04x}"


def token_text(piece: Piece) -> str:
    """One token; a special one between angle quotes, what no token covers before it between braces."""
    text = visible(piece.text) or REST
    unseen = f"{{{visible(piece.unseen)}}}" if piece.unseen else ""
    return unseen + (f"‹{text}›" if piece.special else text)


def plain(view: View) -> str:
    """All tokens of a row without colour: what is learnt between ⟦⟧, what is cut between ~~, boundaries marked."""
    parts, state = [], "context"
    for piece in view.pieces:
        if piece.state != state:
            parts += [CLOSED[state], OPENED[piece.state]]
        elif parts:
            parts.append(BOUNDARY)
        parts.append(token_text(piece))
        state = piece.state
    return "".join([*parts, CLOSED[state]])


def bars(histogram: dict[str, Any], fate: str = "cut") -> list[str]:
    """A histogram of ``length_facts`` as lines of at most 80 columns, with a line where the limit lies."""
    edges, counts, limit = histogram["edges"], histogram["counts"], histogram["limit"]
    total, most = sum(counts), max(counts)
    names = [f"{low + 1:,}–{high:,}" for low, high in pairwise(edges)]
    name_width, count_width = max(map(len, names)), max(len(f"{count:,}") for count in counts)
    room = WIDTH - name_width - count_width - 3
    lines = []
    for name, count, low in zip(names, counts, edges, strict=False):
        if limit is not None and low == limit:
            lines.append(_limit_line(histogram, total, fate))
        lines.append(f"{name:>{name_width}} {count:>{count_width},} {_bar(count / max(1, most) * room)}".rstrip())
    if limit is not None and limit not in edges[:-1]:
        lines.append(_limit_line(histogram, total, fate))
    return lines


def _limit_line(histogram: dict[str, Any], total: int, fate: str) -> str:
    over = histogram["over_limit"]
    share = f"{over / max(1, total):.1%}"
    return f" limit {histogram['limit']:,} tokens: {over:,} of {total:,} rows {fate} ({share}) ".center(WIDTH, "┄")


def _bar(eighths: float) -> str:
    """A bar of so many columns; what is above nought shows at least the thinnest one."""
    if eighths <= 0:
        return ""
    whole, rest = divmod(max(1, round(eighths * 8)), 8)
    return "█" * whole + EIGHTHS[rest].strip()
