"""Text folded for the rules: words in lower case, one blank after each, sentences marked, offsets
kept.

Folding drops accents, quotes, hyphens and mark-up, expands contractions, and keeps only ``.`` (end
of a sentence), ``?`` (end of a question) and ``,`` (a break within one).
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"(?P<short>\b(?:e\.g|i\.e|e\.r|a\.s\.a\.p|dr|mr|mrs|vs|approx|etc)\.)"
    r"|(?P<number>\d+(?:[.,]\d+)*)"
    r"|(?P<word>[^\W\d_]+(?:'[^\W\d_]+)*)|(?P<end>[.!;]+|\?+|\.{3})|(?P<break>[,:()—–]| - )"
    r"|(?P<and>&)"
)
_BULLET = re.compile(r"\s*(?:[-*•–·]|\d+[.)])\s+")
_FORBIDS = re.compile(
    r"(?!if |when )(?:[^\s,]+ ){0,4}?(?:avoid|never|do not|must not|should not|what not"
    r"|not to|myths?|dangerous|harmful|unsafe)"
    r"(?: [^\s,]+){0,4} , \. "
)
_NOT = re.compile(
    r"(do|does|did|is|are|was|were|ca|could|wo|would|should|must|need|has|have|had|may"
    r"|might|ai)n'?t"
)
_WHOLE = {"ca": "can", "wo": "will", "ai": "is"}
_ENDINGS = {"s": "is", "re": "are", "ll": "will", "ve": "have", "m": "am", "d": "would"}


@dataclass(frozen=True)
class Sentence:
    """A sentence: offsets in the folded text, and whether it is a question."""

    start: int
    end: int
    asks: bool


@dataclass
class FoldedText:
    """Folded text, its sentences, and the offsets of each word in the original."""

    text: str = ""
    sentences: list[Sentence] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list)
    _spans: list[tuple[int, int]] = field(default_factory=list)

    def offsets(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original text of ``text[start:end]``."""
        first, last = bisect_right(self._starts, start) - 1, bisect_right(self._starts, end - 1) - 1
        return self._spans[first][0], self._spans[last][1]

    def sentence_index(self, position: int) -> int:
        """Index of the sentence that holds a position of the folded text."""
        return bisect_right([sentence.start for sentence in self.sentences], position) - 1

    def sentence_texts(self) -> list[str]:
        """The folded words of each sentence, without its final mark."""
        return [self.text[one.start : one.end].rstrip(" .?,") for one in self.sentences]

    def add(self, words: list[str], span: tuple[int, int]) -> None:
        """Append folded words that stand for one span of the original."""
        for word in words:
            self._starts.append(len(self.text))
            self._spans.append(span)
            self.text += f"{word} "

    def repeat(self, sentence: Sentence) -> None:
        """Append the words of an earlier sentence, with their offsets."""
        first, last = (
            bisect_left(self._starts, position) for position in (sentence.start, sentence.end)
        )
        for index in range(first, last):
            word = self.text[self._starts[index] :].split(" ", 1)[0]
            if word not in {",", ".", "?"}:
                self.add([word], self._spans[index])

    def close(self, end: int) -> None:
        """End a sentence at an offset of the original, if it holds any words."""
        start = self.sentences[-1].end if self.sentences else 0
        if not self.text[start:].strip(" .?,"):
            return
        if not self.text.endswith((". ", "? ")):
            self.add(["."], (end, end))
        self.sentences.append(Sentence(start, len(self.text), self.text.endswith("? ")))


def _folded_characters(text: str) -> tuple[str, list[int]]:
    """Compatibility forms in lower case without marks, and for each the index of its original."""
    characters, sources = [], []
    for index, character in enumerate(text):
        plain = (
            "'"
            if character in "\u2019\u2018\u02bc`\u00b4"
            else unicodedata.normalize("NFKD", character).casefold()
        )
        for one in plain:
            if unicodedata.category(one) not in ("Mn", "Cf"):
                characters.append(one)
                sources.append(index)
    return "".join(characters), sources


def _words(token: str) -> list[str]:
    """A written word as folded words: ``dont`` as ``do not``, ``it's`` as ``it is``."""
    if token == "cannot":
        return ["can", "not"]
    contraction = _NOT.fullmatch(token)
    if contraction:
        return [_WHOLE.get(contraction[1], contraction[1]), "not"]
    head, _, tail = token.partition("'")
    return [head, _ENDINGS[tail]] if tail in _ENDINGS else [token.replace("'", "")]


def _emit(folded: FoldedText, token: re.Match[str], span: tuple[int, int]) -> None:
    kind, text = token.lastgroup, token.group()
    if kind == "end":
        folded.add(["?" if "?" in text else "."], span)
        folded.close(span[1])
    elif kind == "break":
        folded.add([","], span)
    elif kind == "word":
        folded.add(_words(text), span)
    else:
        folded.add(
            ["and" if kind == "and" else text.replace(".", "") if kind == "short" else text], span
        )


def _goes_on(line: str, following: str) -> bool:
    """Whether a sentence continues on the next line: in lower case, and no list item."""
    heading = line.rstrip(" *_").endswith(":")
    return not heading and not _BULLET.match(following) and following.lstrip()[:1].islower()


def _headed(folded: FoldedText, line: str) -> Sentence | None:
    """The sentence of a heading such as "What not to do:", which covers its whole list."""
    if not line.rstrip(" *_").endswith(":") or not folded.sentences:
        return None
    last = folded.sentences[-1]
    return last if _FORBIDS.match(folded.text[last.start : last.end]) else None


def fold_text(text: str) -> FoldedText:
    """Fold a text. The end of a line ends a sentence unless the next line begins in lower case."""
    folded, offset, heading = FoldedText(), 0, None
    lines = text.split("\n")
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        characters, sources = _folded_characters(line)
        bullet = _BULLET.match(characters)
        if bullet and heading:
            folded.repeat(heading)
        for token in _TOKEN.finditer(characters, bullet.end() if bullet else 0):
            _emit(
                folded,
                token,
                (offset + sources[token.start()], offset + sources[token.end() - 1] + 1),
            )
        if not _goes_on(line, following):
            folded.close(offset + len(line))
        if line.strip() and not bullet:
            heading = _headed(folded, line)
        offset += len(line) + 1
    return folded
