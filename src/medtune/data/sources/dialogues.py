"""Dialogues of doctor and patient, and the clinical notes written from them."""

from medtune.data.rows import Row
from medtune.data.sources.forms import Fields, Form, form

NOTE_QUESTION = "Write the clinical note of this visit."
SECTION_QUESTION = "Write the section {section} of the clinical note of this conversation."


def _note(fields: Fields) -> Row:
    dialogue = fields.text("dialogue")
    return fields.made(
        f"{dialogue}\n\n{NOTE_QUESTION}" if dialogue else "",
        fields.text("note"),
        id=fields.text("encounter_id") or None,
    )


def _section(fields: Fields) -> Row:
    """The header of the section is in the question: it is not what is learnt."""
    dialogue = fields.text("dialogue")
    asked = SECTION_QUESTION.format(section=fields.text("section_header"))
    return fields.made(
        f"{dialogue}\n\n{asked}" if dialogue else "", fields.text("section_text"), id=fields.text("ID", "id") or None
    )


FORMS: dict[str, tuple[Form, ...]] = {
    "mts_dialog": (
        form(
            "section_header section_text dialogue",
            _section,
            {"question": "dialogue", "context": "section_header", "answer": "section_text"},
        ),
    ),
    "aci_bench": (
        form("dialogue note encounter_id", _note, {"question": "dialogue", "answer": "note", "id": "encounter_id"}),
        form("dialogue note", _note, {"question": "dialogue", "answer": "note"}, telling=False),
    ),
}
