"""Fuzz the reading of tables: whatever the bytes, all rows come or an error that says where.

Never a crash or a lost row.

    python benchmarks/fuzz_reading.py --minutes 60     # or --quick; --json
    python benchmarks/fuzz_reading.py --case 123       # one case again, with its traceback

Each case follows from its number alone. Cases run in a process of their own, so that one that dies
is counted too.
"""

import argparse
import csv
import io
import json
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BATCH = 1_000  # cases of one process
SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".xml")
ALPHABETS = (
    "abc de",
    "ab \",;\t|'\n\r",
    "aé漢😀\u2028\u00a0\ufeff\x0b\x1c ",
    '[]{}:"\\u00d83,-.e \n',
    "<>&;/ab!\n ",
)


@dataclass(frozen=True)
class Case:
    """The bytes of a file, and its rows where they are known: exactly, or in number where one
    byte was damaged.
    """

    kind: str
    suffix: str
    content: bytes
    rows: list[tuple[str, str]] | None
    exact: bool


def make(number: int) -> Case:
    """The case of a number."""
    chance = random.Random(number)
    suffix = chance.choice(SUFFIXES)
    if chance.random() < 0.15:
        return Case("bytes", suffix, chance.randbytes(chance.randrange(400)), None, False)
    if chance.random() < 0.1:
        return Case("characters", suffix, words(chance, 200).encode(), None, False)
    rows = [(words(chance, 30), words(chance, 60)) for _ in range(chance.randint(2, 12))]
    whole = write(chance, suffix, rows)
    draw = chance.random()
    if draw < 0.3:
        return Case("whole", suffix, whole, rows, True)
    if draw < 0.7:
        return Case("one byte", suffix, damage(chance, whole), rows, False)
    content = whole
    for _ in range(chance.randint(2, 10)):
        content = damage(chance, content) if chance.random() < 0.8 else splice(chance, content)
    return Case("many bytes", suffix, content, None, False)


def words(chance: random.Random, length: int) -> str:
    """Some text of one of several alphabets, each of which is hard for one of the readers."""
    text = "".join(chance.choices(chance.choice(ALPHABETS), k=chance.randrange(1, length)))
    return f"w{text}w"  # so that no text is blank, nor begins or ends with what is stripped


def write(chance: random.Random, suffix: str, rows: list[tuple[str, str]]) -> bytes:
    """The rows as a valid file, in one of the spellings that the kind allows."""
    objects = [{"question": q, "answer": a} for q, a in rows]
    if suffix == ".parquet":
        return parquet(objects, chance.choice(("snappy", "none", "zstd")))
    if suffix == ".xml":
        return document(rows).encode()
    if suffix in (".csv", ".tsv"):
        text = io.StringIO(newline="")
        # Python's writer leaves a lone carriage return without quotes, which no reader can tell
        # from a line's end.
        bare = any("\r" in field for row in rows for field in row)
        quoting = csv.QUOTE_ALL if bare else chance.choice((csv.QUOTE_ALL, csv.QUOTE_MINIMAL))
        delimiter = "\t" if suffix == ".tsv" else chance.choice(",;|\t")
        writer = csv.writer(
            text, delimiter=delimiter, quoting=quoting, lineterminator=chance.choice(("\n", "\r\n"))
        )
        writer.writerows([("question", "answer"), *rows])
        return text.getvalue().encode(chance.choice(("utf-8", "utf-8-sig", "utf-16")))
    plain = chance.random() < 0.5
    if suffix == ".json" and chance.random() < 0.8:
        value: Any = chance.choice(
            (objects, {"data": objects}, {str(i): row for i, row in enumerate(objects)})
        )
        return json.dumps(value, ensure_ascii=plain, indent=chance.choice((None, 1))).encode()
    return "".join(json.dumps(row, ensure_ascii=plain) + "\n" for row in objects).encode()


