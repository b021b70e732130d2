"""What a name looks like, and which of the words that look like one belong to it."""

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from pathlib import Path

from medtune.text.identifiers.lexicon import (
    AMBIGUOUS_NAMES,
    COMMON_GIVEN_NAMES,
    COMMON_SURNAMES,
    NAMED_THING,
    NOT_NAMES,
    PARTICLES,
    PLACEHOLDERS,
    name_status,
)
from medtune.text.identifiers.spans import Check, IdentifierRule, Offsets, rule
from medtune.text.words import read_lists

PEOPLE = read_lists(Path(__file__).with_name("people.toml"))
TITLES = PEOPLE.one_of("titles")
TITLE_BEFORE = rf"(?:(?:{TITLES})\b\.? )?"

_U, _L = "A-ZÀ-ÖØ-ÞĀ-žƠƯḀ-ỹ", "a-zß-öø-ÿĀ-žơưḀ-ỹ"
WORD_SHAPE = (
    rf"(?:[OD]['’]|Mc|Mac|Fitz|De|La|Le|Di|[AaEe]l-)?[{_U}][{_L}]{{1,24}}+"
    rf"(?:[-'’][{_U}][{_L}]{{1,24}}+)?"
)
CAPITALS_SHAPE = rf"(?:[OD]['’]|MC)?[{_U}]{{2,24}}+(?:-[{_U}]{{2,24}}+)?"
INITIAL_SHAPE = rf"[{_U}](?:\.(?:-?[{_U}]\.)?|(?![\w'’.]))"
_NICKNAME = rf"(?:[\"“'][{_U}][{_L}]{{1,24}}[\"”'] )?"
_JOIN = rf" {{1,2}}{_NICKNAME}(?:(?:{'|'.join(sorted(PARTICLES))}) ){{0,2}}"
_PART = rf"(?:{WORD_SHAPE}|{INITIAL_SHAPE})"
_STOP = r"(?![\w])"
_CAPITAL = rf"(?=[{_U}])"  # tried first: most places of a text fail here
NAME_SHAPE = rf"{_CAPITAL}{_PART}(?:{_JOIN}{_PART}){{0,3}}{_STOP}"
FULL_NAME_SHAPE = rf"{_CAPITAL}{_PART}(?:{_JOIN}{_PART}){{1,3}}{_STOP}"
ANY_CASE_SHAPE = (
    rf"(?:{NAME_SHAPE}|{CAPITALS_SHAPE}(?:,? {{1,2}}(?:{CAPITALS_SHAPE}"
    rf"|{INITIAL_SHAPE})){{0,3}}{_STOP})"
)
LONGEST_IN_LOWER_CASE = 20  # letters of a word that may be a name in lower case
LOWER_CASE_SHAPE = rf"[a-z]{{2,{LONGEST_IN_LOWER_CASE}}}+(?![\w'’-])"
NAME_WORDS = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


def last_word(context: str) -> str:
    """The last word of a context, in lower case without punctuation."""
    return context.split()[-1].strip(".,:;()*'\"").lower() if context.strip() else ""


@lru_cache(maxsize=1 << 16)
def is_usual_name(word: str) -> bool:
    """Whether a word is a common name, or an unambiguous one of the lexicon."""
    status = name_status(word)
    return (
        word.lower() in COMMON_GIVEN_NAMES
        or word.lower() in COMMON_SURNAMES
        or ((status.given or status.surname) and status.unambiguous)
    )


def person_name(
    match: re.Match[str],
    *,
    least: int = 1,
    usual: bool = False,
    whole: bool = False,
    initial: bool = False,
) -> Offsets | None:
    """The matched words up to the first that cannot belong to a name; None if they are no name.

    ``least``: the fewest words. ``usual``: one of them must be a usual name. ``whole``: only the
    first word must fit. ``initial``: a single letter is enough.
    """
    start, end = match.span("v")
    text = match.string[start:end]
    kept: list[re.Match[str]] = []
    for word in NAME_WORDS.finditer(text):
        if _ends_name(word, text, bool(kept)) and not (whole and kept and len(word.group()) < 3):
            break
        kept.append(word)
    while kept and kept[-1].group() in PARTICLES:
        kept.pop()
    if len(kept) < least or all(word.group().lower() in PLACEHOLDERS for word in kept):
        return None
    if not initial and all(len(word.group()) == 1 for word in kept):
        return None
    if usual and not any(is_usual_name(word.group()) for word in kept):
        return None
    last = kept[-1]
    dotted = len(last.group()) == 1 and text[last.end() :].startswith(".")
    return start, suffixed(match.string, start + last.end() + dotted)


