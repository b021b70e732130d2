"""How questions with options are put to a model: with lettered options, or bare, worked examples worded the same way."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from medtune.conversation import Conversation, Message
from medtune.data.rows import bare_question
from medtune.evaluation.tasks.base import TaskSettings

PREMISE = "Answer:"  # what the options follow where the question is left out (PMI)
INSTRUCTION = "Answer with the letter of the right option alone."


def key_of(item: Conversation) -> int:
    """The place of the right option."""
    return ascii_uppercase.index(item.answer or "A")


@dataclass(frozen=True)
class Worded:
    """How the task's items are put to a model."""

    settings: TaskSettings

    def lettered(
        self, item: Conversation, order: Sequence[int] | None = None, instruction: str = ""
    ) -> tuple[Message, ...]:
        """The question with its options as lines ``A. …`` in an ``order``; the worked examples answer with letters."""
        examples = [
            message
            for example in self.settings.examples
            for message in (*_user(example, _lines(example)), Message("assistant", example.answer or ""))
        ]
        asked = _user(item, "\n".join(filter(None, [_lines(item, order), instruction])))
        return self.settings.asked(asked, examples)

    def bare(self, item: Conversation) -> tuple[Message, ...]:
        """The question alone; the worked examples answer with the right option's text."""
        examples = [
            message
            for example in self.settings.examples
            for message in (*_user(example, bare_question(example.question)), Message("assistant", _right(example)))
        ]
        return self.settings.asked(_user(item, bare_question(item.question)), examples)


def _user(item: Conversation, text: str) -> tuple[Message, ...]:
    """The item's prompt with ``text`` as its last user turn."""
    last = max(i for i, message in enumerate(item.prompt) if message.role == "user")
    return (*item.prompt[:last], Message("user", text))


def _right(item: Conversation) -> str:
    return (item.options or ("",))[key_of(item)]


def _lines(item: Conversation, order: Sequence[int] | None = None) -> str:
    options = item.options or ()
    places = range(len(options)) if order is None else order
    lines = [f"{letter}. {options[place]}" for letter, place in zip(ascii_uppercase, places, strict=False)]
    return "\n".join([bare_question(item.question), "", *lines])
