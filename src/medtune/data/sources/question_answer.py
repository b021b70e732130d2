"""Data sets of plain questions and answers: a column each."""

import re

from medtune.data.rows import Row
from medtune.data.sources.forms import Fields, Form, form, pairs

# The instruction is the same in every row of these data sets: it is the system message.
_HUMAN_BOT = re.compile(r"\s*<human>:(.*?)<bot>:(.*)", re.DOTALL)
_ALPACA = pairs("instruction input output", telling=False, question="input", answer="output", system="instruction")


def _human_bot(fields: Fields) -> Row:
    """HealthCareMagic as chat text: ``<human>: … <bot>: …``."""
    found = _HUMAN_BOT.fullmatch(fields.text("text"))
    if not found:
        raise fields.fault("the column 'text' does not read <human>: … <bot>: …", "Use the file as it was published.")
    return fields.made(found[1].strip(), found[2].strip())


FORMS: dict[str, tuple[Form, ...]] = {
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
        pairs("question answer qtype focus qid", question="question", answer="answer", entity="focus", id="qid"),
        pairs("question answer qtype focus", question="question", answer="answer", entity="focus"),
        pairs(
            "question answer source focus_area", exact=True, question="question", answer="answer", entity="focus_area"
        ),
        pairs("qtype Question Answer", exact=True, question="Question", answer="Answer"),
        pairs("question answer focus_area", telling=False, question="question", answer="answer", entity="focus_area"),
        pairs("question answer focus", telling=False, question="question", answer="answer", entity="focus"),
    ),
    "wikidoc_medquad_2k": (
        pairs("instruction input output prompt from_medquad", question="input", answer="output", system="instruction"),
        _ALPACA,
    ),
    "wikidoc": (_ALPACA,),
    "wikidoc_patient": (_ALPACA,),
    "healthcaremagic": (_ALPACA, form("text", _human_bot, {"messages": "text"}, telling=False)),
    "genmedgpt": (_ALPACA,),
    "icliniq": (pairs("input answer_icliniq", question="input", answer="answer_icliniq"), _ALPACA),
}
