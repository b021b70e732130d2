"""Plain documents: ``.txt``, ``.docx`` and ``.pdf``, one text a file; the folder is a label."""

from collections.abc import Iterator
from pathlib import Path

from medtune.data.clinical.document import ClinicalDocument, RecordErrors, one_section
from medtune.data.formats.compression import plain_path
from medtune.data.formats.delimited import open_text
from medtune.data.formats.encoding import AUTO
from medtune.errors import DataError

TEXT_FILE_SUFFIXES = (".txt", ".docx", ".pdf")


def read_texts(
    files: list[Path], errors: RecordErrors, encoding: str = AUTO
) -> Iterator[ClinicalDocument]:
    """The text of each file. A PDF of images alone has none and is counted."""
    for path in files:
        try:
            text = _text_of(path, encoding)
        except DataError as error:
            errors.add(error.what, path.name, error.fix or "Save it as text.")
            continue
        if not text.strip():
            errors.not_read(f"{plain_path(path).suffix} file without a text")
            continue
        yield ClinicalDocument(
            sections=one_section(text),
            location=f"{path.parent.name}/{path.name}",
            id=path.stem,
            labels={"folder": path.parent.name},
        )


def _text_of(path: Path, encoding: str) -> str:
    match plain_path(path).suffix.lower():
        case ".docx":
            return _docx_text(path)
        case ".pdf":
            return _pdf_text(path)
    with open_text(path, encoding) as handle:
        return handle.read()


def _needs(package: str, path: Path, error: ImportError) -> DataError:
    return DataError(
        f"{path.suffix} is read by {package}, which is not installed",
        where=str(path),
        fix="pip install 'medtune[documents]'",
    )


def _docx_text(path: Path) -> str:
    """Paragraphs and tables in their order."""
    try:
        import docx
        from docx.table import Table
    except ImportError as error:
        raise _needs("python-docx", path, error) from error
    try:
        document = docx.Document(str(path))
    except Exception as error:  # whatever a damaged zip or XML makes the library raise
        raise DataError(
            f"not a whole .docx file ({type(error).__name__})", fix="Save it again."
        ) from error
    return "\n".join(
        "\n".join(" | ".join(cell.text for cell in row.cells) for row in block.rows)
        if isinstance(block, Table)
        else block.text
        for block in document.iter_inner_content()
    )


def _pdf_text(path: Path) -> str:
    try:
        import pypdf
    except ImportError as error:
        raise _needs("pypdf", path, error) from error
    try:
        reader = pypdf.PdfReader(path)
        return "\n\n".join(page.extract_text() for page in reader.pages)
    except Exception as error:  # whatever a damaged or locked file makes the library raise
        raise DataError(
            f"not a readable .pdf file ({type(error).__name__})",
            fix="Save it again, without a password.",
        ) from error
