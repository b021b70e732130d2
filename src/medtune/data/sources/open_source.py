"""From a source's name or path to rows, read as a stream."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from medtune.data.clinical.detect import DOCUMENT_SUFFIXES, clinical_format
from medtune.data.clinical.texts import TEXT_FILE_SUFFIXES
from medtune.data.column_names import shown_columns
from medtune.data.columns import Layout, find_layout, layout_rows, text_of
from medtune.data.field_use import FieldUse, changes_meaning, refuse_doubled
from medtune.data.formats.compression import COMPRESSED_SUFFIXES, plain_path
from medtune.data.formats.tables import TABLE_SUFFIXES, Table, is_table, open_table
from medtune.data.published_split import part_of_file, parts_of_files, split_column
from medtune.data.rows import Row, Source
from medtune.data.sources.catalogue import KNOWN, KnownSource, fetch, table_files
from medtune.data.sources.choice_forms import FORMS as CHOICE_FORMS
from medtune.data.sources.choice_table import answers_differ, find_choices
from medtune.data.sources.clinical_source import SourceSettings, document_source
from medtune.data.sources.forms import Convert, Fields, PublishedForm, medquad_xml_rows
from medtune.data.sources.option_columns import find_options
from medtune.data.sources.text_forms import (
    CLASSIFICATION_FORMS,
    DIALOGUES_FORMS,
    QUESTION_ANSWER_FORMS,
    TERMS_FORMS,
)
from medtune.errors import DataError, reading_data
from medtune.files import SETTLED
from medtune.progress import say
from medtune.recipe.schema import Columns

FORMS = {
    **QUESTION_ANSWER_FORMS,
    **TERMS_FORMS,
    **CLASSIFICATION_FORMS,
    **CHOICE_FORMS,
    **DIALOGUES_FORMS,
}
_SPLIT = re.compile(r"(?:^|[^a-z])(train|validation|valid|val|dev|test)")
# Files that a data set's directory holds beside its rows.
_NO_ROWS = {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"}


def source_files(source: str, data_dir: Path | None) -> list[Path]:
    """The files behind a known name, a path, or a path below the data directory; none is read.

    A known data set that is not here is fetched from the hub. In a process they are looked up
    again only where a directory of them has changed. Raises ``DataError`` where there are none.
    """
    key = source, data_dir, Path.cwd()
    known = _lookups.get(key)
    if known and known[1] == _directory_times(known[0], data_dir):
        return list(known[0])
    files = _look_up(source, data_dir)
    times = _directory_times(files, data_dir)
    if times and time.time_ns() - max(times.values()) > SETTLED:
        _lookups[key] = files, times
    return files


_lookups: dict[tuple[str, Path | None, Path], tuple[list[Path], dict[Path, int]]] = {}


def _directory_times(files: Sequence[Path], data_dir: Path | None) -> dict[Path, int]:
    """When each directory of the files last gained or lost one [ns]; empty where one is gone."""
    directories = {path.parent for path in files} | ({data_dir} if data_dir else set())
    try:
        return {directory: directory.stat().st_mtime_ns for directory in directories}
    except OSError:
        return {}


def _look_up(source: str, data_dir: Path | None) -> list[Path]:
    known = KNOWN.get(source)
    if known:
        return known.local_files(data_dir) or fetch(known, data_dir)
    for path in (Path(source), *([data_dir / source] if data_dir else [])):
        if path.is_dir():
            return _directory_files(path)
        if path.exists():
            return [_readable(path)]
    near = [] if Path(source).suffix else get_close_matches(source, KNOWN, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise DataError(
        f"no such file or known source: {source}",
        where="data.source",
        fix=f"{hint}Known: {', '.join(KNOWN)} (medtune data list).",
    )


def _readable(path: Path) -> Path:
    if not path.is_file():  # to read a pipe would wait for ever
        raise DataError(
            "is no regular file", where=str(path), fix="Write the data to a file and name that."
        )
    if not is_table(path) and plain_path(path).suffix.lower() not in DOCUMENT_SUFFIXES:
        raise DataError(
            f"no reader for {path.name}",
            where="data.source",
            fix=f"Use {', '.join((*TABLE_SUFFIXES, *DOCUMENT_SUFFIXES))}; texts also as "
            f"{', '.join(COMPRESSED_SUFFIXES)}.",
        )
    return path


def _directory_files(path: Path) -> list[Path]:
    """The files of one kind below a directory, the most telling kind first; the others are
    counted.
    """
    below = sorted(file for file in path.rglob("*") if file.is_file())
    kinds = [
        *(
            [f for f in below if plain_path(f).suffix.lower() == e]
            for e in (".xml", ".nxml", ".rrf")
        ),
        [f for f in below if plain_path(f).suffix.lower() in (".hl7", ".er7")],
        [f for f in table_files(path) if f.name not in _NO_ROWS],
        [f for f in below if plain_path(f).suffix.lower() in TEXT_FILE_SUFFIXES],
    ]
    files = next((kind for kind in kinds if kind), [])
    if not files:
        raise DataError(
            "no table, XML, HL7 or text file below this directory",
            where=str(path),
            fix="Name a file, or the tree's root.",
        )
    read = {*files, *(file.with_suffix(".ann") for file in files)}
    others = [file for file in below if file not in read]
    if others:
        endings = ", ".join(sorted({file.suffix or file.name for file in others})[:8])
        say(f"{path.name}: {len(others)} other files are not read ({endings})")
    return files


def open_source(
    source: str,
    data_dir: Path | None,
    columns: Columns,
    settings: SourceSettings | None = None,
) -> Source:
    """Look at a source: its files found, its columns resolved.

    Its rows come by ``read``, from the start each time.

    ``columns`` given by a person win over a known data set's own. Raises ``DataError`` where a file
    has no rows, or columns that cannot be told.
    """
    with reading_data(source):
        opened = _opened(source, data_dir, columns, settings or SourceSettings())
    return replace(opened, read=partial(_read_safely, source, opened.read))


def _read_safely(source: str, read: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    """The rows; what a library raises on one of them is said without its values."""
    with reading_data(source):
        yield from read()


def _opened(
    source: str, data_dir: Path | None, columns: Columns, settings: SourceSettings
) -> Source:
    files = source_files(source, data_dir)
    known = KNOWN.get(source)
    if known is None and (clinical := clinical_format(files)):
        name = (files[0] if len(files) == 1 else Path(source)).stem
        clinical = clinical.in_encoding(settings.encoding)
        return document_source(name, files, clinical, settings)
    if plain_path(files[0]).suffix.lower() in (".xml", ".nxml"):
        return _source(
            KNOWN["medquad"], lambda: medquad_xml_rows(files), files, {"entity": "Focus"}
        )
    tables = [_open(path, known, settings) for path in files]
    chosen = columns.model_dump(exclude_none=True)
    for table in tables:
        refuse_doubled(table.names, chosen.values(), str(table.path))
    if chosen:
        return _by_layout(tables, columns, known, source)
    owner = known or _one_of(tables, _owner_of)
    reader = owner or _one_of(tables, _reader_of)
    if reader is None:
        return _by_layout(tables, columns, None, source)
    # Columns choose a reader; whose the data are, and their licence, is never concluded from them.
    name = owner.name if owner else (files[0] if len(files) == 1 else Path(source)).stem
    alone = len(tables) == 1
    parts = [
        _Part.of(reader, name, table, alone=alone, named=owner is not None) for table in tables
    ]
    use = FieldUse()
    opened = Source(
        name,
        lambda: _read_anew(use, [partial(part.rows, use) for part in parts]),
        tuple(files),
        columns=dict(parts[0].form.taken),
        use=use,
    )
    return replace(opened, licence=owner.licence, published=owner.published) if owner else opened


def _read_anew(use: FieldUse, readers: Sequence[Callable[[], Iterator[Row]]]) -> Iterator[Row]:
    use.begin()
    for read in readers:
        yield from read()


def _source(
    owner: KnownSource,
    read: Callable[[], Iterator[Row]],
    files: Sequence[Path],
    taken: dict[str, str],
) -> Source:
    return Source(owner.name, read, tuple(files), owner.licence, owner.published, dict(taken))


def _open(path: Path, known: KnownSource | None, settings: SourceSettings) -> Table:
    """A table that has rows; that of a data set published without a line of names gets them."""
    headless = next(
        (k for k in KNOWN.values() if k.header and path.suffix == ".csv" and k.names_file(path)),
        None,
    )
    table = (
        _without_header(path, headless.header) if headless and known in (None, headless) else None
    )
    table = table or open_table(path, encoding=settings.encoding, sheet=settings.sheet)
    if table.first is None:
        raise DataError(
            "the file has no rows", where=str(path), fix="Give a file with questions and answers."
        )
    return table


def _without_header(path: Path, header: Sequence[str]) -> Table | None:
    try:
        table = open_table(path, header)
    except DataError:
        return None  # it has a header, or is broken: then the usual reading says where
    last = table.first[header[-1]] if table.first else ""
    return table if last in ("A", "B", "C", "D") else None


def _by_layout(
    tables: list[Table], columns: Columns, known: KnownSource | None, source: str
) -> Source:
    parts = parts_of_files([table.path for table in tables])
    if len(tables) > 1 and known is None and None in parts:
        raise DataError(
            "no MedQuAD XML found below this directory, but tables of no known data set",
            where=source,
            fix="Name one of the files, list them in data.source, or name each by its part: "
            "train, validation, test.",
        )
    stem = Path(source).stem if len(tables) > 1 else tables[0].path.stem
    name = known.name if known else stem
    layouts = [_layout(table, columns) for table in tables]
    if any(layout.taken() != layouts[0].taken() for layout in layouts) and known is None:
        raise DataError(
            "the tables of this directory have different columns",
            where=source,
            fix="Give them the same columns, or list the files in data.source.",
        )
    use = FieldUse(
        frozenset(columns.model_dump(exclude_none=True).values()),
        alone=_texts_chosen(columns),
    )
    readers = [
        layout_rows(table, layout, name, use, part)
        for table, layout, part in zip(tables, layouts, parts, strict=True)
    ]
    opened = Source(
        name,
        lambda: _read_anew(use, readers),
        tuple(table.path for table in tables),
        columns=layouts[0].taken(),
        use=use,
    )
    return replace(opened, licence=known.licence, published=known.published) if known else opened


def _texts_chosen(columns: Columns) -> bool:
    """Whether a person named what is asked or learnt, not only what stands beside it."""
    return any((columns.question, columns.answer, columns.messages, columns.label))


def _layout(table: Table, columns: Columns) -> Layout:
    """The layout of a table: where ``columns`` name its texts by these alone, else with its
    options, if it has any.
    """
    if not _texts_chosen(columns):
        return find_choices(table, columns) or find_layout(table, columns)
    layout = find_layout(table, columns)
    with suppress(DataError):
        options = find_options(table)
        if options and not set(options.columns) & set(layout.taken().values()):
            say(
                f"{table.path.name}: read by data.columns, without the options in "
                f"{', '.join(options.columns)}"
            )
    return layout


def _one_of(tables: list[Table], known_of: Callable[[Table], str | None]) -> KnownSource | None:
    """The known data set that is the same for all tables."""
    names = {known_of(table) for table in tables}
    name = names.pop() if len(names) == 1 else None
    return KNOWN[name] if name else None


def _owner_of(table: Table) -> str | None:
    """The data set whose published file this is, by the file's name and its columns."""
    named = [
        name for name, known in KNOWN.items() if not known.packaged and known.names_file(table.path)
    ]
    for name in named:
        if any(form.is_form_of(table) for form in FORMS[name]):
            return name
    return None