_SUFFIX = re.compile(r"(?:,? {1,2}(?:Jr|Sr|JR|SR)\b\.?| {1,2}(?:III?|IV)\b)")


def suffixed(text: str, end: int) -> int:
    """The end of a name that ends at ``end``, including a suffix (Jr., III)."""
    suffix = _SUFFIX.match(text, end)
    return suffix.end() if suffix else end


def _ends_name(word: re.Match[str], text: str, inside: bool) -> bool:
    """Whether this word cannot belong to a name; initials (a capital alone or with a full stop)
    can.
    """
    value = word.group()
    if value.lower() not in NOT_NAMES:
        return False
    if inside and (value in PARTICLES or (value[0].isupper() and value.lower() in COMMON_SURNAMES)):
        return False
    initial = len(value) == 1 and (
        text[word.end() :].startswith(".") or (inside and text.isupper())
    )
    return not initial


def full_name(match: re.Match[str]) -> Offsets | None:
    """A name of at least two words, or of one usual name."""
    return person_name(match, least=2) or person_name(match, usual=True)


def usual_name(match: re.Match[str]) -> Offsets | None:
    """A name of which at least one word is usual."""
    return person_name(match, usual=True)


def lower_case_name(match: re.Match[str]) -> Offsets | None:
    """A name in lower case, where the context calls for one; a second word must be usual."""
    return _small(match, False)


def usual_lower_case_name(match: re.Match[str]) -> Offsets | None:
    """A name in lower case, where the context does not suffice: it must be a usual one."""
    return _small(match, True)


def _small(match: re.Match[str], must_know: bool) -> Offsets | None:
    start, end = match.span("v")
    first, *more = match["v"].split(" ")
    if (
        more and first in NOT_NAMES and more[0] in COMMON_GIVEN_NAMES and more[0] not in NOT_NAMES
    ):  # so ralph is a 62-year-old
        return start + len(first) + 1, end
    if first in NOT_NAMES or first in PLACEHOLDERS or (must_know and not is_usual_name(first)):
        return None
    surname = (
        more
        and more[0] in COMMON_SURNAMES
        and (first in COMMON_GIVEN_NAMES or more[0] not in NOT_NAMES)
    )
    return (start, end) if surname else (start, start + len(first))


def addressed_name(match: re.Match[str]) -> Offsets | None:
    """A person spoken to ("okay, great, so Karen …"): a common, unambiguous given name."""
    name = match["v"].lower()
    return (
        match.span("v")
        if name in COMMON_GIVEN_NAMES and name not in AMBIGUOUS_NAMES and name not in NOT_NAMES
        else None
    )


def repeated_names(names: Collection[str]) -> re.Pattern[str] | None:
    """A pattern for further mentions of the names of a record, spelled as they were there; None if
    there are none to look for.
    """
    words = {word for name in names for word in NAME_WORDS.findall(name) if _is_telling(word)}
    # Where a name of two words stands in small letters its surname may be any word: only both
    # together are repeated.
    words |= {re.sub(r"\s+", " ", name) for name in names if " " in name}
    if not words:
        return None
    one = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    return re.compile(rf"(?<![\w'’-])(?:{one})(?: (?:{one}))*(?![\w-])(?!{NAMED_THING})")


def _is_telling(word: str) -> bool:
    """Whether a word alone can hardly be anything but a name; in lower case only common given
    names.
    """
    low = word.lower()
    if (
        len(word) < 3
        or low in NOT_NAMES
        or low in PARTICLES
        or low in PLACEHOLDERS
        or low in AMBIGUOUS_NAMES
    ):
        return False
    return not word.islower() or low in COMMON_GIVEN_NAMES


def name_rule(
    pattern: str,
    *,
    needs: str | frozenset[str] = frozenset(),
    also: str = "",
    check: Check = person_name,
    word: Callable[[str], bool] | None = None,
    flags: int = 0,
) -> IdentifierRule:
    """A rule for names, as by ``rule``, for texts with or without digits."""
    return rule(
        "name", pattern, needs=needs, also=also, digits=False, check=check, word=word, flags=flags
    )
