"""What is known of a published data set, and how its files are found."""

from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from medtune.data.tables import TABLE_SUFFIXES

SHIPPED = Path(__file__).parents[1] / "shipped"


@dataclass(frozen=True)
class Hub:
    """A data set repository on the hub, and which of its files are the rows (shell patterns)."""

    repo: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class KnownSource:
    """One data set, as published.

    ``files`` are names and patterns below the data directory, of which the first that matches anything is taken;
    ``{part}`` in one stands for each of ``parts``. A directory of the data set's own name may hold any of its forms.
    ``size`` counts the rows as published (nothing where unsure). ``header`` names the columns of a CSV without a line
    of names.
    """

    name: str
    title: str
    licence: str
    published: str
    columns: str
    files: tuple[str, ...]
    size: int | None = None
    hub: Hub | None = None
    packaged: bool = False
    parts: tuple[str, ...] = ()
    header: tuple[str, ...] = ()

    def find(self, data_dir: Path | None) -> Path | None:
        """Where it is: the first of its files that is here."""
        return next(iter(self.found(data_dir)), None)

    def found(self, data_dir: Path | None) -> list[Path]:
        """All of its files that are here, of the first form that is."""
        place = SHIPPED if self.packaged else data_dir
        if place is None or not place.is_dir():
            return []
        for pattern in self.files:
            found = {path for name in self.spelt(pattern) for path in place.glob(name) if path.is_file()}
            if found:
                return sorted(found)
        return [] if self.packaged else table_files(place / self.name)

    def rows(self) -> int | None:
        """Rows as published, or of the file that the package brings along."""
        path = self.find(None) if self.packaged else None
        return len(path.read_bytes().splitlines()) if path else self.size

    def spelt(self, pattern: str) -> list[str]:
        """A pattern with ``{part}`` written out."""
        return [pattern.replace("{part}", part) for part in self.parts or ("",)]

    def names_file(self, path: Path) -> bool:
        """Whether a file is named like a published one. A pattern that begins with a star names no file."""
        names = (name.rsplit("/", 1)[-1].lower() for pattern in self.files for name in self.spelt(pattern))
        return any(fnmatch(path.name.lower(), name) for name in names if not name.startswith("*"))


def table_files(directory: Path) -> list[Path]:
    """All tables below a directory."""
    return sorted(path for path in directory.rglob("*") if path.suffix.lower() in TABLE_SUFFIXES and path.is_file())
