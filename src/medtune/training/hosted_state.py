"""What is known of a hosted job, in ``train/hosted.json``: written whole before and after every step that costs."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from medtune.files import read_json, write_json


@dataclass
class JobState:
    """``identity`` of what is sent, whether a person agreed to it, ids of files (by split) and job, last status seen.

    ``ended`` are jobs of the same identity that failed, were cancelled or vanished. The key is not here.
    """

    identity: str
    base_url: str
    agreed: bool = False
    files: dict[str, str] = field(default_factory=dict)
    job: str | None = None
    status: str | None = None
    ended: list[str] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write, whole."""
        write_json(path, asdict(self))

    def end(self) -> None:
        """The job came to nothing: a further one needs a person's word again."""
        if self.job and self.job not in self.ended:
            self.ended.append(self.job)
        self.agreed = False

    @property
    def is_alive(self) -> bool:
        """Whether there is a job that may still train, or has trained."""
        return self.job is not None and self.job not in self.ended


def read_state(path: Path) -> JobState | None:
    """The state in a file, if there is one."""
    return JobState(**read_json(path)) if path.exists() else None


def state_for(path: Path, identity: str, base_url: str) -> JobState:
    """The state of this very job: as far as it got, or new. One of other data or settings is left behind."""
    state = read_state(path)
    if state and (state.identity, state.base_url) == (identity, base_url):
        return state
    return JobState(identity, base_url)
