"""Clinical documents into rows: notes to learn, a section to write, or a label to name."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from medtune.conversation import Message
from medtune.data.clinical.detect import ClinicalFormat, DocumentUse
from medtune.data.clinical.document import (
    ClinicalDocument,
    DocumentSection,
    OnError,
    RecordErrors,
    text_sections,
)
from medtune.data.column_names import reads_as_data
from medtune.data.rows import Row, Source
from medtune.errors import DataError

# Titles of sections in C-CDA, in articles and in notes.
_USUAL = frozenset(
    " ".join(
        """
        abstract | admission diagnosis | allergies | allergies and intolerances | assessment |
        assessment and plan | background | brief hospital course | chief complaint | comment |
        comments | conclusion | conclusions | diagnosis | discharge diagnosis |
        discharge disposition | discharge instructions | discharge medications | encounters |
        family history | findings | functional status | goals | history |
        history of present illness | hospital course | immunizations | impression | indication |
        introduction | laboratory data | medications | medications on admission | methods |
        objective | past medical history | past surgical history | physical exam |
        physical examination | plan | plan of care | plan of treatment | problem list | problems |
        procedure | procedures | reason for visit | results | review of systems | social history |
        subjective | summary | technique | vital signs
        """.split()
    ).split(" | ")
)
_LOOK = 200  # documents whose labels and sections are named in an error


@dataclass(frozen=True)
class SourceSettings:
    """What the recipe says of reading: ``data.as``, ``label``, ``section`` and ``on_error`` of
    documents, ``encoding`` and ``sheet`` of tables.
    """

    use: DocumentUse | None = None
    label: str | None = None
    section: str | None = None
    on_error: OnError = "stop"
    encoding: str = "auto"
    sheet: str | None = None


@dataclass
class _Numbers:
    """Patients by the order in which they come: the files' own numbers are never written."""

    numbers: dict[str, int] = field(default_factory=dict)

    def name(self, kind: str, key: str | None) -> str | None:
        return f"{kind} {self.numbers.setdefault(key, len(self.numbers) + 1)}" if key else None


def document_source(
    name: str, files: Sequence[Path], format: ClinicalFormat, settings: SourceSettings
) -> Source:
    """The source whose rows are the documents of the files.

    Raises ``DataError`` where the label or section that the recipe names is in no document.
    """
    use = settings.use or ("classification" if settings.label else format.use)
    errors = RecordErrors(settings.on_error)
    convert = _converter(use, settings, format, files)

    def read() -> Iterator[Row]:
        errors.begin()
        patients = _Numbers()
        for document in format.read(list(files), errors):
            messages, label = convert(document)
            if not messages:
                errors.not_read(f"document without {settings.label or settings.section}")
                continue
            group = patients.name("patient", document.patient) or patients.name(
                "encounter", document.encounter
            )
            yield Row(
                messages,
                name,
                document.location,
                entity=group or (document.title if format.use == "qa" else None),
                label=label,
                id=document.id,
                shared_request=use == "notes",
                identifiers=tuple((i.kind, i.value) for i in document.identifiers),
            )

    parts = {"as": use, "label": settings.label, "section": settings.section}
    return Source(
        name,
        read,
        tuple(files),
        columns={"format": format.name} | {k: v for k, v in parts.items() if v},
        errors=errors,
    )


Converted = tuple[tuple[Message, ...], str | None]


def _converter(
    use: DocumentUse, settings: SourceSettings, format: ClinicalFormat, files: Sequence[Path]
) -> Callable[[ClinicalDocument], Converted]:
    if use == "classification":
        label = settings.label or _missing("label", format, files)
        _check_label(label, format, files)
        return lambda document: _labelled(document, label)
    if use == "notes":
        return lambda document: (_turns(_request(document), document.text), None)
    if settings.section:
        section = settings.section
        _check_section(section, format, files)
        return lambda document: (_section_turns(document, section), None)
    if format.use == "qa":
        return lambda document: (_titled(document, format), None)
    _missing("section", format, files)
    raise AssertionError


