"""A conversation as the exact text a model sees, with the spans of its assistant turns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from medtune.conversation import Message
from medtune.errors import ModelError, RecipeError, described
from medtune.progress import say
from medtune.tokens.chat_templates import choose_template, family_template, special_tokens
from medtune.tokens.control_tokens import ControlTokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# BOS and EOS where no family fixes their texts: only the server's tokenizer knows them.
_UNKNOWN = ("\ue000BOS\ue000", "\ue000EOS\ue000")
_ANSWER = "\ue000ANSWER\ue000"  # in the place of an answer, to see what a template adds
_ASKED = "\u2020asked\u2020"
_MARKER = re.compile(r"<\|\w+\|>|<\w+_of_turn>")  # in the text of a family's template
_TERMINATORS = ["<|im_end|>", "<end_of_turn>", "<|eot_id|>", "<|end|>"]

# Stands in templates whose answers end in plain text on purpose, as some published ones do.
PLAIN_END = "{# answers end in plain text #}"
# Goes after templates that write nothing after an answer, which would never end.
ADDED_END = (
    "{% if not add_generation_prompt and messages and messages[-1]['role'] == 'assistant' %}"
    "{{ eos_token }}{% endif %}"
)


@dataclass(frozen=True)
class Rendered:
    """A conversation as text.

    ``answers`` are [start, end) character spans of assistant turns with their terminators.
    """

    text: str
    answers: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Turn:
    """An answer in its rendered conversation: what stands before it (with what the template opens
    the turn with, such as an empty block of thoughts), its own characters (and blanks before
    them), and what ends the turn.
    """

    prompt: str
    text: str
    end: str


def _shared_length(left: str, right: str) -> int:
    """Characters that two texts begin with alike."""
    if left.startswith(right) or right.startswith(left):
        return min(len(left), len(right))
    pairs = enumerate(zip(left, right, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(left), len(right)))


class ChatTemplate:
    """Renders conversations with the tokenizer's template.

    One without any gets that of its family. Control tokens written in messages stay masked in what
    is rendered: ``control`` encodes it, and gives it back as it is written.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self.tokenizer = tokenizer
        self.source = choose_template(tokenizer, "auto")
        self.control = ControlTokens(tokenizer)
        self._special = [token for token in special_tokens(tokenizer) if token]
        self._system: bool | None = None
        self._opening: str | None = None

    def _apply(self, messages: Sequence[Message], generate: bool) -> str:
        from jinja2.exceptions import TemplateError

        try:
            text = self.tokenizer.apply_chat_template(
                [m.as_dict() for m in messages],
                chat_template=self.source,
                tokenize=False,
                add_generation_prompt=generate,
                # A tokenizer without a BOS or EOS must not print "None".
                bos_token=self.tokenizer.bos_token or "",
                eos_token=self.tokenizer.eos_token or "",
            )
        except TemplateError as error:
            raise ModelError(
                f"the model's chat template refuses this conversation: {error}"
            ) from error
        return str(text)

    def takes_system(self) -> bool:
        """Whether the template accepts system messages (Gemma's and Mistral's do not)."""
        if self._system is None:
            try:
                text = self._apply(
                    [Message("system", "\u2020sys\u2020"), Message("user", "hi")], True
                )
                self._system = "\u2020sys\u2020" in text
            except ModelError:
                self._system = False
        return self._system

    def _adapted(self, messages: Sequence[Message]) -> list[Message]:
        """Masked; where the template takes no system message, its text goes before the first user
        turn.
        """
        messages = [replace(m, content=self.control.mask(m.content)) for m in messages]
        head = [m for m in messages if m.role == "system"]
        if not head or self.takes_system():
            return messages
        rest = [m for m in messages if m.role != "system"]
        text = "\n\n".join(m.content for m in head)
        first = next((i for i, m in enumerate(rest) if m.role == "user"), None)
        if first is None:
            return [Message("user", text), *rest]
        return [
            *rest[:first],
            Message("user", f"{text}\n\n{rest[first].content}"),
            *rest[first + 1 :],
        ]

    def _turn_end(self, turn: str, content: str) -> int | None:
        """Length of an assistant turn up to its terminator: the first special token after its
        text, if there is one.
        """
        position = turn.find(content.strip())
        after = position + len(content.strip()) if position >= 0 else 0
        ends = [
            turn.find(token, after) + len(token) for token in self._special if token in turn[after:]
        ]
        return min(ends, default=None)

    def settle_end(self, name: str) -> None:
        """What is learnt as the end of an answer is what generation waits for: a token.

        Where nothing follows an answer, the tokenizer's EOS is put there, in the tokenizer's own
        template. Raises ``ModelError`` where there is none, and where the text that ends an answer
        is no token of its own. A template that holds ``PLAIN_END`` means it so.
        """
        if PLAIN_END in (self.tokenizer.chat_template or ""):
            return
        closing = self._around([Message("user", "a")])[1].strip()
        if not closing:
            if not self.tokenizer.eos_token:
                raise ModelError(
                    "nothing ends an answer: the chat template writes nothing after it, and the "
                    "tokenizer has no EOS",
                    where=name,
                    fix="Name a family with markers of its own (model.chat_template), or give the "
                    "tokenizer an eos_token.",
                )
            self.source += ADDED_END
            self.tokenizer.chat_template = self.source
            _say_added_end(name, self.tokenizer.eos_token)
            return
        ids = self.tokenizer.encode(closing, add_special_tokens=False, verbose=False)
        if not ids or ids[-1] not in set(special_tokens(self.tokenizer).values()):
            raise ModelError(
                f"the chat template ends an answer with {closing!r}, which is no control token of "
                "this model's vocabulary: an answer would never end",
                where=name,
                fix="Leave out model.chat_template, or name a family whose markers the model knows "
                "(plain for one that knows no turns).",
            )

    def require_question(self, name: str) -> None:
        """Raises ``ModelError`` where the template leaves out what a user asks."""
        if _ASKED not in self.prompt([Message("user", _ASKED)]):
            raise ModelError(
                "the chat template leaves out what the user asks",
                where=name,
                fix="Name another one with model.chat_template.",
            )

    def prompt(self, messages: Sequence[Message]) -> str:
        """The text from which the model goes on with its answer."""
        return self._apply(self._adapted(messages), generate=True)

    def conversation(self, messages: Sequence[Message]) -> Rendered:
        """The whole conversation, with the spans of its assistant turns: empty ones before the
        last are no answers.
        """
        adapted = self._adapted(messages)
        text = self._apply(adapted, generate=False)
        spans = []
        for index, message in enumerate(adapted):
            if message.role != "assistant":
                continue
            if index < len(adapted) - 1 and not message.content.strip():
                continue  # an empty answer in the middle would teach to end at once
            before = self._apply(adapted[:index], generate=True)
            after = (
                text
                if index == len(adapted) - 1
                else self._apply(adapted[: index + 1], generate=False)
            )
            if index < len(adapted) - 1 and ADDED_END in self.source:
                after = after.removesuffix(self.tokenizer.eos_token or "")
            # Some templates (Phi-3) end a conversation with a token that goes when another turn
            # follows.
            shared = text[: _shared_length(text, after)]
            end = self._turn_end(shared[len(before) :], message.content)
            if not shared.startswith(before) or (end is None and shared != after):
                raise ModelError(
                    "the chat template renders a conversation differently from its beginning, "
                    "so answers cannot be told from questions",
                    fix="Name another one with model.chat_template, or use single-turn data.",
                )
            spans.append((len(before), len(before) + end if end is not None else len(after)))
        return Rendered(text, tuple(spans))

    def answered(self, messages: Sequence[Message], answer: str) -> tuple[str, str]:
        """``prompt`` and ``text`` of ``turn``."""
        turn = self.turn(messages, answer)
        return turn.prompt, turn.text

    def turn(self, messages: Sequence[Message], answer: str) -> Turn:
        """The answer by its place in the rendered conversation.

        Where the template changes the answer, the text is what the template makes of it.
        """
        rendered = self.conversation([*messages, Message("assistant", answer)])
        start, end = rendered.answers[-1]
        written = rendered.text[start:end]
        first, last = self._own_span(messages, answer, written)
        opening = written[:first]
        if opening.strip():  # words of the template, which are no part of the answer
            return Turn(rendered.text[: start + first], written[first:last], written[last:])
        return Turn(rendered.text[:start], written[:last], written[last:])

    def _own_span(self, messages: Sequence[Message], answer: str, written: str) -> tuple[int, int]:
        """[start, end) of an answer in its turn as it is ``written``: what the template writes
        before and after another answer in the same place is not its own.
        """
        stripped = self.control.mask(answer).strip()
        if self._opening is None:
            self._opening, _ = self._around([Message("user", "a")])
        if stripped and written.startswith(self._opening + stripped):
            return len(self._opening), len(self._opening) + len(stripped)
        opening, closing = self._around(messages)
        fits = len(written) >= len(opening) + len(closing)
        if fits and written.startswith(opening) and written.endswith(closing):
            return len(opening), len(written) - len(closing)
        return 0, len(written)

    def _around(self, messages: Sequence[Message]) -> tuple[str, str]:
        """What the template writes in a turn before and after its answer."""
        rendered = self.conversation([*messages, Message("assistant", _ANSWER)])
        before, marker, after = rendered.text[slice(*rendered.answers[-1])].partition(_ANSWER)
        return (before, after) if marker else ("", "")


