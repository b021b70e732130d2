"""Pictures of confidence: the reliability diagram, and the risk over coverage; before ○ and after ●."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medtune.report.plots import BLUE, GREY, INK, ORANGE, figure, save

SIDES = {"before": (ORANGE, "none", "--"), "after": (BLUE, BLUE, "-")}  # line, inside of a dot, stroke
SIZE = (4.6, 4.2)


def reliability_plot(sides: Mapping[str, dict[str, Any]], directory: Path, name: str) -> str:
    """Share right over mean confidence, a dot a bin with its interval; on the line confidence is what it says."""
    with figure(SIZE) as (drawn, axes):
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, label="perfectly calibrated")
        for side, facts in sides.items():
            color, inside, _ = SIDES[side]
            bins = facts["bins"]
            shares = [row["right"] for row in bins]
            around = [
                [row["right"] - row["low"] for row in bins],
                [row["high"] - row["right"] for row in bins],
            ]
            places = [row["confidence"] for row in bins]
            axes.errorbar(places, shares, around, fmt="none", ecolor=color, elinewidth=1, alpha=0.6)
            axes.plot(places, shares, "o", color=color, markerfacecolor=inside, markersize=6, label=side)
        axes.set(xlabel="confidence", ylabel="right", xlim=(0, 1), ylim=(-0.02, 1.02))
        axes.set_aspect("equal")
        axes.legend(labelcolor=INK, fontsize=9)
        return save(drawn, directory, name)


def risk_plot(sides: Mapping[str, dict[str, Any]], directory: Path, name: str) -> str:
    """Share wrong among the surest answers, over how many are answered; dotted: in random order."""
    with figure(SIZE) as (drawn, axes):
        for side, facts in sides.items():
            color, inside, stroke = SIDES[side]
            coverages = [point["coverage"] for point in facts["risk_coverage"]]
            risks = [point["risk"] for point in facts["risk_coverage"]]
            axes.axhline(facts["aurc"]["random"], color=color, linestyle=":", linewidth=1)
            axes.plot(coverages, risks, stroke, color=color, linewidth=1.6)
            axes.plot(coverages[::7], risks[::7], "o", color=color, markerfacecolor=inside, markersize=5)
            axes.plot([], [], f"o{stroke}", color=color, markerfacecolor=inside, markersize=5, label=side)
        axes.plot([], [], color=GREY, linestyle=":", label="random order")
        axes.set(xlabel="share of items answered, the surest first", ylabel="wrong among them")
        axes.set(xlim=(0, 1.02), ylim=(-0.02, 1.02))
        axes.legend(labelcolor=INK, fontsize=9)
        return save(drawn, directory, name)
