"""Marks of chat templates that are written in data, of whichever model family: a sign that
conversations were exported as one rendered text.

The known ones stand in ``template_marks.toml``. Others are known by their form, ``<|name|>``, and
counted together, since a name may be a patient's.
"""

import html
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from medtune.conversation import Message
from medtune.data.audit import TemplateMark, counted

OTHER = "<|…|>"
PLACES = 5  # rows named of each mark
_POSSIBLE = re.compile(r"[<\[]|###|&(?:lt|#60|#x3c);", re.I)
_STRUCK_OUT = re.compile(r"<s>(?=[^<>]{1,2000}</s>)(.*?)</s>", re.S)  # of HTML, within a text


@dataclass
class MarkTally:
    """Rows with one mark, those with it in an answer, and where the first of them stand."""

    rows: int = 0
    answers: int = 0
    at: list[str] = field(default_factory=list)

    def add(self, other: "MarkTally") -> None:
        """Take over the counts of rows that come after."""
        self.rows += other.rows
        self.answers += other.answers
        self.at = (self.at + other.at)[:PLACES]


@cache
def known_marks() -> dict[str, str]:
    """Mark → the family that writes it."""
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return {
        mark: family["name"] for family in tomllib.loads(text)["family"] for mark in family["marks"]
    }


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Headings such as Alpaca's, which begin their line, and all others, the longest first."""
    longest = sorted(known_marks(), key=len, reverse=True)
    heads = "|".join(re.escape(mark) for mark in longest if mark.startswith("#"))
    angled = "|".join(re.escape(mark[1:]) for mark in longest if mark.startswith("<"))
    square = "|".join(re.escape(mark[1:]) for mark in longest if mark.startswith("["))
    return (
        re.compile(rf"^[ \t]*({heads})", re.M),
        re.compile(rf"<(?:({angled})|extra_id_\d+>|\|[\w ]{{1,40}}\|>)|\[({square})"),
    )


def marks_in(text: str) -> set[str]:
    """The marks in a text, escaped as in HTML or not; a pair of ``<s>`` and ``</s>`` inside it
    strikes out.
    """
    if "&" in text:
        text = html.unescape(text)
    if "<s>" in text:
        inside = text.strip()
        whole = inside.startswith("<s>") and inside.endswith("</s>")
        text = text if whole or "[INST]" in text else _STRUCK_OUT.sub(r"\1", text)
    headings, others = _patterns()
    marks = set(headings.findall(text)) if "###" in text else set()
    for match in others.finditer(text):
        of_a_sequence = "<extra_id_0>" if match[0].startswith("<extra") else OTHER
        marks.add(match[0] if match[1] or match[2] else of_a_sequence)
    return marks


def count_marks(messages: Sequence[Message], location: str, tallies: dict[str, MarkTally]) -> None:
    """Count the marks of one row, each once, under its place in the file."""
    answers: set[str] = set()
    anywhere: set[str] = set()
    for message in messages:
        if _POSSIBLE.search(message.content):
            marks = marks_in(message.content)
            anywhere |= marks
            answers |= marks if message.role == "assistant" else set()
    for mark in anywhere:
        one = MarkTally(1, int(mark in answers), [location])
        tallies.setdefault(mark, MarkTally()).add(one)


def audited_marks(tallies: Mapping[str, MarkTally]) -> list[TemplateMark]:
    """As they stand in the audit, the most frequent first."""
    ordered = sorted(tallies.items(), key=lambda pair: (-pair[1].rows, pair[0]))
    return [
        TemplateMark(mark=mark, family=known_marks().get(mark, "other"), **vars(tally))
        for mark, tally in ordered
    ]


def mark_warnings(marks: Sequence[TemplateMark]) -> Iterator[str]:
    """What they are a sign of and what to do, then a sentence for each."""
    if not marks:
        return
    yield (
        "marks of chat templates or special tokens stand in the texts: they are read as text and "
        "learnt so, which an export of rendered conversations leaves behind; export the turns "
        "without their template (docs/own-data.md), or take the marks out"
    )
    for mark in marks:
        more = " …" if mark.rows > len(mark.at) else ""
        yield (
            f"{mark.mark} ({mark.family}) stands in {counted(mark.rows, 'row')}, {mark.answers:,} "
            f"of them in an answer ({'; '.join(mark.at)}{more})"
        )
