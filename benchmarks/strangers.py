"""Small files in odd forms through prepare, run and other verbs, against what is right.

    python benchmarks/strangers.py                    # all of them: a table of kinds, what differs
    python benchmarks/strangers.py --only encodings   # one kind; --quick half of the quick cases
    python benchmarks/strangers.py --keep DIR         # the files stay there, one folder a case

The cases lie in ``strangers/*.toml``, a kind of fault a file: the input, the command, and what an
expert would demand of it, whatever the code does today. A case that is right only in a later
version says why in ``known_gap``: it is counted, and fails as soon as it passes, so that the mark
goes. Where a command ends with an error, no output may hold the word of the cells, ``Quagga``.
"""

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strangers_cases import Case, Expected, Kind, command, kinds, write_case

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))  # the tiny model, and the command in this process
CELL = "Quagga"  # stands in cells; never in the message of an error
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Outcome:
    """What came of a case: how it differs from what is right, a line a difference."""

    kind: str
    case: Case
    differences: list[str]
    seconds: float

    @property
    def state(self) -> str:
        """``passed``, ``gap`` or ``failed``; a gap that passes has failed: its mark must go."""
        if self.case.known_gap:
            return "gap" if self.differences else "failed"
        return "failed" if self.differences else "passed"


def at(document: Any, path: str) -> Any:
    """What stands under key.key; a whole number counts in a list, ``#`` is a length."""
    for key in path.split("."):
        if key == "#":
            document = len(document)
        elif isinstance(document, list):
            document = document[int(key)]
        else:
            document = document.get(key, "nothing") if isinstance(document, dict) else "nothing"
    return document


def same(expected: Any, seen: Any) -> bool:
    """Equal; fractions to half a thousandth."""
    if isinstance(expected, float) and isinstance(seen, float | int):
        return abs(expected - seen) < 5e-4
    return bool(expected == seen) and isinstance(expected, bool) == isinstance(seen, bool)


def conversations(out: Path) -> dict[str, list[Any]]:
    """The prepared rows by split."""
    from medtune.conversation import read_conversations

    files = {split: out / "data" / f"{split}.parquet" for split in SPLITS}
    return {name: list(read_conversations(file)) for name, file in files.items() if file.exists()}


def text_differences(expect: Expected, output: str, code: int) -> Iterator[str]:
    """What the exit code and the output should have been."""
    line = " ".join(output.split())
    # A file of a few rows is audited whole; the exit code then says that a run would stop.
    audited = not expect.exit and code == 2 and "a run would stop here" in line
    if code != expect.exit and not audited:
        yield f"exit: expected {expect.exit}, seen {code}: {line[-160:]}"
    for pattern in expect.message:
        if not re.search(pattern, line):
            yield f"message: expected /{pattern}/, seen: {line[-240:]}"
    for pattern in [*expect.never, "Traceback", *([CELL] if expect.exit else [])]:
        if match := re.search(pattern, line):
            around = line[max(0, match.start() - 60) :][:140]
            yield f"message: must not hold /{pattern}/, seen: …{around}"


def row_differences(expect: Expected, splits: dict[str, list[Any]]) -> Iterator[str]:
    """What the prepared rows should have been."""
    every = [row for rows in splits.values() for row in rows]
    counts = {"all": len(every)} | {name: len(rows) for name, rows in splits.items()}
    for name, count in expect.rows.items():
        if counts.get(name, 0) != count:
            yield f"rows of {name}: expected {count}, seen {counts.get(name, 0)}"
    said = [[{message.role: message.content} for message in row.messages] for row in every]
    for talk in expect.holds:
        if talk not in said:
            near = max(said, key=lambda other: alike(talk, other), default="no row")
            yield f"row: expected {talk}, seen {near}"
    for pattern in expect.lacks:
        texts = [row.id for row in every] + [
            t for talk in said for turn in talk for t in turn.values()
        ]
        if text := next((text for text in texts if re.search(pattern, text)), None):
            yield f"row: no text or id may hold /{pattern}/, seen {text[:120]!r}"
    if expect.record:
        records = [{name: getattr(row, name) for name in expect.record} for row in every]
        if not any(plain(record) == expect.record for record in records):
            yield f"row: expected {expect.record}, seen {records[:1]}"


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """The same with lists for tuples, as TOML has them."""
    return {name: list(v) if isinstance(v, tuple) else v for name, v in record.items()}


def alike(one: list[dict[str, str]], other: list[dict[str, str]]) -> float:
    """How like two conversations are, to show the nearest."""
    from rapidfuzz.fuzz import ratio

    return float(ratio(str(one), str(other)))


