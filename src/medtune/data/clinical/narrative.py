"""Mark-up of clinical narratives (XHTML of FHIR, the narrative block of C-CDA, JATS of PubMed) as
plain text that means the same: tables keep their cells, exponents stay exponents.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from medtune.data.clinical.formulas import formula_text, is_formula, raised
from medtune.errors import DataError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_BLOCKS = frozenset(
    "p div paragraph title caption h1 h2 h3 h4 h5 h6 table ul ol dl dt dd list section sec "
    "abstracttext label disp-quote disp-formula fig table-wrap table-wrap-foot fn pre blockquote "
    "article header footer hr address figure figcaption boxed-text statement verse-line def-list "
    "def-item term def ack app supplementary-material disp-formula-group fig-group "
    "table-wrap-group".split()
)
_ITEMS = frozenset(("li", "item", "list-item"))
_CELLS = frozenset(("td", "th"))
_BREAKS = frozenset(("br", "break"))
_DROPPED = frozenset(("script", "style", "head"))
_STRUCK = frozenset(("s", "del", "strike", "strikethrough"))
# References that are a number or letter beside a word, and would be taken for a part of it.
_MARKS = frozenset(("bibr", "fn", "table-fn"))
_MAX_SPAN = 1000  # rows or columns of a cell, as HTML allows


def local_name(element: "Element") -> str:
    """An element's name without its namespace; empty for comments and instructions."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def parse_xml(source: str | bytes, location: str) -> "Element":
    """The root of an XML text.

    Raises ``DataError`` for XML that is broken or declares entities.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root: Element = fromstring(source)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        position = getattr(error, "position", None)
        line = f" (line {position[0]})" if position else f" ({type(error).__name__})"
        raise DataError(
            f"not valid XML{line}", where=location, fix="Export the record again."
        ) from error
    return root


def narrative_text(element: "Element", skip: Iterable[str] = ()) -> str:
    """The text of an element as lines, without those of its own parts that ``skip`` names.

    Raises ``ValueError`` for mark-up that is nested too deeply to be read.
    """
    parts: list[str] = []
    try:
        _collect(element, parts, frozenset(skip))
    except RecursionError as error:
        raise ValueError("mark-up nested too deeply") from error
    text = re.sub(r"[^\S\n]+", " ", "".join(parts))
    text = "\n".join(line.strip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _collect(element: "Element", parts: list[str], skip: frozenset[str] = frozenset()) -> None:
    name = local_name(element).lower()
    if not name or name in _DROPPED:
        return
    before, after = _around(element, name)
    parts.append(before)
    if name == "table":
        parts.append("\n".join(_table_lines(element)))
    elif name in ("sup", "sub"):
        parts.append(_script(element, up=name == "sup"))
    elif is_formula(name):
        parts.append(formula_text(element))
    elif name == "xref" and element.get("ref-type") in _MARKS:
        parts.append(f"[{''.join(element.itertext()).strip(' []')}]")  # no exponent: a citation
    elif name == "pre" or "white-space: pre" in (element.get("style") or ""):
        parts.append("".join(element.itertext()))
    else:
        _collect_inner(element, parts, skip)
    parts.append(after)


def _collect_inner(element: "Element", parts: list[str], skip: frozenset[str]) -> None:
    parts.append(_flat(element.text))
    for child in _chosen(element):
        if local_name(child) not in skip:
            _collect(child, parts)
        parts.append(_flat(child.tail))


def _chosen(element: "Element") -> "list[Element]":
    """The children; of ``alternatives`` (a formula, its TeX, its picture) the first with text."""
    children = list(element)
    if local_name(element) != "alternatives":
        return children
    children.sort(key=lambda child: local_name(child) == "tex-math")
    return [child for child in children if "".join(child.itertext()).strip()][:1]


def _script(element: "Element", *, up: bool) -> str:
    """A superscript or subscript; one that refers to a source or a note is no exponent."""
    parts: list[str] = []
    _collect_inner(element, parts, frozenset())
    text = "".join(parts)
    if any(inner.get("ref-type") in _MARKS for inner in element.iter()):
        return re.sub(r"\[\s*(\[.*\])\s*\]", r"\1", text)
    return raised(text, up=up)


def _table_lines(table: "Element") -> Iterator[str]:
    """Caption, then a line a row; a cell over several rows or columns stands in each of them."""
    below: dict[int, tuple[int, str]] = {}  # column → rows that are left, text
    for row in _rows(table):
        if local_name(row).lower() != "tr":
            yield narrative_text(row)
            continue
        cells: list[str] = []
        given = [cell for cell in row if local_name(cell).lower() in _CELLS]
        for cell in given:
            _fill(cells, below)
            text = re.sub(r"\s*\n\s*", "; ", narrative_text(cell))
            rows = _span(cell, "rowspan")
            for _ in range(_span(cell, "colspan") if len(given) > 1 else 1):
                if rows > 1:
                    below[len(cells)] = rows - 1, text
                cells.append(text)
        _fill(cells, below)
        if line := " | ".join(cells).strip():
            yield line


def _rows(table: "Element") -> "Iterator[Element]":
    for child in table:
        name = local_name(child).lower()
        if name in ("thead", "tbody", "tfoot"):
            yield from _rows(child)
        elif name in ("tr", "caption"):
            yield child


def _fill(cells: list[str], below: dict[int, tuple[int, str]]) -> None:
    """Put into a row what reaches into it from the rows above."""
    while (column := len(cells)) in below:
        left, text = below.pop(column)
        if left > 1:
            below[column] = left - 1, text
        cells.append(text)


def _span(cell: "Element", name: str) -> int:
    value = cell.get(name) or "1"
    return min(max(int(value), 1), _MAX_SPAN) if value.isdecimal() else 1


def _around(element: "Element", name: str) -> tuple[str, str]:
    if name in _BREAKS:
        return "\n", ""
    if name in _ITEMS:
        return "\n- ", ""
    if name in _STRUCK or element.get("revised") == "delete":
        return "[struck out: ", "]"
    if name == "footnote":
        return " [", "]"
    return ("\n", "\n") if name in _BLOCKS else ("", "")


def _flat(text: str | None) -> str:
    return re.sub(r"\s+", " ", text) if text else ""


def html_text(source: str) -> str:
    """An HTML page, which need not be well formed, as plain text."""
    from medtune.data.clinical.html_tree import parse_html

    return narrative_text(parse_html(source))
