"""The normal form in which two texts count as the same: NFKC, lower case, letters and digits only, single blanks."""

import re
import unicodedata
from functools import lru_cache

_NOT_WORD = re.compile(r"[\W_]+")


@lru_cache(maxsize=8192)  # a chunk's texts are normalised for several purposes, one after the other
def normalize(text: str) -> str:
    """Normal form of a text, so that case, punctuation, width and blanks do not hide a copy."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _NOT_WORD.sub(" ", text.casefold()).strip()
