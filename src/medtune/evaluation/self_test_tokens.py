"""Cases with known answers for what is learnt and scored of a conversation, on the tokenizer that
the package brings along.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from medtune.conversation import Conversation, Message
from medtune.evaluation.known_answers import Figures, KnownAnswer
from medtune.models.interface import ChoiceLikelihoods
from medtune.models.model_names import PACKAGED
from medtune.tokens.chat_templates import load_tokenizer_only
from medtune.tokens.encode import Encoder
from medtune.tokens.render import ChatTemplate

# A tokenizer of transformers: the room knows the library by the rooms below alone.
Tokenizer = Any

ASKED, ANSWER = "What helps against naïve µg <|eos|> doses?", "5 µg, not 5 g."
_THINKING = (
    "{{ bos_token }}{% for m in messages %}{{ m.role + ': ' }}"
    "{% if m.role == 'assistant' %}{{ '<think>\\n\\n</think>\\n\\n' + m.content + eos_token }}"
    "{% else %}{{ m.content + '\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)
_DATED = "{{ strftime_now('%d %B %Y') }}\n" + _THINKING


@cache
def _tokenizer(template: str = "auto") -> Tokenizer:
    return load_tokenizer_only(str(PACKAGED / "medtune-base"), template)


def _turns(answers: Sequence[str]) -> Conversation:
    messages = [m for text in answers for m in (Message("user", ASKED), Message("assistant", text))]
    return Conversation("row", "group", "self-test", tuple(messages))


def _mask() -> Figures:
    """Begins, ends that are learnt, and whether exactly the answers are learnt; an end written in
    the question is text.
    """
    tokenizer = _tokenizer()
    row = Encoder(tokenizer, 512).encode(_turns([ANSWER, ANSWER]))
    begins = int((row.ids == tokenizer.bos_token_id).sum())
    ends = row.ids == tokenizer.eos_token_id
    learnt = tokenizer.decode(row.ids[row.supervised & ~ends])
    exact = "".join(learnt.split()) == "".join((ANSWER * 2).split())
    return [begins, int(ends.sum()), int((ends & row.supervised).sum()), exact]


def _cut() -> Figures:
    """Tokens kept of a row that is one too long, and whether its end is still learnt."""
    tokenizer = _tokenizer()
    whole = Encoder(tokenizer, 512).encode(_turns([ANSWER]))
    row = Encoder(tokenizer, whole.tokens - 1).encode(_turns([ANSWER]))
    return [whole.tokens - row.tokens, row.supervised[-1], row.ids[-1] == tokenizer.eos_token_id]


def _own_text() -> Figures:
    """Bytes of an answer as it is scored: under a plain template, and under one that writes an
    empty block of thoughts before it.
    """
    asked = [Message("user", ASKED)]
    tokenizer = _tokenizer()
    plain = ChatTemplate(tokenizer).turn(asked, ANSWER).text.strip()
    thinking = ChatTemplate(_with_template(_THINKING)).turn(asked, ANSWER).text.strip()
    return [len(text.encode()) for text in (ANSWER, plain, thinking)]


def _with_template(template: str) -> Tokenizer:
    tokenizer = load_tokenizer_only(str(PACKAGED / "medtune-base"))
    tokenizer.chat_template = template
    return tokenizer


def _date() -> Figures:
    """Whether a template that writes today's date writes that of 26 July 2024."""
    text = ChatTemplate(_with_template(_DATED)).prompt([Message("user", ASKED)])
    return [float(text.startswith("26 July 2024"))]


def _round_trip() -> Figures:
    """Unknown tokens in signs, scripts and line breaks, and whether they come back whole."""
    tokenizer = _tokenizer()
    text = "INR < 2 ~ {x}\n10⁹/L 肝炎 दिल naïve"
    ids = tokenizer.encode(text, add_special_tokens=False)
    unknown = sum(token == tokenizer.unk_token_id for token in ids)
    return [unknown, float(tokenizer.decode(ids) == text)]


def _beginnings() -> Figures:
    """A label that begins with another: which is likelier by its text, and which with the end of
    the turn; and that without ends nothing tells them apart.
    """
    choice = ChoiceLikelihoods(
        "", ("diabetes", "diabetes insipidus"), (-0.1, -0.3), (1, 3), (8, 18), ends=(-5.0, -0.1)
    )
    whole = choice.whole()
    alone = ChoiceLikelihoods(
        "", choice.texts, choice.loglikelihoods, choice.tokens, choice.bytes
    ).whole()
    best = np.nan if whole is None else float(whole.argmax())
    return [float(np.argmax(choice.loglikelihoods)), best, float(alone is None)]


TOKEN_CASES = (
    KnownAnswer("mask: begins, ends, ends learnt, answers", [1, 2, 2, 1], _mask),
    KnownAnswer("a row cut by one keeps its end", [1, 1, 1], _cut),
    KnownAnswer("an answer's own bytes under templates", [15, 15, 15], _own_text),
    KnownAnswer("a template's date is frozen", [1], _date),
    KnownAnswer("unknown tokens; text comes back", [0, 1], _round_trip),
    KnownAnswer("a label that begins with another", [0, 1, 1], _beginnings),
)
