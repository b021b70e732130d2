"""Greetings, thanks and good-byes at the edges of answers: learned from each source's own
answers, not listed.

A whole sentence (or a greeting of up to three words before a comma) is a habit when it begins or
ends a noticeable share of a source's answers and stands hardly anywhere else in them. Of these what
consists of the words of courtesy, or of signing and of a site's buttons, says nothing and is taken
away. Any other may be a finding ("Lungs are clear."): where it stands alone at its edge it is
proposed, and where several exclude one another there, it is content. Numbers, negations, yes and
no, advice to seek help and items of lists are never either.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from medtune.data.cleaning.courtesy import is_courtesy, is_salutation, without_names
from medtune.data.dedup import normalize
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
_WORD_BEGINS = re.compile(r"(?!(?:mmol|mol|mcg|min|sec|ppm)\b)(?:[a-z]{3,}|a|i)(?![\w/-])")
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
    if not form or form in known:
        return bool(form)
    return first in known and len(rest) < GREETED_WORDS and is_salutation(unit)


@dataclass(frozen=True)
class Boilerplate:
    """What a source's answers begin and end with, in normal form, and how often each was seen in
    the sample.

    ``proposed`` are further sentences, which may say something; ``sampled`` answers were looked at.
    """

    opening: dict[str, int]
    closing: dict[str, int]
    written: dict[str, str] = field(default_factory=dict)
    proposed: dict[str, int] = field(default_factory=dict)
    sampled: int = 0

    @classmethod
    def learn(
        cls, answers: Sequence[str], share: float, *, approved: bool = False
    ) -> "Boilerplate":
        """From answers; ``approved``: what would be proposed is taken away, too.

        Edges are peeled round by round, so that what stands behind a greeting is seen too.
        """
        if len(answers) < MINIMUM_ROWS:
            return cls({}, {})
        step = -(-len(answers) // LOOKED_THROUGH)
        elsewhere = _in_the_middle(answers[::step])
        opening: dict[str, int] = {}
        closing: dict[str, int] = {}
        written: dict[str, str] = {}
        proposed: dict[str, int] = {}
        refused: set[str] = set()
        rest = list(answers)
        for _ in range(ROUNDS):
            news = 0
            for edge, known in ((first_unit, opening), (last_unit, closing)):
                frequent = _frequent(((edge(text), text) for text in rest), len(answers), share)
                others = []
                for form, (count, raw) in frequent.items():
                    if form in known or form in refused:
                        continue
                    if count < AT_EDGES * (count + step * elsewhere[form]):
                        refused.add(form)
                    elif is_courtesy(form, raw):
                        known[form], written[form], news = count, raw, news + 1
                    else:
                        others.append((form, count, raw))
                if len(others) != 1:  # several of which each answer has one are what it says
                    continue
                ((form, count, raw),) = others
                written[form] = raw
                if approved:
                    known[form], news = count, news + 1
                else:
                    proposed[form] = count
            if not news:
                break
            learned = cls(opening, closing)
            rest = [learned.strip(text) for text in rest]
        for form in proposed:
            proposed[form] = sum(
                normalize(edge(text)) == form for text in rest for edge in (first_unit, last_unit)
            )
        phrases = (_most_common(opening), _most_common(closing), written, _most_common(proposed))
        return cls(*phrases, len(answers))

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
            if _matches(unit, self.closing):
                body = body[: len(body) - len(unit)]
                continue
            tail = self._tail.search(body, max(0, len(body) - LONG_CHARACTERS))
            if not tail:
                break
            body = body[: tail.start()].rstrip(" ,;:–-\n")
        body = body.strip()
        # What followed the greeting begins the answer now; "mg" and "mRNA" stay small.
        if not text.startswith(body[:1]) and _WORD_BEGINS.match(body):
            body = body[:1].upper() + body[1:]
        return body if len(body.split(maxsplit=KEPT_WORDS)) >= KEPT_WORDS else text

    @cached_property
    def _tail(self) -> re.Pattern[str]:
        """A closing phrase at the end, though no full stop stands before it: it begins with a
        capital or a new line, or is long enough to be nothing else after a comma.
        """
        every, longer = [], []
        for form in sorted(self.closing, key=len, reverse=True):
            words = r"\W{1,3}".join(map(re.escape, form.split(" ")))
            every.append(words)
            longer += [words] if len(form.split(" ")) >= KEPT_WORDS else []
        one, long = ("|".join(words) or "(?!)" for words in (every, longer))
        return re.compile(
            rf"(?:\n|(?<=[\w,;–-])\s+(?=[^\W\d_a-zß-öø-ÿ])|(?<=\w)[,;–-]\s*(?=(?i:{long})\W*$))"
            rf"(?i:{one})[\s.!?,]*$"
        )

    def masked(self) -> dict[str, dict[str, int]]:
        """``opening``, ``closing`` and ``proposed`` phrases as written → how often seen, names and
        other identifiers masked.
        """
        sides = (("opening", self.opening), ("closing", self.closing), ("proposed", self.proposed))
        shown: dict[str, dict[str, int]] = {}
        for side, phrases in sides:
            counts: Counter[str] = Counter()
            for form, count in phrases.items():
                counts[without_names(self.written.get(form, form))] += count
            shown[side] = dict(counts)
        return shown


def _most_common(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
