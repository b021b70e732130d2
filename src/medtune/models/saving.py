"""A trained model as a directory that medtune, transformers and PEFT read: safetensors,
tokenizer, generation settings.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from medtune.files import write_json
from medtune.models.causal import CausalModel
from medtune.models.encoder_decoder import Seq2SeqModel
from medtune.models.interface import SETTINGS_FILE, InferenceSettings
from medtune.models.scoring import has_adapter

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def save_model(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    directory: Path,
    base_name: str,
    settings: InferenceSettings,
) -> None:
    """Write weights (or the adapter alone), tokenizer with its chat template, generation settings
    and ``medtune.json``.

    ``base_name`` is how the adapter finds its base again.
    """
    kind = Seq2SeqModel if model.config.is_encoder_decoder else CausalModel
    local = kind(model, tokenizer, base_name, "")
    generation = local.generation_config(settings.decoding_settings())
    if has_adapter(model):
        adapter = model.peft_config["default"]
        adapter.base_model_name_or_path, adapter.revision = base_name, settings.revision
        model.save_pretrained(str(directory), safe_serialization=True, save_embedding_layers=False)
        # PEFT's form to fill in; the run's own card says more
        (directory / "README.md").unlink(missing_ok=True)
    else:
        model.generation_config = generation
        model.save_pretrained(directory)
    generation.save_pretrained(directory)
    tokenizer.chat_template = local.template.source
    tokenizer.save_pretrained(directory)
    write_json(directory / SETTINGS_FILE, settings.as_json() | {"base": base_name})
