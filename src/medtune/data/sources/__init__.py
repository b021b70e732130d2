"""From a source's name or path to rows."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from medtune.conversation import Message
from medtune.data.layouts import table_rows
from medtune.data.rows import Loaded, Row
from medtune.data.sources.known import KNOWN, KnownSource
from medtune.data.sources.medquad import LICENCE, is_medquad_table, medquad_table_rows, medquad_xml_rows
from medtune.data.tables import TABLE_SUFFIXES, read_table
from medtune.errors import DataError
from medtune.files import sha256_file, sha256_paths
from medtune.recipe.schema import Columns

NOTES_QUESTION = "Which medical specialty does this note belong to?"


def source_files(source: str, data_dir: Path | None) -> list[Path]:
    """The files behind a source, found but not read: a known name, a path, or a path below the data directory."""
    path = _locate(source, data_dir)
    return sorted(path.rglob("*.xml")) if path.is_dir() else [path]


def _locate(source: str, data_dir: Path | None) -> Path:
    known = KNOWN.get(source)
    if known:
        return _find_known(known, data_dir)
    for path in (Path(source), *([data_dir / source] if data_dir else [])):
        if path.exists():
            return path
    near = [] if Path(source).suffix else get_close_matches(source, KNOWN, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise DataError(
        f"no such file or known source: {source}",
        where="data.source",
        fix=f"{hint}Known: {', '.join(KNOWN)} (medtune data list).",
    )


def _find_known(known: KnownSource, data_dir: Path | None) -> Path:
    path = known.find(data_dir)
    if path:
        return path
    place = f"in {data_dir}" if data_dir else "in a directory, and name it with --data-dir or MEDTUNE_DATA"
    raise DataError(
        f"{known.name} is not here ({known.title}; published: {known.published})",
        where="data.source",
        fix=f"Put one of {', '.join(known.files[:3])} {place}.",
    )


def load_source(source: str, data_dir: Path | None, columns: Columns) -> Loaded:
    """Read all rows of one source."""
    path = _locate(source, data_dir)
    files = source_files(source, data_dir)
    if path.is_dir():
        rows = medquad_xml_rows(path)
        if not rows:
            raise DataError(
                "no MedQuAD XML found below this directory", where=str(path), fix="Name a file, or the tree's root."
            )
        loaded = Loaded("medquad", rows, licence=LICENCE)
    else:
        loaded = _load_file(path, source, columns)
    digest = sha256_paths(files) if path.is_dir() else sha256_file(path)
    loaded.files = [{"name": path.name, "sha256": digest, "rows": len(loaded.rows)}]
    return loaded


def _load_file(path: Path, source: str, columns: Columns) -> Loaded:
    if path.suffix.lower() not in TABLE_SUFFIXES:
        raise DataError(f"no reader for {path.name}", where="data.source", fix=f"Use {', '.join(TABLE_SUFFIXES)}.")
    table = read_table(path)
    names, values = table.column_names, table.to_pylist()
    if not values:
        raise DataError("the file has no rows", where=str(path), fix="Give a file with questions and answers.")
    explicit = columns.model_dump(exclude_none=True)
    if source == "notes":
        return Loaded("notes", _notes_rows(values, path), licence=KNOWN["notes"].licence)
    if not explicit and is_medquad_table(names):
        taken = {"question": "question", "answer": "answer", "entity": "focus" if "focus" in names else "focus_area"}
        return Loaded("medquad", medquad_table_rows(values, path.name), licence=LICENCE, columns=taken)
    known = KNOWN.get(source)
    if known and known.packaged:
        columns = Columns(question="question", answer="answer", entity="topic", label="specialty")
    name = known.name if known else path.stem
    rows, taken = table_rows(values, names, columns, name, path.name)
    return Loaded(name, list(rows), licence=known.licence if known else "as stated by its owner", columns=taken)


def _notes_rows(values: Sequence[dict[str, str]], path: Path) -> list[Row]:
    return [
        Row(
            (Message("user", f"{row['text']}\n\n{NOTES_QUESTION}"), Message("assistant", row["specialty"])),
            "notes",
            f"{path.name}, row {number}",
            label=row["specialty"],
        )
        for number, row in enumerate(values, 1)
    ]
