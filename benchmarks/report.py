"""How fast a report with many items is made, and how fast it opens in a browser.

    python benchmarks/report.py RUN [--items 5000] [--chromium /usr/bin/chromium] [--quick] [--json]

RUN is a finished run with the task `answers`. **Synthetic**: a task of so many items is added to
it, whose texts are words of the run's own references in random order. Where a Chromium is there,
the page is opened headless; the copy that is timed has no content security policy, so that it can
carry the timer.
"""

import argparse
import json
import random
import re
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from medtune.evaluation.results import Change, Sample, Score
from medtune.report.figures import Figures
from medtune.report.write import pictures_of, render_page
from medtune.run_paths import RunPaths

TIMER = """<script>addEventListener("load", () => {
const loaded = performance.now();
const search = document.getElementById("search"), chooser = document.getElementById("chooser");
chooser.value = chooser.options.length - 1; chooser.dispatchEvent(new Event("change"));
const chosen = performance.now(); search.value = "zzz"; search.dispatchEvent(new Event("input"));
const searched = performance.now();
document.title = JSON.stringify({opened: loaded / 1e3,
  task_changed: (chosen - loaded) / 1e3, searched: (searched - chosen) / 1e3});
})</script></body>"""


def with_items(figures: Figures, count: int) -> Figures:
    """The run's figures with a synthetic task of so many questions."""
    rng = random.Random(0)
    words = [
        word
        for sample in figures.samples["before"]["answers"]
        for word in (sample.reference or "").split()
    ]

    def text(size: int, source: random.Random) -> str:
        return " ".join(source.choice(words) for _ in range(size))

    def side() -> list[Sample]:
        same = random.Random(1)
        return [
            Sample(
                id=f"item-{i}",
                group=f"g{i}",
                question=text(14, same),
                reference=text(110, same),
                output=text(90, rng),
                score={"correct": float(rng.random() < 0.5), "top": {"A": 1}},
            )
            for i in range(count)
        ]

    score = Score(value=0.5, low=0.48, high=0.52, n=count, groups=count)
    change = Change(
        value=0.0,
        low=-0.02,
        high=0.02,
        p=1.0,
        p_corrected=1.0,
        test="exact McNemar",
        n=count,
        groups=count,
        better="higher",
        title="Accuracy",
        detectable=0.03,
        decision="undecided",
    )
    sides = {"before": figures.metrics.before, "after": figures.metrics.after}
    scores = {name: {**own, "synthetic": {"accuracy": score}} for name, own in sides.items()}
    changes = {**figures.metrics.change, "synthetic": {"accuracy": change}}
    metrics = figures.metrics.model_copy(update={**scores, "change": changes})
    samples = {name: {**figures.samples[name], "synthetic": side()} for name in ("before", "after")}
    return replace(figures, samples=samples, metrics=metrics)


def opened(page: str, chromium: str, place: Path) -> dict[str, float]:
    """Seconds until the page is loaded and drawn, until another task is shown, and of a search
    over all items.
    """
    timed = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page).replace(
        "</body>", TIMER, 1
    )
    file = place / "timed.html"
    file.write_text(timed, encoding="utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={place / 'profile'}",
        "--dump-dom",
    ]
    done = subprocess.run(
        [chromium, *flags, file.as_uri()], capture_output=True, text=True, check=True, timeout=120
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    times: dict[str, float] = json.loads(title.group(1)) if title else {}
    return times


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--items", type=int, default=5000)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    count = 200 if args.quick else args.items
    figures = with_items(Figures.read(RunPaths(args.run)), count)
    with tempfile.TemporaryDirectory() as scratch:
        place = RunPaths(Path(scratch))
        place.plots.mkdir()
        started = time.perf_counter()
        page = render_page(figures, pictures_of(figures, place))
        facts: dict[str, Any] = {
            "items": count,
            "made": time.perf_counter() - started,
            "megabytes": len(page.encode()) / 1e6,
        }
        if Path(args.chromium).exists():
            facts |= opened(page, args.chromium, Path(scratch))
    if args.json:
        print(json.dumps(facts))
        return
    for name, value in facts.items():
        print(
            f"{name.replace('_', ' '):<14}{value:>10.3f}"
            if isinstance(value, float)
            else f"{name:<14}{value:>10,}"
        )


if __name__ == "__main__":
    main()
