"""A conversation as the exact text a model sees, with the spans of its assistant turns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medtune.conversation import Message
from medtune.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# For models without a chat template of their own: words any base model has met, ended by the tokenizer's EOS.
PLAIN_TEMPLATE = (
    "{{ bos_token or '' }}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] | trim + '\\n\\n' }}"
    "{% elif message['role'] == 'user' %}{{ 'Question: ' + message['content'] | trim + '\\nAnswer:' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] | trim + (eos_token or '') + '\\n' }}"
    "{% else %}{{ raise_exception('unknown role ' + message['role']) }}{% endif %}{% endfor %}"
)


@dataclass(frozen=True)
class Rendered:
    """A conversation as text; ``answers`` are [start, end) character spans of assistant turns with their terminators."""

    text: str
    answers: tuple[tuple[int, int], ...]


class ChatTemplate:
    """Renders conversations with the tokenizer's own template, or plainly where it has none."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self.tokenizer = tokenizer
        self.own = bool(tokenizer.chat_template)
        self.source = tokenizer.chat_template if self.own else PLAIN_TEMPLATE
        self._system: bool | None = None

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
            raise ModelError(f"the model's chat template refuses this conversation: {error}") from error
        return str(text)

    def takes_system(self) -> bool:
        """Whether the template accepts system messages (Gemma's and Mistral's do not)."""
        if self._system is None:
            try:
                text = self._apply([Message("system", "\u2020sys\u2020"), Message("user", "hi")], True)
                self._system = "\u2020sys\u2020" in text
            except ModelError:
                self._system = False
        return self._system

    def _adapted(self, messages: Sequence[Message]) -> list[Message]:
        """Where the template takes no system message, its text goes before the first user turn."""
        head = [m for m in messages if m.role == "system"]
        if not head or self.takes_system():
            return list(messages)
        rest = [m for m in messages if m.role != "system"]
        text = "\n\n".join(m.content for m in head)
        return [Message("user", f"{text}\n\n{rest[0].content}"), *rest[1:]] if rest else []

    def _terminated(self, turn: str) -> int:
        """Length of a turn up to its terminator: blanks that a template puts after it are never generated."""
        bare = turn.rstrip()
        return len(bare) if bare.endswith(tuple(self.tokenizer.all_special_tokens)) else len(turn)

    def prompt(self, messages: Sequence[Message]) -> str:
        """The text from which the model goes on with its answer."""
        return self._apply(self._adapted(messages), generate=True)

    def conversation(self, messages: Sequence[Message]) -> Rendered:
        """The whole conversation, with the spans of its assistant turns."""
        adapted = self._adapted(messages)
        text = self._apply(adapted, generate=False)
        spans = []
        for index, message in enumerate(adapted):
            if message.role != "assistant":
                continue
            before = self._apply(adapted[:index], generate=True)
            after = self._apply(adapted[: index + 1], generate=False)
            if not (text.startswith(before) and text.startswith(after)):
                raise ModelError(
                    "the chat template renders a conversation differently from its beginning, so answers cannot be told "
                    "from questions",
                    fix="Use a model whose template appends turn by turn, or single-turn data.",
                )
            spans.append((len(before), len(before) + self._terminated(after[len(before) :])))
        return Rendered(text, tuple(spans))
