"""How a trained model was made to be used: the part of its recipe that is saved with it, in
``medtune.json``.
"""

from collections.abc import Mapping
from typing import Any

from medtune.models.interface import DecodingSettings
from medtune.recipe.schema import Chat, Decoding, Recipe


def inference_settings_of(recipe: Recipe) -> dict[str, Any]:
    """What asking the trained model needs to know of its recipe, as plain values."""
    return {
        "system_prompt": recipe.data.system_prompt,
        "max_new_tokens": recipe.chat.max_new_tokens or recipe.evaluate.decoding.max_new_tokens,
        "decoding": recipe.evaluate.decoding.model_dump(mode="json"),
        "chat": recipe.chat.model_dump(mode="json"),
    }


def chat_settings(use: Mapping[str, Any]) -> Chat:
    """How the shell speaks; its defaults for a model of another make."""
    return Chat.model_validate(use.get("chat") or {})


def chat_decoding(
    use: Mapping[str, Any],
    max_new_tokens: int | None = None,
    temperature: float | None = None,
    seed: int = 0,
) -> DecodingSettings:
    """How the model is asked: what a person wants first, else as its recipe's ``chat`` and
    ``evaluate.decoding`` say.
    """
    decoding, chat = Decoding.model_validate(use.get("decoding") or {}), chat_settings(use)
    warmth = chat.temperature if temperature is None else temperature
    return DecodingSettings(
        max_new_tokens or int(use.get("max_new_tokens") or decoding.max_new_tokens),
        warmth,
        decoding.top_p if warmth else 1.0,
        seed,
        decoding.beams,
        decoding.no_repeat_ngram,
    )
