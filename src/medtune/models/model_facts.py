"""What a model on this machine is: size, context, licence, source, tokens that end its texts."""

import math
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from medtune.errors import ModelError
from medtune.models.gguf.gguf_convert import gguf_facts
from medtune.models.gguf.gguf_file import read_gguf
from medtune.models.load import (
    LocalModelRef,
    context_length,
    load_tokenizer,
    locate,
    read_config,
)
from medtune.models.model_names import gguf_file, needs_no_hub
from medtune.models.store.known_models import KNOWN_MODELS, KnownModel
from medtune.models.store.machine_models import machine_models
from medtune.models.store.model_store import RECORD_FILE, read_record, stored_model


class ModelFacts(BaseModel):
    """A model as a person asks about it; None where its files do not say it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    architecture: str | None = None
    parameters: int
    context: int
    licence: str | None = None
    source: str | None = None
    provenance: str | None = None
    directory: str | None = None
    bytes: int | None = None
    bos: str | None = None
    eos: str | None = None
    chat_template: str | None = None

    def as_text(self) -> str:
        """A line a fact, those left out that are not known."""
        size = f"{self.parameters:,}" + (f", {self.bytes / 1e6:,.1f} MB" if self.bytes else "")
        rows = {
            "name": self.name,
            "architecture": self.architecture,
            "parameters": size,
            "context": f"{self.context:,} tokens",
            "licence": self.licence or "not stated",
            "source": self.source,
            "weights": self.provenance,
            "kept in": self.directory or "not here: medtune models get " + self.name,
            "BOS, EOS": f"{self.bos or 'none'}, {self.eos or 'none'}" if self.directory else None,
            "template": self.chat_template,
        }
        return "\n".join(f"{title:<14}{text}" for title, text in rows.items() if text)


def model_facts(name: str) -> ModelFacts:
    """The facts of a model that is here, of a GGUF file, or of one in the catalogue.

    Nothing is fetched or converted. Raises ``ModelError`` where it is not here.
    """
    path = gguf_file(name)
    if path:
        return _of_gguf(name, path)
    if name in KNOWN_MODELS and not stored_model(name):
        return _of_catalogue(KNOWN_MODELS[name])
    cached = any(model.name == name for model in machine_models())
    if not (needs_no_hub(name) or Path(name).exists() or cached):
        raise ModelError(
            f"{name} is not on this machine",
            fix=f"medtune models list names what is here; a hub's: medtune models get {name}",
        )
    return _of_directory(locate(name))


def _of_gguf(name: str, path: Path) -> ModelFacts:
    file = read_gguf(path)
    facts = gguf_facts(file)
    return ModelFacts(
        name=name,
        architecture=facts.architecture,
        parameters=facts.parameters,
        context=facts.context,
        licence=facts.licence,
        source=facts.name,
        provenance=facts.provenance,
        directory=str(path.parent),
        bytes=path.stat().st_size,
        chat_template="of the file" if "tokenizer.chat_template" in file.metadata else "none",
    )


def _of_catalogue(known: KnownModel) -> ModelFacts:
    return ModelFacts(
        name=known.name,
        parameters=known.parameters,
        context=known.context,
        licence=known.licence,
        source=known.source,
        provenance=known.notes,
    )


def _of_directory(ref: LocalModelRef) -> ModelFacts:
    config, tokenizer = read_config(ref), load_tokenizer(ref)
    record = read_record(ref.base) if (ref.base / RECORD_FILE).is_file() else None
    has_template = (ref.tokenizer / "chat_template.jinja").exists()
    return ModelFacts(
        name=ref.name,
        architecture=config.model_type,
        parameters=_parameters(ref),
        context=context_length(config),
        licence=record.licence if record else None,
        source=record.source if record else None,
        provenance=record.provenance if record else None,
        directory=str(ref.adapter or ref.base),
        bytes=sum(path.stat().st_size for path in ref.weight_files()),
        bos=tokenizer.bos_token,
        eos=tokenizer.eos_token,
        chat_template="its own" if has_template else "by its vocabulary's markers, or plain",
    )


def _parameters(ref: LocalModelRef) -> int:
    from safetensors import safe_open

    total = 0
    for file in ref.weight_files():
        with safe_open(file, "numpy") as tensors:
            names = list(tensors.keys())
            total += sum(math.prod(tensors.get_slice(name).get_shape()) for name in names)
    return total