def _reader_of(table: Table) -> str | None:
    """The data set whose form a table has, by columns that tell.

    A table with a further column that changes the meaning, such as a context, is of another form.
    """
    further = {name for name in table.names if changes_meaning(name)}
    telling = (
        name
        for name, forms in FORMS.items()
        if any(f.telling and f.is_form_of(table) and further <= f.needs for f in forms)
    )
    return next(telling, None)


@dataclass(frozen=True)
class _Part:
    """One table of a known data set, and the published form it has."""

    name: str
    table: Table
    form: PublishedForm
    convert: Convert
    split: str | None
    column: str | None

    @classmethod
    def of(
        cls, owner: KnownSource, name: str, table: Table, *, alone: bool, named: bool
    ) -> "_Part":
        """The part with its form. A file named ``train`` that is the only one was not split, nor
        one that is not a known data set's (``named``).
        """
        fitting = next(
            (form for form in FORMS[owner.name] if form.is_form_of(table)),
            None,
        )
        if fitting is None:
            raise DataError(
                f"not the columns of {owner.name} ({owner.columns})",
                where=str(table.path),
                fix=f"Columns here: {shown_columns(table.names)}. "
                "Say with data.columns which is which.",
            )
        of_name = _SPLIT.search(table.path.stem.lower())
        split = of_name.group(1) if of_name else part_of_file(table.path)[0]
        return cls(
            name,
            table,
            fitting,
            fitting.bind(table),
            None if alone and (split == "train" or not named) else split,
            split_column(table, fitting.needs),
        )

    def rows(self, use: FieldUse) -> Iterator[Row]:
        """Rows with the split they were published in: of the column, else of the file's name."""
        for number, values in enumerate(self.table.rows(), 1):
            location = f"{self.table.path.name}, row {number}"
            watched = use.watch(values)
            row = self.convert(Fields(watched, self.name, location))
            if "answer" not in self.form.needs:
                use.disagreeing += answers_differ(row, watched)
            part = text_of(watched, self.column, location).strip() or self.split
            use.check(values, location)
            yield replace(row, published_split=part)
