"""Pictures of measurements: the forest plot of all tested figures, confusion matrix, answers given,
reliability diagram, risk over coverage.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from medtune.evaluation.class_tables import ClassRow
from medtune.evaluation.confidence.summary import ConfidenceFacts
from medtune.evaluation.results import Estimate
from medtune.report.figures import MetricRow
from medtune.report.plots import BLUE, GREEN, GREY, INK, ORANGE, RED, figure, plot_label, save

COLORS = {"better": GREEN, "worse": RED, "undecided": GREY}
LINE, MARGIN = 0.44, 0.62  # inches
SHARES = "share, from 0 to 1"
LABEL_WIDTH = 34


def panel_of(row: MetricRow) -> str:
    """Which rows share an axis: those of one unit, shares, or figures of one order of magnitude."""
    if row.change.unit:
        return row.change.unit
    scores = (row.before, row.after)
    ends = [end for score in scores for end in (score.value, score.low, score.high)]
    values = [end for end in ends if end is not None]
    if all(0 <= value <= 1 for value in values):
        return SHARES
    power = math.floor(math.log10(max(abs(value) for value in values)))
    return f"figures up to {10 ** (power + 1):,}"


def difference_text(change: Estimate) -> str:
    """The paired difference with its interval."""
    value = f"{change.value:+.3g}".replace("-", "−")
    span = f" ({change.low:.3g} to {change.high:.3g})" if change.low is not None else ""
    return value + span.replace("-", "−")


def forest_plot(rows: Sequence[MetricRow], directory: Path, name: str = "forest") -> str:
    """Tested metrics before ○, after ●, 95 % intervals; at the right the paired difference.

    Colour says what the difference means: green better, red worse, grey undecided.
    """
    panels: dict[str, list[MetricRow]] = {}
    for row in rows:
        panels.setdefault(panel_of(row), []).append(row)
    titles = [row.title for row in rows]
    repeated = {title for title in titles if titles.count(title) > 1}
    heights = [LINE * len(panel) + MARGIN for panel in panels.values()]
    with figure((9.2, sum(heights))) as (drawing, axes):
        axes.remove()
        grid = drawing.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
        for (unit, panel), (panel_axes,) in zip(panels.items(), grid, strict=True):
            _panel(panel_axes, unit, panel, repeated)
        return save(drawing, directory, name)


def _panel(axes: Any, unit: str, rows: Sequence[MetricRow], repeated: set[str]) -> None:
    for height, row in enumerate(reversed(rows)):
        color = COLORS[row.decision]
        _side(axes, height + 0.13, row.before, INK, "none")
        _side(axes, height - 0.13, row.after, color, color)
        axes.text(
            1.02,
            height,
            difference_text(row.change),
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=8.5,
        )
    titles = [
        row.title + (f" ({row.task})" if row.title in repeated else "") for row in reversed(rows)
    ]
    axes.set_yticks(
        range(len(rows)),
        [fill(plot_label(title, 3 * LABEL_WIDTH), LABEL_WIDTH) for title in titles],
        fontsize=9,
    )
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(unit, fontsize=9)
    axes.tick_params(axis="x", labelsize=8.5)
    axes.grid(visible=False, axis="y")
    if unit == SHARES:
        left, right = axes.get_xlim()
        axes.set_xlim(max(left, -0.02), min(right, 1.02))


def _side(axes: Any, height: float, interval: Estimate, color: str, face: str) -> None:
    if interval.low is not None:
        ends = [interval.low, interval.high]
        axes.plot(ends, [height, height], color=color, linewidth=1.8, alpha=0.75)
    axes.plot(interval.value, height, "o", color=color, markerfacecolor=face, markersize=6)


LONGEST = 26  # characters of a label on an axis


def _short(label: str) -> str:
    return plot_label(label, LONGEST)


def confusion_plot(
    labels: Sequence[str], matrix: Sequence[Sequence[float]], directory: Path, name: str
) -> str:
    """Right labels down, answers across, one column more for unparsed answers.

    Shades are shares of a row.
    """
    side = max(4.5, 1.8 + 0.36 * len(labels))
    with figure((side + 1.5, side)) as (drawing, axes):
        shares = [[value / max(1, sum(row)) for value in row] for row in matrix]
        # Squares, not an image: an SVG with a picture inside is no vector graphic.
        axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, edgecolors=GREY, linewidth=0.3)
        for y, row in enumerate(matrix):
            for x, value in enumerate(row):
                if value:
                    ink = "white" if shares[y][x] > 0.55 else "#1c2128"
                    axes.text(
                        x + 0.5,
                        y + 0.5,
                        f"{value:.3g}",
                        ha="center",
                        va="center",
                        fontsize=7,
                        color=ink,
                    )
        axes.invert_yaxis()
        names = [_short(label) for label in labels]
        axes.set_xticks(
            [i + 0.5 for i in range(len(names) + 1)],
            [*names, "unparsed"],
            rotation=60,
            ha="right",
            fontsize=8,
        )
        axes.set_yticks([i + 0.5 for i in range(len(names))], names, fontsize=8)
        axes.set(xlabel="answered", ylabel="right")
        axes.grid(visible=False)
        return save(drawing, directory, name)


def answered_plot(
    classes: Sequence[Mapping[str, ClassRow]],
    unparsed: Mapping[str, int],
    directory: Path,
    name: str,
) -> str:
    """How often each label is right, and how often it was answered before and after.

    ``classes`` are a label each, by side; ``unparsed`` counts answers by side.
    """
    sides = {
        side: color for side, color in (("before", ORANGE), ("after", BLUE)) if side in unparsed
    }
    with figure((7.2, 1.2 + 0.34 * len(classes))) as (drawing, axes):
        labels = [next(iter(sides_of_class.values())) for sides_of_class in classes]
        names = [*(_short(row.label) for row in labels), "unparsed"]
        positions = list(range(len(names)))
        axes.barh(
            positions,
            [*(row.n for row in labels), 0],
            color=GREY,
            alpha=0.45,
            label="right",
            height=0.8,
        )
        for offset, (side, color) in zip((-0.18, 0.18), sides.items(), strict=False):
            counts = [
                *(sides_of_class[side].predicted for sides_of_class in classes),
                unparsed[side],
            ]
            axes.barh(
                [p + offset for p in positions],
                counts,
                color=color,
                height=0.3,
                label=f"answered {side}",
            )
        axes.set_yticks(positions, names, fontsize=8)
        axes.invert_yaxis()
        axes.set_xlabel("test items")
        axes.grid(visible=False, axis="y")
        axes.legend(labelcolor=INK)
        return save(drawing, directory, name)


SIDES = {
    "before": (ORANGE, "none", "--"),
    "after": (BLUE, BLUE, "-"),
}  # line, inside of a dot, stroke
SIZE = (4.6, 4.2)


def reliability_plot(sides: Mapping[str, ConfidenceFacts], directory: Path, name: str) -> str:
    """Share right over mean confidence, a dot a bin with its interval.

    On the line confidence is what it says.
    """
    with figure(SIZE) as (drawing, axes):
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, label="perfectly calibrated")
        for side, facts in sides.items():
            color, inside, _ = SIDES[side]
            bins = facts.bins
            shares = [row.right for row in bins]
            around = [
                [row.right - row.low for row in bins],
                [row.high - row.right for row in bins],
            ]
            positions = [row.confidence for row in bins]
            axes.errorbar(
                positions, shares, around, fmt="none", ecolor=color, elinewidth=1, alpha=0.6
            )
            axes.plot(
                positions,
                shares,
                "o",
                color=color,
                markerfacecolor=inside,
                markersize=6,
                label=side,
            )
        axes.set(xlabel="confidence", ylabel="right", xlim=(0, 1), ylim=(-0.02, 1.02))
        axes.set_aspect("equal")
        axes.legend(labelcolor=INK, fontsize=9)
        return save(drawing, directory, name)


def risk_plot(sides: Mapping[str, ConfidenceFacts], directory: Path, name: str) -> str:
    """Share wrong among the surest answers, over how many are answered; dotted: in random order."""
    with figure(SIZE) as (drawing, axes):
        for side, facts in sides.items():
            color, inside, stroke = SIDES[side]
            coverages = [point.coverage for point in facts.risk_coverage]
            risks = [point.risk for point in facts.risk_coverage]
            axes.axhline(facts.aurc.random, color=color, linestyle=":", linewidth=1)
            axes.plot(coverages, risks, stroke, color=color, linewidth=1.6)
            axes.plot(
                coverages[::7], risks[::7], "o", color=color, markerfacecolor=inside, markersize=5
            )
            axes.plot(
                [], [], f"o{stroke}", color=color, markerfacecolor=inside, markersize=5, label=side
            )
        axes.plot([], [], color=GREY, linestyle=":", label="random order")
        axes.set(xlabel="share of items answered, the surest first", ylabel="wrong among them")
        axes.set(xlim=(0, 1.02), ylim=(-0.02, 1.02))
        axes.legend(labelcolor=INK, fontsize=9)
        return save(drawing, directory, name)
