"""`metrics.jsonl`: one line a log step, readable while it grows, continued without repeats after
an interruption.
"""

import json
from pathlib import Path
from typing import Any

from medtune.files import write_text


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a metrics file; a last line cut short by a crash is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


class MetricsLog:
    """Appends lines; on opening, drops those after ``step``, which the run is about to do again."""

    def __init__(self, path: Path, step: int) -> None:
        kept = [row for row in read_metrics(path) if row["step"] <= step] if step else []
        write_text(path, "".join(json.dumps(row) + "\n" for row in kept))
        self.path = path

    def write(self, row: dict[str, Any]) -> None:
        """Append one line at once."""
        with open(self.path, "a", encoding="utf-8") as handle:
            handle.write(json.dumps(row) + "\n")
