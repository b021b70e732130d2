"""Rules for capitalised words in running text: names by what precedes them, by what stands beside
them, or because they are hardly any other word.
"""

import re

from medtune.text.identifiers.lexicon import (
    NAMED_THING,
    NO_PERSON,
    NOT_NAMES,
    PLACES,
    fold,
    name_status,
)
from medtune.text.identifiers.persons import (
    CAPITALS_SHAPE,
    NAME_SHAPE,
    NAME_WORDS,
    TITLE_BEFORE,
    TITLES,
    WORD_SHAPE,
    full_name,
    last_word,
    person_name,
    suffixed,
    usual_name,
)
from medtune.text.identifiers.roles import RELATIVE_WORDS, RELATIVES, named_beside
from medtune.text.identifiers.spans import Check, Offsets, Span, before, rule

_I = re.IGNORECASE
_ANYBODY = r"(?:my|his|her|their|our|your|the|whose|patient['’]s)"
# What leads up to a capitalised name in running text, and what the name must then be.
_LEADS: tuple[tuple[re.Pattern[str], Check], ...] = (
    (re.compile(r"\b[a-z]{3,12}ed by (?:Dr\.? |nurse )?$", _I), usual_name),
    (
        re.compile(
            rf"\b{_ANYBODY} (?:full |first |last |middle |maiden )?name(?: is|['’]s| was|:) $", _I
        ),
        person_name,
    ),
    (
        re.compile(
            r"\b(?:i go by|goes by|call me|calls me|name is|name was|(?:man|woman|boy|girl"
            r"|patient|doctor|nurse|friend|person|male|female) named) $",
            _I,
        ),
        person_name,
    ),
    (
        re.compile(
            rf"(?:\b(?:my|his|her|their|our)|\w['’]s) (?:(?:older|younger|oldest|youngest"
            rf"|elder|eldest|late|adult|twin|best|little|other) )?(?:{RELATIVES}) "
            rf"(?:(?:is )?(?:named|called) )?$",
            _I,
        ),
        person_name,
    ),
    (
        re.compile(
            rf"\b{_ANYBODY} (?:other )?(?:{RELATIVES}), $|significant other, $"
            rf"|\b(?:named|your (?:{RELATIVES})|calling|sees|saw|to see|contact) $",
            _I,
        ),
        usual_name,
    ),
    (
        re.compile(
            r"\b(?:(?:seen|referred|evaluated|examined|reviewed|performed|dictated|signed"
            r"|transcribed|prescribed|ordered|treated|accompanied|"
            r"assisted|interviewed|admitted|written|reported|provided|operated on|consulted"
            r"|supervised|attended|followed|brought in|cared for)"
            rf"(?: today| here| in clinic| in the [a-z]+)? by|(?:discussed|spoke|met|talked"
            rf"|consulted|appointment|follow(?:ing)?[ -]?up|visit) (?:with|to)"
            rf"|(?:the )?care of|"
            rf"(?:call|message|letter) from|(?:attention|behalf) of|attn:?"
            rf"|ask for):? {TITLE_BEFORE}$",
            _I,
        ),
        full_name,
    ),
    (
        re.compile(r"(?:^|[.!?\n,] ?|\b(?:hi|hello|hey|and) )(?:i am|i['’]m|im|this is) $", _I),
        lambda match: _introduced(match),
    ),
)


def _introduced(match: re.Match[str]) -> Offsets | None:
    """After "I am": two words that end the clause (Jane Doe), or a usual name."""
    following = match.string[match.end() : match.end() + 12]
    ends = re.match(
        r"\s*(?:[.,;!?\n(]|$|(?:and|from|calling|speaking|here|a|an|the|age|aged|\d+)\b)", following
    )
    return (person_name(match, least=2) if ends else None) or usual_name(match)


# The last words of the leads: a quick look before the leads themselves are tried.
_LEADING = frozenset(
    f"{RELATIVE_WORDS} {TITLES.lower().replace('|', ' ')} "
    "name is was s by me calls goes named called with to of from attention behalf attn "
    "calling sees saw see contact for am i'm i’m im neighbor".split()
)


_EPONYM = re.compile(NAMED_THING)


def _named_before(match: re.Match[str]) -> Offsets | Span | None:
    """A name by the words before it: "my name is", "her husband", "discussed with"."""
    if match["v"].split(" ", 1)[0].lower() in NOT_NAMES:
        return None
    context = before(match, 48)
    if last_word(context) not in _LEADING or _EPONYM.match(match.string, match.end()):
        return None
    return next(
        (offsets for lead, check in _LEADS if lead.search(context) and (offsets := check(match))),
        None,
    )


_ROW = re.compile(
    r"[ \t]*(?:$|\n|\d|/|\(|[MF]\b|(?:MRN|DOB|[0O]OB|SSN|DATE|ADM|AGE|SEX|ID|ROOM|BED)\b)", re.I
)


def _anywhere(match: re.Match[str]) -> Offsets | Span | None:
    """A name by what stands around it, else by itself (unless it is a saint's)."""
    if match["v"].lower() in NOT_NAMES:  # "It", "The", "Hello": two in three
        return None
    led = None if match["v"].isupper() else _named_before(match)
    return (
        led
        or named_beside(match)
        or (None if before(match, 6).endswith(("St. ", "St ", "Saint ")) else _bare(match))
    )


def _bare(match: re.Match[str]) -> Offsets | None:
    """The first name in a run of words, with the initials and surnames around it."""
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
    """Whether a name begins here: an unambiguous given name, or a given name and a surname of which
    one is unambiguous.
    """
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
    """Surname first: "Ferraro, Gina"; "MCBRIDE , ROSE"."""
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
