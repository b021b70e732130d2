"""Texts of recipes, files and data as plain Markdown: they are shown, never interpreted."""

import re

from medtune.progress import printable

_INLINE = re.compile(r"([\\`*\[\]<|$]|~~|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;))")
_BLOCK = re.compile(r"(?m)^(\s*)([#>+=-]|\d+[.)])(?=\s|[#>+=-]|$)")


def markdown_line(text: str) -> str:
    """A text as one line for a sentence, a heading or a cell of a table; no mark-up is left in it.

    ``[x](y)``, ``<script>``, backticks, bars and line breaks are shown or become blanks.
    """
    line = _INLINE.sub(r"\\\1", printable(" ".join(text.split())))
    return _BLOCK.sub(lambda match: f"{match[1]}{_escaped(match[2])}", line)


def markdown_paragraphs(text: str) -> str:
    """A text of several paragraphs, divided by blank lines, each as ``markdown_line`` shows it."""
    parts = (markdown_line(part) for part in re.split(r"\n\s*\n", text.strip()))
    return "\n\n".join(part for part in parts if part)


def code_span(text: str) -> str:
    """A name as code, whatever backticks it holds; a bar is escaped for tables."""
    line = printable(" ".join(text.split())).replace("|", "\\|")
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    if not longest:
        return f"`{line}`"
    fence = "`" * (longest + 1)
    return f"{fence} {line} {fence}"


def _escaped(mark: str) -> str:
    """A mark at the beginning of a line, with the backslash where CommonMark wants it."""
    return f"{mark[:-1]}\\{mark[-1]}"
