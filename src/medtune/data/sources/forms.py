"""What the forms of published data sets share: the columns a form is known by, and how its rows
become conversations.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from medtune.conversation import Message
from medtune.data.columns import Layout, text_of
from medtune.data.formats.tables import Table
from medtune.data.rows import Row
from medtune.errors import DataError
from medtune.recipe.schema import Columns


@dataclass(frozen=True)
class Fields:
    """One row of a table as it stands in the file."""

    row: dict[str, Any]
    source: str
    location: str

    def text(self, *names: str) -> str:
        """The first of these fields that is not empty, as text."""
        return next(
            (text for name in names if (text := text_of(self.row, name, self.location))), ""
        )

    def texts(self, name: str) -> list[str]:
        """A list of texts, or the JSON text of one."""
        value = self.row.get(name)
        if isinstance(value, str) and value.strip():
            try:
                value = json.loads(value)
            except ValueError:
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
class Form:
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
    fits: Callable[[dict[str, Any]], bool] = lambda row: True

    def is_form_of(self, table: Table) -> bool:
        """Whether a table has this form."""
        names = set(table.names)
        return (
            self.needs <= names
            and (not self.exact or names == self.needs)
            and self.fits(table.first or {})
        )


def form(needs: str, convert: Convert, taken: dict[str, str], **facts: Any) -> Form:
    """A form by its columns and the conversion of a row."""
    return Form(frozenset(needs.split()), lambda table: convert, taken, **facts)


def pairs(needs: str, *, telling: bool = True, exact: bool = False, **columns: str) -> Form:
    """A form that needs no code: each part of the conversation stands in a column."""
    layout = Layout(Columns(**columns))
    return Form(
        frozenset(needs.split()),
        lambda table: lambda fields: layout.row(fields.row, fields.source, fields.location),
        layout.taken(),
        telling,
        exact,
    )
