"""Control tokens that are written in data are text: masked before a template renders them, and
encoded as the characters they are.
"""

import json
import re
from array import array
from collections.abc import Mapping, Sequence
from functools import cached_property
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np

from medtune.errors import ModelError
from medtune.tokens.chat_templates import special_tokens
from medtune.tokens.joined_pieces import LONG, Tokens, joined_pieces

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

# Unicode keeps these for use inside a program: no text may hold them.
_MASKS = [*map(chr, range(0xFDD0, 0xFDF0)), *(chr(p << 16 | 0xFFFE) for p in range(1, 16))]
_OPEN, _CLOSE = "\uffff", "\U0010ffff"  # around the number of a template's own control token


class ControlTokens:
    """Which texts a tokenizer reads as control tokens, and encoding that reads them so only where
    a template wrote them.

    A masked text is as long as the text itself: of a written control token the first character
    is another.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self.tokenizer = tokenizer
        texts = sorted(filter(None, special_tokens(tokenizer)), key=lambda text: (-len(text), text))
        self._pattern = re.compile("|".join(map(re.escape, texts)) or r"(?!)")
        firsts = sorted({text[0] for text in texts})
        if len(firsts) > len(_MASKS):
            raise ModelError("the tokenizer's control tokens begin in too many ways")
        self._masks = dict(zip(firsts, _MASKS, strict=False))
        self._unmasked = {ord(mask): first for first, mask in self._masks.items()}
        self._masked = re.compile(f"[{''.join(self._masks.values())}]" if firsts else r"(?!)")
        self._marks = {text: f"{_OPEN}{i}{_CLOSE}" for i, text in enumerate(texts)}

    @property
    def unknown_id(self) -> int | None:
        """The id of what the tokenizer does not know.

        None where there is none: GPT-2 names its end of text so, and knows every byte.
        """
        if self.tokenizer.unk_token_id == self.tokenizer.eos_token_id:
            return None
        unknown: int | None = self.tokenizer.unk_token_id
        return unknown

    def count(self, text: str) -> int:
        """How many control tokens stand in a text of the data."""
        return sum(1 for _ in self._pattern.finditer(text))

    def mask(self, text: str) -> str:
        """The text of the data with its control tokens masked.

        Raises ``ModelError`` where it holds a code that is no character and would be taken for a
        mask.
        """
        if foreign := self._masked.search(text):
            raise ModelError(
                f"a text holds U+{ord(foreign[0]):04X}, which is no character",
                fix="Take it out of the data.",
            )
        while self._pattern.search(text):
            text = self._pattern.sub(lambda match: self._masks[match[0][0]] + match[0][1:], text)
        return text

    def unmask(self, text: str) -> str:
        """The text as it is written."""
        return text.translate(self._unmasked)

    def is_plain(self, text: str) -> bool:
        """Whether the tokenizer itself reads a text, masked where it has to be, as it is meant."""
        return not self._matches_normalized and not self._masked.search(text)

    def ids(self, text: str) -> list[int]:
        """Ids of a text in which all control tokens of the data are masked."""
        return [int(i) for i in self.id_array(text)]

    def id_array(self, text: str) -> np.ndarray:
        """The same as an array [tokens], of a long text as int32."""
        return self.ids_and_counts(text, ())[0]

    def encode(self, text: str) -> tuple[np.ndarray, np.ndarray | None]:
        """``ids``, and the [start, end) of each token in the text [tokens, 2].

        Offsets are None from a slow tokenizer, which cannot read a control token as text either:
        raises ``ModelError``.
        """
        if not self.tokenizer.is_fast:
            return np.array(self._ids_alone(text), dtype=np.int64), None
        if len(text) <= LONG:
            return self._encode_at_once(text)
        ids, offsets = zip(*joined_pieces(text, self._encode_at_once), strict=True)
        return np.concatenate(ids), np.concatenate(offsets)

    def ids_and_counts(
        self, text: str, borders: Sequence[int]
    ) -> tuple[np.ndarray, tuple[int, ...] | None]:
        """Ids [tokens], of a long text as int32, and how many tokens end at or before each border
        (a position in the text).

        There are no counts where ``encode`` gives no offsets.
        """
        if not self.tokenizer.is_fast:
            return np.array(self._ids_alone(text), dtype=np.int64), None
        if len(text) <= LONG:
            if not borders and self.is_plain(text):
                return np.array(self._ids_alone(text), dtype=np.int64), ()
            tokens = self._encode_at_once(text)
            return tokens.ids, _ended(tokens, borders)
        gathered, counts = array("i"), (0,) * len(borders)
        for tokens in joined_pieces(text, self._encode_at_once):
            gathered.frombytes(tokens.ids.astype(np.int32).tobytes())
            counts = tuple(map(add, counts, _ended(tokens, borders)))
        return np.frombuffer(gathered, dtype=np.int32), counts

    def _encode_at_once(self, text: str) -> Tokens:
        if not self.is_plain(text):
            return self._encode_apart(text)
        encoding = self.tokenizer(
            text,
            add_special_tokens=False,
            return_offsets_mapping=True,
            verbose=False,
            truncation=False,
        )
        offsets = np.array(encoding["offset_mapping"], dtype=np.int64).reshape(-1, 2)
        return Tokens(np.array(encoding["input_ids"], dtype=np.int64), offsets)

    def _ids_alone(self, text: str) -> list[int]:
        if not self.is_plain(text):
            raise ModelError(
                "a text holds what this model's tokenizer reads as a control token, and the "
                "tokenizer knows no other way to read it",
                fix="Take it out of the text, or use a tokenizer with a tokenizer.json.",
            )
        encoding = self.tokenizer(text, add_special_tokens=False, verbose=False, truncation=False)
        return list(encoding["input_ids"])

    def _encode_apart(self, text: str) -> Tokens:
        """With the tokenizer that knows control tokens by their marks alone."""
        parts, places, end = [], [], 0  # of every character of the marked text, its place in `text`
        for match in self._pattern.finditer(text):
            mark = self._marks[match[0]]
            parts += [text[end : match.start()], mark]
            places += [*range(end, match.start()), *[match.start()] * len(mark)]
            end = match.end()
        parts.append(text[end:])
        places += range(end, len(text) + 1)
        encoding = self._marked_tokenizer.encode(
            self.unmask("".join(parts)), add_special_tokens=False
        )
        ids = [self._original_ids.get(i, i) for i in encoding.ids]
        offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        return Tokens(np.array(ids, dtype=np.int64), np.array(places)[offsets])

    @cached_property
    def _matches_normalized(self) -> bool:
        """Whether a control token is looked for in the normalized text, where another text may
        have become one (``</S>`` in lower case).
        """
        if not self.tokenizer.is_fast or self.tokenizer.backend_tokenizer.normalizer is None:
            return False
        added = self.tokenizer.added_tokens_decoder.values()
        return any(token.special and token.normalized for token in added)

    @cached_property
    def _marked_tokenizer(self) -> "Tokenizer":
        """The same tokenizer, but control tokens are known by ``_marks`` and no text is one."""
        from tokenizers import AddedToken, Tokenizer

        state = json.loads(self.tokenizer.backend_tokenizer.to_str())
        state |= {"truncation": None, "padding": None, "post_processor": None}
        added = state["added_tokens"]
        state["added_tokens"] = [token for token in added if token["content"] not in self._marks]
        _rename(state["model"], self._marks)
        copy = Tokenizer.from_str(json.dumps(state))
        known = {str(token): token for token in self.tokenizer.added_tokens_decoder.values()}
        for text, mark in self._marks.items():
            like = known.get(text) or AddedToken(text, normalized=False)
            copy.add_tokens(
                [
                    AddedToken(
                        mark,
                        lstrip=like.lstrip,
                        rstrip=like.rstrip,
                        single_word=like.single_word,
                        normalized=like.normalized,
                    )
                ]
            )
        return copy

    @cached_property
    def _original_ids(self) -> dict[int, int]:
        """Ids of the marked tokenizer → ids of the tokenizer."""
        originals = special_tokens(self.tokenizer)
        marked = self._marked_tokenizer.get_vocab()
        return {marked[mark]: originals[text] for text, mark in self._marks.items()}


def _ended(tokens: Tokens, borders: Sequence[int]) -> tuple[int, ...]:
    ends = tokens.offsets[:, 1]
    return tuple(int(np.searchsorted(ends, border, side="right")) for border in borders)


def _rename(model: dict[str, Any], marks: Mapping[str, str]) -> None:
    """In a tokenizer's vocabulary control tokens get the names of their marks, so that no text is
    one; but what a model names its unknown token by.
    """
    names = {text: mark for text, mark in marks.items() if text != model.get("unk_token")}
    vocabulary = model["vocab"]
    if isinstance(vocabulary, list):  # Unigram: (piece, score) by id
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in vocabulary]
        return
    model["vocab"] = {names.get(piece, piece): i for piece, i in vocabulary.items()}
    if "merges" in model:
        model["merges"] = [merge for merge in model["merges"] if _merged(merge) not in names]


def _merged(merge: str | list[str]) -> str:
    return merge.replace(" ", "", 1) if isinstance(merge, str) else "".join(merge)
