"""What the answers of a file of one's own say: the right option's letter, its text, or its number from 0 or from 1."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from medtune.data.sources.forms import Fields
from medtune.data.sources.options import AS_PLAIN, Options
from medtune.errors import DataError

MISSING = ("", "-1")  # a test set without answers writes -1 where it counts them
_LETTER = re.compile(r"[(\[]?\s*([A-Z])\s*[)\].:]*")
_LINE = re.compile(r"[(\[]?([A-Z])[)\].:]+\s+(.*)", re.DOTALL)
_LETTERS = "Write letters (A is the first option) instead of numbers."

LETTER, TEXT, NUMBER = "a letter", "an option's text", "a number"


def readings(answer: str, options: Options) -> dict[str, int]:
    """What an answer may be, with the place of its option; of a number the number as it stands, whatever it counts from."""
    found = {}
    place = _lettered(answer, options)
    texts = [text.strip() for text in options.texts]
    number = answer.removesuffix(".0")
    if place is not None:
        found[LETTER] = place
    if texts.count(answer) == 1:
        found[TEXT] = texts.index(answer)
    # An object's names may be numbers themselves: then these are meant.
    if place is None and re.fullmatch(r"[0-9]{1,2}", number) and int(number) <= len(texts):
        found[NUMBER] = int(number)
    return found


def is_letter(answer: str) -> bool:
    """Whether an answer is a letter alone, in the spellings that are read."""
    return _LETTER.fullmatch(answer.upper()) is not None


def _lettered(answer: str, options: Options) -> int | None:
    """The place that a letter, a whole line ``A. …`` or the option's own name in the file gives."""
    names = [name.strip().lower() for name in options.names]
    if answer.lower() in names:
        return names.index(answer.lower())
    letter, line = _LETTER.fullmatch(answer.upper()), _LINE.fullmatch(answer)
    given = letter or line
    place = ord(given[1]) - ord("A") if given else len(names)
    if place >= len(names) or (not letter and line and options.texts[place].strip() != line[2].strip()):
        return None
    return place


@dataclass(frozen=True)
class Meaning:
    """What is meant by a file's answers: the kinds that some row shows beyond doubt, and from where numbers count."""

    column: str
    shown: frozenset[str]
    base: int | None

    def place(self, fields: Fields, answer: str, options: Options) -> int:
        """The place of the right option. Raises ``DataError`` where the answer names none, or one or another."""
        found = readings(answer, options)
        places = self._places(found, options)
        if len(places) > 1:
            places = self._places({kind: found[kind] for kind in self.shown & set(found)}, options) or places
        if len(places) == 1:
            return places.pop()
        said = f"the answer in the column {self.column!r} is {answer[:60]!r}"
        if places:
            fix = 'Write the right option\'s letter and text, as in "A. …".'
            raise fields.fault(f"{said}: {' or '.join(sorted(found))}, which name different options", fix)
        last = chr(ord("A") + len(options.texts) - 1)
        what = f"{said}: no letter from A to {last}, not the text of one option, and no option's number"
        raise fields.fault(what, f"Write the right option's letter, its text, or its number. {AS_PLAIN}")

    def _places(self, found: dict[str, int], options: Options) -> set[int]:
        """All options that an answer may name."""
        bases = (0, 1) if self.base is None else (self.base,)
        numbers = {found[NUMBER] - base for base in bases} if NUMBER in found else set()
        named = {place for kind, place in found.items() if kind != NUMBER}
        return named | {place for place in numbers if 0 <= place < len(options.texts)}


def learn_meaning(column: str, where: str, answers: Iterable[tuple[str, str, Options]]) -> Meaning:
    """What the answers of a whole file mean, from (place, answer, options) of its rows.

    A number may count from 0 or from 1: a 0 shows the one, a number as high as there are options the other. Raises
    ``DataError`` where nothing or both is shown: a guess would teach and measure wrong answers.
    """
    shown: dict[str, str] = {}
    bases: dict[int, str] = {}
    for place, answer, options in answers:
        found = readings(answer, options)
        if len(found) > 1:
            continue
        for kind, number in found.items():
            shown.setdefault(kind, place)
            if kind == NUMBER and number in (0, len(options.texts)):
                bases.setdefault(int(number > 0), place)
    if len(bases) > 1:
        what = f"the column {column!r} counts the options from 0 ({bases[0]}) and from 1 ({bases[1]})"
        raise DataError(what, where=where, fix=_LETTERS)
    if NUMBER in shown and not bases:
        what = f"cannot tell whether {column!r} counts the options from 0 or from 1: no row answers 0 or the number of its options"
        raise DataError(what, where=where, fix=_LETTERS)
    return Meaning(column, frozenset(shown), next(iter(bases), None))
