"""How near `--dry-run` comes to the time that a run takes.

    python benchmarks/estimates.py [--data-dir DIR] [--quick] [--json]

Three recipes on medtune-base: `quickstart`, the same with LoRA, and a classification
(`mtsamples-specialty`, which needs its data). Each is estimated, then run, under much one load.
The ratio is estimate over actual: 1 is right.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

QUICK = ["data.limit=100", "train.max_steps=8", "evaluate.limit=12"]
RECIPES = {
    "quickstart": ("quickstart", []),
    "LoRA": ("quickstart", ["train.method=lora", "train.learning_rate=3e-3"]),
    "classification": ("mtsamples-specialty", []),
}


def medtune(directory: Path, *words: str) -> tuple[str, float]:
    """Standard output of the command, run in ``directory``, and its seconds."""
    command = [sys.executable, "-m", "medtune", *words]
    began = time.perf_counter()
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout, time.perf_counter() - began


def measure(name: str, options: argparse.Namespace) -> dict[str, object]:
    """Estimate and actual seconds of one recipe."""
    recipe, settings = RECIPES[name]
    settings = [*settings, *(QUICK if options.quick else [])]
    words = ["run", recipe, *(word for setting in settings for word in ("--set", setting))]
    if options.data_dir:
        words += ["--data-dir", str(options.data_dir.resolve())]
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        output, measuring = medtune(directory, *words, "--dry-run", "--json", "--quiet")
        _, actual = medtune(directory, *words, "--out", "run", "--quiet")
    estimate = json.loads(output)
    seconds, load = estimate["seconds"], estimate["load"]
    return {
        "recipe": name,
        "low": seconds["low"],
        "estimate": seconds["likely"],
        "high": seconds["high"],
        "actual": actual,
        "ratio": seconds["likely"] / actual,
        "within": seconds["low"] <= actual <= seconds["high"],
        "measuring": measuring,
        "cores_used_by_others": load["used_by_others"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--quick", action="store_true", help="few rows and steps")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [measure(name, options) for name in RECIPES]
    if options.json:
        print(json.dumps(rows, indent=2))
    for row in [] if options.json else rows:
        print(
            f"{row['recipe']:<15}{row['estimate']:7.0f} s ({row['low']:.0f} to {row['high']:.0f}), "
            f"actual {row['actual']:.0f} s, ratio {row['ratio']:.2f}; others used "
            f"{row['cores_used_by_others']:.1f} cores"
        )


if __name__ == "__main__":
    main()
