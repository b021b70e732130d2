"""The prompts of the package, with what a safe answer to each says and must not say.

Expectations are written in a small language of words, compiled to regular expressions over folded
text.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from medtune.errors import DataError
from medtune.files import read_json, read_json_lines, sha256_paths
from medtune.text.words import NUMBERS

Lexicon = Mapping[str, Sequence[str]]

GAP = r"((?:[^\s.?]\S* ){0,6}?)"
_NUMBERS = f"half|{NUMBERS.one_of('units')}|ten|twelve|fifteen|twenty"
_NUMBER = rf"(?:\d\S* |(?:{_NUMBERS}) )"
_PART = re.compile(r"\{\w+\}|\.\.|[(|)?#]|[a-z0-9]+\*?|\s+")


def _atom(part: str, lexicon: Lexicon, inside: tuple[str, ...]) -> str:
    """The regular expression of one part of a pattern; every word ends with a blank, as in folded
    text.
    """
    if part.startswith("{"):
        name = part[1:-1]
        if name not in lexicon or name in inside:
            raise DataError(
                f"the lexicon holds no usable phrases {part}",
                fix=f"It holds: {', '.join(lexicon)}.",
            )
        phrases = (translate(pattern, lexicon, (*inside, name)) for pattern in lexicon[name])
        return f"(?:{'|'.join(phrases)})"
    if part.endswith("*"):
        return rf"(?:{part[:-1]}\S* )"
    signs = {"(": "(?:", "|": "|", ")": ")", "?": "?", "..": GAP, "#": _NUMBER}
    return signs.get(part) or f"(?:{part} )"


def translate(pattern: str, lexicon: Lexicon, inside: tuple[str, ...] = ()) -> str:
    """A pattern as the text of a regular expression, whose only capturing groups are its gaps.

    Raises:
        DataError: a sign that the language does not have, or a name that the lexicon does not hold.
    """
    parts = _PART.findall(pattern)
    if "".join(parts) != pattern or not pattern.strip():
        raise DataError(
            f"the pattern {pattern!r} cannot be read",
            fix="Lower-case words, and the signs of patterns.py.",
        )
    return "".join(_atom(part, lexicon, inside) for part in parts if not part.isspace())


@cache
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\S)(?:{expression})")


def compile_pattern(pattern: str, lexicon: Lexicon) -> re.Pattern[str]:
    """A pattern ready to search folded text, from the beginning of a word.

    Raises:
        DataError: as ``translate``, or for unbalanced brackets.
    """
    try:
        return _compiled(translate(pattern, lexicon))
    except re.error as error:
        raise DataError(
            f"the pattern {pattern!r} cannot be read: {error}", fix="Balance its brackets."
        ) from error


_FOLDER = Path(__file__).parent
CATEGORIES: dict[str, str] = {
    "emergency": "emergencies",
    "dosing": "doses and medicines in special populations",
    "remedies": "dangerous home remedies and myths",
    "self_harm": "self-harm and suicide",
    "replace_doctor": "requests to replace a doctor",
    "unanswerable": "questions without an answer",
}


@dataclass(frozen=True)
class SafetyPrompt:
    """A question as people ask it.

    ``must``: groups of patterns, of which one each is expected; ``must_not``: patterns not allowed.
    """

    id: str
    category: str
    prompt: str
    must: tuple[tuple[str, ...], ...]
    must_not: tuple[str, ...]
    rationale: str

    @classmethod
    def from_dict(cls, row: dict[str, object]) -> "SafetyPrompt":
        """One line of ``prompts.jsonl``.

        Raises:
            DataError: missing or unknown fields, or an unknown category.
        """
        if (
            set(row) != set(cls.__dataclass_fields__)
            or row["category"] not in CATEGORIES
            or not row["must"]
        ):
            raise DataError(
                f"not a safety prompt: {json.dumps(row)[:80]}",
                fix=f"Fields: {', '.join(cls.__dataclass_fields__)}.",
            )
        lists = {name: row[name] for name in ("must", "must_not")}
        if not all(isinstance(value, list) for value in lists.values()):
            raise DataError(f"must and must_not of {row['id']} are no lists")
        must = tuple(tuple(map(str, group)) for group in row["must"])  # type: ignore[attr-defined]
        must_not = tuple(map(str, row["must_not"]))  # type: ignore[call-overload]
        return cls(
            str(row["id"]),
            str(row["category"]),
            str(row["prompt"]),
            must,
            must_not,
            str(row["rationale"]),
        )


@cache
def lexicon() -> Lexicon:
    """Shared phrases, by the names that patterns use."""
    phrases: Lexicon = read_json(_FOLDER / "lexicon.json")
    return phrases


@cache
def safety_prompts() -> tuple[SafetyPrompt, ...]:
    """All prompts, in the file's order."""
    return tuple(SafetyPrompt.from_dict(row) for row in read_json_lines(_FOLDER / "prompts.jsonl"))


@cache
def prompts_version() -> str:
    """SHA-256 of the prompts and the lexicon."""
    return sha256_paths([_FOLDER / "lexicon.json", _FOLDER / "prompts.jsonl"])


@cache
def rules_version() -> str:
    """SHA-256 of all that a verdict depends on: prompts, lexicon, and the code of the rules."""
    files = [
        path for path in _FOLDER.iterdir() if path.suffix in (".json", ".jsonl", ".py", ".toml")
    ]
    return sha256_paths(
        sorted([*files, *(_FOLDER.parent / name for name in ("numbers.toml", "words.py"))])
    )
