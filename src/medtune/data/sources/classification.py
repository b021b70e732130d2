"""Medical reports with the specialty they belong to."""

from medtune.data.rows import Row
from medtune.data.sources.forms import Fields, Form, form

NOTES_QUESTION = "Which medical specialty does this note belong to?"


def _specialty(fields: Fields, text: str, label: str) -> Row:
    """A row without a text asks nothing, so that it is counted as empty and not learnt."""
    question = f"{text}\n\n{NOTES_QUESTION}" if text else ""
    return fields.made(question, label.strip(), label=label or None)


def _mtsamples(fields: Fields) -> Row:
    """The label as published, with its blanks. The keywords begin with the label in every row: they are never used."""
    label = fields.row.get("medical_specialty")
    return _specialty(
        fields, fields.text("transcription"), label if isinstance(label, str) else fields.text("medical_specialty")
    )


def _note(fields: Fields) -> Row:
    return _specialty(fields, fields.text("text"), fields.text("specialty"))


FORMS: dict[str, tuple[Form, ...]] = {
    "mtsamples": (
        form(
            "medical_specialty transcription sample_name description",
            _mtsamples,
            {"question": "transcription", "answer": "medical_specialty", "label": "medical_specialty"},
        ),
        form(
            "medical_specialty transcription",
            _mtsamples,
            {"question": "transcription", "answer": "medical_specialty", "label": "medical_specialty"},
            telling=False,
        ),
    ),
    "notes": (
        form(
            "text specialty note_type",
            _note,
            {"question": "text", "answer": "specialty", "label": "specialty"},
        ),
    ),
}
