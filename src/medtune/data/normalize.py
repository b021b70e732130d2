"""The normal form in which two texts count as the same: NFKC, lower case, letters and digits only, single blanks."""

import re
import unicodedata

_NOT_WORD = re.compile(r"[\W_]+")


def normalize(text: str) -> str:
    """Normal form of a text, so that case, punctuation, width and blanks do not hide a copy."""
    return _NOT_WORD.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
