"""Asking a model: one question or a conversation, with the notice and the advice for emergencies.

>>> import medtune
>>> print(medtune.load("runs/quickstart").ask("What are the symptoms of anemia?"))
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medtune.conversation import Message
from medtune.evaluation.confidence.abstention import AbstentionPolicy, confidence_in
from medtune.models.interface import (
    DecodingSettings,
    Generated,
    InferenceSettings,
    LanguageModel,
    Messages,
    StreamingModel,
)
from medtune.text.emergency import NOTICE, urgent_advice


@dataclass(frozen=True)
class Answer:
    """What a model said.

    ``urgent`` is the advice that goes first where the question names signs of an emergency.

    ``prompt_cut`` tokens at the beginning of what was asked were not read, for want of room.

    Where its run measured confidence: this answer's, the ``threshold`` and ``signal`` ("signal",
    "no signal", "not measured") that validation gave, and a ``remark`` in words. An ``abstained``
    answer's ``text`` says so instead.
    """

    text: str
    urgent: str | None
    finished: bool
    prompt_cut: int = 0
    notice: str = NOTICE
    confidence: float | None = None
    threshold: float | None = None
    abstained: bool = False
    signal: str | None = None
    remark: str | None = None

    @property
    def cut(self) -> str | None:
        """A sentence on what was not read of the question, where something was not."""
        if not self.prompt_cut:
            return None
        return (
            f"note: too long for this model: the first {self.prompt_cut:,} tokens of the question "
            "and what stands before it were not read"
        )

    def __str__(self) -> str:
        parts = (self.urgent, self.text, self.cut, self.remark, self.notice)
        return "\n\n".join(part for part in parts if part)


class Assistant:
    """A model with the system prompt and the decoding that it was trained and measured with."""

    def __init__(
        self,
        model: LanguageModel,
        settings: InferenceSettings,
        max_new_tokens: int | None = None,
        temperature: float | None = None,
        seed: int = 0,
        gate: AbstentionPolicy | None = None,
    ) -> None:
        self.model = model
        self.system, self.chat = settings.system_prompt, settings.chat
        self.remembers: bool = getattr(model, "remembers", True)
        self.decoding = settings.decoding_settings(max_new_tokens, temperature, seed)
        self.gate = gate

    def ask(
        self,
        question: str,
        history: Sequence[Message] = (),
        on_text: Callable[[str], None] | None = None,
        *,
        anyway: bool = False,
    ) -> Answer:
        """Answer ``question`` after ``history``.

        ``on_text`` receives the answer piece by piece while it grows.

        Below the threshold that validation set, the model abstains, unless it is to answer
        ``anyway``. Whether it does is known when the answer is whole: with a threshold nothing is
        handed out before.
        """
        head = (Message("system", self.system),) if self.system else ()
        messages = (*head, *history, Message("user", question))
        show = on_text or (lambda text: None)
        urgent, gate = urgent_advice(question), self.gate
        waits = gate is not None and bool(gate.threshold) and not anyway
        generated = generate_streaming(
            self.model, messages, self.decoding, (lambda text: None) if waits else show
        )
        if gate is None:
            return Answer(generated.text, urgent, generated.finished, generated.prompt_cut)
        confidence = confidence_in(self.model, messages, generated.text)
        abstained = waits and gate.holds_back(confidence)
        text = gate.refusal(confidence) if abstained and confidence is not None else generated.text
        if waits:
            show(text)
        return Answer(
            text,
            urgent,
            generated.finished or abstained,
            generated.prompt_cut,
            confidence=confidence,
            threshold=gate.threshold,
            abstained=abstained,
            signal=gate.signal,
            remark=gate.remark(confidence),
        )


def generate_streaming(
    model: LanguageModel,
    messages: Messages,
    decoding: DecodingSettings,
    on_text: Callable[[str], None],
) -> Generated:
    """One answer: piece by piece where the model can, else whole."""
    if isinstance(model, StreamingModel):
        return model.stream(messages, decoding, on_text)
    (generated,) = model.generate([messages], decoding)
    on_text(generated.text)
    return generated


def load(name: str | Path, **options: Any) -> Assistant:
    """A run's directory, a model directory, or a model's name as something to ask.

    ``options``: ``max_new_tokens``, ``temperature`` (0 is greedy, or beam search), ``seed``; left
    out: as its recipe says.
    """
    from medtune.models.load import locate
    from medtune.models.open import (
        EndpointRef,
        endpoint_ref_directory,
        open_model,
        trained_endpoint_ref,
    )
    from medtune.recipe.schema import Model

    ref = trained_endpoint_ref(str(name)) or locate(str(name))
    directory = (
        endpoint_ref_directory(str(name))
        if isinstance(ref, EndpointRef)
        else ref.adapter or ref.base
    )
    model = open_model(ref, Model(name=str(name)), batch_size=1, trained=True)
    return Assistant(
        model,
        InferenceSettings.read(directory) if directory else InferenceSettings(),
        gate=AbstentionPolicy.read(name),
        **options,
    )
