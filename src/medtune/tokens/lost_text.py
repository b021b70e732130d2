"""What a tokenizer cannot say of a text: tokens that it does not know, and characters that are
gone when its tokens are read back.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from unicodedata import category, normalize

from medtune.conversation import Conversation
from medtune.data.audit import SplitTextLoss, TextLoss
from medtune.text.pieces import text_pieces
from medtune.tokens.control_tokens import ControlTokens

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_LOST = 10
# Models that read character by character: what one does not lose, no text loses.
BY_CHARACTER = ("BPE", "Unigram")
_RUN = re.compile(r"(?<=[^\s]) +")


@dataclass(frozen=True)
class LostText:
    """``unknown`` tokens of a text, its lost ``characters`` (which tokens of another character
    stand for, or none), and the UTF-8 bytes that the tokens stand for.
    """

    unknown: int
    characters: Counter[str] = field(default_factory=Counter)
    kept_bytes: int = 0


class RoundTrip:
    """Texts to tokens and back.

    Not lost is what reads the same: a blank of another width, blanks at the edges, a run of blanks
    inside a line, composed and decomposed letters.
    """

    def __init__(self, control: ControlTokens) -> None:
        self.control, self.tokenizer = control, control.tokenizer
        self._kept: set[str] = set()  # characters that are known to come back
        self._lost: set[str] = set()

    def measure(self, text: str) -> LostText:
        """Of a text whose control tokens are masked where the data wrote them, piece by piece."""
        losses = [self._measure(piece) for piece in text_pieces(text)]
        return LostText(
            sum(loss.unknown for loss in losses),
            sum((loss.characters for loss in losses), Counter()),
            sum(loss.kept_bytes for loss in losses),
        )

    def _measure(self, text: str) -> LostText:
        written = self.control.unmask(text)
        size = len(written.encode("utf-8", "surrogatepass"))
        if self._surely_kept(written):
            return LostText(0, Counter(), size)
        unknown, lost, gained = self._read_back(text)
        blanks = sum(count for character, count in lost.items() if character.isspace())
        change = _bytes(lost) - _bytes(gained - Counter({" ": gained[" "]}))
        change -= min(blanks, gained[" "])  # a blank in the place of a line break
        return LostText(unknown, lost, max(0, min(size, size - change)))

    def _read_back(self, text: str) -> tuple[int, Counter[str], Counter[str]]:
        """Unknown tokens, characters lost, characters that came in their place."""
        ids = self.control.ids(text)
        known = [i for i in ids if i != self.control.unknown_id]
        written = Counter(_folded(self.control.unmask(text)))
        read = Counter(_folded(self._decode(known)))
        unknown, lost = len(ids) - len(known), written - read
        if unknown:  # without their tokens, the blanks at both sides look like one
            del lost[" "]
        return unknown, lost, read - written

    def _surely_kept(self, text: str) -> bool:
        characters = set(text)
        if not self._by_character or ("\n " in text and not self._keeps_indentation):
            return False
        for character in characters - self._kept - self._lost:
            self._try(character)
        return characters <= self._kept

    def _try(self, character: str) -> None:
        masked = self.control.mask(f"a{character}a") if self.control.count(character) else None
        unknown, lost, _ = self._read_back(masked or f"a{character}a")
        (self._lost if unknown or lost else self._kept).add(character)

    @cached_property
    def _by_character(self) -> bool:
        if not self.tokenizer.is_fast:
            return False
        return type(self.tokenizer.backend_tokenizer.model).__name__ in BY_CHARACTER

    @cached_property
    def _keeps_indentation(self) -> bool:
        unknown, lost, _ = self._read_back("a\n  a")
        return not unknown and not lost

    def _decode(self, ids: "Sequence[int]") -> str:
        if self._pieces_of_words:
            return str(self._pieces_of_words.decode(self.tokenizer.convert_ids_to_tokens(ids)))
        options = {"skip_special_tokens": False, "clean_up_tokenization_spaces": False}
        return str(self.tokenizer.decode(ids, **options))

    @cached_property
    def _pieces_of_words(self) -> Any:
        """WordPiece's decoder without its cleaning of English ("do not" to "don't"); else None."""
        from tokenizers import decoders

        decoder = self.tokenizer.backend_tokenizer.decoder if self.tokenizer.is_fast else None
        if not isinstance(decoder, decoders.WordPiece):
            return None
        prefix = json.loads(decoder.__getstate__())["prefix"]
        return decoders.WordPiece(prefix=prefix, cleanup=False)


def _bytes(characters: Counter[str]) -> int:
    return sum(len(c.encode("utf-8", "surrogatepass")) * n for c, n in characters.items())


def _folded(text: str) -> str:
    blanks = "".join(" " if category(c) == "Zs" else c for c in normalize("NFC", text))
    return _RUN.sub(" ", blanks.strip())


@dataclass
class _Part:
    """Counts of the prompts, or of the answers, of a split."""

    counts: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)

    def summary(self) -> TextLoss:
        most = dict(sorted(self.lost.most_common(MOST_LOST), key=lambda pair: (-pair[1], pair[0])))
        return TextLoss(**{name: self.counts[name] for name in COUNTS}, most_lost=most)


COUNTS = (
    *("texts", "characters", "with_unknown", "unknown_tokens", "with_loss", "lost_characters"),
    *("with_control_tokens", "control_tokens"),
)


class LossTally:
    """What the tokenizer loses of a stream of conversations, prompts and answers apart."""

    def __init__(self, control: ControlTokens) -> None:
        self._control, self._trip = control, RoundTrip(control)
        self._prompts, self._answers = _Part(), _Part()

    def add(self, conversations: Iterable[Conversation]) -> None:
        """Measure every message, those of the assistant apart."""
        for conversation in conversations:
            for message in conversation.messages:
                part = self._answers if message.role == "assistant" else self._prompts
                self._add(part, message.content)

    def _add(self, part: _Part, text: str) -> None:
        loss, control = self._trip.measure(self._control.mask(text)), self._control.count(text)
        lost = loss.characters.total()
        part.lost += loss.characters
        part.counts.update(
            texts=1,
            characters=len(text),
            with_unknown=loss.unknown > 0,
            unknown_tokens=loss.unknown,
            with_loss=lost > 0,
            lost_characters=lost,
            with_control_tokens=control > 0,
            control_tokens=control,
        )

    def summary(self) -> SplitTextLoss:
        """The figures of all conversations so far."""
        return SplitTextLoss(prompts=self._prompts.summary(), answers=self._answers.summary())
