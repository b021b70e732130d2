"""A whole conversation token by token, as a person reads it on a terminal: what is learnt, what is
context, what is cut.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from medtune.data.audit import Histogram

if TYPE_CHECKING:
    import numpy as np

State = Literal["supervised", "context", "cut"]


@dataclass(frozen=True)
class ViewedToken:
    """One token: its piece of the rendered text (empty for the rest of a character split over
    several tokens).

    ``unseen`` are the characters before it that no token covers: the tokenizer passes over them.
    ``unknown``: the token stands for anything that the tokenizer does not know.
    """

    id: int
    text: str
    state: State
    special: bool = False
    unseen: str = ""
    unknown: bool = False


@dataclass(frozen=True)
class TokenView:
    """All tokens of one conversation, those that are cut too, but ``omitted`` ones in the middle
    of long texts, which are cut and only counted.

    The pieces joined, each with what is unseen before it, are the rendered text up to the last
    token.
    """

    id: str
    pieces: tuple[ViewedToken, ...]
    omitted: int = 0

    def count(self, state: State) -> int:
        """How many of the tokens are in this state, with the omitted ones."""
        shown = sum(piece.state == state for piece in self.pieces)
        return shown + (self.omitted if state == "cut" else 0)

    def as_dict(self) -> dict[str, object]:
        """The view as plain values, for JSON."""
        return {
            "id": self.id,
            "supervised": self.count("supervised"),
            "context": self.count("context"),
            "cut": self.count("cut"),
            "omitted": self.omitted,
            "tokens": [asdict(piece) for piece in self.pieces],
        }


def token_texts(text: str, offsets: "np.ndarray") -> list[tuple[str, str]]:
    """For each token what no token covers before it, and its own piece of the rendered text.

    A blank right before a token is its own: tokens of sentencepiece stand for it without covering
    it.
    """
    pieces, covered = [], 0
    for start, end in offsets.tolist():
        first = max(covered, start - 1 if text[max(0, start - 1) : start] == " " else start)
        pieces.append((text[covered:first], text[first:end]))
        covered = max(covered, end)
    return pieces


def make_view(
    row: str,
    ids: Sequence[int],
    texts: Sequence[tuple[str, str]],
    supervised: "np.ndarray",
    kept: "np.ndarray",
    special: set[int],
    unknown: int | None = None,
    omitted: int = 0,
) -> TokenView:
    """A view from the tokens' texts (see ``token_texts``), what is learnt, and which
    positions stay.
    """
    stays = set(kept.tolist())
    pieces = []
    for position, (token, (unseen, text), learnt) in enumerate(
        zip(ids, texts, supervised.tolist(), strict=True)
    ):
        state: State = "cut" if position not in stays else "supervised" if learnt else "context"
        strange = int(token) == unknown
        marked = int(token) in special and not strange
        pieces.append(ViewedToken(int(token), text, state, marked, unseen, strange))
    return TokenView(row, tuple(pieces), omitted)


BOUNDARY, REST, UNKNOWN = "│", "‥", "⁇"
LEGEND = (
    f"⟦learnt⟧  context  ~~cut~~  {BOUNDARY} token boundary  ‹special token›\n"
    f"↵ line break  {{seen by no token}}  {REST} rest of a character  "
    f"{UNKNOWN}unknown token{UNKNOWN}"
)
OPENED = {"supervised": "⟦", "context": "", "cut": "~~"}
CLOSED = {"supervised": "⟧", "context": "", "cut": "~~"}
EIGHTHS = " ▏▎▍▌▋▊▉█"
WIDTH = 80


def visible(text: str) -> str:
    """The text with everything shown that a terminal would hide or obey: line breaks, tabs,
    controls, marks of format.
    """
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character == "\n":
        return "↵\n"
    if character < " ":
        return chr(0x2400 + ord(character))
    return character if character.isprintable() else f"\\u{ord(character):04x}"


def show_token(piece: ViewedToken) -> str:
    """One token.

    A special one between angle quotes, an unknown one between question marks, what no token covers
    before it between braces.
    """
    text = visible(piece.text) or REST
    unseen = f"{{{visible(piece.unseen)}}}" if piece.unseen else ""
    if piece.unknown:
        return f"{unseen}{UNKNOWN}{text}{UNKNOWN}"
    return unseen + (f"‹{text}›" if piece.special else text)


def plain_text(view: TokenView) -> str:
    """All tokens of a row without colour: what is learnt between ⟦⟧, what is cut between ~~,
    boundaries marked.
    """
    parts, state = [], "context"
    for piece in view.pieces:
        if piece.state != state:
            parts += [CLOSED[state], OPENED[piece.state]]
        elif parts:
            parts.append(BOUNDARY)
        parts.append(show_token(piece))
        state = piece.state
    return "".join([*parts, CLOSED[state]])


def histogram_lines(histogram: Histogram, fate: str = "cut") -> list[str]:
    """A histogram of ``length_summary`` as lines of at most 80 columns, with a line where the
    limit lies.
    """
    edges, counts, limit = histogram.edges, histogram.counts, histogram.limit
    total, most = sum(counts), max(counts)
    names = [f"{low + 1:,}–{high:,}" for low, high in pairwise(edges)]
    name_width, count_width = max(map(len, names)), max(len(f"{count:,}") for count in counts)
    room = WIDTH - name_width - count_width - 3
    lines = []
    for name, count, low in zip(names, counts, edges, strict=False):
        if limit is not None and low == limit:
            lines.append(_limit_line(histogram, total, fate))
        bar = _bar(count / max(1, most) * room)
        lines.append(f"{name:>{name_width}} {count:>{count_width},} {bar}".rstrip())
    if limit is not None and limit not in edges[:-1]:
        lines.append(_limit_line(histogram, total, fate))
    return lines


def _limit_line(histogram: Histogram, total: int, fate: str) -> str:
    over = histogram.over_limit
    share = f"{over / max(1, total):.1%}"
    text = f" limit {histogram.limit:,} tokens: {over:,} of {total:,} rows {fate} ({share}) "
    return text.center(WIDTH, "┄")


def _bar(eighths: float) -> str:
    """A bar of so many columns; what is above nought shows at least the thinnest one."""
    if eighths <= 0:
        return ""
    whole, rest = divmod(max(1, round(eighths * 8)), 8)
    return "█" * whole + EIGHTHS[rest].strip()
