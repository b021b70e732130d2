"""What the forms of published data sets share: the columns a form is known by, and how its rows
become conversations.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtune.conversation import Message
from medtune.data.columns import Layout, nested_field, text_of
from medtune.data.formats.delimited import TableRow
from medtune.data.formats.tables import Table
from medtune.data.rows import Row
from medtune.errors import DataError, without_values
from medtune.recipe.schema import Columns


@dataclass(frozen=True)
class Fields:
    """One row of a table as it stands in the file."""

    row: TableRow
    source: str
    location: str

    def text(self, *names: str) -> str:
        """The first of these fields that is not empty, as text."""
        return next(
            (text for name in names if (text := text_of(self.row, name, self.location))), ""
        )

    def texts(self, name: str) -> list[str]:
        """A list of texts, or the JSON text of one."""
        value = nested_field(self.row, name, self.location)
        if isinstance(value, str) and value.strip():
            value = [value]
        if value is not None and not isinstance(value, list):
            raise self.fault(
                f"the column {name!r} holds no list of texts", "Use the file as it was published."
            )
        return [text_of({name: item}, name, self.location) for item in value or []]

    def conversation(self, question: str, answer: str, **facts: Any) -> Row:
        """The row as one question with its answer."""
        return Row(
            (Message("user", question), Message("assistant", answer)),
            self.source,
            self.location,
            **facts,
        )

    def fault(self, what: str, fix: str) -> DataError:
        """An error at this row."""
        return DataError(what, where=self.location, fix=fix)


Convert = Callable[[Fields], Row]


@dataclass(frozen=True)
class PublishedForm:
    """One published form of a data set.

    ``needs`` are the columns it is known by. ``telling`` says that they alone tell the data set, so
    that a file of any name is known by them; ``exact``, that there may be no others. ``fits`` looks
    at the first row. ``bind`` gives the conversion, for a form whose meaning has to be read from
    the table first.
    """

    needs: frozenset[str]
    bind: Callable[[Table], Convert]
    taken: dict[str, str] = field(default_factory=dict)
    telling: bool = True
    exact: bool = False
    fits: Callable[[TableRow], bool] = lambda row: True

    def is_form_of(self, table: Table) -> bool:
        """Whether a table has this form."""
        names = set(table.names)
        return (
            self.needs <= names
            and (not self.exact or names == self.needs)
            and self.fits(table.first or {})
        )


def form(needs: str, convert: Convert, taken: dict[str, str], **facts: Any) -> PublishedForm:
    """A form by its columns and the conversion of a row."""
    return PublishedForm(frozenset(needs.split()), lambda table: convert, taken, **facts)


def pairs(
    needs: str, *, telling: bool = True, exact: bool = False, **columns: str
) -> PublishedForm:
    """A form that needs no code: each part of the conversation stands in a column."""
    layout = Layout(Columns(**columns))
    return PublishedForm(
        frozenset(needs.split()),
        lambda table: lambda fields: layout.row(fields.row, fields.source, fields.location),
        layout.taken(),
        telling,
        exact,
    )


if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def medquad_xml_rows(files: Sequence[Path]) -> Iterator[Row]:
    """Rows of the tree: the focus is the entity, so that one disease lies in one split."""
    for path in files:
        root = _parse(path)
        focus = (root.findtext("Focus") or "").strip() or None
        for pair in root.iter("QAPair"):
            question = pair.find("Question")
            asked = (question.text or "") if question is not None else ""
            answer = pair.findtext("Answer") or ""
            yield Row(
                (Message("user", asked), Message("assistant", answer)),
                "medquad",
                f"{path}, pair {pair.get('pid')}",
                entity=focus,
                id=question.get("qid") if question is not None else None,
            )


def _parse(path: Path) -> "Element":
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, parse

    try:
        root: Element | None = parse(path).getroot()
    except (ParseError, DefusedXmlException, ValueError, LookupError, OSError) as error:
        raise DataError(
            f"not valid XML ({without_values(error)})", where=str(path), fix="Fetch the file again."
        ) from error
    if root is None or root.tag != "Document":
        raise DataError(
            "no document of MedQuAD",
            where=str(path),
            fix="Name the directory of MedQuAD's own XML.",
        )
    return root
