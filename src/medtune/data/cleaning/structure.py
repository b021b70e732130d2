"""Data, code and tables within a text: found so that repairs of prose leave them alone.

What a program could parse (JSON, XML, TOML, quoted CSV and YAML, source code, fenced blocks)
stays as it is. Where only the layout says something (aligned or tabbed columns, pipe tables, nested
lists, indented keys), repairs of layout stay away.
"""

import ast
import csv
import json
import re
import tomllib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from xml.etree import ElementTree

from medtune.text.pieces import REMEMBERED, cached_by_text

Rule = Callable[[str], str]
Offsets = tuple[int, int]

LONG = 200_000  # characters; what is longer is parsed by no library
LONG_LINE = 1_000  # characters; a longer one is no line of code
ATTEMPTS = 50  # blocks tried that turn out to be none
_FIRST_MARK, _MARKS = 0xF0000, 0xFFFD  # of a private use plane
_MAY_HOLD = re.compile(r"[\n\t{`\[=]|<[?A-Za-z]")
_FENCED = re.compile(r"^[ \t]*(```+|~~~+)[^\n]*\n(?:.*\n)*?[ \t]*\1[ \t]*$|`[^`\n]+`", re.M)
_JSON_START = re.compile(r"\{\s*[\"}]|\[\s*[\"{\[\d]")
_TOML_START = re.compile(r"(?:\s*#.*\n)*\s*(?:\[\[?[\w.\"' -]+\]\]?\s*\n|[\w.\"'-]+ *= *\S)")
_CODE_LINE = re.compile(
    r"[ \t]*(?:(?:async )?def \w+ ?\(|class \w+ ?[:({]|import [\w.{*]+(?:$|[ ;,])"
    r"|from [\w.]+ import |(?:for|while|if|elif|with|else|try|except|finally)\b.*:$"
    r"|return\b.*[\w)\]\"';]$"
    r"|print\(|@\w+$"
    r"|(?:const|let|var|public|private|static|function|#include|using|package)\b.*[;{(>]$"
    r"|(?:SELECT|FROM|WHERE|JOIN|LEFT JOIN|GROUP BY|ORDER BY|INSERT INTO|UPDATE|CREATE TABLE) "
    r"|[\w.\[\]'\"]+ ?(?:[-+*/|&:]?=|<-) ?\S|[\w.]+\(.*\);?$|[ \t]*[{}\])]+[;,]?$|.*[=(){}].*[;{]$)"
)
_BULLET = re.compile(r"([ \t]*)(?:[-•*+]|\d{1,3}[.)]|[a-zA-Z][.)])\s")
_YAML_KEY = re.compile(
    r"( *)((?:- +)*)(\"[^\"]*\"|'[^']*'|[^\s#:\"'{}\[\],&*!|>%@`-][^:]{0,60}?) ?:(?: +(\S.*))?$"
)
_YAML_ITEM = re.compile(r"( *)-(?: +(\S.*))?$")
_QUOTED = re.compile(r"[\"'\[{]|[|>][+-]?\d?$")
_GAP = re.compile(r"(?<=\S) {2,}(?=\S)")
_PIPES = re.compile(r"[ \t]*\|.*\|[ \t]*$|.*\S[ \t]+\|[ \t]+\S")
_ELEMENT = re.compile(r"<([A-Za-z_][\w:.-]*)(?:\s[^<>]*)?>")
_COMPUTES = (
    ast.Assign, ast.AugAssign, ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.For,
    ast.While, ast.If, ast.With, ast.Try, ast.Return, ast.Call,
)  # fmt: skip
HTML_TAGS = frozenset(
    "a abbr article aside b big blockquote body br caption center cite code col colgroup dd del "
    "div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 head header hr html i img ins "
    "kbd label li link main mark meta nav noscript nowiki ol p pre q ref references s samp script "
    "section small span strike strong style sub sup table tbody td tfoot th thead title tr tt u ul "
    "var wbr".split()
)


