"""Results on standard output: JSON for machines, a table of at most 80 columns for people."""

import json
from typing import Any

import typer


def print_json(value: Any) -> None:
    """One JSON document."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _number(value: float | None, digits: int = 4) -> str:
    """At most eight characters, so that columns never touch."""
    if value is None:
        return "–"
    size = abs(value)
    if 1e4 <= size < 1e6:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if size == 0 or 1e-3 <= size < 1e4 else f"{value:.1e}"


def score_table(metrics: dict[str, Any]) -> str:
    """Before, after and the difference with its interval, a line a tested metric; the descriptions are counted."""
    described = 0
    lines = [f"{'':<30}{'before':>9}{'after':>9}{'change':>10}  95 % interval", "-" * 80]
    for task, figures in metrics["change"].items():
        for name, entry in figures.items():
            if entry["better"] is None:
                described += 1
                continue
            before, after = (metrics[side][task][name]["value"] for side in ("before", "after"))
            interval = f"{_number(entry['low'], 3)} to {_number(entry['high'], 3)}"
            label = f"{task} {name}"[:29]
            row = f"{label:<30}{_number(before):>9}{_number(after):>9}{_number(entry['value']):>10}  {interval}"
            lines.append(row)
    if described:
        noun = (
            "figure, neither good nor bad in itself, stands"
            if described == 1
            else "figures, neither good nor bad, stand"
        )
        lines.append(f"{described} further {noun} in the report.")
    return "\n".join(lines)
