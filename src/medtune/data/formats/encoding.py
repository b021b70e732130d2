"""The encoding of a text file: its mark, else UTF-8, else what its bytes allow to be said."""

import codecs
import re
from functools import lru_cache
from pathlib import Path

from medtune.data.formats.compression import open_binary
from medtune.errors import DataError
from medtune.progress import say

AUTO = "auto"
_CHUNK = 2**20
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")  # no characters of Windows-1252
# Between two letters stands a letter, an apostrophe or a dash; a sign there (łódź read as ³ód¼)
# tells of another encoding.
_IN_WORD = re.compile(r"[A-Za-z]([\x80-\xff€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ])[A-Za-z]")
# Letters of other encodings that Windows-1252 shows as these: ğ ş ı ý ț of Turkish, Czech or
# Romanian, ő of Hungarian (õ stands before e in Portuguese), ž ł ż before or behind letters.
_FOREIGN = re.compile(r"[ðþÐÞýÝ]|õ(?!e)|(?<!\w)[¼¾£³¯][a-zß-ÿ]{2}|[a-zß-ÿ]{2}[¼¾¯¥£](?!\w)")
_RUN = re.compile(rb"[\x80-\xff]+")


def text_encoding(path: Path, encoding: str = AUTO) -> str:
    """The codec to read a file with; ``auto`` looks at its bytes, and says what is not UTF-8.

    Raises ``DataError`` for a name that is no encoding, and for bytes that allow no answer.
    """
    if encoding != AUTO:
        try:
            name = codecs.lookup(encoding).name
            return "utf-8-sig" if name == "utf-8" else name
        except LookupError as error:
            raise DataError(
                f"no encoding of the name {encoding!r}",
                where="data.encoding",
                fix="Name one such as utf-8, cp1252, latin-1, cp1250, utf-16, shift_jis, gb18030.",
            ) from error
    try:
        stat = path.stat()
    except OSError as error:
        raise DataError(
            f"cannot be read ({error.strerror})",
            where=str(path),
            fix="Check the path and its permissions.",
        ) from error
    return _looked_up(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _looked_up(path: Path, size: int, changed: int) -> str:
    with open_binary(path) as handle:
        head = handle.read(_CHUNK)
    marked = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
    if marked:
        return marked
    if name := _unmarked_utf16(head):
        say(f"{path.name}: read as {name.upper()} (without a byte order mark)")
        return name
    wrong = _not_utf8(path)
    if wrong is None:
        return "utf-8"
    line, byte, sample = wrong
    if not _may_be_western(sample):
        raise DataError(
            f"not UTF-8 (byte 0x{byte:02x}), and not to be told what else",
            where=f"{path}, line {line}",
            fix="Name it: --set data.encoding=cp1250 (or utf-16, shift_jis, gb18030 …), or save "
            "the file as UTF-8.",
        )
    say(f"{path.name}: not UTF-8, read as Windows-1252 (data.encoding names another)")
    return "cp1252"


def _unmarked_utf16(head: bytes) -> str | None:
    """UTF-16 of mostly Latin text: every other byte is zero."""
    pairs = head[: len(head) // 2 * 2]
    if len(pairs) < 4:
        return None
    low, high = pairs[0::2].count(0) / len(pairs), pairs[1::2].count(0) / len(pairs)
    return "utf-16-be" if low > 0.4 > 10 * high else "utf-16-le" if high > 0.4 > 10 * low else None


def _not_utf8(path: Path) -> tuple[int, int, bytes] | None:
    """Line, byte and surroundings of the first byte that is not UTF-8; nothing where all is."""
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    with open_binary(path) as handle:
        while True:
            chunk = handle.read(_CHUNK)
            try:
                line += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                line += error.object[: error.start].decode("utf-8", "ignore").count("\n")
                rest = error.object[max(0, error.start - _CHUNK) :] + handle.read(_CHUNK)
                return line, error.object[error.start], bytes(rest)
            if not chunk:
                return None


def _may_be_western(sample: bytes) -> bool:
    """Whether bytes can be Windows-1252: single letters among ASCII, no signs inside words."""
    if _UNDEFINED.search(sample) or b"\0" in sample:
        return False
    runs = _RUN.findall(sample)
    if sum(len(run) > 3 for run in runs) > 0.05 * len(runs):
        return False  # words of another script are runs of such bytes
    if any(_is_utf8(run) for run in runs):
        return False  # a damaged file of UTF-8
    text = sample.decode("cp1252")
    if _FOREIGN.search(text):
        return False
    inside = _IN_WORD.findall(text)
    odd = sum(not (sign.isalpha() or sign in "’‘´`–—-") for sign in inside)
    return odd <= 0.02 * len(inside)


def _is_utf8(run: bytes) -> bool:
    try:
        run.decode()
    except UnicodeDecodeError:
        return False
    return True
