"""How long preparing data takes, how much memory, and how both grow.

    python benchmarks/prepare.py --data-dir DIR [--rows 10000 30000 112000 300000] [--peers] [--quick] [--json]

The dialogues are **synthetic**: real rows of HealthCareMagic expanded to the wanted number by editing words, so
that lengths and boilerplate are real and the texts are not. One in ten is a light edit (a near-duplicate), one in fifty an
exact copy. `medtune prepare` runs with all steps on, in a process of its own; memory is the sum of the proportional set
sizes of it and its workers, sampled five times a second. The second call finds everything done.

With --peers, the same steps are done the way notebooks do them: `datasets.map` with two processes for the same cleaning
rules, `datasketch` for near-duplicates, tokenization by map (needs the packages datasets and datasketch beside medtune).
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pyarrow.parquet as pq

SOURCES = ("healthcaremagic",)
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
        rows += [(r["input"], r["output"]) for r in table if len((r["output"] or "").split()) >= MINIMUM_WORDS]
    return rows


def edited(text: str, vocabulary: list[str], share: float, rng: random.Random) -> str:
    """The text with a share of its longer words replaced."""
    return re.sub(r"\b[a-z]{4,}\b", lambda m: rng.choice(vocabulary) if rng.random() < share else m.group(), text)


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
                last = (edited(base[0], vocabulary, share, rng), edited(base[1], vocabulary, share, rng))
            characters += len(last[0]) + len(last[1])
            row = {"input": last[0], "output": last[1], "made": "synthetic: a real row with words replaced"}
            handle.write(json.dumps(row, ensure_ascii=False) + "\n")
    return characters


def measured(command: list[str], environment: dict[str, str]) -> tuple[float, float, str]:
    """Seconds, peak bytes of the process and its children, and what it printed."""
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, tree_memory(process.pid))
            time.sleep(0.2)
        seconds = time.perf_counter() - started
        output.seek(0)
        text = output.read()
    if process.returncode:
        sys.exit(text)
    return seconds, peak, text


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


def measure(rows: list[tuple[str, str]], count: int, peers: bool) -> dict[str, float]:
    """One size: medtune cold, medtune again, and the peers' way."""
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        characters = expand(rows, count, place / "dialogues.jsonl")
        recipe = place / "recipe.yaml"
        recipe.write_text(RECIPE.replace("SOURCE", str(place / "dialogues.jsonl")))
        environment = {k: v for k, v in os.environ.items() if k != "MEDTUNE_DATA"}
        command = [sys.executable, "-m", "medtune", "prepare", str(recipe), "--out", str(place / "run"), "--quiet"]
        cold, peak, _ = measured(command, environment)
        again, _, _ = measured(command, environment)
        result = {
            "rows": count,
            "megabytes_of_text": characters / 1e6,
            "seconds": cold,
            "rows_per_second": count / cold,
            "peak_megabytes": peak / 1e6,
            "second_call_seconds": again,
        }
        if peers:
            script = [sys.executable, __file__, "--as-notebook", str(place / "dialogues.jsonl")]
            seconds, memory, text = measured(script, environment)
            result |= {"peer_seconds": seconds, "peer_peak_megabytes": memory / 1e6, "ratio": seconds / cold}
            print(text.strip().splitlines()[-1], file=sys.stderr)
    return result


def as_notebook(path: Path) -> None:
    """The same steps with datasets.map and datasketch, as one finds them in notebooks."""
    import datasets
    from datasketch import MinHash, MinHashLSH
    from transformers import AutoTokenizer

    import medtune.models.loading
    from medtune.data.cleaning import Tally
    from medtune.data.cleaning.cleaner import Cleaner
    from medtune.data.identifiers import find_identifiers
    from medtune.data.normalize import normalize
    from medtune.recipe.schema import Clean

    datasets.disable_progress_bars()
    cleaner, tally = Cleaner(Clean()), Tally()

    def clean(row: dict) -> dict:
        texts = {name: cleaner.text(row[name], "", tally, set()) for name in ("input", "output")}
        found = find_identifiers(texts["input"]) + find_identifiers(texts["output"])
        return texts | {"identifiers": found.total()}

    data = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(path.parent / "cache"))
    data = data.map(clean, num_proc=2)
    seen: set[str] = set()
    data = data.filter(lambda row: (key := normalize(row["input"] + row["output"])) not in seen and not seen.add(key))
    lsh = MinHashLSH(threshold=0.8, num_perm=128)
    near = 0

    def signature(row: dict) -> dict:
        words = normalize(row["output"]).split()
        mine = MinHash(num_perm=128, scheme="legacy")
        mine.update_batch([" ".join(words[i : i + 3]).encode() for i in range(max(1, len(words) - 2))])
        return {"signature": mine.hashvalues}

    data = data.map(signature, num_proc=2)
    for number, row in enumerate(data.with_format("numpy")):
        mine = MinHash(num_perm=128, hashvalues=row["signature"], scheme="legacy")
        near += bool(lsh.query(mine))
        lsh.insert(number, mine)
    tokenizer = AutoTokenizer.from_pretrained(medtune.models.loading.PACKAGED / "medtune-base")
    data = data.map(
        lambda rows: tokenizer([q + a for q, a in zip(rows["input"], rows["output"], strict=True)]),
        batched=True,
        num_proc=2,
    )
    data.train_test_split(0.2, seed=0)
    print(f"as a notebook: {len(data):,} rows, {near:,} near-duplicates")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("MEDTUNE_DATA"), help="where the real rows lie")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 30_000, 112_000, 300_000])
    parser.add_argument("--peers", action="store_true", help="also the same steps with datasets.map and datasketch")
    parser.add_argument("--quick", action="store_true", help="2,000 and 4,000 rows")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--as-notebook", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.as_notebook:
        as_notebook(arguments.as_notebook)
        return
    if not arguments.data_dir:
        parser.error("name the directory of the real rows with --data-dir or MEDTUNE_DATA")
    rows = real_rows(Path(arguments.data_dir))
    results = [
        measure(rows, count, arguments.peers) for count in ([2_000, 4_000] if arguments.quick else arguments.rows)
    ]
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print("synthetic dialogues: real rows with words replaced")
    print(
        f"{'rows':>9}{'MB text':>9}{'seconds':>9}{'rows/s':>9}{'peak MB':>9}{'again s':>9}"
        + ("  notebook s  peak MB   ×" if arguments.peers else "")
    )
    for r in results:
        line = f"{r['rows']:>9,}{r['megabytes_of_text']:>9.0f}{r['seconds']:>9.1f}{r['rows_per_second']:>9,.0f}{r['peak_megabytes']:>9,.0f}{r['second_call_seconds']:>9.2f}"
        if arguments.peers:
            line += f"{r['peer_seconds']:>12.1f}{r['peer_peak_megabytes']:>9,.0f}{r['ratio']:>4.1f}"
        print(line)


if __name__ == "__main__":
    main()