def document_differences(title: str, wanted: dict[str, Any], document: Any) -> Iterator[str]:
    """What single figures of a document should have been."""
    for path, value in wanted.items():
        seen = at(document, path)
        if not same(value, seen):
            yield f"{title} {path}: expected {value!r}, seen {str(seen)[:160]}"


def read_json(path: Path, printed: str) -> Any:
    """A file of the run, else what the command printed."""
    try:
        return json.loads(path.read_text(encoding="utf-8") if path.exists() else printed)
    except ValueError:
        return {}


def differences(case: Case, places: dict[str, str]) -> Iterator[str]:
    """Run the command of a case and compare."""
    from command_line import run_command

    done = run_command(*command(case, places), cwd=places["home"])
    expect, out = case.expect, Path(places["out"])
    # No word of a path is a word of the message.
    output = f"{done.stdout}\n{done.stderr}".replace(places["home"], "HOME")
    yield from text_differences(expect, output, done.returncode)
    yield from row_differences(expect, conversations(out))
    audit = read_json(out / "data" / "audit.json", done.stdout)
    yield from document_differences("audit", expect.audit, audit)
    metrics = read_json(out / "metrics.json", done.stdout)
    yield from document_differences("figure", expect.figures, metrics)
    for name, pattern in expect.written.items():
        path = out / name
        text = " ".join(path.read_text(encoding="utf-8").split()) if path.exists() else None
        if text is None or not re.search(pattern, text):
            yield f"{name}: expected /{pattern}/, seen {(text or 'no such file')[:120]}"


def judge(kind: str, case: Case, home: Path, model: Path) -> Outcome:
    """What comes of one case; whatever it raises is a difference, too."""
    start = time.monotonic()
    home.mkdir(parents=True, exist_ok=True)
    try:
        seen = list(differences(case, write_case(case, home, model)))
    except Exception as error:
        seen = [f"expected exit {case.expect.exit}, seen {type(error).__name__}: {error}"]
    return Outcome(kind, case, seen, time.monotonic() - start)


def table(read: dict[str, Kind], outcomes: list[Outcome]) -> str:
    """A line a kind at 80 columns, then a line a difference and a line a gap."""
    lines = [f"{'kind':<20}{'of':<12}{'files':>6}{'passed':>8}{'gaps':>6}{'failed':>8}  seconds"]
    for name in [*read, "all"]:
        of = [outcome for outcome in outcomes if name in (outcome.kind, "all")]
        count = [sum(o.state == state for o in of) for state in ("passed", "gap", "failed")]
        fault = read[name].fault if name in read else ""
        lines.append(
            f"{name:<20}{fault:<12}{len(of):>6}{count[0]:>8}{count[1]:>6}{count[2]:>8}"
            f"{sum(o.seconds for o in of):>9.1f}"
        )
    for o in outcomes:
        if o.state == "failed":
            said = o.differences or ["passes: take its known_gap away"]
            lines += [f"FAILED {o.kind}: {o.case.name}: {text}" for text in said]
        elif o.state == "gap":
            lines.append(f"gap {o.kind}: {o.case.name}: {o.case.known_gap}")
    return "\n".join(lines)


def page_table(read: dict[str, Kind], outcomes: list[Outcome]) -> str:
    """The table of docs/testing.md."""
    lines = ["| kind | what it is | files | passed | open gaps |", "|---|---|---|---|---|"]
    for name in [*read, "all"]:
        states = [outcome.state for outcome in outcomes if name in (outcome.kind, "all")]
        title = f"{read[name].title} ({read[name].fault})" if name in read else ""
        counts = f"{len(states)} | {states.count('passed')} | {states.count('gap')}"
        lines.append(f"| {name} | {title} | {counts} |")
    return "\n".join(lines)


def main() -> None:
    """The command line; exit 1 where anything differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", default="", metavar="KIND", help="one kind, or several with commas"
    )
    parser.add_argument(
        "--quick", action="store_true", help="every other case, without the slow ones"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--markdown", action="store_true", help="the table of docs/testing.md")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the files there")
    arguments = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    read = kinds(arguments.only)
    from tiny_llama import make_tiny_model

    with tempfile.TemporaryDirectory() as scratch:
        home = arguments.keep or Path(scratch)
        model = make_tiny_model(home / "model")
        outcomes = [
            judge(name, case, home / name / f"{number:02}", model)
            for name, kind in read.items()
            for number, case in enumerate(kind.quick() if arguments.quick else kind.case, 1)
        ]
    if arguments.json:
        rows = [
            {"kind": o.kind, "case": o.case.name, "state": o.state, "differences": o.differences}
            for o in outcomes
        ]
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        print(page_table(read, outcomes) if arguments.markdown else table(read, outcomes))
    sys.exit(any(outcome.state == "failed" for outcome in outcomes))


if __name__ == "__main__":
    main()
