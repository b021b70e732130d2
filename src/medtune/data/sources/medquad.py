"""MedQuAD (Ben Abacha and Demner-Fushman 2019) in its published forms: the XML tree and tables."""

from pathlib import Path
from typing import Any

from medtune.conversation import Message
from medtune.data.rows import Row
from medtune.errors import DataError

LICENCE = "CC BY 4.0"


def is_medquad_table(names: list[str]) -> bool:
    """Whether a table has exactly MedQuAD's published columns: those of the CSV, or of its XML laid flat."""
    columns = set(names)
    published = {"question", "answer", "source", "focus_area"}
    return columns == published or {"question", "answer", "qtype", "focus"} <= columns


def medquad_table_rows(rows: list[dict[str, Any]], where: str) -> list[Row]:
    """Rows of a MedQuAD table; the focus is the entity, so that one disease lies in one split."""
    return [
        _row(
            _text(row.get("question")),
            _text(row.get("answer")),
            _text(row.get("focus") or row.get("focus_area")) or None,
            _text(row.get("qid")) or None,
            f"{where}, row {number}",
        )
        for number, row in enumerate(rows, 1)
    ]


def medquad_xml_rows(directory: Path) -> list[Row]:
    """Rows of the XML tree: one file a document, one focus, several question/answer pairs."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, parse

    rows = []
    for path in sorted(directory.rglob("*.xml")):
        try:
            root = parse(path).getroot()
        except (ParseError, DefusedXmlException) as error:
            raise DataError(f"not valid XML ({error})", where=str(path), fix="Fetch the file again.") from error
        focus = (root.findtext("Focus") or "").strip() or None
        for pair in root.iter("QAPair"):
            question = pair.find("Question")
            qid = question.get("qid") if question is not None else None
            text = (question.text or "") if question is not None else ""
            rows.append(_row(text, pair.findtext("Answer") or "", focus, qid, f"{path}, pair {pair.get('pid')}"))
    return rows


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _row(question: str, answer: str, focus: str | None, qid: str | None, place: str) -> Row:
    messages = (Message("user", question.strip()), Message("assistant", answer.strip()))
    return Row(messages, "medquad", place, entity=focus, id=qid)
