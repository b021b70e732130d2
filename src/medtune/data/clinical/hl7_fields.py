"""Fields of HL7 v2 segments: delimiters, components, repetitions, and escape sequences resolved."""

import re
from dataclasses import dataclass

Segment = list[str]
NULL = '""'  # a field that deletes what the receiver has: no value
# Formatting commands of an FT field that stand for a line break; others change the look alone.
_BREAKS = (".br", ".sp", ".ce", ".in", ".ti", ".fi", ".nf", ".sk")


@dataclass(frozen=True)
class Delimiters:
    """Field, component, repetition, escape and subcomponent separators of one message, and the
    codec of its characters.
    """

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = "#"
    charset: str = "latin-1"

    @classmethod
    def of(cls, header: str, charset: str) -> "Delimiters":
        """Those of an MSH segment. Raises ``ValueError`` where it names none."""
        field = header[3:4]
        marks = header.split(field)[1] if field else ""
        if len(marks) < 1 or field.isalnum():
            raise ValueError("an MSH segment without delimiters")
        marks += "^~\\&#"[len(marks) :]
        return cls(field, marks[0], marks[1], marks[2], marks[3], marks[4], charset)


def raw_field(row: Segment, number: int) -> str:
    """A field by its number in the standard; of MSH the first is the delimiter itself."""
    index = number - 1 if row and row[0] == "MSH" else number
    value = row[index] if index < len(row) else ""
    return "" if value == NULL else value


def repetitions(row: Segment, number: int, marks: Delimiters) -> list[list[str]]:
    """The repetitions of a field, each as its components, unescaped."""
    return [
        ["" if part == NULL else unescape(part, marks).strip()
         for part in repeated.split(marks.component)]
        for repeated in raw_field(row, number).split(marks.repetition)
    ]  # fmt: skip


def component(row: Segment, number: int, marks: Delimiters, part: int = 1) -> str:
    """A component of a field's first repetition; empty where it is not there."""
    return part_of(repetitions(row, number, marks)[0], part)


def part_of(parts: list[str], number: int) -> str:
    """A component by its number, empty where it is not there."""
    return parts[number - 1] if number <= len(parts) else ""


def unescape(text: str, marks: Delimiters) -> str:
    """A field's text with its escape sequences resolved.

    A single escape sign that begins no sequence stays as it is: nothing behind it is lost.
    """
    sign = marks.escape
    if sign not in text:
        return text
    plain = {
        "F": marks.field,
        "S": marks.component,
        "R": marks.repetition,
        "E": sign,
        "T": marks.subcomponent,
        "P": marks.truncation,
        "H": "",
        "N": "",
    }

    def resolve(match: re.Match[str]) -> str:
        name = match[1]
        if name in plain:
            return plain[name]
        if name[0] in "Xx":
            return _of_bytes(bytes.fromhex(re.sub(rf"{re.escape(sign)}+[Xx]", "", name[1:])), marks)
        lines = re.fullmatch(r"\.sp\+?(\d+)", name.lower())
        return "\n" * int(lines[1]) if lines and int(lines[1]) < 100 else "\n"

    mark, breaks = re.escape(sign), "|".join(re.escape(name) for name in _BREAKS)
    # Neighbouring \X..\ may be bytes of one character.
    bytes_ = rf"[Xx](?:[0-9A-Fa-f]{{2}})+(?:{mark}{mark}[Xx](?:[0-9A-Fa-f]{{2}})+)*"
    pattern = rf"({bytes_}|[FSREPTHN]|(?:(?i:{breaks}))[+\- ]?\d*)"
    return re.sub(f"{mark}{pattern}{mark}", resolve, text)


def _of_bytes(raw: bytes, marks: Delimiters) -> str:
    """Bytes of an ``X`` sequence, in the message's characters where they are such."""
    try:
        text = raw.decode(marks.charset)
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")
