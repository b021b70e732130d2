"""From a model's name to weights and tokenizer: the packaged base, a directory, a run, an
adapter, or the model hub.

Only safetensors are read and no code of a model is run (`trust_remote_code` stays off).
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medtune.errors import MedtuneError, ModelError
from medtune.files import read_json, sha256_json, sha256_paths
from medtune.models.attach import (
    ADAPTER_CONFIG,
    attach_adapter,
    require_adapter_weights,
    require_every_weight,
)
from medtune.models.interface import InferenceSettings
from medtune.models.model_names import PACKAGED, gguf_file, needs_no_hub, packaged_models
from medtune.models.store.known_models import KNOWN_MODELS
from medtune.models.store.model_store import converted_gguf, stored_model
from medtune.tokens.chat_templates import ENCODING_VERSION

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SEQ2SEQ_KINDS = ("t5", "mt5")  # encoder-decoders that medtune runs; Flan-T5 is a t5
WEIGHT_PATTERN = "*.safetensors"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")
BEHAVIOUR_FILES = (
    *TOKENIZER_FILES,
    "merges.txt",
    "chat_template.jinja",
    "config.json",
    "spiece.model",
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "adapter_config.json",
)


@dataclass(frozen=True)
class LocalModelRef:
    """A model on disk.

    ``adapter`` is the directory of a PEFT adapter on ``base``, where there is one.

    ``quantization`` (``nf4``, ``int8``) is how the base's weights are held in memory.
    """

    name: str
    base: Path
    adapter: Path | None = None
    quantization: str | None = None
    double_quantization: bool = True

    @property
    def tokenizer(self) -> Path:
        """Where the tokenizer lies: with the adapter if it brought one."""
        if self.adapter and any((self.adapter / name).exists() for name in TOKENIZER_FILES):
            return self.adapter
        return self.base

    @property
    def libraries(self) -> tuple[str, ...]:
        """Packages whose versions decide what the model computes."""
        adapter = ("peft",) if self.adapter else ()
        quantized = ("bitsandbytes",) if self.quantization else ()
        return ("torch", "transformers", "tokenizers", *adapter, *quantized)

    def weight_files(self) -> list[Path]:
        """All weight files, the adapter's last."""
        directories = [self.base, *([self.adapter] if self.adapter else [])]
        return [
            path for directory in directories for path in sorted(directory.glob(WEIGHT_PATTERN))
        ]

    def weights_hash(self) -> str:
        """SHA-256 over the weight files."""
        return sha256_paths(self.weight_files())

    def fingerprint(self) -> str:
        """SHA-256 over weights, configuration, tokenizer and chat template.

        Other bits of a weight, another model.
        """
        files = sha256_paths([*self.weight_files(), *self._behaviour_files()])
        if not self.quantization:
            return files
        outliers = ["no outliers kept"] if self.quantization == "int8" else []
        return sha256_json([files, self.quantization, self.double_quantization, *outliers])

    def behaviour_hash(self) -> str:
        """SHA-256 over all but the weights: what decides how texts become tokens, and how many
        fit.
        """
        return sha256_paths(self._behaviour_files())

    def _behaviour_files(self) -> list[Path]:
        directories = dict.fromkeys(
            [self.base, self.tokenizer, *([self.adapter] if self.adapter else [])]
        )
        files = [directory / name for directory in directories for name in BEHAVIOUR_FILES]
        return [file for file in files if file.exists()]


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Package → its installed version, or "not installed"."""
    return {name: _version(name) for name in packages}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def locate(
    name: str, revision: str | None = None, adapters: tuple[Path, ...] = ()
) -> LocalModelRef:
    """Find a model: packaged, got or imported (`medtune models`), a GGUF file, a run's directory,
    a directory with weights or an adapter, or the hub (cached or fetched).

    A GGUF file is converted the first time. ``adapters`` are those whose base it is. Raises
    ``ModelError`` where it is not to be had.
    """
    if revision and needs_no_hub(name):
        raise ModelError(
            f"a revision is of a model on the hub, and {name} is none",
            where="model.revision",
            fix="Leave it out.",
        )
    if name in packaged_models():
        return LocalModelRef(name, PACKAGED / name)
    path = Path(name)
    file = gguf_file(name)
    stored = converted_gguf(file) if file else stored_model(name)
    if stored and path.is_dir():
        raise ModelError(
            f"{name} is a model's name (kept in {stored}) and a directory in this place",
            where="model.name",
            fix=f"Say ./{name} for the directory, or go to another directory.",
        )
    if stored:
        return LocalModelRef(name, stored)
    if path.is_dir():
        return _in_directory(name, path, adapters)
    if name in KNOWN_MODELS:
        raise ModelError(
            f"{name} is not on this machine yet",
            where="model.name",
            fix=f"Get it once, without a model hub: medtune models get {name}",
        )
    looks_like_path = (
        name.count("/") > 1
        or name.startswith((".", "/", "~"))
        or ("/" in name and path.parent.is_dir())
    )
    if name.lower().endswith(".gguf"):
        raise ModelError(f"there is no file {name}", where="model.name", fix="Check the path.")
    if path.exists() or looks_like_path:
        raise ModelError(f"there is no model directory {name}, and no run", fix="Check the path.")
    return _from_hub(name, revision)


def _in_directory(name: str, path: Path, adapters: tuple[Path, ...] = ()) -> LocalModelRef:
    if (path / "run.json").exists():
        if not (path / "model").is_dir():
            raise ModelError(
                "this run has no trained model yet",
                where=name,
                fix=f"Finish it with: medtune run {name}",
            )
        path = path / "model"
    adapter = path / ADAPTER_CONFIG
    if adapter.exists():
        require_adapter_weights(path, name)
        base_name, revision = _base_of(adapter, name, adapters)
        try:
            base = locate(base_name, revision, (*adapters, path.resolve()))
        except ModelError as error:
            fix = f"{error.fix or ''} A base on this machine: its path, as "
            fix += f"base_model_name_or_path in {ADAPTER_CONFIG}."
            raise ModelError(
                f"the adapter's base is not to be had: {error.what}", where=name, fix=fix.strip()
            ) from error
        trained = InferenceSettings.read(path)
        return LocalModelRef(
            name, base.base, path, trained.quantization, trained.double_quantization
        )
    if (path / "endpoint.json").exists():
        raise ModelError(
            "this model runs behind an endpoint",
            where=name,
            fix="This needs a model whose weights are on this machine.",
        )
    if not (path / "config.json").exists():
        files = ", ".join(sorted(file.name for file in path.glob("*.gguf"))[:3])
        raise ModelError(
            "this directory holds no model (no config.json)",
            where=name,
            fix=f"Name a file of it: {files}." if files else "Name a model's or a run's directory.",
        )
    if not any(path.glob(WEIGHT_PATTERN)):
        raise ModelError(
            "this model has no safetensors weights",
            where=name,
            fix="Convert it: medtune reads no pickled weights.",
        )
    return LocalModelRef(name, path)


def _base_of(config: Path, name: str, adapters: tuple[Path, ...]) -> tuple[str, str | None]:
    """Name and revision of an adapter's base. Raises ``ModelError`` where there is none to have."""
    values = read_json(config)
    base = values.get("base_model_name_or_path") if isinstance(values, dict) else None
    what = ""
    if not isinstance(base, str) or not base.strip():
        what = f"{config.name} names no base model"
    elif config.parent.resolve() in adapters or Path(base).resolve() == config.parent.resolve():
        what = "this adapter's base is the adapter itself"
    elif adapters:
        what = "an adapter on another adapter is not read"
    if what:
        fix = "Name the model it was trained on: base_model_name_or_path in its configuration."
        raise ModelError(what, where=name, fix=fix)
    revision = values.get("revision")
    return str(base), revision if isinstance(revision, str) else None


