"""Known data sets from the hub, into its own cache.

Without a network the error says where to get what, and where to put it.
"""

from fnmatch import fnmatch
from pathlib import Path

from medtune.data.sources.catalogue import KnownSource
from medtune.errors import DataError
from medtune.progress import say

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