def outside(rule: Rule, *, layout: bool = False) -> Rule:
    """The rule for what stands outside of data and code; with ``layout``, of tables and nested
    lists, too.

    A text stays as it is where the rule would take such a part away.
    """

    def guarded(text: str) -> str:
        spans = [
            (start, end) for start, end, is_layout in structure(text) if layout or not is_layout
        ]
        if not spans:
            return rule(text)
        if len(spans) > _MARKS or max(text) >= chr(_FIRST_MARK):
            return text
        marks = [chr(_FIRST_MARK + number) for number in range(len(spans))]
        ends = [0, *(end for _, end in spans)]
        parts = [
            text[before:start] + mark
            for before, (start, _), mark in zip(ends, spans, marks, strict=False)
        ]
        repaired = rule("".join([*parts, text[ends[-1] :]]))
        if any(mark not in repaired for mark in marks):
            return text
        for mark, (start, end) in zip(marks, spans, strict=True):
            repaired = repaired.replace(mark, text[start:end])
        return repaired

    guarded.__name__ = rule.__name__
    return guarded


@cached_by_text(256)  # a text is asked for by each rule in turn
def structure(text: str) -> tuple[tuple[int, int, bool], ...]:
    """Start and end of each part that is no prose, and whether only its layout says something.

    In order, without overlap.
    """
    if not _MAY_HOLD.search(text):
        return ()
    if _is_syntax(text):
        return ((0, len(text), False),)
    lines = _Lines(text)
    kind = _keys(lines) or _cells(lines)
    if kind == "data":
        return ((0, len(text), False),)
    spans = [(start, end, False) for start, end in (*_blocks(text), *_code(text, lines))]
    layout = [(0, len(text))] if kind else _layout(lines)
    spans += [(start, end, True) for start, end in layout]
    return _apart(spans)


def _apart(spans: list[tuple[int, int, bool]]) -> tuple[tuple[int, int, bool], ...]:
    """Overlapping parts as one, which is parsed if one of them is."""
    apart: list[tuple[int, int, bool]] = []
    for start, end, is_layout in sorted(spans):
        if apart and start < apart[-1][1]:
            first, last, before = apart[-1]
            apart[-1] = (first, max(last, end), before and is_layout)
        else:
            apart.append((start, end, is_layout))
    return tuple(apart)


