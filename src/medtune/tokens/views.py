"""A whole conversation token by token, as a person reads it: what is learnt, what is context, what is cut."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

State = Literal["supervised", "context", "cut"]


@dataclass(frozen=True)
class Piece:
    """One token: its piece of the rendered text (empty for the rest of a character split over several tokens).

    ``unseen`` are the characters before it that no token covers: the tokenizer passes over them.
    """

    id: int
    text: str
    state: State
    special: bool = False
    unseen: str = ""


@dataclass(frozen=True)
class View:
    """All tokens of one conversation, those that are cut too.

    The pieces joined, each with what is unseen before it, are the rendered text up to the last token.
    """

    id: str
    pieces: tuple[Piece, ...]

    def count(self, state: State) -> int:
        """Tokens in this state."""
        return sum(piece.state == state for piece in self.pieces)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "id": self.id,
            "supervised": self.count("supervised"),
            "context": self.count("context"),
            "cut": self.count("cut"),
            "tokens": [asdict(piece) for piece in self.pieces],
        }


def texts_by_offset(text: str, offsets: "np.ndarray") -> list[tuple[str, str]]:
    """For each token what no token covers before it, and its own piece of the rendered text.

    A blank right before a token is its own: tokens of sentencepiece stand for it without covering it.
    """
    pieces, place = [], 0
    for start, end in offsets.tolist():
        own = max(place, start - 1 if text[max(0, start - 1) : start] == " " else start)
        pieces.append((text[place:own], text[own:end]))
        place = max(place, end)
    return pieces


def view_of(
    row: str,
    ids: Sequence[int],
    texts: Sequence[tuple[str, str]],
    supervised: "np.ndarray",
    kept: "np.ndarray",
    special: set[int],
) -> View:
    """A view from the tokens' texts (see ``texts_by_offset``), what is learnt, and which positions stay."""
    stays = set(kept.tolist())
    pieces = []
    for place, (token, (unseen, text), learnt) in enumerate(zip(ids, texts, supervised.tolist(), strict=True)):
        state: State = "cut" if place not in stays else "supervised" if learnt else "context"
        pieces.append(Piece(int(token), text, state, int(token) in special, unseen))
    return View(row, tuple(pieces))
