"""``ClinicalDocument``, what every reader of a clinical format yields: a text, its parts, whose it
is, and the identifiers that the file's structure names.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from medtune.errors import DataError

OnError = Literal["stop", "skip"]
_LISTED = 20  # locations that are kept of records left out


@dataclass(frozen=True)
class DocumentSection:
    """A part of a document under its heading, which is empty for text without one."""

    heading: str
    text: str


@dataclass(frozen=True)
class KnownIdentifier:
    """A value that the file itself says is an identifier.

    ``kind`` is one of the kinds that the scan of texts knows (name, record, date, phone …).
    """

    kind: str
    value: str


@dataclass(frozen=True)
class ClinicalDocument:
    """One text of a clinical file.

    ``patient`` and ``encounter`` are the file's own numbers: they group rows and are never written.
    ``labels`` maps the name of a coded field (``DiagnosticReport.code``, ``Composition.type``, the
    tag ``ABDOMINAL``) to its value, for ``data.label``. ``location`` names file and record.
    """

    sections: tuple[DocumentSection, ...]
    location: str
    id: str | None = None
    patient: str | None = None
    encounter: str | None = None
    title: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    identifiers: tuple[KnownIdentifier, ...] = ()

    @property
    def text(self) -> str:
        """All sections, each under its heading."""
        return "\n\n".join(
            f"{section.heading}\n{section.text}" if section.heading else section.text
            for section in self.sections
            if section.text.strip()
        )


@dataclass
class RecordErrors:
    """Records that could not be read: an error at once, or counted by reason and left out."""

    on_error: OnError = "stop"
    counts: dict[str, int] = field(default_factory=dict)
    locations: list[str] = field(default_factory=list)
    unread: dict[str, int] = field(default_factory=dict)

    def add(self, reason: str, location: str, fix: str) -> None:
        """A record that is broken. Raises ``DataError`` where reading stops at such."""
        if self.on_error == "stop":
            raise DataError(
                reason,
                where=location,
                fix=f"{fix} Or leave such records out, counted: data.on_error: skip",
            )
        self.counts[reason] = self.counts.get(reason, 0) + 1
        if len(self.locations) < _LISTED:
            self.locations.append(location)

    def not_read(self, kind: str) -> None:
        """Count what is whole, and of a kind that is not read (a PDF, an image, a code alone)."""
        self.unread[kind] = self.unread.get(kind, 0) + 1

    def begin(self) -> None:
        """Count anew: the files are read from the start."""
        self.counts.clear()
        self.locations.clear()
        self.unread.clear()


ReadDocuments = Callable[[list[Path], RecordErrors], Iterator[ClinicalDocument]]


def one_section(text: str) -> tuple[DocumentSection, ...]:
    """A text without headings, as the one section of a document."""
    return (DocumentSection("", text),)


_HEADING = re.compile(r"^[ \t]*([A-Z][A-Za-z /&()-]{2,60}):[ \t]*$", re.MULTILINE)


def text_sections(text: str) -> tuple[DocumentSection, ...]:
    """A plain text divided at lines that are a heading alone (``Chief Complaint:``)."""
    marks = list(_HEADING.finditer(text))
    starts = [0, *(mark.end() for mark in marks)]
    ends = [*(mark.start() for mark in marks), len(text)]
    headings = ["", *(mark[1].strip() for mark in marks)]
    parts = (
        DocumentSection(heading, text[start:end].strip("\n"))
        for heading, start, end in zip(headings, starts, ends, strict=True)
    )
    return tuple(part for part in parts if part.text.strip())


def known(kind: str, *values: str | None) -> tuple[KnownIdentifier, ...]:
    """Identifiers of one kind; values that are missing or too short to tell are none.

    A single character, or fewer than four digits alone, stand in a text for much else (a dose).
    """
    texts = (value.strip() for value in values if value)
    return tuple(
        KnownIdentifier(kind, text)
        for text in texts
        if len(text) > 1 and not (len(text) < 4 and text.isdecimal())
    )
