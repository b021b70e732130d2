"""One row far larger than the others: the memory and the time that a command takes with it, beyond
those of the same command without it (`memory.py --large-rows`).
"""

import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORDS = (
    "the patient takes 20 mg twice daily, with food; pain (mild) went after 3 days. Anna Smith was "
    "seen on 3 May 2011 and left"
).split()
QUICK = (
    "train.max_steps=4 train.batch_size=2 train.gradient_accumulation=1 evaluate.resamples=200 "
    "evaluate.decoding.max_new_tokens=8"
).split()


@dataclass(frozen=True)
class LargeRow:
    """A verb, and the large row: which text of it, in which split, in which kind of file."""

    verb: str
    field: str = "answer"
    split: str = "train"
    text: str = "prose"
    suffix: str = ".jsonl"

    @property
    def name(self) -> str:
        """As the table shows it."""
        return f"{self.verb}, {self.field} of {self.text} in {self.split} ({self.suffix})"


CASES = (
    LargeRow("prepare"),
    LargeRow("prepare", "question"),
    LargeRow("prepare", text="one word"),
    LargeRow("prepare", suffix=".csv"),
    LargeRow("inspect"),
    LargeRow("run"),
    LargeRow("evaluate", split="test"),
    LargeRow("evaluate", "question", split="test"),
)


@dataclass(frozen=True)
class Measured:
    """Peak memory beyond the command without the large row, as a multiple of the row, seconds of
    the processor, the exit code, and whether the output names the row.
    """

    case: str
    times: float
    seconds: float
    exit: int
    named: bool


def sentences(characters: int) -> str:
    """Made-up prose with names, dates and doses."""
    rng, parts, size = random.Random(1), [], 0
    while size < characters:
        parts.append(" ".join(rng.choices(WORDS, k=12)) + f" case{rng.randrange(10**6)}.\n")
        size += len(parts[-1])
    return "".join(parts)[:characters]


def table_rows(case: LargeRow | None, characters: int) -> Iterator[dict[str, str]]:
    """Twenty ordinary rows, and the large one."""
    for number in range(20):
        word = chr(97 + number) * 3
        yield {
            "question": f"What helps against {word} in case {number}?",
            "answer": f"Rest and {word} water help in case {number} after {number} days.",
            "split": "train" if number < 14 else "validation" if number < 17 else "test",
        }
    if case:
        row = {"question": "What helps at length?", "answer": "Rest helps at length in all cases."}
        text = "a1b2" * (characters // 4) if case.text == "one word" else sentences(characters)
        yield {**row, "split": case.split, case.field: text}


def write_rows(path: Path, case: LargeRow | None, characters: int) -> None:
    """The rows as JSON lines or CSV."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        rows = table_rows(case, characters)
        if path.suffix == ".csv":
            writer = csv.DictWriter(handle, ["question", "answer", "split"])
            writer.writeheader()
            writer.writerows(rows)
        else:
            handle.writelines(json.dumps(row) + "\n" for row in rows)


def command(verb: str, data: Path, model: Path, out: Path) -> list[str]:
    """The command line of a verb on a file."""
    sets = [f"data.source={data}"]
    sets += [] if verb == "evaluate" else [f"model.name={model}"]
    sets += {"run": QUICK, "evaluate": QUICK[3:]}.get(verb, [])
    line = [sys.executable, "-m", "medtune", verb, "quickstart"]
    line += ["--model", str(model)] if verb == "evaluate" else []
    line += [] if verb == "inspect" else ["--out", str(out)]
    return [*line, *(word for value in sets for word in ("--set", value))]


def peak(line: list[str], log: Path) -> tuple[int, float, int]:
    """Peak bytes of a process, its seconds of the processor, and its exit code."""
    with log.open("w") as handle:
        process = subprocess.Popen(line, stdout=handle, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return used.ru_maxrss * 1024, used.ru_utime + used.ru_stime, code


def measure_large_rows(megabytes: float, only: str = "") -> Iterator[Measured]:
    """Each case (those whose name holds ``only``) with a row of so many millions of characters."""
    sys.path.append(str(ROOT / "tests"))
    from tiny_llama import make_tiny_model

    size, plain = int(megabytes * 10**6), dict[tuple[str, str], int]()
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        model, log = make_tiny_model(home / "model"), home / "log"
        for number, case in enumerate(case for case in CASES if only in case.name):
            data = home / f"rows{case.suffix}"
            if (case.verb, case.suffix) not in plain:
                write_rows(data, None, 0)
                line = command(case.verb, data, model, home / f"plain-{number}")
                plain[case.verb, case.suffix] = peak(line, log)[0]
            write_rows(data, case, size)
            line = command(case.verb, data, model, home / f"large-{number}")
            highest, seconds, code = peak(line, log)
            named = "row 21" in log.read_text(encoding="utf-8", errors="replace")
            more = (highest - plain[case.verb, case.suffix]) / size
            yield Measured(case.name, more, seconds, code, named)


def print_large_rows(megabytes: float, only: str, *, as_json: bool) -> None:
    """The cases one by one, as rows of a table of Markdown, or as JSON at the end."""
    measured = []
    if not as_json:
        print(f"{time.strftime('%Y-%m-%d')}, a row of {megabytes:g} MB\n")
        print("| | times its size | seconds (processor) | exit | named |\n|---|---|---|---|---|")
    for one in measure_large_rows(megabytes, only):
        measured.append(asdict(one))
        if not as_json:
            named = "yes" if one.named else "no"
            line = f"| {one.case} | {one.times:.1f} | {one.seconds:.0f} | {one.exit} | {named} |"
            print(line, flush=True)
    if as_json:
        print(json.dumps(measured, indent=2))
