"""The data sets known by name: what they are, and their files, from the data directory or the hub.

Without a network the error says where to get what, and where to put it.
"""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from medtune.data.formats.tables import is_table
from medtune.errors import DataError
from medtune.progress import say

SHIPPED = Path(__file__).parents[1] / "shipped"


_COMMON = {"train", "validation", "valid", "val", "dev", "test", "data"}


class HubFiles(BaseModel):
    """A data set repository on the hub, and which of its files are the rows (shell patterns)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repo: str
    files: tuple[str, ...]


class KnownSource(BaseModel):
    """One data set, as published; catalogue.toml says what the fields mean.

    A directory of the data set's own name may hold any of its forms.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    licence: str
    published: str
    columns: str
    files: tuple[str, ...]
    size: int | None = None
    hub: HubFiles | None = None
    packaged: bool = False
    parts: tuple[str, ...] = ()
    header: tuple[str, ...] = ()

    def find(self, data_dir: Path | None) -> Path | None:
        """Where it is: the first of its files that is here."""
        return next(iter(self.local_files(data_dir)), None)

    def local_files(self, data_dir: Path | None) -> list[Path]:
        """All of its files that are here, of the first form that is."""
        directory = SHIPPED if self.packaged else data_dir
        if directory is None or not directory.is_dir():
            return []
        for pattern in self.files:
            matches = {
                path
                for name in self.spelt(pattern)
                for path in directory.glob(name)
                if path.is_file()
            }
            if matches:
                return sorted(matches)
        return [] if self.packaged else table_files(directory / self.name)

    def rows(self) -> int | None:
        """Rows as published, or of the file that the package brings along."""
        path = self.find(None) if self.packaged else None
        return len(path.read_bytes().splitlines()) if path else self.size

    def spelt(self, pattern: str) -> list[str]:
        """A pattern with ``{part}`` written out."""
        return [pattern.replace("{part}", part) for part in self.parts or ("",)]

    def names_file(self, path: Path) -> bool:
        """Whether a file is named like a published one.

        A name that any table may have (``train.csv``, or whatever a star stands for) is one only
        with the directories before it, or in a directory of the data set's own name.
        """
        whole = path.absolute().as_posix().lower()
        if path.parent.name == self.name and re.split(r"\W", path.name.lower())[0] in _COMMON:
            return True
        for name in (n.lower() for pattern in self.files for n in self.spelt(pattern)):
            directory, _, last = name.rpartition("/")
            if directory and fnmatch(whole, f"*/{name.replace('**/', '*')}"):
                return True
            common = last.startswith("*") or last.partition(".")[0] in _COMMON
            if not common and fnmatch(path.name.lower(), last):
                return True
        return False


def table_files(directory: Path) -> list[Path]:
    """All tables below a directory."""
    return sorted(path for path in directory.rglob("*") if is_table(path) and path.is_file())


def _read_catalogue() -> dict[str, KnownSource]:
    text = Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8")
    return {name: KnownSource(name=name, **entry) for name, entry in tomllib.loads(text).items()}


KNOWN = _read_catalogue()


_PATIENCE = 10.0  # seconds until a silent hub is given up


def fetch(known: KnownSource, data_dir: Path | None) -> list[Path]:
    """The files of a known data set from the hub or from its cache.

    The hub's own variables apply (``HF_HOME``, ``HF_HUB_OFFLINE``, ``HF_TOKEN``, ``HF_ENDPOINT``).
    Raises ``DataError`` where the data set is not on the hub or the hub does not give it.
    """
    if known.hub is None:
        raise _not_here(known, data_dir, "")
    patterns = [name for pattern in known.hub.files for name in known.spelt(pattern)]
    try:
        folder = _snapshot(known, known.hub.repo, patterns)
    except _faults() as error:
        raise _not_here(known, data_dir, _reason(error)) from error
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    matching = [
        path
        for path in files
        if any(fnmatch(path.relative_to(folder).as_posix(), p) for p in patterns)
    ]
    if not matching:
        raise _not_here(
            known, data_dir, f"{known.hub.repo} holds no {' or '.join(known.hub.files)}"
        )
    return matching


def _snapshot(known: KnownSource, repo: str, patterns: list[str]) -> Path:
    from huggingface_hub import constants, snapshot_download

    offline = constants.HF_HUB_OFFLINE
    if not offline:
        say(f"{known.name}: looking for {repo} on the hub")
    # snapshot_download itself waits for a silent hub without end.
    reached = not offline and _answers(repo)
    return Path(
        snapshot_download(
            repo,
            repo_type="dataset",
            allow_patterns=patterns,
            etag_timeout=_PATIENCE,
            local_files_only=not reached,
        )
    )


def _answers(repo: str) -> bool:
    """Whether the hub says anything, be it no."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        HfApi().dataset_info(repo, timeout=_PATIENCE)
    except HfHubHTTPError:
        return True
    except Exception:  # whatever the hub's own HTTP library calls a refused, broken or silent line
        return False
    return True


def _faults() -> tuple[type[Exception], ...]:
    from huggingface_hub.errors import HfHubHTTPError, IncompleteSnapshotError

    return (HfHubHTTPError, IncompleteSnapshotError, OSError, ValueError, RuntimeError)


def _reason(error: Exception) -> str:
    """Why the hub did not give it, in a few words."""
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if constants.HF_HUB_OFFLINE:
        return "not in the hub's cache, and HF_HUB_OFFLINE is set"
    if isinstance(error, GatedRepoError):
        return "the hub asks for consent to its terms: give it there, and set HF_TOKEN"
    if isinstance(error, RepositoryNotFoundError):
        return "the hub does not know it, or not for this HF_TOKEN"
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    return (
        f"the hub answered {response.status_code}"
        if response is not None
        else "the hub cannot be reached"
    )


def _not_here(known: KnownSource, data_dir: Path | None, why: str) -> DataError:
    directory = (
        f"in {data_dir}"
        if data_dir
        else "in a directory, and name it with --data-dir or MEDTUNE_DATA"
    )
    names = [name.replace("{part}", "*") for name in known.files]
    return DataError(
        f"{known.name} is not here ({known.title}; published: {known.published})"
        + (f": {why}" if why else ""),
        where="data.source",
        fix=f"Get it there and put one of {', '.join(names)} {directory}.",
    )
