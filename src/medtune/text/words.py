"""Word lists of the rules, read once from data files beside the code; and words of a text, counted.

``.txt``: words divided by blanks; lines that begin with ``#`` are comments. ``.toml``: several
lists by name, each a string of words divided by blanks, or an array of phrases. A phrase may be a
regular expression of its spellings; in it ``{name}`` stands for any entry of another list.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from medtune.text.signs import combining, spaced

_REFERENCE = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class WordLists:
    """The lists of one ``.toml`` file by name; ``KeyError`` names a list that it does not hold."""

    lists: dict[str, tuple[str, ...]]

    def __getitem__(self, name: str) -> tuple[str, ...]:
        return self.lists[name]

    def words(self, *names: str) -> frozenset[str]:
        """All words of these lists."""
        return frozenset(word for name in names for entry in self[name] for word in entry.split())

    def one_of(self, *names: str) -> str:
        """The entries of these lists as alternatives of a regular expression, without brackets."""
        entries = (entry for name in names for entry in self[name])
        return "|".join(_REFERENCE.sub(lambda m: f"(?:{self.one_of(m[1])})", e) for e in entries)


@cache
def read_lists(path: Path) -> WordLists:
    """The lists of a ``.toml`` file."""
    lists = tomllib.loads(path.read_text(encoding="utf-8"))
    return WordLists(
        {
            name: tuple(entries.split() if isinstance(entries, str) else entries)
            for name, entries in lists.items()
        }
    )


def lists_beside(module: str) -> WordLists:
    """The lists of the ``.toml`` file beside a module, given its ``__file__``."""
    return read_lists(Path(module).with_suffix(".toml"))


@cache
def read_words(path: Path) -> frozenset[str]:
    """The words of a ``.txt`` file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


NUMBERS = read_lists(Path(__file__).with_name("numbers.toml"))
CALENDAR = read_lists(Path(__file__).with_name("calendar.toml"))


_WORD = re.compile(r"[^\W_]+")


@cache
def _any_word() -> re.Pattern[str]:
    return re.compile(rf"(?:[^\W_][{combining()}]*)+")


def words(text: str) -> list[str]:
    """Runs of letters (with combining marks) and digits of any script, lower case; single
    characters where a script has no blanks between words.
    """
    if text.isascii():
        return _WORD.findall(text.lower())
    return _any_word().findall(spaced(text.lower()))


def sentence_count(text: str) -> int:
    """The number of sentences: they end with a full stop, question or exclamation mark of any
    script, or with the text, but not with a decimal point.
    """
    return sum(bool(words(part)) for part in re.split(r"[.!?]+(?=\s|$)|[。！？।؟]+|\n{2,}", text))


def distinct_n(text: str, n: int = 2) -> tuple[int, int]:
    """The number of distinct word n-grams, and of all (distinct-n, Li et al. 2016)."""
    tokens = words(text)
    grams = list(zip(*(tokens[i:] for i in range(n)), strict=False))
    return len(set(grams)), len(grams)


def repeated_words(text: str, n: int = 4) -> tuple[int, int]:
    """The number of words in n-grams that occurred before in the text, and of all words."""
    tokens = words(text)
    seen: set[tuple[str, ...]] = set()
    repeated = [False] * len(tokens)
    for start in range(len(tokens) - n + 1):
        gram = tuple(tokens[start : start + n])
        if gram in seen:
            repeated[start : start + n] = [True] * n
        seen.add(gram)
    return sum(repeated), len(tokens)