class _Lines:
    """The lines of a text with their offsets, without their ends; of a long one they are never
    in a list.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._known = list(self._stream()) if len(text) <= REMEMBERED else None

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self._stream() if self._known is None else iter(self._known)

    def _stream(self) -> Iterator[tuple[int, str]]:
        start, end = 0, self._text.find("\n")
        while end >= 0:
            yield start, self._text[start:end].rstrip("\r")
            start, end = end + 1, self._text.find("\n", end + 1)
        yield start, self._text[start:].rstrip("\r")

    @property
    def single(self) -> bool:
        """Whether there is one line only."""
        return "\n" not in self._text

    def written(self) -> Iterator[str]:
        """The lines that are not blank."""
        return (line for _, line in self if line.strip())


def _is_syntax(text: str) -> bool:
    """Whether a program can parse the whole text as data or source code."""
    body = text.strip()
    if not body or len(body) > LONG:
        return False
    if body[0] in "{[" and (_is_json(body) or _is_literal(body) or _is_json_lines(body)):
        return True
    if body[0] == "<" and _is_xml(body):
        return True
    return (_TOML_START.match(body) is not None and _is_toml(body)) or _is_python(body)


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _is_json_lines(text: str) -> bool:
    lines = text.splitlines()
    return len(lines) > 1 and all(_is_json(line) for line in lines if line.strip())


def _is_literal(text: str) -> bool:
    try:
        return isinstance(ast.literal_eval(text), dict | list | tuple | set)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return False


def _is_xml(text: str) -> bool:
    """Whether a text is one element of names that HTML does not know, with others in it."""
    if text.startswith("<?xml") or text.startswith(("<!DOCTYPE", "<!doctype")):
        return not text.lower().startswith("<!doctype html")
    names = {name.lower() for name in _ELEMENT.findall(text)} - HTML_TAGS
    if len(names) < 2 or "<!" in text:
        return False
    try:
        return ElementTree.fromstring(text).tag.lower() not in HTML_TAGS
    except ElementTree.ParseError:
        return False


def _is_toml(text: str) -> bool:
    try:
        return "=" in text and bool(tomllib.loads(text.replace("\r\n", "\n")))
    except (ValueError, RecursionError):
        return False


def _is_python(text: str) -> bool:
    if not any(len(line) < LONG_LINE and _CODE_LINE.match(line) for line in text.splitlines()):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, _COMPUTES) for node in ast.walk(tree))


def _blocks(text: str) -> Iterator[Offsets]:
    """Fenced blocks and code spans, JSON and XML within prose."""
    if "`" in text or "~~~" in text:
        yield from (match.span() for match in _FENCED.finditer(text))
    if "{" in text or "[" in text:
        yield from _json_blocks(text)
    if "</" in text:
        yield from _xml_blocks(text)


def _json_blocks(text: str) -> Iterator[Offsets]:
    decoder, position, failed = json.JSONDecoder(), 0, 0
    while failed < ATTEMPTS and (match := _JSON_START.search(text, position)):
        try:
            value, position = decoder.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            position, failed = match.end(), failed + 1
            continue
        if value and not (isinstance(value, list) and len(value) == 1 and match[0][-1].isdigit()):
            yield match.start(), position


def _xml_blocks(text: str) -> Iterator[Offsets]:
    position, failed = 0, 0
    while failed < ATTEMPTS and (match := _ELEMENT.search(text, position)):
        position = match.end()
        if match[1].lower() in HTML_TAGS:
            continue
        close = f"</{match[1]}>"
        end = text.find(close, position)
        if end >= 0 and _is_xml(text[match.start() : end + len(close)]):
            position = end + len(close)
            yield match.start(), position
        else:
            failed += 1


@dataclass
class _Run:
    """Lines that fit, one after the other: the offsets of all, and what is marked of each."""

    start: int
    end: int
    lines: int = 0
    marks: set[object] = field(default_factory=set)

    @property
    def offsets(self) -> Offsets:
        return self.start, self.end


def _runs(
    lines: _Lines, fits: Callable[[str], bool], mark: Callable[[str], object] = bool
) -> Iterator[_Run]:
    """Runs of two lines and more that fit."""
    run: _Run | None = None
    for start, line in lines:
        if fits(line):
            run = run or _Run(start, start)
            run.end, run.lines = start + len(line), run.lines + 1
            run.marks.add(mark(line))
            continue
        if run and run.lines > 1:
            yield run
        run = None
    if run and run.lines > 1:
        yield run


def _code(text: str, lines: _Lines) -> Iterator[Offsets]:
    """Lines of source code within prose: two and more, with signs that prose has not."""
    if lines.single or not any(sign in text for sign in "=(){};"):
        return
    for run in _runs(lines, _is_code, _shows_code):
        if True in run.marks:
            yield run.offsets


def _shows_code(line: str) -> bool:
    return line.startswith((" ", "\t")) or line.endswith(("{", "}", ";"))


def _is_code(line: str) -> bool:
    return len(line) < LONG_LINE and bool(_CODE_LINE.match(line)) and not _BULLET.match(line)


def _keys(lines: _Lines) -> str:
    """``data`` or ``plain`` where all lines are keys, items and what belongs to them, as in YAML;
    a key twice is a dialogue.
    """
    depth, nested, quoted, keys, items = 0, False, False, list[str](), 0
    for _, line in lines:
        if not line.strip() or line.lstrip().startswith("#") or line == "---":
            continue
        match = _YAML_KEY.match(line) or _YAML_ITEM.match(line)
        indent = len(line) - len(line.lstrip(" "))
        if match is None:
            if keys and indent > depth:
                continue  # a longer value
            return ""
        if match.re is _YAML_KEY:
            keys.append(match[3])
            nested |= bool(match[1] or match[2])
        else:
            items += 1
        depth = indent
        value = match[match.re.groups] or ""
        quoted |= bool(_QUOTED.match(value))
    if len(keys) + bool(items) < 2 or not keys:
        return ""
    if len(keys) == 1 and any(line.startswith(" ") for _, line in lines):
        return ""  # one heading over an indented list
    if not nested and len(set(keys)) < len(keys):
        return ""
    return "data" if quoted or nested else "plain"


def _cells(lines: _Lines) -> str:
    """``data`` or ``plain`` where all lines have as many cells, as in CSV."""
    first = list(islice(lines.written(), 2))
    if len(first) < 2 or len(first[0]) > LONG:
        return ""
    for sign in ",;\t|":
        if not any(sign in line for line in first) or _width(lines, sign) < 2:
            continue
        if any(line.startswith('"') or f'{sign}"' in line for line in lines.written()):
            return "data"
        count = sum(1 for _ in lines.written())
        tight = sum(f"{sign} " not in line for line in lines.written()) * 2 > count
        ends = sum(line.rstrip().endswith((".", "!", "?")) for line in lines.written()) * 2 > count
        if tight and not ends:
            return "plain"
    return ""


def _width(lines: _Lines, sign: str) -> int:
    """How many cells all lines have; 0 where they differ, or are no CSV."""
    width = 0
    try:
        for row in csv.reader(lines.written(), delimiter=sign, strict=True):
            if width and len(row) != width:
                return 0
            width = len(row)
    except csv.Error:
        return 0
    return width


def _layout(lines: _Lines) -> Iterator[Offsets]:
    """Tables in tabs, pipes or aligned columns, and lists in lists."""
    if lines.single:
        return
    tabs = _runs(lines, lambda line: "\t" in line.strip())
    pipes = _runs(
        lines, lambda line: "|" in line[:LONG_LINE] and bool(_PIPES.match(line[:LONG_LINE]))
    )
    yield from (run.offsets for run in chain(tabs, pipes))
    yield from _aligned(lines)
    for run in _runs(lines, lambda line: bool(line.strip()), _indent):
        if len(run.marks - {None}) > 1:
            yield run.offsets


def _indent(line: str) -> int | None:
    match = _BULLET.match(line)
    return len(match[1]) if match else None


def _aligned(lines: _Lines) -> Iterator[Offsets]:
    """Neighbouring lines with a column in the same place."""
    start = end = before = 0
    columns: frozenset[int] = frozenset()
    for offset, line in lines:
        of_line = _columns(line) if "  " in line.lstrip() else frozenset[int]()
        if columns & of_line:
            start = start if end else before
            end = offset + len(line)
        elif end:
            yield start, end
            end = 0
        columns, before = of_line, offset
    if end:
        yield start, end


def _parts_cells(line: str, gap: re.Match[str]) -> bool:
    """Not after a sentence, nor the two blanks that some write after a colon."""
    sign = line[gap.start() - 1]
    return sign not in ".!?" and (sign not in ":;," or len(gap[0]) > 2)


def _columns(line: str) -> frozenset[int]:
    """Where cells begin (as they are) and end (negative) beside wide gaps; not after sentences."""
    gaps = [gap for gap in _GAP.finditer(line) if _parts_cells(line, gap)]
    ends = [-gap.start() for gap in gaps[1:]] + ([-len(line.rstrip())] if gaps else [])
    return frozenset([*(gap.end() for gap in gaps), *ends])
