"""A conversation as the text that a model behind an endpoint reads: by its family's template,
which the recipe names.

A service shows neither template nor tokenizer. The text goes without the BOS at its beginning: the
server's tokenizer puts it there where the model has one.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from medtune.conversation import Message
from medtune.errors import ModelError, RecipeError
from medtune.tokens.chat_templates import family_template

if TYPE_CHECKING:
    from medtune.tokens.render import ChatTemplate

# BOS and EOS where no family fixes their texts: only the server's tokenizer knows them.
_UNKNOWN = ("\ue000BOS\ue000", "\ue000EOS\ue000")
_TERMINATORS = ["<|im_end|>", "<end_of_turn>", "<|eot_id|>", "<|end|>"]


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
    """Renders conversations as ``ChatTemplate`` does, without a tokenizer."""

    def __init__(self, name: str) -> None:
        check_template_named(name)
        self.name = name
        family = family_template(name)
        self._bos, self._eos = family.bos or _UNKNOWN[0], family.eos or _UNKNOWN[1]
        self._template = _chat_template(family.text, self._bos, self._eos)

    def answered(self, messages: Sequence[Message], answer: str) -> tuple[str, str]:
        """The prompt's text, and the answer as it stands in the conversation, up to its last
        letter.

        Raises ``RecipeError`` where an earlier turn ends with a terminator that only the model's
        tokenizer knows.
        """
        prompt, text = self._template.answered(messages, answer)
        stripped = answer.strip()
        if not text.endswith(stripped):
            raise ModelError(
                f"the template {self.name} changes the answer {stripped[:40]!r}",
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


def _chat_template(text: str, bos: str, eos: str) -> "ChatTemplate":
    """The template over a tokenizer that holds nothing but the marks of turns."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    from medtune.tokens.render import ChatTemplate

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel({}, unk_token="")),
        bos_token=bos,
        eos_token=eos,
        additional_special_tokens=_TERMINATORS,
        chat_template=text,
    )
    return ChatTemplate(tokenizer)
