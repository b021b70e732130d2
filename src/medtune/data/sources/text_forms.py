"""Data sets of plain questions and answers: a column each."""

import re

from medtune.conversation import Message, Role
from medtune.data.formats.delimited import TableRow
from medtune.data.rows import Row
from medtune.data.sources.forms import Convert, Fields, PublishedForm, form, pairs

# The instruction is the same in every row of these data sets: it is the system message.
_HUMAN_BOT = re.compile(r"\s*<human>:(.*?)<bot>:(.*)", re.DOTALL)
_ALPACA = pairs(
    "instruction input output",
    telling=False,
    question="input",
    answer="output",
    system="instruction",
)


def _human_bot(fields: Fields) -> Row:
    """HealthCareMagic as chat text: ``<human>: … <bot>: …``."""
    match = _HUMAN_BOT.fullmatch(fields.text("text"))
    if not match:
        raise fields.fault(
            "the column 'text' does not read <human>: … <bot>: …",
            "Use the file as it was published.",
        )
    return fields.conversation(match[1].strip(), match[2].strip())


QUESTION_ANSWER_FORMS: dict[str, tuple[PublishedForm, ...]] = {
    "curated": (
        pairs(
            "question answer topic specialty",
            telling=False,
            question="question",
            answer="answer",
            entity="topic",
            label="specialty",
        ),
    ),
    "medquad": (
        pairs(
            "question answer qtype focus qid",
            question="question",
            answer="answer",
            entity="focus",
            id="qid",
        ),
        pairs("question answer qtype focus", question="question", answer="answer", entity="focus"),
        pairs(
            "question answer source focus_area",
            exact=True,
            question="question",
            answer="answer",
            entity="focus_area",
        ),
        pairs("qtype Question Answer", exact=True, question="Question", answer="Answer"),
        pairs(
            "question answer focus_area",
            telling=False,
            question="question",
            answer="answer",
            entity="focus_area",
        ),
        pairs(
            "question answer focus",
            telling=False,
            question="question",
            answer="answer",
            entity="focus",
        ),
    ),
    "wikidoc_medquad_2k": (
        pairs(
            "instruction input output prompt from_medquad",
            question="input",
            answer="output",
            system="instruction",
        ),
        _ALPACA,
    ),
    "wikidoc": (_ALPACA,),
    "wikidoc_patient": (_ALPACA,),
    "healthcaremagic": (
        _ALPACA,
        form("text", _human_bot, {"messages": "text"}, telling=False),
    ),
    "genmedgpt": (_ALPACA,),
    "icliniq": (pairs("input answer_icliniq", question="input", answer="answer_icliniq"), _ALPACA),
}


NOTES_QUESTION = "Which medical specialty does this note belong to?"


def _specialty(fields: Fields, text: str, label: str) -> Row:
    """A row without a text asks nothing, so that it is counted as empty and not learnt."""
    question = f"{text}\n\n{NOTES_QUESTION}" if text else ""
    return fields.conversation(question, label.strip(), label=label or None)


def _mtsamples(fields: Fields) -> Row:
    """The label as published, with its blanks.

    The keywords begin with the label in every row: they are never used.
    """
    label = fields.row.get("medical_specialty")
    return _specialty(
        fields,
        fields.text("transcription"),
        label if isinstance(label, str) else fields.text("medical_specialty"),
    )


def _note(fields: Fields) -> Row:
    return _specialty(fields, fields.text("text"), fields.text("specialty"))


