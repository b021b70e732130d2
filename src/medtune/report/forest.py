"""The forest plot: every tested figure before and after with its interval, a line each, a panel for each scale."""

import math
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from medtune.report.plots import GREEN, GREY, INK, RED, figure, save

COLORS = {"better": GREEN, "worse": RED, "undecided": GREY}
LINE, MARGIN = 0.44, 0.62  # inches
SHARES = "share, from 0 to 1"
LABEL_WIDTH = 34


def panel_of(row: dict[str, Any]) -> str:
    """Which rows share an axis: those of one unit, shares, or figures of one order of magnitude."""
    if row["unit"]:
        return str(row["unit"])
    values = [value for side in ("before_interval", "after_interval") for value in _ends(row[side])]
    if all(0 <= value <= 1 for value in values):
        return SHARES
    power = math.floor(math.log10(max(abs(value) for value in values)))
    return f"figures up to {10 ** (power + 1):,}"


def _ends(interval: dict[str, Any]) -> list[float]:
    return [interval[end] for end in ("value", "low", "high") if interval[end] is not None]


def difference_text(row: dict[str, Any]) -> str:
    """The paired difference with its interval."""
    value = f"{row['value']:+.3g}".replace("-", "−")
    span = "" if row["low"] is None else f" ({row['low']:.3g} to {row['high']:.3g})".replace("-", "−")
    return value + span


def forest_plot(rows: Sequence[dict[str, Any]], directory: Path, name: str = "forest") -> str:
    """Rows of ``Figures.changes()``: before ○, after ●, 95 % intervals; at the right the paired difference.

    Colour says what the difference means: green better, red worse, grey undecided.
    """
    panels: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        panels.setdefault(panel_of(row), []).append(row)
    double = {title for title in (row["title"] for row in rows) if sum(r["title"] == title for r in rows) > 1}
    heights = [LINE * len(own) + MARGIN for own in panels.values()]
    with figure((9.2, sum(heights))) as (drawn, axes):
        axes.remove()
        grid = drawn.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
        for (unit, own), (place,) in zip(panels.items(), grid, strict=True):
            _panel(place, unit, own, double)
        return save(drawn, directory, name)


def _panel(axes: Any, unit: str, rows: Sequence[dict[str, Any]], double: set[str]) -> None:
    for place, row in enumerate(reversed(rows)):
        color = COLORS[row["verdict"]]
        _side(axes, place + 0.13, row["before_interval"], INK, "none")
        _side(axes, place - 0.13, row["after_interval"], color, color)
        axes.text(1.02, place, difference_text(row), transform=axes.get_yaxis_transform(), va="center", fontsize=8.5)
    titles = [row["title"] + (f" ({row['task']})" if row["title"] in double else "") for row in reversed(rows)]
    axes.set_yticks(range(len(rows)), [fill(title, LABEL_WIDTH) for title in titles], fontsize=9)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(unit, fontsize=9)
    axes.tick_params(axis="x", labelsize=8.5)
    axes.grid(visible=False, axis="y")
    if unit == SHARES:
        left, right = axes.get_xlim()
        axes.set_xlim(max(left, -0.02), min(right, 1.02))


def _side(axes: Any, height: float, interval: dict[str, Any], color: str, face: str) -> None:
    if interval["low"] is not None:
        axes.plot([interval["low"], interval["high"]], [height, height], color=color, linewidth=1.8, alpha=0.75)
    axes.plot(interval["value"], height, "o", color=color, markerfacecolor=face, markersize=6)
