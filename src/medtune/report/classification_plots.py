"""Pictures of a classification: the confusion matrix, and how often each label was answered."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medtune.report.plots import BLUE, GREY, INK, ORANGE, figure, save

LONGEST = 26  # characters of a label on an axis


def _short(label: str) -> str:
    return label if len(label) <= LONGEST else label[: LONGEST - 1] + "…"


def confusion_plot(labels: Sequence[str], matrix: Sequence[Sequence[float]], directory: Path, name: str) -> str:
    """Right labels down, answers across, one column more for unparsed answers; shades are shares of a row."""
    side = max(4.5, 1.8 + 0.36 * len(labels))
    with figure((side + 1.5, side)) as (drawn, axes):
        shares = [[value / max(1, sum(row)) for value in row] for row in matrix]
        # Squares, not an image: an SVG with a picture inside is no vector graphic.
        axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, edgecolors=GREY, linewidth=0.3)
        for y, row in enumerate(matrix):
            for x, value in enumerate(row):
                if value:
                    ink = "white" if shares[y][x] > 0.55 else "#1c2128"
                    axes.text(x + 0.5, y + 0.5, f"{value:.3g}", ha="center", va="center", fontsize=7, color=ink)
        axes.invert_yaxis()
        names = [_short(label) for label in labels]
        axes.set_xticks(
            [i + 0.5 for i in range(len(names) + 1)], [*names, "unparsed"], rotation=60, ha="right", fontsize=8
        )
        axes.set_yticks([i + 0.5 for i in range(len(names))], names, fontsize=8)
        axes.set(xlabel="answered", ylabel="right")
        axes.grid(visible=False)
        return save(drawn, directory, name)


def answered_plot(classes: Sequence[dict[str, Any]], unparsed: dict[str, int], directory: Path, name: str) -> str:
    """How often each label is right, and how often it was answered before and after."""
    sides = {side: color for side, color in (("before", ORANGE), ("after", BLUE)) if side in unparsed}
    with figure((7.2, 1.2 + 0.34 * len(classes))) as (drawn, axes):
        names = [*(_short(row["label"]) for row in classes), "unparsed"]
        places = list(range(len(names)))
        axes.barh(places, [*(row["n"] for row in classes), 0], color=GREY, alpha=0.45, label="right", height=0.8)
        for offset, (side, color) in zip((-0.18, 0.18), sides.items(), strict=False):
            counts = [*(row[side]["predicted"] for row in classes), unparsed[side]]
            axes.barh([p + offset for p in places], counts, color=color, height=0.3, label=f"answered {side}")
        axes.set_yticks(places, names, fontsize=8)
        axes.invert_yaxis()
        axes.set_xlabel("test items")
        axes.grid(visible=False, axis="y")
        axes.legend(labelcolor=INK)
        return save(drawn, directory, name)