def _turns(question: str, answer: str) -> tuple[Message, ...]:
    return (Message("user", question), Message("assistant", answer))


def _labelled(document: ClinicalDocument, label: str) -> Converted:
    value = document.labels.get(label)
    return (_turns(document.text, value), value) if value else ((), None)


def _request(document: ClinicalDocument) -> str:
    """What a note answers: its kind is asked for, nothing of its text."""
    return f"Write a clinical note: {document.title}." if document.title else "Write a note."


def _titled(document: ClinicalDocument, format: ClinicalFormat) -> tuple[Message, ...]:
    title = (document.title or "").rstrip(".")
    if not title:
        return ()
    if format.name == "UMLS":
        return _turns(f"What is {title}?", document.text)
    asked = title if title.endswith("?") else f"What does the article “{title}” report?"
    return _turns(asked, document.text)


def _is_section(heading: str, name: str) -> bool:
    plain = heading.strip().rstrip(":").casefold()
    return plain.removeprefix("abstract: ") == name.strip().rstrip(":").casefold()


def _sections(document: ClinicalDocument) -> tuple[DocumentSection, ...]:
    """A document's sections; a text without any is divided at lines that are headings."""
    if len(document.sections) == 1 and not document.sections[0].heading:
        return text_sections(document.text)
    return document.sections


def _section_turns(document: ClinicalDocument, name: str) -> tuple[Message, ...]:
    """The section as the answer; the others are the context, so the answer is not in it."""
    sections = _sections(document)
    answer = "\n\n".join(s.text for s in sections if _is_section(s.heading, name))
    others = tuple(s for s in sections if not _is_section(s.heading, name))
    if not answer or not others:
        return ()
    context = ClinicalDocument(others, document.location).text
    title = document.title or ""
    asked = title if title.endswith("?") else f"Write the section {name} of this document."
    return _turns(f"{context}\n\n{asked}", answer)


def _sample(format: ClinicalFormat, files: Sequence[Path]) -> list[ClinicalDocument]:
    documents = format.read(list(files), RecordErrors("skip"))
    return [document for document, _ in zip(documents, range(_LOOK), strict=False)]


def _missing(part: str, format: ClinicalFormat, files: Sequence[Path]) -> str:
    names = _names(part, format, files)
    raise DataError(
        f"{format.name} documents as {'classification' if part == 'label' else 'qa'} need a {part}",
        where=f"data.{part}",
        fix=f"Documents here have: {names}. Or say data.as: notes",
    )


def _names(part: str, format: ClinicalFormat, files: Sequence[Path]) -> str:
    """The names for a message. A heading is a text: it is shown where it is a usual one, or that
    of several documents, and does not read as data.
    """
    counts: Counter[str] = Counter()
    for document in _sample(format, files):
        if part == "label":
            counts.update(list(document.labels))
        else:
            counts.update({s.heading for s in _sections(document) if s.heading})
    shown = {
        name: count
        for name, count in counts.items()
        if not reads_as_data(name)
        and (part == "label" or count > 1 or name.strip(": ").casefold() in _USUAL)
    }
    listed = [f"{name} ({n})" for name, n in Counter(shown).most_common(12)]
    others = len(counts) - len(shown)
    return ", ".join([*listed, *([f"{others} of unusual names"] if others else [])]) or "none"


def _check_label(label: str, format: ClinicalFormat, files: Sequence[Path]) -> None:
    if not any(label in d.labels for d in format.read(list(files), RecordErrors("skip"))):
        raise DataError(
            f"no document has the label {label!r}",
            where="data.label",
            fix=f"Labels here: {_names('label', format, files)}.",
        )


def _check_section(section: str, format: ClinicalFormat, files: Sequence[Path]) -> None:
    documents = format.read(list(files), RecordErrors("skip"))
    if not any(_is_section(s.heading, section) for d in documents for s in _sections(d)):
        raise DataError(
            f"no document has the section {section!r}",
            where="data.section",
            fix=f"Sections here: {_names('section', format, files)}.",
        )
