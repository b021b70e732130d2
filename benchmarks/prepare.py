"""How long preparing data takes, how much memory, and how both grow.

    python benchmarks/prepare.py --data-dir DIR [--rows 10000 30000 112000 300000] [--peers]
    [--llama-factory PYTHON] [--keep DIR]
                                 [--quick] [--json]

The dialogues are **synthetic**: real rows of HealthCareMagic expanded to the wanted number by
editing words, so that lengths and boilerplate are real and the texts are not. One in ten is a light
edit (a near-duplicate), one in fifty an exact copy. `medtune prepare` runs with all steps on, in a
process of its own; memory is the sum of the proportional set sizes of it and its workers, sampled
up to five times a second. The second call finds everything done. That no row was lost (rows read =
rows kept + rows dropped, by reason) is checked against the audit. The last run directory stays with
--keep.

With --peers, the same steps are done the way notebooks do them: `datasets.map` with two processes
for the same cleaning rules, `datasketch` for near-duplicates, tokenization by map (needs the
packages datasets and datasketch beside medtune). With --llama-factory, LLaMA-Factory's
preprocessing of the same file with two workers, under the interpreter of an environment that has
it; it converts and tokenizes only. Both are in prepare_peers.py.
"""

import argparse
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq

SOURCES = ("healthcaremagic",)
PEERS = Path(__file__).with_name("prepare_peers.py")
TOKENIZER = Path(__file__).parents[1] / "src/medtune/models/shipped/medtune-base"
MINIMUM_WORDS = 20  # shorter answers are fragments
RECIPE = """name: prepare-benchmark
data: {source: SOURCE, identifiers: report}
model: {name: medtune-base}
train: {max_length: 512}
"""


def real_rows(data_dir: Path) -> list[tuple[str, str]]:
    """Questions and answers of the real sets, the longer ones, as dialogues of doctors are."""
    rows = []
    for name in SOURCES:
        table = pq.read_table(data_dir / f"{name}.parquet", columns=["input", "output"]).to_pylist()
        rows += [
            (r["input"], r["output"])
            for r in table
            if len((r["output"] or "").split()) >= MINIMUM_WORDS
        ]
    return rows


def edited(text: str, vocabulary: list[str], share: float, rng: random.Random) -> str:
    """The text with a share of its longer words replaced."""
    return re.sub(
        r"\b[a-z]{4,}\b",
        lambda m: rng.choice(vocabulary) if rng.random() < share else m.group(),
        text,
    )


def expand(rows: list[tuple[str, str]], count: int, path: Path, seed: int = 0) -> int:
    """Write ``count`` dialogues as JSON lines, labelled synthetic; characters of text."""
    rng = random.Random(seed)
    vocabulary = sorted({w for q, a in rows for w in re.findall(r"\b[a-z]{4,}\b", q + " " + a)})
    characters, last = 0, rows[0]
    with path.open("w", encoding="utf-8") as handle:
        for _ in range(count):
            kind = rng.random()
            if kind >= 0.02:
                base = last if kind < 0.12 else rng.choice(rows)
                share = 0.03 if kind < 0.12 else 0.35
                last = (
                    edited(base[0], vocabulary, share, rng),
                    edited(base[1], vocabulary, share, rng),
                )
            characters += len(last[0]) + len(last[1])
            row = {
                "input": last[0],
                "output": last[1],
                "made": "synthetic: a real row with words replaced",
            }
            handle.write(json.dumps(row, ensure_ascii=False) + "\n")
    return characters


def measured(command: list[str], environment: dict[str, str]) -> tuple[dict[str, float], str]:
    """Seconds, seconds of the processor, and peak megabytes of the process and its children.

    And what it printed.
    """
    started, used = time.perf_counter(), processor_seconds()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        peak = 0.0
        while process.poll() is None:
            looked = time.perf_counter()
            peak = max(peak, tree_memory(process.pid))
            # Of a large process the look itself costs: at most a twentieth of the time.
            time.sleep(max(0.2, 20 * (time.perf_counter() - looked)))
        seconds = time.perf_counter() - started
        output.seek(0)
        text = output.read()
    if process.returncode:
        sys.exit(text)
    return {
        "seconds": seconds,
        "cpu_seconds": processor_seconds() - used,
        "peak_megabytes": peak / 1e6,
    }, text


