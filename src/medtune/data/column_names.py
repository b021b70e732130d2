"""The usual names of columns, and how messages name the columns of a file: by number where the
first line may be a patient's row instead of names.
"""

import re
from collections.abc import Collection, Sequence
from itertools import chain

# The most telling first. The first name of a list that the table has is taken.
QUESTION = [
    "question",
    "query",
    "prompt",
    "input",
    "instruction",
    "patient",
    "user",
    "human",
    "problem",
]
ANSWER = [
    "answer",
    "response",
    "completion",
    "output",
    "reply",
    "doctor",
    "assistant",
    "chosen",
    "target",
]
MESSAGES = ["messages", "conversations", "conversation", "dialogue"]
ENTITY = ["focus", "focus_area", "entity", "topic", "disease", "condition"]
LABEL = ["label", "class", "category", "specialty", "medical_specialty"]
TEXT = ["text", "note", "report", "transcription", "sentence", "document", "description"]
SYSTEM = ["system", "system_prompt"]
CONTEXT = [
    "context",
    "contexts",
    "passage",
    "passages",
    "vignette",
    "clinical_vignette",
    "case_vignette",
    "abstract",
    "documents",
]
_FURTHER = """
    id qid pid uid rowid patientid recordid subject source split kind group title name date age sex
    gender language lang rationale explanation comment score weight options choices answeridx
    answerkey history qtype url type role content tags questionid answerid questiontext answertext
    image images tools index number
"""
_PARTS = (QUESTION, ANSWER, MESSAGES, ENTITY, LABEL, TEXT, SYSTEM, CONTEXT, _FURTHER.split())
_USUAL = frozenset(chain.from_iterable(_PARTS))
_LONGEST = 40  # characters of a name
_AS_DATA = re.compile(r"\d[\d\s./:-]{3,}|[\r\n\t!?;@\"'“”„]|\.\s|,\s.*,\s|\S+(?:\s+\S+){5}")


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


_KNOWN = frozenset(_plain(name) for name in _USUAL)


def reads_as_data(name: str) -> bool:
    """Whether a name is none by its looks: long, a sentence, or with a number as long as a date."""
    return len(name) > _LONGEST or not name.strip() or _AS_DATA.search(name) is not None


def is_header(names: Collection[str]) -> bool:
    """Whether these are the names of columns beyond doubt: a usual one among them, no data."""
    known = any(_plain(name) in _KNOWN for name in names)
    return known and not any(reads_as_data(name) for name in names if name.strip())


def shown_columns(names: Sequence[str]) -> str:
    """The columns of a table for a message: their names, or how many there are."""
    if not names:
        return "none"
    if is_header(names):
        return ", ".join(names)
    return (
        f"{len(names)}, with no usual name among them (the names are not shown: the first line "
        "may be a row of data)"
    )


def shown_column(name: str, names: Sequence[str]) -> str:
    """One of a table's columns for a message: by its name where there is a header, else by its
    number from 1.
    """
    if len(name) == 1 or is_header([name]) or (is_header(names) and not reads_as_data(name)):
        return f"column {name!r}"
    return f"column {names.index(name) + 1}" if name in names else "column of an unusual name"