@cache
def _say_added_end(name: str, end: str) -> None:
    """Once a process, however often the tokenizer is loaded."""
    say(f"{name}: its chat template ends no answer; {end} is put there, learnt, and waited for")


def check_template_named(chat_template: str) -> None:
    """Raises ``RecipeError`` where no family's template is named."""
    if chat_template == "auto":
        raise RecipeError(
            "likelihoods of an endpoint need the text that the model reads, "
            "and a service does not show its template",
            where="model.chat_template",
            fix="Name the model's family, such as chatml, llama-3 or mistral; "
            "plain for a model that knows no turns.",
        )


class EndpointTemplate:
    """Renders conversations as ``ChatTemplate`` does, for a model behind an endpoint.

    A service shows neither template nor tokenizer: the recipe names the family. The text goes
    without the BOS at its beginning: the server's tokenizer puts it there where the model has one.
    """

    def __init__(self, name: str) -> None:
        check_template_named(name)
        self.name = name
        family = family_template(name)
        self._bos, self._eos = family.bos or _UNKNOWN[0], family.eos or _UNKNOWN[1]
        self._template = _chat_template(family.text, self._bos, self._eos)
        known = [*filter(None, (family.bos, family.eos)), *_MARKER.findall(family.text)]
        self._marks = re.compile("|".join(map(re.escape, {*known, *_TERMINATORS})))

    def answered(self, messages: Sequence[Message], answer: str) -> tuple[str, str]:
        """The prompt's text, and the answer as it stands in the conversation, up to its last
        letter.

        Raises ``RecipeError`` where an earlier turn ends with a terminator that only the model's
        tokenizer knows.
        """
        for text in (*(message.content for message in messages), answer):
            if mark := self._marks.search(text):
                raise RecipeError(
                    f"a text holds {mark[0]}, which the server reads as a control token",
                    where="model.chat_template",
                    fix="Take it out of the data, or measure the model on this machine.",
                )
        prompt, text = self._template.answered(messages, answer)
        stripped = answer.strip()
        if not text.endswith(stripped):
            raise ModelError(
                f"the template {self.name} changes an answer ({described(stripped)})",
                where="model.chat_template",
            )
        prompt = prompt.removeprefix(self._bos)
        if any(mark in prompt for mark in _UNKNOWN):
            raise RecipeError(
                f"{self.name} ends every earlier answer with the tokenizer's own terminator, "
                "which a service does not show",
                where="model.chat_template",
                fix="Ask without worked examples (shots: 0) and earlier turns, "
                "or name a family with markers of its own.",
            )
        return prompt, text


def _chat_template(text: str, bos: str, eos: str) -> ChatTemplate:
    """The template over a tokenizer that holds nothing but the marks of turns."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel({}, unk_token="")),
        bos_token=bos,
        eos_token=eos,
        additional_special_tokens=_TERMINATORS,
        chat_template=text,
    )
    return ChatTemplate(tokenizer)
