"""Whose an HL7 v2 message is, and the identifiers of all whom its segments name."""

from collections.abc import Iterator, Mapping

from medtune.data.clinical.document import KnownIdentifier, known
from medtune.data.clinical.hl7_fields import (
    Delimiters,
    Segment,
    component,
    part_of,
    repetitions,
    unescape,
)
from medtune.data.clinical.identifiers import date_spellings, name_spellings

# Fields of names (XPN: family^given), of numbers with names (XCN: number^family^given), of these
# within one component (NDL: number&family&given), of telephones, addresses, dates and numbers.
_NAMES = {"PID": (5, 6, 9), "NK1": (2, 30), "GT1": (3,), "IN1": (16,), "MRG": (7,)}
_NUMBERED_NAMES = {
    "PV1": (7, 8, 9, 17, 52), "PD1": (4,), "ORC": (10, 11, 12, 19), "OBR": (10, 16, 28),
    "OBX": (16,), "TXA": (5, 9, 10, 11, 22), "ROL": (4,), "DG1": (16,), "PR1": (8, 11, 12),
    "EVN": (5,),
}  # fmt: skip
_NESTED_NAMES = {"OBR": (32, 33, 34, 35)}
_PHONES = {"PID": (13, 14), "NK1": (5, 6), "GT1": (6, 7), "OBR": (17,), "ORC": (14,)}
_ADDRESSES = {"PID": (11,), "NK1": (4,), "GT1": (5,)}
_DATES = {"PID": (7, 29), "NK1": (16,)}
_RECORDS = {"PID": (2, 3, 4, 18, 21), "PV1": (5, 19, 50), "MRG": (1, 3), "IN1": (36, 49)}


def patient_number(patient: Segment, marks: Delimiters) -> str | None:
    """The patient's number with the authority that gave it: the record number (MR) where the
    numbers have types, else the first.
    """
    numbers = [
        parts
        for field in (3, 2)
        for parts in repetitions(patient, field, marks)
        if part_of(parts, 1)
    ]
    by_type = (p for kind in ("MR", "PI") for p in numbers if part_of(p, 5).upper() == kind)
    chosen = next(by_type, numbers[0] if numbers else None)
    if chosen is None:
        return None
    # The authority's name; its number and the number's kind may follow, and need not.
    authority = next(filter(None, part_of(chosen, 4).split(marks.subcomponent)), "")
    return f"{part_of(chosen, 1)}^{authority}"


def segment_identifiers(row: Segment, marks: Delimiters) -> Iterator[KnownIdentifier]:
    """Identifiers of the persons whom one segment names."""
    kind = row[0]
    for parts in _fields(_NAMES, row, marks):
        yield from _name(parts, 1, marks)
    for parts in _fields(_NUMBERED_NAMES, row, marks):
        yield from _name(parts, 2, marks)
    for parts in _fields(_NESTED_NAMES, row, marks):
        yield from _name(part_of(parts, 1).split(marks.subcomponent), 2, marks)
    for parts in _fields(_PHONES, row, marks):
        yield from known("phone", part_of(parts, 1), part_of(parts, 12))
        yield from known("phone", part_of(parts, 6) + part_of(parts, 7))
        yield from known("email", part_of(parts, 4))
    for parts in _fields(_ADDRESSES, row, marks):
        yield from known("address", part_of(parts, 1), part_of(parts, 2), part_of(parts, 3))
        yield from known("zip", part_of(parts, 5))
    for number in _DATES.get(kind, ()):
        yield from date_spellings(component(row, number, marks))
    for parts in _fields(_RECORDS, row, marks):
        yield from known("record", part_of(parts, 1))
    if kind == "PID":
        yield from known("ssn", component(row, 19, marks))


def _fields(
    numbers: Mapping[str, tuple[int, ...]], row: Segment, marks: Delimiters
) -> Iterator[list[str]]:
    for number in numbers.get(row[0], ()):
        yield from repetitions(row, number, marks)


def _name(parts: list[str], first: int, marks: Delimiters) -> Iterator[KnownIdentifier]:
    """A name whose family part is the component ``first``, with its own subcomponents."""
    families = [part.strip() for part in part_of(parts, first).split(marks.subcomponent)]
    given = [unescape(part, marks) for part in parts[first : first + 2]]
    for family in dict.fromkeys(filter(None, families[:1] + families[2:3] + families[4:5])):
        yield from name_spellings(family, given)
    if not any(families):
        yield from name_spellings("", given)
