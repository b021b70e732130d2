"""Asking a model: one question or a conversation, with the notice and the advice for emergencies.

>>> import medtune
>>> print(medtune.load("runs/quickstart").ask("What are the symptoms of anemia?"))
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtune.conversation import Message
from medtune.emergency import NOTICE, urgent_advice
from medtune.models.protocol import DecodingSettings

if TYPE_CHECKING:
    from medtune.models.local import LocalModel


@dataclass(frozen=True)
class Answer:
    """What a model said; ``urgent`` is the advice that goes first where the question names signs of an emergency."""

    text: str
    urgent: str | None
    finished: bool
    notice: str = NOTICE

    def __str__(self) -> str:
        return "\n\n".join(part for part in (self.urgent, self.text, self.notice) if part)


class Assistant:
    """A model with the system prompt and the decoding that it was trained and measured with."""

    def __init__(
        self,
        model: "LocalModel",
        use: dict[str, Any],
        max_new_tokens: int | None = None,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.system = use.get("system_prompt")
        tokens = max_new_tokens or int(use.get("max_new_tokens", 160))
        self.decoding = DecodingSettings(tokens, temperature, top_p=0.95 if temperature else 1.0, seed=seed)

    def ask(
        self, question: str, history: Sequence[Message] = (), on_text: Callable[[str], None] | None = None
    ) -> Answer:
        """Answer ``question`` after ``history``; ``on_text`` receives the answer piece by piece while it grows."""
        head = (Message("system", self.system),) if self.system else ()
        messages = (*head, *history, Message("user", question))
        made = self.model.stream(messages, self.decoding, on_text or (lambda text: None))
        return Answer(made.text, urgent_advice(question), made.finished)


def load(name: str | Path, **options: Any) -> Assistant:
    """A run's directory, a model directory, or a model's name as something to ask.

    ``options``: ``max_new_tokens``, ``temperature`` (0 is greedy), ``seed``.
    """
    from medtune.models.loading import locate
    from medtune.models.local import LocalModel
    from medtune.models.precision import evaluation_dtype

    located = locate(str(name))
    place = located.adapter or located.base
    settings = place / "medtune.json"
    use = json.loads(settings.read_text(encoding="utf-8")) if settings.exists() else {}
    return Assistant(LocalModel.load(located, evaluation_dtype(located, "auto")), use, **options)
