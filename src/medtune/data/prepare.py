"""Sources into splits of conversations, with an audit that accounts for every row."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from medtune.conversation import Conversation, Message
from medtune.data.held_out import rows_on_subject
from medtune.data.identifiers import apply_policy
from medtune.data.normalize import normalize
from medtune.data.rows import Loaded, Row
from medtune.data.sources import load_source
from medtune.data.splits import SPLITS, draw, group_rows, leaked_rows, random_split, split_groups
from medtune.errors import DataError
from medtune.progress import say
from medtune.recipe.schema import Data


@dataclass(frozen=True)
class Prepared:
    """Conversations by split, and the audit."""

    splits: dict[str, list[Conversation]]
    audit: dict[str, Any]


def prepare(settings: Data, seed: int, demonstrations: Sequence[str], data_dir: Path | None) -> Prepared:
    """Read, clean, group, split and audit.

    ``demonstrations`` are questions whose subjects must not be trained on. Raises ``DataError`` where a source cannot
    be read or leaves too few rows to split.
    """
    loaded = [load_source(source, data_dir, settings.columns) for source in settings.source]
    rows = [row for source in loaded for row in source.rows]
    read = len(rows)
    rows, dropped = _drop_empty([_with_system(row, settings.system_prompt) for row in rows])
    complete = len(rows)
    rows, identifiers, with_identifiers = apply_policy(rows, settings.identifiers)
    dropped["identifiers"] = complete - len(rows)
    rows, dropped["repeated"] = _drop_repeated(rows)
    duplicates = _duplicates(rows)
    usable = len(rows)
    rows = draw(rows, settings.limit, settings.stratify_by, seed)
    drawn = len(rows)
    rows, groups, on_subject = _grouped(rows, settings, demonstrations)
    dropped["demonstration_subject"] = drawn - len(rows)
    if len(rows) < 3:
        raise DataError(
            f"only {len(rows)} usable rows of {read}",
            where=", ".join(settings.source),
            fix=f"At least 3 are needed. Left out: {_listed(dropped)}.",
        )
    group_by = settings.split.group_by
    forced = {group for group, on in zip(groups, on_subject, strict=True) if on}
    places = split_groups(rows, groups, settings.split, settings.stratify_by, seed, forced)
    splits = _conversations(rows, groups, places)
    _check_splits(splits, settings, len(set(groups)))
    leaked = leaked_rows(rows, places, group_by)
    if leaked["any"]:
        raise AssertionError(f"group split leaked: {leaked}")
    by_chance = random_split(len(rows), settings.split, seed)
    would = leaked_rows(rows, by_chance, group_by)["any"] / max(1, sum(place != "train" for place in by_chance))
    audit = {
        "sources": [_source_facts(source) for source in loaded],
        "rows": {"read": read, "usable": usable, "drawn": len(rows), "not_drawn": usable - drawn},
        "dropped": dropped,
        "duplicates": duplicates,
        "identifiers": {"policy": settings.identifiers, "found": identifiers, "rows": with_identifiers},
        "groups": {
            "count": len(set(groups)),
            "largest": max(Counter(groups).values()),
            "group_by": list(group_by),
            "entities": any(row.entity for row in rows),
        },
        "demonstrations": {
            "questions": list(demonstrations),
            "rows_kept_out_of_training": sum(group in forced for group in groups) + dropped["demonstration_subject"],
        },
        "splits": {name: _split_facts(splits[name]) for name in SPLITS},
        "leaked": leaked["any"],
        "leaked_share_of_a_random_split": would,
    }
    _tell(loaded, audit)
    return Prepared(splits, audit)


def _drop_empty(rows: Sequence[Row]) -> tuple[list[Row], dict[str, int]]:
    """Rows with a question and an answer; the rest counted by reason."""
    dropped = {"empty_question": 0, "empty_answer": 0}
    kept = []
    for row in rows:
        if not row.question.strip():
            dropped["empty_question"] += 1
        elif not row.answer.strip():
            dropped["empty_answer"] += 1
        else:
            kept.append(row)
    return kept, dropped


def _drop_repeated(rows: Sequence[Row]) -> tuple[list[Row], int]:
    """Each conversation once, and how many copies were left out."""
    first = {(row.messages, row.label): row for row in reversed(rows)}
    kept = list(reversed(first.values()))
    return kept, len(rows) - len(kept)


def _grouped(rows: list[Row], settings: Data, demonstrations: Sequence[str]) -> tuple[list[Row], list[int], list[bool]]:
    """Rows with their group numbers, and whether each is on a demonstration's subject.

    A group with such a row goes to test whole. Where that group is larger than half of what test may hold (common
    answers can chain thousands of rows together), its rows on the subject are left out instead.
    """
    on_subject = rows_on_subject(rows, demonstrations)
    groups = group_rows(rows, settings.split.group_by)
    sizes = Counter(groups)
    allowed = settings.split.test * len(rows) / 2
    kept = [i for i, group in enumerate(groups) if not on_subject[i] or sizes[group] <= max(allowed, 1)]
    if len(kept) == len(rows):
        return rows, groups, on_subject
    rows = [rows[i] for i in kept]
    return rows, group_rows(rows, settings.split.group_by), [on_subject[i] for i in kept]


def _with_system(row: Row, prompt: str | None) -> Row:
    if not prompt or not row.messages or row.messages[0].role == "system":
        return row
    return replace(row, messages=(Message("system", prompt), *row.messages))


def _duplicates(rows: Sequence[Row]) -> dict[str, int]:
    """Rows whose question or answer, normalised, stands in an earlier row; questions with several answers."""
    questions = Counter(normalize(row.question) for row in rows)
    answers = Counter(normalize(row.answer) for row in rows)
    pairs = {(normalize(row.question), normalize(row.answer)) for row in rows}
    several = Counter(question for question, _ in pairs)
    return {
        "same_question": sum(count - 1 for count in questions.values()),
        "same_answer": sum(count - 1 for count in answers.values()),
        "questions_with_several_answers": sum(count > 1 for count in several.values()),
    }


def _conversations(rows: Sequence[Row], groups: Sequence[int], places: Sequence[str]) -> dict[str, list[Conversation]]:
    splits: dict[str, list[Conversation]] = {name: [] for name in SPLITS}
    names: dict[int, str] = {}
    for row, group, place in zip(rows, groups, places, strict=True):
        text = "\x1f".join(f"{m.role}\x1e{m.content}" for m in row.messages)
        digest = hashlib.sha256(f"{text}\x1f{row.label}".encode()).hexdigest()[:12]
        item = f"{row.source}-{row.id}-{digest[:6]}" if row.id else f"{row.source}-{digest}"
        name = names.setdefault(group, f"g-{digest}")
        splits[place].append(Conversation(item, name, row.source, row.messages, label=row.label))
    return splits


def _check_splits(splits: dict[str, list[Conversation]], settings: Data, groups: int) -> None:
    shares = settings.split.model_dump()
    empty = [name for name in SPLITS if not splits[name] and shares[name] > 0]
    if empty:
        raise DataError(
            f"nothing is left for {' and '.join(empty)}: all rows fall into {groups} group{'s' if groups != 1 else ''}",
            where="data.split",
            fix="Give more rows, or fewer of data.split.group_by.",
        )


def _words(texts: list[str]) -> dict[str, float]:
    counts = sorted(len(text.split()) for text in texts)
    if not counts:
        return {"median": 0, "p95": 0, "max": 0}
    return {"median": median(counts), "p95": counts[int(0.95 * (len(counts) - 1))], "max": counts[-1]}


def _split_facts(conversations: list[Conversation]) -> dict[str, Any]:
    labels = Counter(c.label for c in conversations if c.label is not None)
    return {
        "rows": len(conversations),
        "groups": len({c.group for c in conversations}),
        "sources": dict(Counter(c.source for c in conversations)),
        "labels": dict(sorted(labels.items())) if len(labels) <= 60 else {},
        "question_words": _words([c.question for c in conversations]),
        "answer_words": _words([c.reference for c in conversations]),
    }


def _source_facts(source: Loaded) -> dict[str, Any]:
    return {"name": source.name, "licence": source.licence, "files": source.files, "columns": source.columns}


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items() if count) or "nothing"


def _tell(loaded: Sequence[Loaded], audit: dict[str, Any]) -> None:
    for source in loaded:
        taken = ", ".join(f"{part} = {name}" for part, name in source.columns.items())
        say(f"{source.name}: {len(source.rows):,} rows" + (f" ({taken})" if taken else ""))
    say(f"left out: {_listed(audit['dropped'])}; not drawn: {audit['rows']['not_drawn']:,}")
    sizes = ", ".join(f"{name} {facts['rows']:,}" for name, facts in audit["splits"].items())
    share = audit["leaked_share_of_a_random_split"]
    say(f"splits: {sizes}; leaked 0 (a random split would leak {share:.0%})")
    if not audit["groups"]["entities"]:
        say("no subject column: rows on one disease are not tied together; name it with data.columns.entity")
