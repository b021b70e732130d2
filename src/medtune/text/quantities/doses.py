"""Whether the quantities of an answer are those of its reference.

Only numbers and units are compared: whether both speak of the same drug or person is not checked.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from medtune.text.quantities.extract import OFTEN_KIND, TOLERANCE, Quantity, iter_quantities
from medtune.text.quantities.number_convention import Decimal, decimal_mark


@dataclass(frozen=True)
class Conflict:
    """A quantity of an answer that its reference does not hold, and those of its kind that it does.

    ``tenfold``: they differ by a power of ten.
    """

    text: str
    kind: str
    reference: tuple[str, ...]
    tenfold: bool


@dataclass(frozen=True)
class DoseAgreement:
    """How many quantities of an answer agree with the reference, of those compared."""

    agreeing: int
    compared: int
    conflicts: tuple[Conflict, ...]
    ambiguous: int = 0
    """Not compared: "1.000 mg" in a text that does not tell its decimal mark."""

    @property
    def pair(self) -> list[int]:
        """Agreeing and compared, as samples keep them."""
        return [self.agreeing, self.compared]


def dose_agreement(answer: str, reference: str, question: str = "") -> DoseAgreement:
    """Compare the quantities of an answer with those of the same kind in the reference.

    Units are converted; a range agrees if both its ends do. Quantities that the question names
    already are not compared: they are repeated, not claimed. Each text has its own decimal mark. A
    lower bound ("≥ 5") never agrees with an upper one ("< 5").
    """
    known = _each_once(_comparable(reference, decimal_mark(reference, question)))
    asked = _each_once(_comparable(question, decimal_mark(question)))
    agreeing, ambiguous, conflicts = 0, 0, []
    for quantity in _distinct(_comparable(answer, decimal_mark(answer, question))):
        alike = [other for other in known if other.kind == quantity.kind]
        if not alike:
            continue
        if _within(quantity, alike) or any(_same_text(quantity, other) for other in alike):
            agreeing += 1
        elif quantity.ambiguous or any(other.ambiguous for other in alike):
            ambiguous += 1
        elif not _within(quantity, [other for other in asked if other.kind == quantity.kind]):
            texts = tuple(dict.fromkeys(other.text for other in alike))
            conflicts.append(
                Conflict(quantity.text, quantity.kind, texts, _tenfold(quantity, alike))
            )
    return DoseAgreement(agreeing, agreeing + len(conflicts), tuple(conflicts), ambiguous)


def _same_text(one: Quantity, other: Quantity) -> bool:
    """Whether two ambiguous quantities are written alike."""
    return one.ambiguous and one.text == other.text and one.bound == other.bound


def _comparable(text: str, decimal: Decimal | None) -> Iterator[Quantity]:
    """The quantities of a text, with "every 8 hours" as a frequency, comparable to "three times a
    day".
    """
    for one in iter_quantities(text, decimal):
        if one.every:
            one = replace(one, kind=OFTEN_KIND, low=1 / one.high, high=1 / one.low, every=False)
        yield one


def _each_once(quantities: Iterable[Quantity]) -> list[Quantity]:
    """Equal quantities once, as they come first: a long text may hold millions."""
    return list({_written(one): one for one in quantities}.values())


def _written(one: Quantity) -> tuple[object, ...]:
    ends = repr(one.low), repr(one.high)  # not-a-number is no equal of itself
    return one.text, one.kind, *ends, one.rough, one.every, one.bound


def _distinct(quantities: Iterable[Quantity]) -> list[Quantity]:
    return list(
        {
            (
                one.kind,
                f"{one.low:.9g}",
                f"{one.high:.9g}",
                one.bound,
                one.ambiguous and one.text,
            ): one
            for one in reversed(list(quantities))
        }.values()
    )[::-1]


def _within(quantity: Quantity, others: Sequence[Quantity]) -> bool:
    return all(
        any(
            other.holds(end, quantity.rough)
            for other in others
            if {other.bound, quantity.bound} != {"<", ">"}
        )
        for end in (quantity.low, quantity.high)
    )


def _tenfold(quantity: Quantity, others: Sequence[Quantity]) -> bool:
    """Whether a quantity is one of the others times a power of ten (up to 1000)."""
    pairs = [
        (a, b)
        for other in others
        for a, b in ((quantity.low, other.low), (quantity.high, other.high))
        if a > 0 and b > 0
    ]
    powers = [math.log10(a / b) for a, b in pairs]
    return any(
        abs(power - round(power)) < TOLERANCE and 1 <= abs(round(power)) <= 3 for power in powers
    )
