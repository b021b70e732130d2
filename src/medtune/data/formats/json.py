"""JSON lines and JSON as a stream of objects: a list is read item by item, JSON lines under any
name line by line.

By hand, because a streaming parser must not lose anything here: ijson 3.6 lets the last of two
equal keys win, writes "?" for half a surrogate pair, refuses NaN, and tells no line.
"""

import ast
import json
import re
import tokenize
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, TextIO

from medtune.data.column_names import shown_column
from medtune.data.formats.delimited import (
    MAX_LINE,
    TableRow,
    check_nul,
    check_unicode,
    open_text,
    text_lines,
)
from medtune.data.formats.encoding import AUTO
from medtune.errors import DataError

KEY = "key"  # the column that holds the key of an object of objects
WHOLE_LIMIT = 200 * 2**20  # bytes; an object is read whole up to this size, a list of any size
_CHUNK = 2**20
_BLANK = re.compile(r"[ \t\r\n]*")
_FAULTS = (ValueError, RecursionError)  # numbers of thousands of digits, and lists a thousand deep


class _DoubledError(ValueError):
    """A key that is there twice: one of its values would be lost."""

    def __init__(self, key: str) -> None:
        self.msg = f"the {shown_column(key, [])} is there twice"
        super().__init__(self.msg)


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    row = dict(pairs)
    if len(row) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _DoubledError(next(key for key in keys if keys.count(key) > 1))
    return row


_DECODER = json.JSONDecoder(object_pairs_hook=_no_key_twice)
_NESTED = re.compile(r"\s*(\{\s*(['\"]).{0,80}?\2\s*:|\[\s*(['\"]|\{\s*['\"])|array\()")


def nested_value(text: str) -> list[Any] | dict[str, Any] | None:
    """A list or object that was saved as text: JSON, or as Python and NumPy print one.

    Nothing for a plain text. Raises ``ValueError`` for a text that begins like one of these and
    cannot be read, as where NumPy left out the middle.
    """
    if not text.lstrip().startswith(("[", "{", "array(")):
        return None
    for read in (_DECODER.decode, _printed_value):
        with suppress(*_FAULTS, SyntaxError, TypeError, MemoryError, tokenize.TokenError):
            value = read(text.strip())
            if isinstance(value, list | dict):
                return value
    if _NESTED.match(text):
        raise ValueError("a list or object that was saved as text and cannot be read back")
    return None


