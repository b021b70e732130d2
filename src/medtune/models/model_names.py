"""What a model's name stands for before anything is read: the package, the catalogue, a file."""

from pathlib import Path

from medtune.models.store.known_models import KNOWN_MODELS
from medtune.models.store.machine_models import machine_gguf
from medtune.models.store.model_store import stored_model

PACKAGED = Path(__file__).parent / "shipped"


def packaged_models() -> list[str]:
    """Names of the models that the package brings along."""
    return (
        sorted(path.name for path in PACKAGED.iterdir() if path.is_dir())
        if PACKAGED.exists()
        else []
    )


def needs_no_hub(name: str) -> bool:
    """Whether a name is of a model in the package, the catalogue, the store, or of a GGUF file."""
    return (
        name in packaged_models()
        or name in KNOWN_MODELS
        or stored_model(name) is not None
        or gguf_file(name) is not None
    )


def gguf_file(name: str) -> Path | None:
    """The GGUF file that a path, or a name of another program's model, stands for.

    Raises ``ModelError`` where that program does not have it.
    """
    path = machine_gguf(name)
    if path is None and name.lower().endswith(".gguf") and Path(name).is_file():
        path = Path(name)
    return path


def lasting_name(name: str) -> str:
    """The name by which a model is found again from any directory: paths are made absolute."""
    file = gguf_file(name)
    if file is not None:
        return str(file.resolve()) if file == Path(name) else name
    return str(Path(name).resolve()) if Path(name).is_dir() and not needs_no_hub(name) else name
