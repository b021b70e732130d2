"""Results on standard output: JSON for machines, a table of at most 80 columns for people."""

import json
from typing import Any

import typer


def print_json(value: Any) -> None:
    """One JSON document."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def score_table(metrics: dict[str, Any]) -> str:
    """Before, after and the difference with its interval, a line a metric."""
    lines = [f"{'':<32}{'before':>9}{'after':>9}{'change':>10}  95 % interval", "-" * 80]
    for task, figures in metrics["change"].items():
        for name, entry in figures.items():
            before, after = (metrics[side][task][name]["value"] for side in ("before", "after"))
            interval = f"{_number(entry['low'])} to {_number(entry['high'])}"
            label = f"{task} {name}"[:31]
            lines.append(f"{label:<32}{_number(before):>9}{_number(after):>9}{_number(entry['value']):>10}  {interval}")
    return "\n".join(lines)