def _printed_value(text: str) -> Any:
    """What ``repr`` and NumPy print; between the items of an array NumPy writes no commas."""
    words: list[str] = []
    ended = False
    for token in tokenize.generate_tokens(StringIO(text).readline):
        if token.type in (tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER):
            continue
        plain = token.type in (tokenize.STRING, tokenize.NUMBER)
        begins = plain or token.type == tokenize.NAME or token.string in ("[", "{")
        words += [","] * (ended and begins) + [token.string]
        ended = plain or token.string in ("]", "}", ")")
    return _literal(ast.parse(" ".join(words), mode="eval").body)


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "array":
        return _literal(node.args[0])
    if isinstance(node, ast.List | ast.Tuple):
        return [_literal(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        return {
            str(_literal(key)): _literal(value)
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        }
    if isinstance(node, ast.Name) and node.id == "nan":
        return None
    value = ast.literal_eval(node)
    if value is ...:
        raise ValueError("the middle was left out")
    return value


def json_line_rows(path: Path, encoding: str = AUTO) -> Iterator[TableRow]:
    """One object a line; blank lines are none."""
    for number, line in enumerate(text_lines(path, encoding), 1):
        if not line.strip():
            continue
        try:
            row = _DECODER.decode(line)
        except _FAULTS as error:
            raise _not_json(path, number, error, "Each line must be one JSON object.") from error
        check_unicode(path, line, row, partial(", line {}".format, number))
        yield _object(
            path,
            row,
            f"line {number}",
            "Each line must be one JSON object.",
        )


def json_rows(path: Path, encoding: str = AUTO) -> Iterator[TableRow]:
    """Rows of a ``.json`` file: a list of objects, JSON lines, an object that holds one such
    list, or objects by key.
    """
    with open_text(path, encoding) as handle:
        reader = _ListReader(path, handle)
        first = reader.peek()
        if first == "[":
            yield from reader.items()
            return
    if first:
        lines = _is_lines(path, encoding)
        yield from json_line_rows(path, encoding) if lines else _document_rows(path, encoding)


def _is_lines(path: Path, encoding: str) -> bool:
    """JSON lines under another name: the first line is a whole object, and another line follows."""
    lines = (line for line in text_lines(path, encoding) if line.strip())
    try:
        return isinstance(_DECODER.decode(next(lines, "")), dict) and next(lines, None) is not None
    except (*_FAULTS, DataError):
        return False


def _document_rows(path: Path, encoding: str) -> Iterator[TableRow]:
    """Rows of one object, read whole: of the one list of objects in it, of its objects by key,
    or the object itself.
    """
    with open_text(path, encoding) as handle:
        text = handle.read(WHOLE_LIMIT + 1)
    if len(text) > WHOLE_LIMIT:
        raise DataError(
            f"one JSON object of more than {WHOLE_LIMIT // 2**20} MB",
            where=str(path),
            fix="Write it as JSON lines (.jsonl), one row a line.",
        )
    check_nul(path, text, 1)
    try:
        value = _DECODER.decode(text)
    except _FAULTS as error:
        raise _not_json(path, getattr(error, "lineno", 1), error, "Check the file.") from error
    check_unicode(path, text, value, str)
    for number, row in enumerate(_rows_of(value), 1):
        yield _object(path, row, f"row {number}")


def _rows_of(value: Any) -> list[Any]:
    if not isinstance(value, dict):
        return [value]
    lists = [
        held
        for held in value.values()
        if isinstance(held, list) and held and isinstance(held[0], dict)
    ]
    if len(lists) == 1:
        return lists[0]
    if value and all(isinstance(held, dict) for held in value.values()):
        return [{KEY: key, **held} for key, held in value.items()]
    return [value]


class _ListReader:
    """A JSON list in a window of its text that moves forward: what was read is let go.

    ``first_line`` is the line [from 1] on which the window begins.
    """

    def __init__(self, path: Path, handle: TextIO) -> None:
        self.path, self.handle = path, handle
        self.window, self.position, self.first_line = "", 0, 1

    def items(self) -> Iterator[TableRow]:
        """The objects of the list that begins here."""
        self.position += 1
        following = self.peek() != "]"
        while following:
            item = self._item()
            if not isinstance(item, dict):  # the line is counted for the error only
                _object(self.path, item, f"line {self.line_at(self.position)}")
            yield item
            mark = self.peek()
            if mark not in (",", "]"):
                raise self._broken("a comma or a bracket is missing, or the file is cut")
            following = mark == ","
            self.position += following
            self.peek()
        self.position += 1
        if self.peek():
            raise self._broken("there is text after the list")

    def peek(self) -> str:
        """The next character that is not blank; nothing at the end."""
        while True:
            blanks = _BLANK.match(self.window, self.position)
            self.position = blanks.end() if blanks else self.position
            if self.position < len(self.window) or not self._more():
                return self.window[self.position : self.position + 1]

    def line_at(self, position: int) -> int:
        """The line [from 1] of a position in the window."""
        return self.first_line + self.window.count("\n", 0, position)

    def _item(self) -> Any:
        while True:
            try:
                value, end = _DECODER.raw_decode(self.window, self.position)
            except _FAULTS as error:
                if self._may_be_cut(error) and self._more():
                    continue
                raise _not_json(
                    self.path,
                    self.line_at(getattr(error, "pos", self.position)),
                    error,
                    "Check the file.",
                ) from error
            if end == len(self.window) and self._more():
                continue  # a number may go on
            check_unicode(
                self.path,
                self.window[self.position : end],
                value,
                lambda: f", line {self.line_at(self.position)}",
            )
            self.position = end
            return value

    def _may_be_cut(self, error: Exception) -> bool:
        """Whether the fault may lie in the window's end and not in the file."""
        rest = len(self.window) - self.position
        if not isinstance(error, json.JSONDecodeError) or rest > MAX_LINE:
            return False
        return error.msg.startswith("Unterminated") or error.pos > len(self.window) - 16

    def _more(self) -> bool:
        """Read on, by more each time while one item fills the window."""
        rest = len(self.window) - self.position
        chunk = self.handle.read(max(_CHUNK, rest))
        if not chunk:
            return False
        self.first_line = self.line_at(self.position)
        self.window, self.position = self.window[self.position :] + chunk, 0
        check_nul(self.path, chunk, self.line_at(rest))
        return True

    def _broken(self, what: str) -> DataError:
        return DataError(
            f"not valid JSON ({what})",
            where=f"{self.path}, line {self.line_at(self.position)}",
            fix="Check the file.",
        )


def _object(path: Path, row: Any, location: str, fix: str = "") -> TableRow:
    if isinstance(row, dict):
        return row
    raise DataError(
        "not a JSON object",
        where=f"{path}, {location}",
        fix=fix or 'Write [{"question": …, "answer": …}, …] or JSON lines.',
    )


def _not_json(path: Path, line: int, error: Exception, fix: str) -> DataError:
    what = getattr(error, "msg", None) or "nested too deeply, or a number of too many digits"
    return DataError(f"not valid JSON ({what})", where=f"{path}, line {line}", fix=fix)
