"""Mark-up of clinical narratives (XHTML of FHIR, the narrative block of C-CDA, JATS of PubMed) as
plain text that means the same: tables keep their cells, exponents stay exponents.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from medtune.errors import DataError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_BLOCKS = frozenset(
    "p div paragraph title caption h1 h2 h3 h4 h5 h6 table ul ol list section sec "
    "abstracttext label disp-quote disp-formula fig table-wrap".split()
)
_ITEMS = frozenset(("li", "item", "list-item"))
_CELLS = frozenset(("td", "th"))
_DROPPED = frozenset(("script", "style", "head", "tex-math"))
_STRUCK = frozenset(("s", "del", "strike", "strikethrough"))
_UP = str.maketrans("0123456789+-−()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁽⁾ⁿ")
_DOWN = str.maketrans("0123456789+-−()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₍₎")


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
    """The text of an element and all below it but what ``skip`` names, as lines."""
    parts: list[str] = []
    _collect(element, parts, frozenset(skip))
    text = re.sub(r"[^\S\n]+", " ", "".join(parts))
    lines = (line.strip().removeprefix("| ") for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _collect(element: "Element", parts: list[str], skip: frozenset[str]) -> None:
    name = local_name(element).lower()
    if not name or name in _DROPPED:
        return
    before, after = _around(name)
    parts.append(before)
    if name in ("sup", "sub"):
        parts.append(_raised("".join(element.itertext()), up=name == "sup"))
    elif name in ("msup", "msub", "mfrac") and len(element) == 2:
        parts.append(_formula(name, *(narrative_text(part) for part in element)))
    elif name == "xref" and element.get("ref-type") == "bibr":
        parts.append(f"[{''.join(element.itertext()).strip(' []')}]")  # no exponent: a citation
    else:
        parts.append(_flat(element.text))
        for child in element:
            if local_name(child) not in skip:
                _collect(child, parts, skip)
            parts.append(_flat(child.tail))
    parts.append(after)


def _formula(name: str, first: str, second: str) -> str:
    """Two parts of MathML, such as 10 and 9 of 10⁹."""
    if name == "mfrac":
        return f"({first})/({second})"
    return first + _raised(second, up=name == "msup")


def _around(name: str) -> tuple[str, str]:
    if name == "br":
        return "\n", ""
    if name in _ITEMS:
        return "\n- ", ""
    if name == "tr":
        return "\n", ""
    if name in _CELLS:
        return "| ", " "
    if name in _STRUCK:
        return "[struck out: ", "]"
    return ("\n", "\n") if name in _BLOCKS else ("", "")


def _flat(text: str | None) -> str:
    return re.sub(r"\s+", " ", text) if text else ""


def _raised(text: str, *, up: bool) -> str:
    """A superscript or subscript; what has no such character keeps its mark: ``^(a)``."""
    text = text.strip()
    raised = text.translate(_UP if up else _DOWN)
    if all(old != new for old, new in zip(text, raised, strict=True)):
        return raised
    return f"^({text})" if up and len(text) > 1 else f"^{text}" if up else f"_{text}"


def html_text(source: str) -> str:
    """An HTML page, which need not be well formed, as plain text."""
    from html.parser import HTMLParser

    class _Text(HTMLParser):
        def __init__(self) -> None:
            super().__init__(convert_charrefs=True)
            self.parts: list[str] = []
            self.dropped = 0
            self.raised: list[str] = []

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.dropped += tag in _DROPPED
            if tag in ("sup", "sub"):
                self.raised.append(tag)
            else:
                self.parts.append(_around(tag)[0])

        def handle_endtag(self, tag: str) -> None:
            self.dropped -= tag in _DROPPED and self.dropped > 0
            if tag in ("sup", "sub"):
                del self.raised[-1:]
            else:
                self.parts.append(_around(tag)[1])

        def handle_data(self, data: str) -> None:
            if self.raised:
                data = _raised(data, up=self.raised[-1] == "sup")
            if not self.dropped:
                self.parts.append(_flat(data))

    reader = _Text()
    reader.feed(source)
    reader.close()
    lines = (
        re.sub(r"[^\S\n]+", " ", line).strip().removeprefix("| ")
        for line in "".join(reader.parts).split("\n")
    )
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
