"""Medical terms and what they mean: encyclopaedia pages, glossaries, and pages written as Llama-2 chat text."""

import re
from typing import Any

from medtune.conversation import Message, Role
from medtune.data.rows import Row
from medtune.data.sources.forms import Convert, Fields, Form, form

_MARK = re.compile(r"(<s>|</s>|\[/?INST\]|<</?SYS>>)")
_EXCHANGES = re.compile(r"(?:<s>\[INST\](?:<<SYS>><</SYS>>)?\[/INST\]</s>)+")
_SPEAKER: dict[str, Role] = {"<<SYS>>": "system", "<</SYS>>": "user", "[INST]": "user", "[/INST]": "assistant"}


def chat_turns(text: str) -> tuple[Message, ...] | None:
    """The turns of a Llama-2 chat text; nothing where the text is no such chat through and through.

    ``<s>[INST] <<SYS>> system <</SYS>> question [/INST] answer </s>``, once or several times; the system part may be
    missing.
    """
    before, *rest = _MARK.split(text)
    marks, texts = rest[0::2], [part.strip() for part in rest[1::2]]
    if before.strip() or not _EXCHANGES.fullmatch("".join(marks)):
        return None
    turns = []
    for mark, after, said in zip(marks, [*marks[1:], ""], texts, strict=True):
        if mark in ("<s>", "</s>") or after == "<<SYS>>":
            if said:
                return None  # text where the template has none
        elif said or mark != "<<SYS>>":
            turns.append(Message(_SPEAKER[mark], said))
    return tuple(turns)


def _chat(fields: Fields) -> Row:
    text = fields.text("text")
    turns = chat_turns(text) if text else ()  # a row without a text is counted as empty, not refused
    if turns is None:
        raise fields.fault(
            "the column 'text' is no whole Llama-2 chat",
            "Each row must read: <s>[INST] question [/INST] answer </s>.",
        )
    return Row(turns, fields.source, fields.place)


def _term(term: str, meaning: str) -> Convert:
    def convert(fields: Fields) -> Row:
        name = fields.text(term)
        return fields.made(f"What is {name}?" if name else "", fields.text(meaning), entity=name or None)

    return convert


def _is_chat(row: dict[str, Any]) -> bool:
    return str(row.get("text")).lstrip().startswith("<s>[INST]")


def _pages(term: str, meaning: str, needs: str = "", **facts: bool) -> Form:
    taken = {"question": term, "answer": meaning, "entity": term}
    return form(f"{term} {meaning} {needs}", _term(term, meaning), taken, **facts)


FORMS: dict[str, tuple[Form, ...]] = {
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
