"""Greetings, thanks and good-byes at the edges of answers: learned from each source's own
answers, not listed.

A whole sentence (or a greeting of up to three words before a comma) is boilerplate when it begins
or ends a noticeable share of a source's answers and stands hardly anywhere else in them: such a
sentence says nothing about their questions. What carries meaning by itself is never learned:
numbers, negations, yes and no, advice to seek help, items of lists.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from medtune.data.dedup import normalize
from medtune.text.identifiers import mask
from medtune.text.words import lists_beside

SAMPLE = 20_000  # answers of a source to learn from, evenly spaced
MINIMUM_ROWS = 100  # fewer answers teach nothing about a source's habits
MINIMUM_SEEN = 5
SHORT_WORDS, LONG_WORDS = 12, 60
LONG_CHARACTERS = 500
LONG_SHARE = 5  # a long sentence must be this many times as frequent
ROUNDS = 12  # sentences taken from one edge at most
GREETED_WORDS = 3  # a learned word may stand with fewer others, such as a name
KEPT_WORDS = 3  # never strip an answer to less
AT_EDGES = 0.7  # share of a sentence's occurrences that must be at an edge
EDGE = 3  # sentences from the start or the end are not looked at as its middle
LOOKED_THROUGH = 5_000  # answers searched for other occurrences

_WORDS = lists_beside(__file__)
_MEANS_SOMETHING = _WORDS.words("means_something")
# Before a comma these begin a phrase that belongs to what follows: "In children, the dose is …".
_LEADS_ON = _WORDS.words("leads_on")
_FIRST = re.compile(r"\s*(?:\w[\w']*(?: [\w']+){0,2} ?[,!;]+\s*|[^.!?\n]*[.!?]+(?=\s|$)\s*)")
_SENTENCES = re.compile(r"(?<=[.!?;])\s+|\n+")
_HEAD = re.compile(r"([\w']+(?: [\w']+){0,2}) ?[,!;]")


def first_unit(text: str) -> str:
    """The first sentence, or the greeting before the first comma, with the blanks after it.

    Empty where there is none.
    """
    match = _FIRST.match(text)
    return match.group() if match else ""


def last_unit(text: str) -> str:
    """The last sentence, with the blanks before it.

    Empty where the text is one sentence, or ends with a line of its own.
    """
    body = text.rstrip()
    tail = max(body.rfind(mark, 0, len(body.rstrip(".!? "))) for mark in ".!?")
    unit = text[tail + 1 :]
    return unit if tail >= 0 and unit[:1].isspace() and "\n" not in unit.strip() else ""


def _learnable(unit: str) -> bool:
    words = unit.split()
    return (
        0 < len(words) <= LONG_WORDS
        and not _MEANS_SOMETHING & set(words)
        and not any(w[0].isdigit() for w in words)
    )


def _frequent(
    units: Iterable[tuple[str, str]], total: int, share: float
) -> dict[str, tuple[int, str]]:
    """Normal form → (how often, as first written) of the units frequent enough, from (unit,
    whole answer).
    """
    counts: Counter[str] = Counter()
    written: dict[str, str] = {}
    for unit, answer in units:
        # Items of a list are content, however often they stand at the end, and so is an answer that
        # is nothing else.
        if (
            not unit
            or len(unit) > LONG_CHARACTERS
            or unit.lstrip().startswith(("-", "•", "*"))
            or unit == answer
        ):
            continue
        form = normalize(unit)
        if unit.rstrip().endswith(",") and form.split(" ")[0] in _LEADS_ON:
            continue
        if _learnable(form):
            counts[form] += 1
            written.setdefault(form, unit.strip())
    return {
        form: (count, written[form])
        for form, count in counts.items()
        if count
        >= max(
            MINIMUM_SEEN, share * total * (1 if len(form.split()) <= SHORT_WORDS else LONG_SHARE)
        )
    }


def _in_the_middle(texts: Iterable[str]) -> Counter[str]:
    """How often each sentence, and each beginning of one before a comma, stands away from the
    edges of a text.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        for sentence in _SENTENCES.split(text)[EDGE:-EDGE]:
            counts[normalize(sentence)] += 1
            head = _HEAD.match(sentence)
            if head:
                counts[normalize(head[1])] += 1
    return counts


def _matches(unit: str, known: dict[str, int]) -> bool:
    """Whether a unit was learned, or is one of its words with a name ("Hi Sheba,", "Regards, Dr.

    Jay.").
    """
    form = normalize(unit)
    first, *rest = form.split(" ")
    return bool(form) and (form in known or (first in known and len(rest) < GREETED_WORDS))


@dataclass(frozen=True)
class Boilerplate:
    """What a source's answers begin and end with, in normal form, and how often each was seen in
    the sample.
    """

    opening: dict[str, int]
    closing: dict[str, int]
    written: dict[str, str] = field(default_factory=dict)

    @classmethod
    def learn(cls, answers: Sequence[str], share: float) -> "Boilerplate":
        """From answers.

        Edges are peeled round by round, so that what stands behind a greeting is seen too.
        """
        if len(answers) < MINIMUM_ROWS:
            return cls({}, {})
        step = -(-len(answers) // LOOKED_THROUGH)
        elsewhere = _in_the_middle(answers[::step])
        opening: dict[str, int] = {}
        closing: dict[str, int] = {}
        written: dict[str, str] = {}
        refused: set[str] = set()
        rest = list(answers)
        for _ in range(ROUNDS):
            news = 0
            for edge, known in ((first_unit, opening), (last_unit, closing)):
                frequent = _frequent(((edge(text), text) for text in rest), len(answers), share)
                for form, (count, raw) in frequent.items():
                    if form in known or form in refused:
                        continue
                    if count < AT_EDGES * (count + step * elsewhere[form]):
                        refused.add(form)
                        continue
                    known[form], written[form], news = count, raw, news + 1
            if not news:
                break
            learned = cls(opening, closing)
            rest = [learned.strip(text) for text in rest]
        return cls(_most_common(opening), _most_common(closing), written)

    def strip(self, text: str) -> str:
        """The answer without boilerplate at its edges; one that is nothing else stays as it is."""
        body = text
        for _ in range(ROUNDS if self.opening else 0):
            unit = first_unit(body)
            if not _matches(unit, self.opening):
                break
            body = body[len(unit) :]
        for _ in range(ROUNDS if self.closing else 0):
            unit = last_unit(body)
            if not _matches(unit, self.closing):
                break
            body = body[: len(body) - len(unit)]
        body = body.strip()
        if not text.startswith(body[:1]):  # what followed the greeting begins the answer now
            body = body[:1].upper() + body[1:]
        return body if len(body.split()) >= KEPT_WORDS else text

    def masked(self) -> dict[str, dict[str, int]]:
        """``opening`` and ``closing`` phrases as written → how often seen, identifiers masked."""
        return {
            side: {mask(self.written.get(form, form)): count for form, count in phrases.items()}
            for side, phrases in (("opening", self.opening), ("closing", self.closing))
        }


def _most_common(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
