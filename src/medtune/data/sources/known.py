"""The data sets known by name: what they are, their licence, where they are published, in which files they are found."""

from dataclasses import dataclass
from pathlib import Path

SHIPPED = Path(__file__).parents[1] / "shipped"


@dataclass(frozen=True)
class KnownSource:
    """One data set. ``files`` are names looked for in the data directory; a directory may hold the XML tree."""

    name: str
    title: str
    licence: str
    published: str
    columns: str
    files: tuple[str, ...]
    packaged: bool = False

    def find(self, data_dir: Path | None) -> Path | None:
        """The first of its files that is here."""
        places = [SHIPPED] if self.packaged else [data_dir] if data_dir else []
        return next((place / name for place in places for name in self.files if (place / name).exists()), None)


KNOWN = {
    source.name: source
    for source in (
        KnownSource(
            "curated",
            "Medical questions and answers written for medtune",
            "CC BY 4.0",
            "in the package",
            "question answer topic specialty question_type red_flag",
            ("curated.jsonl",),
            packaged=True,
        ),
        KnownSource(
            "notes",
            "Synthetic clinical notes by specialty, written for medtune",
            "CC BY 4.0",
            "in the package",
            "text specialty note_type synthetic",
            ("notes.jsonl",),
            packaged=True,
        ),
        KnownSource(
            "medquad",
            "MedQuAD: questions and answers from National Institutes of Health sites",
            "CC BY 4.0",
            "github.com/abachaa/MedQuAD (XML); as CSV on Kaggle",
            "question answer source focus_area",
            ("medquad.parquet", "medquad.csv", "MedQuAD.csv", "medquad", "MedQuAD", "MedQuAD-master"),
        ),
    )
}
