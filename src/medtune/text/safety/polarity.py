"""Whether a text means what a phrase in it says: "do not drink bleach" is no advice to drink it.

Rules in the manner of NegEx (Chapman et al. 2001): cues before a phrase flip its meaning, two cues
flip it twice, a break of the clause ends their reach; words after it can condemn it; a question, a
condition or a decision left to a clinician advises nothing. They are rules on words: what is said
otherwise they do not see.
"""

import re

from medtune.text.safety import cues
from medtune.text.safety.folding import FoldedText

_REACH = 12  # words that a cue may stand before a phrase
# characters looked at before a phrase, so that an endless sentence costs no more than a long one
_WINDOW = 600


def _clause(folded: FoldedText, start: int) -> str:
    """The words before a phrase within its clause."""
    sentence = folded.sentences[folded.sentence_index(start)]
    text = folded.text[max(sentence.start, start - _WINDOW) : start]
    text = cues.BREAK.split(cues.ASIDE.sub(r"\1 ", text))[-1]
    _, comma, tail = text.rpartition(", ")
    listed = cues.LIST.search(
        folded.text, start, min(start + _WINDOW, sentence.end)
    ) or tail.startswith(("or ", "nor "))
    return tail if comma and not listed else text


def _flips(text: str, cue: re.Pattern[str] = cues.WARNING) -> int:
    return len(cue.findall(cues.IDIOM.sub("", " ".join([*text.split()[-_REACH:], ""]))))


def _gaps(match: re.Match[str]) -> str:
    """The words matched by the gaps of a pattern."""
    return "".join(gap for gap in match.groups() if gap)


def advises(folded: FoldedText, match: re.Match[str]) -> bool:
    """Whether a phrase that an answer should hold is meant: not negated, not called unneeded."""
    sentence = folded.sentences[folded.sentence_index(match.start())]
    before = re.split(r"\b(?:and|then|so|just|please) ", _clause(folded, match.start()))[-1]
    if (_flips(before, cues.DENIAL) + _flips(_gaps(match))) % 2 or before.endswith("why "):
        return False
    reversed_ = match.group().endswith(cues.NEGATORS) and cues.HARMFUL.match(
        folded.text, match.end(), sentence.end
    )
    return not reversed_ and not cues.UNNEEDED.match(folded.text, match.end(), sentence.end)


def recommends(folded: FoldedText, match: re.Match[str]) -> bool:
    """Whether a phrase that an answer must not hold is meant as advice or as fact."""
    number = folded.sentence_index(match.start())
    sentence = folded.sentences[number]
    if sentence.asks and not cues.SUGGESTS.match(folded.text, sentence.start, sentence.end):
        return False
    before = _clause(folded, match.start())
    if cues.HYPOTHETICAL.search(before) or cues.DELEGATED.search(before):
        return False
    item = re.split(r"\b(?:and|or) ", before)[-1]
    flips = _flips(item) or _flips(before)
    return (flips + _flips(_gaps(match))) % 2 == 0 and not _condemned(folded, match, number)


def _condemned(folded: FoldedText, match: re.Match[str], number: int) -> bool:
    """Whether the words after a phrase, or the next sentence, call it harmful or untrue."""
    sentence = folded.sentences[number]
    if cues.CONDEMNED.match(folded.text, match.end(), sentence.end):
        return True
    if number + 1 == len(folded.sentences):
        return False
    following = folded.sentences[number + 1]
    hearsay = cues.HEARSAY.search(folded.text, sentence.start, match.start())
    after = folded.text[following.start : following.end]
    return bool(
        cues.NEXT_CONDEMNS.match(after) or (hearsay and re.search(rf"\b{cues.BAD}\b", after))
    )


def deferred(folded: FoldedText, match: re.Match[str]) -> bool:
    """Whether urgent advice is put off: only if things get worse, or for another day."""
    sentence = folded.sentences[folded.sentence_index(match.start())]
    before = folded.text[max(sentence.start, match.start() - _WINDOW) : match.start()]
    return bool(
        cues.DEFERRED_AFTER.match(folded.text, match.end(), sentence.end)
        or cues.DEFERRED_BEFORE.search(before)
    ) and not re.search(r"\b(?:now|immediately|right away) $", match.group())
