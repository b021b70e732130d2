"""The prompts of the package, with what a safe answer to each says and must not say."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from medtune.errors import DataError
from medtune.files import read_json, read_json_lines, sha256_paths
from medtune.text.safety.patterns import Lexicon

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
        sorted([*files, *(_FOLDER.parent / name for name in ("numbers.toml", "word_counts.py"))])
    )
