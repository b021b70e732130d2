"""Compressed files, read as the file that they hold: ``.gz``, ``.xz``, ``.bz2``, ``.zst`` and a
``.zip`` of one file.
"""

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from medtune.errors import DataError

COMPRESSED_SUFFIXES = (".gz", ".xz", ".bz2", ".zst", ".zip")
_BEGINNINGS = {
    b"\x1f\x8b\x08": ".gz",
    b"\xfd7zXZ\x00": ".xz",
    b"BZh9": ".bz2",
    b"\x28\xb5\x2f\xfd": ".zst",
}
_BROKEN = (EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile)


def plain_path(path: Path) -> Path:
    """The path without the ending of a compression, which tells the kind of the file inside."""
    return path.with_suffix("") if path.suffix.lower() in COMPRESSED_SUFFIXES else path


@contextmanager
def open_binary(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, decompressed as they are read.

    Raises ``DataError`` where the file cannot be opened, is cut, or is a ``.zip`` of several files.
    """
    try:
        with _open(path) as handle:
            yield handle
    except _BROKEN as error:
        raise DataError(
            f"not a whole {path.suffix} file ({type(error).__name__})",
            where=str(path),
            fix="Fetch or export it again.",
        ) from error
    except OSError as error:
        raise DataError(
            f"cannot be read ({error.strerror or 'damaged'})",
            where=str(path),
            fix="Check the path and its permissions.",
        ) from error


def _compression(path: Path) -> str:
    """The ending of a compression; of a file with another name the one that its bytes show."""
    suffix = path.suffix.lower()
    if suffix in COMPRESSED_SUFFIXES:
        return suffix
    with path.open("rb") as handle:
        head = handle.read(8)
    return next((ending for mark, ending in _BEGINNINGS.items() if head.startswith(mark)), "")


def _open(path: Path) -> BinaryIO:
    match _compression(path):
        case ".gz":
            return cast(BinaryIO, gzip.open(path))
        case ".xz":
            return cast(BinaryIO, lzma.open(path))
        case ".bz2":
            return cast(BinaryIO, bz2.open(path))
        case ".zst":
            return _open_zst(path)
        case ".zip":
            return _open_zip(path)
    return path.open("rb")


def _open_zst(path: Path) -> BinaryIO:
    import pyarrow as pa

    if not pa.Codec.is_available("zstd"):
        raise DataError(
            "no reader for .zst in this installation of pyarrow",
            where=str(path),
            fix="Decompress it: zstd -d FILE",
        )
    return cast(BinaryIO, pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"))


def _open_zip(path: Path) -> BinaryIO:
    with zipfile.ZipFile(path) as archive:
        files = [member for member in archive.infolist() if not member.is_dir()]
    files = [member for member in files if not member.filename.startswith("__MACOSX/")]
    if len(files) != 1:
        raise DataError(
            f"a .zip of {len(files)} files",
            where=str(path),
            fix="Unpack it and name the file, or the directory.",
        )
    if files[0].flag_bits & 0x1:
        raise DataError(
            "a .zip with a password", where=str(path), fix="Unpack it and name the file."
        )
    return cast(BinaryIO, zipfile.ZipFile(path).open(files[0]))