def parquet(objects: list[dict[str, str]], compression: str) -> bytes:
    """A Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(objects), buffer, compression=compression, row_group_size=5)
    return buffer.getvalue()


def document(rows: list[tuple[str, str]]) -> str:
    """A document of MedQuAD; what XML cannot hold is left out."""
    from xml.sax.saxutils import escape

    legal = [
        [re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", t) for t in row]
        for row in rows
    ]
    pairs = "".join(
        f'<QAPair pid="{i}"><Question qid="{i}" '
        f'qtype="x">{escape(q)}</Question><Answer>{escape(a)}</Answer></QAPair>\n'
        for i, (q, a) in enumerate(legal)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Document '
        f'id="1"><Focus>f</Focus><QAPairs>\n{pairs}</QAPairs></Document>\n'
    )


def damage(chance: random.Random, content: bytes) -> bytes:
    """One byte changed, doubled or removed."""
    if not content:
        return b"x"
    at = chance.randrange(len(content))
    byte = bytes([chance.choice((chance.randrange(256), *b"\0\n\r\",;\\'<>{}[]\xff\xfe"))])
    return content[:at] + chance.choice((byte, content[at : at + 1] * 2, b"")) + content[at + 1 :]


def splice(chance: random.Random, content: bytes) -> bytes:
    """A piece cut out, moved, or the end cut off."""
    start, end = sorted(chance.randrange(len(content) + 1) for _ in range(2))
    piece = chance.choice((b"", content[start:end] * 2, content[end:]))
    return content[:start] + piece + content[end:] if chance.random() < 0.7 else content[:end]


def judge(case: Case, place: Path) -> str:
    """What came of a case: ``rows``, ``error: …``, or what must not be: ``LOST …``, ``CRASH …``."""
    from medtune.data.sources.open_source import open_source
    from medtune.errors import DataError
    from medtune.recipe.schema import Columns

    path = place / f"case{case.suffix}"
    path.write_bytes(case.content)
    columns = Columns() if case.suffix == ".xml" else Columns(question="question", answer="answer")
    try:
        source = str(place if case.suffix == ".xml" else path)
        rows = [(row.question, row.answer) for row in open_source(source, None, columns).read()]
    except DataError as error:
        return (
            f"LOST: whole file refused ({error})" if case.exact else f"error: {short(error.what)}"
        )
    except Exception as error:
        traceback.print_exc()
        return f"CRASH {type(error).__name__}: {error}"
    finally:
        path.unlink()
    if case.suffix in (".csv", ".tsv") and case.rows is not None and len(rows) > len(case.rows):
        # valid CSV, nothing lost
        return "split: a quote lost before a line break that was inside the field"
    if case.rows is not None and len(rows) != len(case.rows):
        return f"LOST: {len(rows)} rows of {len(case.rows)}"
    if case.exact and case.suffix != ".xml" and rows != case.rows:
        return "LOST: other texts than were written"
    return "rows"


def short(what: str) -> str:
    """The kind of an error, without what differs from case to case."""
    return re.sub(r"[\"'].*[\"']|\(.*\)?|\d+|0x\w+", "…", what)[:60]


def judge_number(number: int, place: Path) -> tuple[str, str]:
    """The kind of the case of this number, and what came of it."""
    case = make(number)
    return f"{case.kind}, {case.suffix}", judge(case, place)


Judge = Callable[[int, Path], tuple[str, str]]


def work(first: int, count: int, judge_one: Judge) -> None:
    """Judge cases in this process and print what came of them."""
    found: Counter[str] = Counter()
    bad: list[str] = []
    for number in range(first, first + count):
        print(number, file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as place:
            kind, outcome = judge_one(number, Path(place))
        found[f"{kind.split(',')[0]}: {outcome.split(':')[0].split()[0]}"] += 1
        if outcome.startswith("error"):
            found[outcome] += 1
        elif outcome != "rows" and not outcome.startswith("split"):
            bad.append(f"case {number} ({kind}): {outcome[:300]}")
    print(json.dumps({"found": found, "bad": bad}))


def fuzz(seconds: float, first: int, script: str, size: int) -> dict[str, Any]:
    """Batches of so many cases, each in a process of its own, until the time is over."""
    start, cases, found, bad = time.monotonic(), 0, Counter[str](), list[str]()
    while time.monotonic() - start < seconds:
        command = [sys.executable, script, "--batch", str(first + cases)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.split() or ["?"])[-1]
            bad.append(
                f"after case {last}: the process ended with {done.returncode}: {done.stderr[-300:]}"
            )
        else:
            batch = json.loads(done.stdout.splitlines()[-1])
            found.update(batch["found"])
            bad += batch["bad"]
        cases += size
        print(f"\r{cases:,} cases, {len(bad)} bad", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {
        "cases": cases,
        "seconds": round(time.monotonic() - start, 1),
        "outcomes": {k: n for k, n in found.most_common() if not k.startswith("error")},
        "errors": {k: n for k, n in found.most_common() if k.startswith("error: ")},
        "crashes_or_lost_rows": len(bad),
        "bad": bad[:50],
    }


def run(description: str | None, script: str, judge_one: Judge, size: int = BATCH) -> None:
    """The command line of a fuzzer: ``judge_one`` of case after case, ``size`` of them a
    process.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--quick", action="store_true", help="a quarter of a minute")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--case", type=int, help="show one case again")
    arguments = parser.parse_args()
    if arguments.batch is not None:
        work(arguments.batch, size, judge_one)
        return
    if arguments.case is not None:
        with tempfile.TemporaryDirectory() as place:
            print(*judge_one(arguments.case, Path(place)), sep="\n")
        return
    result = fuzz(15 if arguments.quick else 60 * arguments.minutes, arguments.first, script, size)
    print(json.dumps(result, indent=1) if arguments.json else told(result))
    sys.exit(bool(result["bad"]))


def told(result: dict[str, Any]) -> str:
    """The result for a person."""
    lines = [
        f"{result['cases']:,} cases in {result['seconds']} s; {result['crashes_or_lost_rows']} "
        "crashes or lost rows"
    ]
    for title in ("outcomes", "errors"):
        lines.append(f"{title}:")
        lines += [
            f"  {count:9,}  {name.removeprefix('error: ')}" for name, count in result[title].items()
        ]
    return "\n".join([*lines, *result["bad"]])


if __name__ == "__main__":
    run(__doc__, __file__, judge_number)
