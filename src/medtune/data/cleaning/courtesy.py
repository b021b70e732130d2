"""Phrases that say nothing: greetings, thanks, good wishes, signatures, buttons of a web page; and
their form without the names in them.
"""

import re

from medtune.data.dedup import normalize
from medtune.text.identifiers import mask
from medtune.text.words import lists_beside

_WORDS = lists_beside(__file__)
_MARKS = _WORDS.words("marks")
_COURTESY = _MARKS | _WORDS.words("courtesy")
_SIGNING = _WORDS.words("signing")
_TITLES = _WORDS.words("titles")
_PHRASES = frozenset(normalize(phrase) for phrase in _WORDS["phrases"])
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_MASKED = re.compile(r"\[[A-Z]+-\d+\]")
SIGNATURE_WORDS = 8


def is_courtesy(form: str, written: str) -> bool:
    """Whether a phrase, in normal form and as written, is a courtesy, a signature or a button."""
    words = form.split()
    if form in _PHRASES or (set(words) <= _COURTESY and not _MARKS.isdisjoint(words)):
        return True
    return _is_signature(written)


def _is_signature(written: str) -> bool:
    """Whether a phrase is a name with what one signs with: "Regards, Dr. Jane Roe"."""
    words = _WORD.findall(written)
    low = [word.lower() for word in words]
    signed = bool(low) and (low[0] in _SIGNING or not _TITLES.isdisjoint(low))
    names = [w for w in words if w.lower() not in _COURTESY | _TITLES]
    return (
        signed
        and len(words) <= SIGNATURE_WORDS
        and all(word[0].isupper() for word in names)
        and len(names) < 4
        and not any(c.isdigit() for c in written)
    )


def is_salutation(written: str) -> bool:
    """Whether all words after the first are names (with a capital) or courtesies: "Hi Sheba"."""
    rest = _WORD.findall(written)[1:]
    return all(w[0].isupper() or w.lower() in _COURTESY | _TITLES for w in rest)


def without_names(written: str) -> str:
    """The phrase with its identifiers masked, and whatever else may be a name: a list of phrases is
    passed around, so that a word too many is masked.
    """
    masked = mask(written)
    signed = _is_signature(written) or any(
        word.lower() in _TITLES | _SIGNING for word in _WORD.findall(written)
    )
    parts, end, run = [], 0, _possible_names(masked, signed)
    for start, stop in run:
        parts.append(masked[end:start] + "[NAME]")
        end = stop
    return "".join([*parts, masked[end:]])


def _possible_names(text: str, signed: bool) -> list[tuple[int, int]]:
    """Where runs of words stand that may be a name: two and more with capitals, and beside a title
    or a signing word each word that is no courtesy.
    """
    taken = [match.span() for match in _MASKED.finditer(text)]
    runs: list[list[tuple[int, int]]] = [[]]
    for match in _WORD.finditer(text):
        known = match[0].lower() in _COURTESY | _TITLES
        inside = any(start <= match.start() < end for start, end in taken)
        if known or inside or not (match[0][0].isupper() or signed):
            runs.append([])
        else:
            runs[-1].append(match.span())
    return [(run[0][0], run[-1][1]) for run in runs if len(run) > 1 or (signed and run)]
