"""The rows that a recipe asks for: those of certain values, and so many of each label."""

from collections import Counter

import numpy as np

from medtune.data.index import conversation_hash
from medtune.data.rows import Row
from medtune.errors import DataError
from medtune.recipe.sections.data import Where

OUTSIDE, BEYOND = "outside_where", "beyond_per_label"


def wanted(row: Row, where: Where, counted: Counter[str]) -> bool:
    """Whether a repaired row has one of the values of every field that is named; its values are counted."""
    named = [(field, values) for field, values in where if values is not None]
    found = [(field, _names(row, field).intersection(values)) for field, values in named]
    if not all(names for _, names in found):
        return False
    counted.update(_key(field, name) for field, names in found for name in names)
    return True


def _names(row: Row, field: str) -> set[str | None]:
    """A row's values of a field; its id is its own, and the one that it will have in the splits."""
    if field != "id":
        return {getattr(row, field)}
    digest = f"{conversation_hash(row):016x}"
    return {row.id, f"{row.source}-{row.id}-{digest[:6]}" if row.id else f"{row.source}-{digest[:12]}"}


def check_found(where: Where, counted: Counter[str]) -> None:
    """Every value that was asked for stands in some row. Raises ``DataError`` otherwise: it may be misspelt."""
    for field, values in where:
        missing = [value for value in values or [] if not counted[_key(field, value)]]
        if missing:
            raise DataError(
                f"no row that is wanted has the {field} {', '.join(map(repr, missing))}",
                where=f"data.where.{field}",
                fix="Values are compared exactly, after cleaning; `medtune data audit` lists labels.",
            )


def _key(field: str, value: str | None) -> str:
    return f"where {field} {value}"


def draw_per_label(
    labels: np.ndarray, kept: np.ndarray, number: int, seed: int
) -> tuple[int, dict[str, tuple[int, int]]]:
    """Narrow ``kept`` to ``number`` rows of each label, drawn by seed; rows left out, and labels with too few rows.

    Rows without a label are left out with the rest. Raises ``DataError`` where no row has one.
    """
    before, lacking = int(kept.sum()), {}
    rng = np.random.default_rng(seed)
    positions = np.flatnonzero(kept)
    names = sorted({label for label in labels[positions] if label is not None})
    if not names:
        raise DataError("no row has a label", where="data.per_label", fix="Name the column with data.columns.label.")
    kept[:] = False
    for name in names:
        rows = positions[labels[positions] == name]
        kept[rng.permutation(rows)[:number]] = True
        if len(rows) < number:
            lacking[f"label {name}"] = (number, len(rows))
    return before - int(kept.sum()), lacking