def processor_seconds() -> float:
    """Of all children that have ended: nearly the same whatever else the machine does."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def tree_memory(pid: int) -> float:
    """Proportional set sizes of a process and its children, in bytes."""
    total = 0.0
    try:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            total += process.memory_full_info().pss
    except psutil.Error:
        pass  # it ended while we looked
    return total


def rows_accounted(run: Path, count: int) -> dict[str, int]:
    """Rows kept and dropped as the audit has them.

    Stops if they and the rows of the files are not the rows that went in.
    """
    audit = json.loads((run / "data/audit.json").read_text())
    splits = [
        pq.read_metadata(run / f"data/{split}.parquet").num_rows
        for split in ("train", "validation", "test")
    ]
    kept, dropped = sum(splits), sum(audit["dropped"].values())
    if kept + dropped != count or audit["rows"]["read"] != count:
        sys.exit(f"rows lost: {count} went in, {kept} kept and {dropped} dropped")
    return {"kept": kept, "dropped": dropped}


def measure(
    rows: list[tuple[str, str]],
    count: int,
    peers: dict[str, str],
    overrides: list[str],
    keep: Path | None = None,
) -> dict[str, Any]:
    """One size: medtune cold, medtune again, and each peer (name → interpreter) on the same
    file.
    """
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        characters = expand(rows, count, place / "dialogues.jsonl")
        recipe = place / "recipe.yaml"
        recipe.write_text(RECIPE.replace("SOURCE", str(place / "dialogues.jsonl")))
        environment = {k: v for k, v in os.environ.items() if k != "MEDTUNE_DATA"}
        command = [
            sys.executable,
            "-m",
            "medtune",
            "prepare",
            str(recipe),
            "--out",
            str(place / "run"),
            "--quiet",
        ]
        command += [word for override in overrides for word in ("--set", override)]
        first, _ = measured(command, environment)
        again, _ = measured(command, environment)
        result: dict[str, Any] = {
            "rows": count,
            "megabytes_of_text": characters / 1e6,
            "rows_per_second": count / first["seconds"],
            "second_call_seconds": again["seconds"],
            **rows_accounted(place / "run", count),
            "by": {"medtune": first},
        }
        for name, python in peers.items():
            script = [python, str(PEERS), name, str(place / "dialogues.jsonl"), str(TOKENIZER)]
            # Its environment is its own: our packages must not be found before those it pins.
            own = (
                environment
                if name == "notebook"
                else {k: v for k, v in environment.items() if k != "PYTHONPATH"}
            )
            result["by"][name], text = measured(script, own)
            print(text.strip().splitlines()[-1], file=sys.stderr)
        if keep:
            shutil.copytree(place / "run", keep, dirs_exist_ok=True)
    return result


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=os.environ.get("MEDTUNE_DATA"),
        help="where the real rows lie",
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 30_000, 112_000, 300_000])
    parser.add_argument(
        "--peers", action="store_true", help="also the same steps with datasets.map and datasketch"
    )
    parser.add_argument(
        "--llama-factory",
        metavar="PYTHON",
        help="also LLaMA-Factory's preprocessing, by this interpreter",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a field of the recipe",
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="leave the last run directory here"
    )
    parser.add_argument("--quick", action="store_true", help="2,000 and 4,000 rows")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not arguments.data_dir:
        parser.error("name the directory of the real rows with --data-dir or MEDTUNE_DATA")
    rows = real_rows(Path(arguments.data_dir))
    peers = {"notebook": sys.executable} if arguments.peers else {}
    peers |= {"llama-factory": arguments.llama_factory} if arguments.llama_factory else {}
    counts = [2_000, 4_000] if arguments.quick else arguments.rows
    results = [measure(rows, count, peers, arguments.set, arguments.keep) for count in counts]
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print("synthetic dialogues: real rows with words replaced")
    print(
        f"{'rows':>9}{'MB text':>9}  "
        f"{'by':<15}{'seconds':>9}{'cpu s':>9}{'peak MB':>9}{'rows/s':>9}{'again s':>9}"
    )
    for r in results:
        for name, facts in r["by"].items():
            line = (
                f"{r['rows']:>9,}{r['megabytes_of_text']:>9.0f}  "
                f"{name:<15}{facts['seconds']:>9.1f}{facts['cpu_seconds']:>9.1f}"
            )
            line += f"{facts['peak_megabytes']:>9,.0f}{r['rows'] / facts['seconds']:>9,.0f}"
            print(line + (f"{r['second_call_seconds']:>9.2f}" if name == "medtune" else ""))
        print(
            f"{'':>20}of {r['rows']:,} rows {r['kept']:,} kept, {r['dropped']:,} dropped by the "
            "audit's reasons, none lost"
        )


if __name__ == "__main__":
    main()
