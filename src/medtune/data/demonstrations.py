"""Rows on the subjects of the demonstration questions, which leave the training rows."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from medtune.data.dedup import normalize
from medtune.data.rows import Row
from medtune.text.pieces import holds_words
from medtune.text.words import read_words

GENERIC = read_words(Path(__file__).with_name("generic_words.txt"))


def subject_words(question: str) -> frozenset[str]:
    """The words that say what a question is about."""
    return frozenset(word for word in normalize(question).split() if word not in GENERIC)


def on_subject(row: Row, questions: Iterable[str]) -> bool:
    """Whether a row asks one of ``questions``, names all its subject words, or is about an
    entity that it names.
    """
    asked = [normalize(text) for text in row.turns("user")]
    entity = normalize(row.entity or "")
    for question in questions:
        normal, subject = normalize(question), subject_words(question)
        if any(text == normal or (subject and holds_words(text, subject)) for text in asked):
            return True
        if len(entity) >= 4 and f" {entity} " in f" {normal} ":
            return True
    return False


def rows_on_subject(rows: Sequence[Row], questions: Sequence[str]) -> list[bool]:
    """For each row, whether it is on the subject of a demonstration question."""
    return [on_subject(row, questions) for row in rows]
