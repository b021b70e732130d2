"""MedQuAD (Ben Abacha and Demner-Fushman 2019) as published: a tree of XML, one file a document,
one focus a file.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medtune.conversation import Message
from medtune.data.rows import Row
from medtune.errors import DataError

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
            f"not valid XML ({error})", where=str(path), fix="Fetch the file again."
        ) from error
    if root is None or root.tag != "Document":
        raise DataError(
            "no document of MedQuAD",
            where=str(path),
            fix="Name the directory of MedQuAD's own XML.",
        )
    return root
