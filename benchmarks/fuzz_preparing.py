"""Fuzz all of preparation: damaged files and random tables under random policies, to an error or
to splits that add up.

    python benchmarks/fuzz_preparing.py --minutes 20     # or --quick; --json
    python benchmarks/fuzz_preparing.py --case 123       # one case again

The law: rows in = rows out + drops by reason + rows not drawn, counted from the files that were
written; ids differ, no group lies in two splits, nothing leaks. Each case follows from its number
alone; a few are large enough for several chunks of rows and two processes.
"""

import random
import traceback
from pathlib import Path
from typing import Any

import fuzz_reading
from fuzz_reading import Case

SPLITS = ("train", "validation", "test")
SUBJECTS = ("gout", "Gout ", "asthma", "scabies", "acné", "高血圧", "COPD")
QUESTIONS = (
    "What is {}?",
    "WHAT is: {} ?",
    "what is {}",
    "Whom to call about {}? 555-123-4567",
    "<b>Is</b> {} bad?",
    "{}",
    "",
)
ANSWERS = (
    "It is {}.",
    "it IS {}",
    "Hello, it is {}. Take care.",
    "{} is known to say one and the same rather long thing again and again in case somebody did "
    "not hear it",
    "<p>It is&nbsp;{}</p>",
    "See [[{}|this]]. Click here",
    "Mr. John Smith had {} on 3/4/2019.",
    "A",
    "",
)


def table(chance: random.Random) -> Case:
    """Rows that repeat, contradict and resemble each other."""
    count = (
        chance.choice((chance.randint(3, 40), chance.randint(100, 400)))
        if chance.random() < 0.99
        else 5_000
    )
    rows = [
        (_filled(chance, QUESTIONS, count), _filled(chance, ANSWERS, count)) for _ in range(count)
    ]
    suffix = chance.choice((".csv", ".tsv", ".json", ".jsonl", ".parquet"))
    return Case("table", suffix, fuzz_reading.write(chance, suffix, rows), rows, True)


def _filled(chance: random.Random, forms: tuple[str, ...], count: int) -> str:
    subject = (
        f"{chance.choice(SUBJECTS)} {chance.randrange(max(2, count // 2))}"
        if chance.random() < 0.8
        else "gout"
    )
    return chance.choice(forms).format(subject)


def policies(chance: random.Random) -> dict[str, Any]:
    """Settings of the recipe's part `data`, any that the schema allows together."""
    return {
        "contradictions": chance.choice(("group", "first", "drop", "label_sets")),
        "near_duplicates": {
            "policy": chance.choice(("group", "drop", "off")),
            "threshold": chance.choice((0.5, 0.8, 0.95)),
            "min_words": chance.choice((3, 12)),
        },
        "identifiers": chance.choice(("off", "report", "mask", "drop", "refuse")),
        "clean": {
            "cut_off": chance.choice(("keep", "trim", "drop")),
            "min_answer_words": chance.randint(0, 3),
            **{
                name: chance.random() < 0.8
                for name in ("encoding", "markup", "blanks", "boilerplate", "leftovers")
            },
        },
        "limit": chance.choice((None, None, chance.randint(3, 60))),
        "stratify_by": chance.choice(("auto", "label", "source", "none")),
        "split": {
            "group_by": chance.sample(["question", "answer", "entity"], chance.randint(0, 3))
        },
        "system_prompt": chance.choice((None, "Be brief.")),
        "contamination": {"check": chance.random() < 0.7, "ngram": chance.choice((5, 13))},
    }


def judge_number(number: int, place: Path) -> tuple[str, str]:
    """The kind of the case of this number, and what came of it."""
    chance = random.Random(f"prepare {number}")
    case = table(chance) if chance.random() < 0.6 else fuzz_reading.make(number)
    chosen = policies(chance)
    kind = f"{case.kind}, {case.suffix}, {len(case.rows or ())} rows, {chosen}"
    try:
        return kind, judge(case, chosen, chance.randrange(100), place)
    except Exception as error:
        traceback.print_exc()
        return kind, f"CRASH {type(error).__name__}: {error}"


def judge(case: Case, chosen: dict[str, Any], seed: int, place: Path) -> str:
    """Prepare a case; what came of it as fuzz_reading says it."""
    from medtune.data.prepare import prepare
    from medtune.errors import DataError
    from medtune.progress import configure
    from medtune.recipe.schema import Data

    configure(quiet=True)
    inside = place / "in"
    inside.mkdir()
    path = inside / f"case{case.suffix}"
    path.write_bytes(case.content)
    columns = {} if case.suffix == ".xml" else {"question": "question", "answer": "answer"}
    source = str(inside if case.suffix == ".xml" else path)
    try:
        prepared = prepare(
            Data(source=source, columns=columns, **chosen),
            seed,
            ["What is gout?"] * (seed % 2),
            None,
            place / "out",
        )
    except DataError as error:
        return f"error: {fuzz_reading.short(error.what)}"
    return (
        _faults(case, prepared.audit.as_json(), prepared.splits, chosen["split"]["group_by"])
        or "rows"
    )


def _faults(case: Case, audit: dict[str, Any], splits: dict[str, Any], group_by: list[str]) -> str:
    """Which law is broken; nothing where all hold."""
    written = [conversation for name in SPLITS for conversation in splits[name]]
    counts, left_out = audit["rows"], sum(audit["dropped"].values())
    if counts["read"] != len(written) + counts["not_drawn"] + left_out:
        return f"LOST: {counts} {audit['dropped']}, {len(written)} written"
    if case.exact and case.rows is not None and counts["read"] != len(case.rows):
        return f"LOST: {counts['read']} read of {len(case.rows)}"
    if len({c.id for c in written}) != len(written):
        return "LOST: two rows with one id"
    groups = [{c.group for c in splits[name]} for name in SPLITS]
    if sum(map(len, groups)) != len(set().union(*groups)):
        return "LEAK: a group in two splits"
    if any(audit["leaked_by"][part] for part in (*group_by, "near")):
        return f"LEAK: {audit['leaked_by']}"
    if not all(c.question.strip() and c.reference.strip() for c in written):
        return "BLANK: a conversation without a question or an answer"
    return ""


if __name__ == "__main__":
    fuzz_reading.run(__doc__, __file__, judge_number, size=200)
