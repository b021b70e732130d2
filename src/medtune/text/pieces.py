"""A long text in pieces, so that no list holds all of its words at once: parted where neither a
word nor a token of most vocabularies is parted.
"""

import re
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache, wraps
from typing import TypeVar

Result = TypeVar("Result")
PIECE = 2**15  # characters that are looked at together
REMEMBERED = 2**18  # characters of a text that is kept with many others
_BLANK = re.compile(r"\s")


def text_pieces(text: str, size: int = PIECE) -> Iterator[str]:
    """A text in pieces of about ``size`` characters, parted before single blanks between letters
    or figures where it has any: tokenizers and rules on words part it there too.
    """
    start = 0
    while len(text) - start > 2 * size:
        end = blank_before(text, start + size, start + size // 2)
        yield text[start:end]
        start = end
    yield text[start:]


def blank_before(text: str, position: int, lowest: int) -> int:
    """The position of the last blank between letters or figures in [``lowest``, ``position``);
    else of the last single blank, else ``position``.
    """
    single = blank = text.rfind(" ", lowest, position)
    while blank > 0 and not (text[blank - 1].isalnum() and text[blank + 1].isalnum()):
        blank = text.rfind(" ", lowest, blank)
    if blank > 0:
        return blank
    while single > 0 and (text[single - 1].isspace() or text[single + 1].isspace()):
        single = text.rfind(" ", lowest, single)
    return single if single > 0 else position


def word_pieces(text: str, size: int = PIECE) -> Iterator[str]:
    """A text in pieces of at least ``size`` characters, parted before a blank only: a word stays
    whole, however long it is.
    """
    start = 0
    while len(text) - start > size:
        blank = _BLANK.search(text, start + size)
        if blank is None:
            break
        yield text[start : blank.start()]
        start = blank.start()
    yield text[start:]


def count_words(text: str) -> int:
    """Words between blanks: the length of ``text.split()``, without that list."""
    return sum(len(piece.split()) for piece in word_pieces(text))


def holds_words(text: str, words: Collection[str]) -> bool:
    """Whether all of these words stand between blanks of a text."""
    missing = set(words)
    for piece in word_pieces(text):
        missing.difference_update(piece.split())
        if not missing:
            break
    return not missing


def cached_by_text(
    number: int,
) -> Callable[[Callable[[str], Result]], Callable[[str], Result]]:
    """A cache for a function of a text: of ``number`` texts, and of a single long one."""

    def decorate(function: Callable[[str], Result]) -> Callable[[str], Result]:
        short, long = lru_cache(number)(function), lru_cache(1)(function)

        @wraps(function)
        def cached(text: str) -> Result:
            return (long if len(text) > REMEMBERED else short)(text)

        return cached

    return decorate