def _from_hub(name: str, revision: str | None) -> LocalModelRef:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = ["*.json", "*.jinja", "*.txt", "*.model", "*.safetensors"]
    try:
        snapshot = Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    except HFValidationError as error:
        raise ModelError(
            f"{name!r} is neither a directory nor a hub name", where="model.name", fix=_hint(name)
        ) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        offline = os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0")
        why = (
            "the hub is switched off (HF_HUB_OFFLINE)"
            if offline
            else "it is not in the cache and the hub does not answer or refuses"
        )
        raise ModelError(
            f"{name} is not to be had: {why}", where="model.name", fix=_hint(name)
        ) from error
    return _in_directory(name, snapshot)


def _hint(name: str) -> str:
    near = get_close_matches(name, [*packaged_models(), *KNOWN_MODELS], n=1)
    guess = f"Did you mean {near[0]}? " if near else ""
    return (
        f"{guess}Use medtune-base, a name of medtune models list, a .gguf file or a directory, "
        "or fetch it where there is a network (hf download NAME)."
    )


def load_tokenizer(
    ref: LocalModelRef, chat_template: str = "auto", prompt: str | None = None
) -> "PreTrainedTokenizerBase":
    """The model's tokenizer, with a chat template: the named family's, its own, or the one its
    vocabulary tells of.

    ``prompt`` is put around every question, and becomes part of the template.
    """
    from transformers import AutoTokenizer

    from medtune.tokens.chat_templates import choose_template
    from medtune.tokens.render import ChatTemplate

    seq2seq = bool(read_config(ref).is_encoder_decoder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(ref.tokenizer, trust_remote_code=False)
        tokenizer.chat_template = choose_template(tokenizer, chat_template, prompt, seq2seq=seq2seq)
    except (MedtuneError, MemoryError):
        raise
    except Exception as error:  # of any type: the library of tokenizers has one of its own
        raise ModelError(
            f"the tokenizer cannot be read ({_reason(error)})",
            where=ref.name,
            fix="Is the directory whole?",
        ) from error
    if not seq2seq:  # whose targets end with the tokenizer's own token, whatever the template
        template = ChatTemplate(tokenizer)
        template.settle_end(ref.name)
        template.require_question(ref.name)
    return tokenizer


def loaded_fingerprint(
    ref: LocalModelRef, tokenizer: "PreTrainedTokenizerBase", dtype: "torch.dtype"
) -> str:
    """SHA-256 of all that a measurement of the model depends on: its files, the chat template in
    use, the number format.
    """
    versions = installed_versions(ref.libraries)
    template = [tokenizer.chat_template, ENCODING_VERSION]
    return sha256_json([ref.fingerprint(), *template, str(dtype), versions])


def context_length(config: Any) -> int:
    """Tokens that the model can see at once."""
    for name in ("max_position_embeddings", "n_positions"):
        value = getattr(config.get_text_config(), name, None)
        if value:
            return int(value)
    return 10**6


def read_config(ref: LocalModelRef) -> Any:
    """The architecture's configuration.

    An architecture that neither generates text causally nor is a T5 is refused.
    """
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    from medtune.models.onednn_linear import fuse_activations

    try:
        config = AutoConfig.from_pretrained(ref.base, trust_remote_code=False)
    except MemoryError:
        raise
    except Exception as error:  # of any type: each architecture checks its fields in its own way
        raise ModelError(
            f"the configuration cannot be read ({_reason(error)})",
            where=ref.name,
            fix="Is it a language model?",
        ) from error
    if config.is_encoder_decoder:
        known = config.model_type in SEQ2SEQ_KINDS
    else:
        known = config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    if not known:
        raise ModelError(
            f"{config.model_type} is neither a causal language model nor a T5",
            where=ref.name,
            fix="Use a GPT-2, Llama, Mistral, Gemma, Qwen or T5 kind.",
        )
    _require_plausible_size(ref, config)
    return fuse_activations(config)


def _require_plausible_size(ref: LocalModelRef, config: Any) -> None:
    """Raises ``ModelError`` where the files cannot hold what the configuration names.

    Every layer has a vector as wide as the model in 16 bits at least, and the vocabulary one a
    token: a model of a million layers would be built for hours before its weights are missed.
    """
    text = config.get_text_config()
    width, layers, words = (
        getattr(text, name, 0) for name in ("hidden_size", "num_hidden_layers", "vocab_size")
    )
    if not all(isinstance(size, int) and size > 0 for size in (width, layers, words)):
        return  # of another make: building says what is wrong
    least = width * layers + width * words // 4  # tables of tokens may have 4 bits a weight
    held = sum(path.stat().st_size for path in ref.base.glob(WEIGHT_PATTERN))
    if held and least > held:
        raise ModelError(
            f"the configuration names {layers:,} layers of width {width:,} and {words:,} tokens, "
            f"more than {held:,} bytes of weights can hold",
            where=ref.name,
            fix="Fetch the model again: config.json and weights are not of one model.",
        )


def _require_finite(model: Any, name: str) -> None:
    """Raises ``ModelError`` where a weight is not-a-number or infinite: all figures would be."""
    import torch

    for parameter_name, parameter in model.named_parameters():
        if not parameter.is_floating_point() or parameter.element_size() < 2:
            continue
        if not bool(torch.isfinite(parameter.detach().sum(dtype=torch.float32))) and not bool(
            torch.isfinite(parameter.detach()).all()
        ):
            raise ModelError(
                f"the weights hold numbers that are none ({parameter_name})",
                where=name,
                fix="Fetch the model again, or train it again with a lower learning rate.",
            )


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def load_weights(
    ref: LocalModelRef, dtype: "torch.dtype", attention: str | None
) -> "PreTrainedModel":
    """The model in evaluation mode, on the best device here, with its adapter where there is one.

    Without ``attention`` it attends as transformers would have it. Raises
    ``PackingUnsupportedError`` where packed attention is asked for and the architecture cannot have
    it, and ``ModelError`` where the files are not a whole model.
    """
    import torch

    from medtune.models.packed_attention import PACKED_ATTENTION, check_packing
    from medtune.models.precision import keep_unpacked

    config = read_config(ref)
    if config.is_encoder_decoder:
        attention = "sdpa"  # for generation; elsewhere `t5_packed` attends row by row
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = _read_weights(ref, config, dtype, attention, device)
    if ref.quantization:
        keep_unpacked(model)
    if ref.adapter:
        model = attach_adapter(model, ref.adapter, ref.name)
    model = model.eval() if ref.quantization else model.to(device).eval()
    _require_finite(model, ref.name)
    if attention == PACKED_ATTENTION:
        check_packing(model, ref.name)
    return model


def _read_weights(
    ref: LocalModelRef,
    config: Any,
    dtype: "torch.dtype",
    attention: str | None,
    device: "torch.device",
) -> Any:
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM
    from transformers.utils import logging

    from medtune.models.packed_attention import PACKED_ATTENTION, PackingUnsupportedError
    from medtune.models.precision import quantization_config

    kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    options: dict[str, Any] = {}
    if ref.quantization:
        quantization = quantization_config(ref.quantization, ref.double_quantization, dtype)
        options = {"quantization_config": quantization, "device_map": {"": device}}
    logging.disable_progress_bar()
    try:
        model, loading = kind.from_pretrained(
            ref.base,
            config=config,
            dtype=dtype,
            attn_implementation=attention,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **options,
        )
    except KeyError as error:
        # the architecture has a table of its own ways to attend
        if attention == PACKED_ATTENTION and attention in error.args:
            raise PackingUnsupportedError(config.model_type, ref.name) from error
        raise
    except (MedtuneError, MemoryError):
        raise
    except Exception as error:  # of any type: safetensors has one of its own
        raise ModelError(
            f"the weights cannot be read ({_reason(error)})",
            where=ref.name,
            fix="Fetch the model again.",
        ) from error
    require_every_weight(loading["missing_keys"], loading["unexpected_keys"], ref.name)
    return model