CLASSIFICATION_FORMS: dict[str, tuple[PublishedForm, ...]] = {
    "mtsamples": (
        form(
            "medical_specialty transcription sample_name description",
            _mtsamples,
            {
                "question": "transcription",
                "answer": "medical_specialty",
                "label": "medical_specialty",
            },
        ),
        form(
            "medical_specialty transcription",
            _mtsamples,
            {
                "question": "transcription",
                "answer": "medical_specialty",
                "label": "medical_specialty",
            },
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


NOTE_QUESTION = "Write the clinical note of this visit."
SECTION_QUESTION = "Write the section {section} of the clinical note of this conversation."


def _dialogue_note(fields: Fields) -> Row:
    dialogue = fields.text("dialogue")
    return fields.conversation(
        f"{dialogue}\n\n{NOTE_QUESTION}" if dialogue else "",
        fields.text("note"),
        id=fields.text("encounter_id") or None,
    )


def _section(fields: Fields) -> Row:
    """The header of the section is in the question: it is not what is learnt."""
    dialogue = fields.text("dialogue")
    asked = SECTION_QUESTION.format(section=fields.text("section_header"))
    return fields.conversation(
        f"{dialogue}\n\n{asked}" if dialogue else "",
        fields.text("section_text"),
        id=fields.text("ID", "id") or None,
    )


DIALOGUES_FORMS: dict[str, tuple[PublishedForm, ...]] = {
    "mts_dialog": (
        form(
            "section_header section_text dialogue",
            _section,
            {"question": "dialogue", "context": "section_header", "answer": "section_text"},
        ),
    ),
    "aci_bench": (
        form(
            "dialogue note encounter_id",
            _dialogue_note,
            {"question": "dialogue", "answer": "note", "id": "encounter_id"},
        ),
        form(
            "dialogue note",
            _dialogue_note,
            {"question": "dialogue", "answer": "note"},
            telling=False,
        ),
    ),
}


_MARK = re.compile(r"(<s>|</s>|\[/?INST\]|<</?SYS>>)")
_EXCHANGES = re.compile(r"(?:<s>\[INST\](?:<<SYS>><</SYS>>)?\[/INST\]</s>)+")
_SPEAKER: dict[str, Role] = {
    "<<SYS>>": "system",
    "<</SYS>>": "user",
    "[INST]": "user",
    "[/INST]": "assistant",
}


def chat_turns(text: str) -> tuple[Message, ...] | None:
    """The turns of a Llama-2 chat text; nothing where the text is no such chat through and through.

    ``<s>[INST] <<SYS>> system <</SYS>> question [/INST] answer </s>``, once or several times; the
    system part may be missing.
    """
    before, *rest = _MARK.split(text)
    marks, texts = rest[0::2], [part.strip() for part in rest[1::2]]
    if before.strip() or not _EXCHANGES.fullmatch("".join(marks)):
        return None
    turns = []
    for mark, after, words in zip(marks, [*marks[1:], ""], texts, strict=True):
        if mark in ("<s>", "</s>") or after == "<<SYS>>":
            if words:
                return None  # text where the template has none
        elif words or mark != "<<SYS>>":
            turns.append(Message(_SPEAKER[mark], words))
    return tuple(turns)


def _chat(fields: Fields) -> Row:
    text = fields.text("text")
    turns = (
        chat_turns(text) if text else ()
    )  # a row without a text is counted as empty, not refused
    if turns is None:
        raise fields.fault(
            "the column 'text' is no whole Llama-2 chat",
            "Each row must read: <s>[INST] question [/INST] answer </s>.",
        )
    return Row(turns, fields.source, fields.location)


def _term(term: str, meaning: str) -> Convert:
    def convert(fields: Fields) -> Row:
        name = fields.text(term)
        return fields.conversation(
            f"What is {name}?" if name else "", fields.text(meaning), entity=name or None
        )

    return convert


def _is_chat(row: TableRow) -> bool:
    return str(row.get("text")).lstrip().startswith("<s>[INST]")


def _pages(term: str, meaning: str, needs: str = "", **facts: bool) -> PublishedForm:
    taken = {"question": term, "answer": meaning, "entity": term}
    return form(f"{term} {meaning} {needs}", _term(term, meaning), taken, **facts)


TERMS_FORMS: dict[str, tuple[PublishedForm, ...]] = {
    "wiki_medical_terms": (
        _pages("page_title", "page_text"),
        form("text", _chat, {"messages": "text"}, exact=True, fits=_is_chat),
        form("text", _chat, {"messages": "text"}, telling=False),
    ),
    "medical_glossary": (
        _pages("term", "definition", "book module"),
        _pages("term", "definition", telling=False),
    ),
}
