"""Names without any context: runs of capitalised words that hold a name which is hardly anything
else.
"""

import re

from medtune.text.identifiers.lexicon import NO_PERSON, NOT_NAMES, PLACES, fold, name_status
from medtune.text.identifiers.names import named_before
from medtune.text.identifiers.persons import (
    CAPITALS_SHAPE,
    NAME_SHAPE,
    NAME_WORDS,
    WORD_SHAPE,
    suffixed,
)
from medtune.text.identifiers.roles import named_beside
from medtune.text.identifiers.spans import Offsets, Span, before, rule

_ROW = re.compile(
    r"[ \t]*(?:$|\n|\d|/|\(|[MF]\b|(?:MRN|DOB|[0O]OB|SSN|DATE|ADM|AGE|SEX|ID|ROOM|BED)\b)", re.I
)


def _anywhere(match: re.Match[str]) -> Offsets | Span | None:
    """By what leads to it or stands beside it; else by itself, unless it is a saint's."""
    if match["v"].lower() in NOT_NAMES:  # "It", "The", "Hello": two in three
        return None
    led = None if match["v"].isupper() else named_before(match)
    return (
        led
        or named_beside(match)
        or (None if before(match, 6).endswith(("St. ", "St ", "Saint ")) else _bare(match))
    )


def _bare(match: re.Match[str]) -> Offsets | None:
    """The first name of a run, with the initials and surnames around it."""
    words = list(NAME_WORDS.finditer(match.string, *match.span()))
    first = next((i for i in range(len(words)) if _begins(words, i)), None)
    if first is None:
        return None
    last = first
    while last + 1 < len(words) and _goes_on(words[last], words[last + 1]):
        last += 1
    while last > first and len(words[last].group()) < 3 and not _is_initial(words[last]):
        last -= 1
    while first and _leads(words[first - 1]):
        first -= 1
    end = suffixed(match.string, words[last].end())
    return None if NO_PERSON.match(match.string, end) else (words[first].start(), end)


def _begins(words: list[re.Match[str]], i: int) -> bool:
    """A given name that is no other word; or a given name and a surname of which one is none."""
    word = name_status(words[i].group())
    if word.sufficient and not words[i].group().isupper():
        return True
    rest = [w.group() for w in words[i + 1 : i + 3] if not _is_initial(w)]
    if not rest or not (word.given or word.surname):
        return False
    after = name_status(rest[0])
    if word.given and after.surname:
        return (
            (word.unambiguous and after.unambiguous)
            or (after.unambiguous and not after.given)
            or word.sufficient
        )
    return word.surname and word.unambiguous and after.sufficient


def _is_initial(word: re.Match[str]) -> bool:
    return len(word.group()) == 1


def _leads(word: re.Match[str]) -> bool:
    before = name_status(word.group())
    return (_is_initial(word) and word.string[word.end()] == ".") or (
        before.surname and before.unambiguous
    )


def _goes_on(word: re.Match[str], following: re.Match[str]) -> bool:
    if _is_initial(following):
        return (
            following.string[following.end() : following.end() + 1] == "."
            or following.group().isupper()
        )
    if word.group().isupper() != following.group().isupper() and not _is_initial(word):
        return False
    low, after = fold(following.group()), name_status(following.group())
    return low not in NOT_NAMES and (after.unambiguous or after.surname)


def _reversed(match: re.Match[str]) -> Offsets | None:
    """Ferraro, Gina; and MCBRIDE , ROSE."""
    first, last = name_status(match["first"]), name_status(match["last"])
    low = fold(match["last"])
    if re.fullmatch("[IVX]+", match["last"]):
        return None
    if not first.given or low in NOT_NAMES or low in PLACES or fold(match["first"]) in PLACES:
        return None
    capitals = match["last"].isupper() and match["first"].isupper()
    in_row = _ROW.match(match.string, match.end()) is not None
    good = last.surname and last.unambiguous and (first.sufficient or capitals or in_row)
    return (
        match.span()
        if good
        or (last.unambiguous and first.unambiguous and in_row)
        or (capitals and first.sufficient and min(len(low), len(match["first"])) > 3)
        else None
    )


BARE_NAME_RULES = (
    rule(
        "name",
        rf"(?<![\w'’.-])(?P<last>{CAPITALS_SHAPE}|{WORD_SHAPE}) ?, {{1,2}}"
        rf"(?P<first>{CAPITALS_SHAPE}|{WORD_SHAPE})"
        rf"(?: [A-Z]\b\.?)?(?![\w'’-])",
        digits=False,
        check=_reversed,
    ),
    rule(
        "name",
        rf"(?<![\w'’.-])(?P<v>{NAME_SHAPE}|{CAPITALS_SHAPE}(?: {{1,2}}(?:{CAPITALS_SHAPE}"
        rf"|[A-Z]\b\.?)){{0,3}}(?!\w))",
        digits=False,
        check=_anywhere,
    ),
)
