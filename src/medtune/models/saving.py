"""A trained model as a directory that medtune, transformers and PEFT read: safetensors,
tokenizer, generation settings.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtune.files import write_json
from medtune.models.causal import CausalModel
from medtune.models.encoder_decoder import Seq2SeqModel
from medtune.models.inference_settings import chat_decoding
from medtune.models.scoring import has_adapter

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def save_model(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    place: Path,
    base_name: str,
    use: dict[str, Any],
) -> None:
    """Write weights (or the adapter alone), tokenizer with its chat template, and
    ``medtune.json`` with ``use``.

    ``base_name`` is how the adapter finds its base again; ``use`` holds the system prompt, decoding
    and chat of the recipe.
    """
    from transformers import GenerationConfig

    kind = Seq2SeqModel if model.config.is_encoder_decoder else CausalModel
    local = kind(model, tokenizer, base_name, "")
    settings = GenerationConfig(**local.generation_settings(chat_decoding(use)))
    if has_adapter(model):
        adapter: Any = model.peft_config["default"]
        adapter.base_model_name_or_path, adapter.revision = base_name, use.get("revision")
        model.save_pretrained(str(place), safe_serialization=True, save_embedding_layers=False)
        (place / "README.md").unlink(
            missing_ok=True
        )  # PEFT's form to fill in; the run's own card says more
    else:
        model.generation_config = settings
        model.save_pretrained(place)
    settings.save_pretrained(place)
    tokenizer.chat_template = local.template.source
    tokenizer.save_pretrained(place)
    write_json(place / "medtune.json", use | {"base": base_name})
