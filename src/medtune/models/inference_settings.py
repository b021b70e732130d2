"""How a trained model is to be asked: the part of its recipe that is saved with it, in
``medtune.json``.
"""

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from medtune.files import read_json
from medtune.models.interface import DecodingSettings
from medtune.recipe.schema import Chat, Decoding, Recipe

SETTINGS_FILE = "medtune.json"


class InferenceSettings(BaseModel):
    """What asking a trained model needs to know of its recipe; defaults for a model of another
    make.

    An adapter's base was held in ``quantization`` in training; ``base`` is its name.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    system_prompt: str | None = None
    max_new_tokens: int | None = None
    decoding: Decoding = Field(default_factory=Decoding)
    chat: Chat = Field(default_factory=Chat)
    revision: str | None = None
    base_weights_sha256: str | None = None
    quantization: str | None = None
    double_quantization: bool = True
    base: str | None = None

    @field_validator("decoding", "chat", mode="before")
    @classmethod
    def _empty(cls, value: object) -> object:
        return value or {}

    @classmethod
    def of(cls, recipe: Recipe, **others: Any) -> Self:
        """What a recipe says; ``others`` are fields of which it knows nothing."""
        evaluate = recipe.evaluate
        return cls(
            system_prompt=recipe.data.system_prompt,
            max_new_tokens=recipe.chat.max_new_tokens or evaluate.decoding.max_new_tokens,
            decoding=evaluate.decoding,
            chat=recipe.chat,
            **others,
        )

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Those of a model's directory."""
        file = directory / SETTINGS_FILE
        return cls.model_validate(read_json(file) if file.exists() else {})

    def as_json(self) -> dict[str, Any]:
        """The fields that were given, as plain values."""
        return self.model_dump(mode="json", include=self.model_fields_set)

    def decoding_settings(
        self,
        max_new_tokens: int | None = None,
        temperature: float | None = None,
        seed: int = 0,
    ) -> DecodingSettings:
        """How the model is asked: what a person sets first, else as its recipe's ``chat`` and
        ``evaluate.decoding`` say.
        """
        chosen = self.chat.temperature if temperature is None else temperature
        return DecodingSettings(
            max_new_tokens or self.max_new_tokens or self.decoding.max_new_tokens,
            chosen,
            self.decoding.top_p if chosen else 1.0,
            seed,
            self.decoding.beams,
            self.decoding.no_repeat_ngram,
        )
