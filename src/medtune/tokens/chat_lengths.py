"""How long conversations are for a hosted service: counted offline with the encoding that it bills by."""

from collections.abc import Callable, Sequence

from medtune.conversation import Conversation, Message
from medtune.errors import RecipeError
from medtune.tokens.chat_cost import EXAMPLE_LIMITS, chat_tokens, token_counter
from medtune.tokens.lengths import Length


def required_counter(encoding: str) -> Callable[[str], int]:
    """The counter of an encoding. Raises ``RecipeError`` where it is not installed."""
    count = token_counter(encoding)
    if count is None:
        raise RecipeError(
            "the tokens of a hosted service cannot be counted", fix="pip install 'medtune[hosted]' brings the counter."
        )
    return count


def as_asked(messages: Sequence[Message], prompt: str | None) -> tuple[Message, ...]:
    """The messages with ``prompt`` put around every question, as they are sent."""
    if prompt is None:
        return tuple(messages)
    return tuple(Message(m.role, prompt.replace("{question}", m.content)) if m.role == "user" else m for m in messages)


class ChatCounter:
    """Counts tokens where an encoder would, without a tokenizer; ``max_length`` is the service's limit of an example."""

    def __init__(self, encoding: str, prompt: str | None = None) -> None:
        self._count, self._prompt = required_counter(encoding), prompt
        self.max_length = EXAMPLE_LIMITS[encoding]

    def lengths(self, conversations: Sequence[Conversation]) -> list[Length]:
        """Tokens billed, and those of the assistant's texts, which are learnt."""
        return [self._length(conversation) for conversation in conversations]

    def _length(self, conversation: Conversation) -> Length:
        messages = as_asked(conversation.messages, self._prompt)
        learnt = sum(self._count(m.content) for m in messages if m.role == "assistant")
        return Length(conversation.id, chat_tokens([m.as_dict() for m in messages], self._count), learnt)
