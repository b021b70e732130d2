"""Models that other programs keep on this machine: Ollama, LM Studio, llama.cpp, the model hub.

A GGUF file of Ollama or LM Studio is named `ollama:NAME:TAG` or `lmstudio:OWNER/REPO/FILE.gguf`
wherever a model is named.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from medtune.errors import ModelError

OLLAMA, LM_STUDIO = "ollama:", "lmstudio:"
_MODEL_LAYER = "application/vnd.ollama.image.model"
_OTHER_LAYERS = ("adapter", "projector", "tensor")  # which are part of the model, and not read
_DEFAULT_HOST, _DEFAULT_OWNER = "registry.ollama.ai", "library"


@dataclass(frozen=True)
class MachineModel:
    """A model by the name under which medtune takes it, and its file or directory."""

    name: str
    program: str
    path: Path


def machine_models() -> list[MachineModel]:
    """All models that other programs keep here, as far as their files are there."""
    return [*_ollama_models(), *_lm_studio_models(), *_llama_cpp_models(), *_hub_models()]


def machine_gguf(name: str) -> Path | None:
    """The GGUF file of a name that begins with `ollama:` or `lmstudio:`; None for all others.

    Raises ``ModelError`` where it is not here.
    """
    if name.startswith(OLLAMA):
        return _ollama_blob(_manifest(name.removeprefix(OLLAMA)), name)
    if not name.startswith(LM_STUDIO):
        return None
    for directory in lm_studio_directories():
        path = directory / name.removeprefix(LM_STUDIO)
        if (
            path.suffix == ".gguf"
            and path.is_file()
            and path.resolve().is_relative_to(directory.resolve())
        ):
            return path
    raise _absent(name)


def ollama_directory() -> Path:
    """`$OLLAMA_MODELS`, or `~/.ollama/models` where that is not set."""
    return Path(os.environ.get("OLLAMA_MODELS") or Path.home() / ".ollama" / "models")


def lm_studio_directories() -> list[Path]:
    """The folders in which LM Studio keeps models, of today and of older versions."""
    home = Path.home()
    return [home / ".lmstudio" / "models", home / ".cache" / "lm-studio" / "models"]


def _absent(name: str) -> ModelError:
    return ModelError(
        f"{name} is not on this machine",
        where="model.name",
        fix="medtune models list names what is here.",
    )


def _manifest(name: str) -> Path:
    """The manifest of `NAME[:TAG]`, with the owner and the registry before it where it has them."""
    model, _, tag = name.partition(":")
    parts = model.split("/")
    defaults = [_DEFAULT_HOST, _DEFAULT_OWNER][: max(0, 3 - len(parts))]
    whole = Path(*defaults, *parts, tag or "latest")
    if ".." in whole.parts or whole.is_absolute():
        raise _absent(f"{OLLAMA}{name}")
    return ollama_directory() / "manifests" / whole


def _ollama_blob(manifest: Path, name: str) -> Path:
    if not manifest.is_file():
        raise _absent(name)
    try:
        layers = json.loads(manifest.read_text(encoding="utf-8"))["layers"]
        kinds = {str(layer["mediaType"]): str(layer["digest"]) for layer in layers}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            "Ollama's manifest of this model is damaged", where=str(manifest), fix="ollama pull it."
        ) from error
    other = [kind for kind in kinds if kind.rpartition(".")[2] in _OTHER_LAYERS]
    if _MODEL_LAYER not in kinds or other:
        raise ModelError(
            f"{name} is more than one GGUF file of a language model",
            where=", ".join(other) or "no model layer",
            fix="Use a plain model.",
        )
    digest = kinds[_MODEL_LAYER].replace(":", "-")
    blob = ollama_directory() / "blobs" / Path(digest).name
    if not blob.is_file():
        raise ModelError("Ollama's file of this model is missing", where=str(blob), fix="Pull it.")
    return blob


def _ollama_models() -> Iterator[MachineModel]:
    root = ollama_directory() / "manifests"
    for manifest in sorted(path for path in root.glob("*/*/*/*") if path.is_file()):
        host, owner, model, tag = manifest.relative_to(root).parts
        prefix = "" if host == _DEFAULT_HOST else f"{host}/{owner}/"
        prefix = prefix or ("" if owner == _DEFAULT_OWNER else f"{owner}/")
        name = f"{OLLAMA}{prefix}{model}:{tag}"
        try:
            yield MachineModel(name, "Ollama", _ollama_blob(manifest, name))
        except ModelError:
            continue  # named with its reason when it is asked for


def _lm_studio_models() -> Iterator[MachineModel]:
    for directory in lm_studio_directories():
        for path in _gguf_files(directory):
            name = f"{LM_STUDIO}{path.relative_to(directory).as_posix()}"
            yield MachineModel(name, "LM Studio", path)


def _llama_cpp_models() -> Iterator[MachineModel]:
    cache = Path(os.environ.get("LLAMA_CACHE") or Path.home() / ".cache" / "llama.cpp")
    for path in _gguf_files(cache):
        yield MachineModel(str(path), "llama.cpp", path)


def _hub_models() -> Iterator[MachineModel]:
    from huggingface_hub import constants

    for snapshot in sorted(Path(constants.HF_HUB_CACHE).glob("models--*/snapshots/*")):
        name = snapshot.parents[1].name.removeprefix("models--").replace("--", "/")
        if (snapshot / "config.json").exists() and any(snapshot.glob("*.safetensors")):
            yield MachineModel(name, "model hub", snapshot)
        for path in _gguf_files(snapshot):
            yield MachineModel(str(path), "model hub", path)


def _gguf_files(directory: Path) -> list[Path]:
    """All GGUF files below a directory but the vision parts of others."""
    files = sorted(directory.rglob("*.gguf")) if directory.is_dir() else []
    return [path for path in files if not path.name.startswith(("mmproj", "."))]
