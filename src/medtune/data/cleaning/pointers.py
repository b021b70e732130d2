"""Leftovers of web pages: sentences that point at a page's buttons and videos, and placeholders of its links."""

import re

_POINTING = (
    r"watch the video|(?:enlarge|reduce) the video|press the escape|"
    r"click(?:ing)? (?:here\b|(?:on )?the (?:link|bracket|image|button|icon|name|title)s?\b|on the following (?:link|categor|button|name|topic)|below to\b)"
)
_IN_PARENTHESES = re.compile(rf"\((?:{_POINTING})[^()]{{0,600}}(?:\([^()]{{0,200}}\)[^()]{{0,600}}){{0,3}}\)", re.I)
_POINTER = re.compile(rf"\b(?:{_POINTING})", re.I)
_CLAUSE = re.compile(r"[^.,;:!?\n]{0,80}\.?")
_END = re.compile(r"[.!?]+\)?|(?=\n)|$")
_PLACEHOLDER = re.compile(r"<(?:link|image|img|url|video)s?>|\[(?:link|image|video)s?\]", re.I)
_STOPS = ".!?\n"
LONG_SENTENCE = 300  # characters; lists laid flat make "sentences" of thousands, in which only the pointer goes


def leftovers(text: str) -> str:
    """Sentences that point at a web page's buttons, and placeholders of its links, taken out."""
    if "<" in text or "[" in text:
        text = _PLACEHOLDER.sub("", text)
    lowered = text.lower()
    if "click" not in lowered and "the video" not in lowered and "press the" not in lowered:
        return text
    return _without_sentences(_IN_PARENTHESES.sub("", text))


def _without_sentences(text: str) -> str:
    """Pointers are found first, then the sentence around each; the rest is joined."""
    kept, position = [], 0
    for pointer in _POINTER.finditer(text):
        if pointer.start() < position:
            continue
        start, end = _sentence(text, pointer, position)
        kept.append(text[position:start])
        position = end
    return "".join([*kept, text[position:]])


def _sentence(text: str, pointer: re.Match[str], floor: int) -> tuple[int, int]:
    """Start and end of what goes: the whole sentence, or the pointer's clause in one that is too long."""
    earliest = max(floor, pointer.start() - LONG_SENTENCE)
    stop = max(text.rfind(mark, earliest, pointer.start()) for mark in _STOPS)
    end = _END.search(text, pointer.end(), pointer.end() + LONG_SENTENCE)
    start = stop + 1 if stop >= 0 else earliest
    whole = (stop >= 0 or start in (0, floor)) and end is not None
    if whole and end is not None and end.end() - start <= LONG_SENTENCE:
        return start, end.end()
    clause = _CLAUSE.match(text, pointer.end())
    return pointer.start(), clause.end() if clause else pointer.end()
