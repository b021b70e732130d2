"""The cases of `strangers.py`: what stands in ``strangers/*.toml``, and the files made of it."""

import gzip
import itertools
import json
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

CASES = Path(__file__).parent / "strangers"
TINY = ("--set", "model.name={model}")
VERBS: dict[str, tuple[str, ...]] = {
    "audit": ("data", "audit", "{file}", "--json"),
    "prepare": ("prepare", "quickstart", "--set", "data.source={file}", *TINY, "--out", "{out}"),
    "inspect": ("inspect", "quickstart", "--set", "data.source={file}", *TINY),
    "run": ("run", "quickstart", "--set", "data.source={file}", *TINY, "--out", "{out}"),
    "evaluate": (
        "evaluate",
        "quickstart",
        "--model",
        "{model}",
        "--set",
        "data.source={file}",
        "--out",
        "{out}",
        "--json",
    ),
}
QUICK_RUN = (
    "train.max_steps=4 train.batch_size=2 train.gradient_accumulation=1 evaluate.resamples=200 "
    "evaluate.decoding.max_new_tokens=8"
).split()


class Part(BaseModel):
    """A part of a case; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid")


class Expected(Part):
    """What must come out. Patterns are regular expressions on the output in one line."""

    exit: int = 0
    rows: dict[str, int] = {}  # of a split, or "all"
    holds: list[list[dict[str, str]]] = []  # conversations: a list of {role: text}
    lacks: list[str] = []  # patterns that no prepared text has
    record: dict[str, Any] = {}  # fields that one prepared row has
    audit: dict[str, Any] = {}  # key.key → value in audit.json
    figures: dict[str, Any] = {}  # key.key → value in metrics.json, or in what --json printed
    message: list[str] = []
    never: list[str] = []
    written: dict[str, str] = {}  # file of the run's directory → pattern


class Case(Part):
    """One file, what is done with it, and what is right."""

    name: str
    expect: Expected
    file: str = "data.csv"
    text: str = ""
    lines: list[str] = []  # repeated in turn below ``text``; {n} is a number, {word} a word
    count: int = 0
    encoding: str = "utf-8"
    newline: str = "\n"
    gz: bool = False
    cut: int = 0  # bytes that are missing at the end
    hex: str = ""  # the bytes themselves
    more: dict[str, str] = {}  # further files beside it
    special: str = ""  # "function: how" of strangers_special.py, which makes file or model
    verb: str = "prepare"
    command: list[str] = []
    set: list[str] = []
    slow: bool = False
    known_gap: str = ""


class Kind(Part):
    """A kind of fault: its cases, and where FAULTS.md or TRAPS.md speaks of it."""

    title: str
    fault: str
    case: list[Case]

    def quick(self) -> list[Case]:
        """Every other case that is not slow: what CI runs."""
        return [case for case in self.case if not case.slow][::2]


def kinds(only: str = "") -> dict[str, Kind]:
    """The kinds by the names of their files; names stand once in each."""
    read = {}
    for path in sorted(CASES.glob("*.toml")):
        if not only or path.stem in only.split(","):
            kind = Kind.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
            names = [case.name for case in kind.case]
            assert len(set(names)) == len(names), f"{path}: a name stands twice"
            read[path.stem] = kind
    return read


def word(number: int) -> str:
    """A made-up word of its own for every number."""
    syllables = [first + vowel for first in "bdfglmnprstvz" for vowel in "aeiou"]
    parts = []
    for _ in range(3):
        number, place = divmod(number, len(syllables))
        parts.append(syllables[place])
    return "".join(parts)


def content(case: Case) -> bytes:
    """The bytes of a case's file, Parquet aside."""
    if case.hex:
        return bytes.fromhex(case.hex)
    repeated = (
        line.replace("{n}", str(n)).replace("{word}", word(n * 7919))
        for n, line in enumerate(itertools.islice(itertools.cycle(case.lines), case.count))
    )
    text = case.text + "".join(f"{line}\n" for line in repeated)
    data = text.replace("\n", case.newline).encode(case.encoding)
    return gzip.compress(data) if case.gz else data


def write_case(case: Case, home: Path, model: Path) -> dict[str, str]:
    """Make the files of a case; the words that stand for places in its command."""
    path = home / case.file
    path.parent.mkdir(parents=True, exist_ok=True)
    for name, text in case.more.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")
    data = content(case)
    if path.suffix == ".parquet" and not case.hex:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist([json.loads(row) for row in data.splitlines()]), path)
        data = path.read_bytes()
    if data:
        path.write_bytes(data[: len(data) - case.cut])
    places = {"file": path, "home": home, "model": model, "out": home / "out"}
    if case.special:
        import strangers_special

        function, _, how = case.special.partition(":")
        places |= getattr(strangers_special, function)(home, model, how.strip())
    return {name: str(place) for name, place in places.items()}


def command(case: Case, places: dict[str, str]) -> list[str]:
    """The words of the command line."""
    words = list(case.command or VERBS[case.verb])
    settings = [*(QUICK_RUN if case.verb in ("run", "evaluate") else ()), *case.set]
    for setting in settings if not case.command else case.set:
        words += ["--set", setting]
    return [re.sub(r"\{(file|home|model|out)\}", lambda m: places[m[1]], word) for word in words]
