"""Pictures of a run, as PNG for papers and as SVG that takes the colour of the page it stands in."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from medtune.files import whole_file, write_text

BLUE, ORANGE, GREEN, RED, GREY = "#2f6fb7", "#c7681f", "#2a8c5b", "#c23b3b", "#8a8f98"
INK = "#010203"  # a colour nothing else has: replaced by the page's own in SVG
SIZE = (7.2, 3.4)


@contextmanager
def _figure(size: tuple[float, float] = SIZE) -> Iterator[tuple[Any, Any]]:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    style = {
        "font.family": "sans-serif",
        "font.size": 10,
        "svg.fonttype": "none",
        "svg.hashsalt": "medtune",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": INK,
        "text.color": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.grid": True,
        "grid.color": GREY,
        "grid.alpha": 0.25,
        "legend.frameon": False,
    }
    with pyplot.rc_context(style):
        figure, axes = pyplot.subplots(figsize=size, layout="constrained")
        try:
            yield figure, axes
        finally:
            pyplot.close(figure)


def _save(figure: Any, directory: Path, name: str) -> str:
    """Write NAME.png and NAME.svg; return the SVG, ready to stand inline."""
    with whole_file(directory / f"{name}.png") as temporary:
        figure.savefig(temporary, format="png", dpi=160, facecolor="white")
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    write_text(directory / f"{name}.svg", svg)
    return svg[svg.index("<svg") :].replace(INK, "currentColor")


def smoothed(values: Sequence[float], weight: float = 0.9) -> list[float]:
    """Exponential moving average, corrected for its start."""
    average, result = 0.0, []
    for count, value in enumerate(values, 1):
        average = weight * average + (1 - weight) * value
        result.append(average / (1 - weight**count))
    return result


def loss_plot(rows: Sequence[dict[str, Any]], best_step: int | None, directory: Path) -> str:
    """Training loss raw and smoothed, validation loss, and the step whose weights were kept, over optimizer steps."""
    training = [(row["step"], row["loss"]) for row in rows if "loss" in row]
    validation = [(row["step"], row["validation_loss"]) for row in rows if "validation_loss" in row]
    with _figure() as (figure, axes):
        steps, losses = zip(*training, strict=True)
        axes.plot(steps, losses, color=BLUE, alpha=0.3, linewidth=1, label="training, each step")
        axes.plot(steps, smoothed(losses), color=BLUE, linewidth=2, label="training, smoothed")
        if validation:
            axes.plot(*zip(*validation, strict=True), color=ORANGE, marker="o", markersize=4, label="validation")
        if best_step:
            axes.axvline(best_step, color=GREY, linestyle=":", label=f"kept: step {best_step}")
        axes.set(xlabel="optimizer step", ylabel="loss a token (nats)")
        axes.legend()
        return _save(figure, directory, "loss")


def change_plot(entries: Sequence[dict[str, Any]], directory: Path) -> str:
    """A line a tested metric: change relative to before, in per cent, with its interval; colour says better or worse.

    Each entry holds ``title``, ``before``, ``value``, ``low``, ``high`` and ``verdict`` (better, worse, undecided).
    """
    colors = {"better": GREEN, "worse": RED, "undecided": GREY}
    with _figure((7.2, 0.9 + 0.42 * len(entries))) as (figure, axes):
        for place, entry in enumerate(reversed(entries)):
            scale = 100 / abs(entry["before"])
            middle, color = entry["value"] * scale, colors[entry["verdict"]]
            if entry["low"] is not None:
                axes.plot([entry["low"] * scale, entry["high"] * scale], [place, place], color=color, linewidth=2.5)
            axes.plot(middle, place, "o", color=color, markersize=7)
        axes.axvline(0, color=INK, linewidth=1)
        axes.set_yticks(range(len(entries)), [entry["title"] for entry in reversed(entries)])
        # Changes of 5 % and of 1,000 % both have to be seen: linear near 0, logarithmic further out.
        axes.set_xscale("symlog", linthresh=20)
        left, right = axes.get_xlim()
        ticks = [t for t in (-100, -20, -10, 0, 10, 20, 100, 1000, 10_000) if left <= t <= right]
        axes.set_xticks(ticks, [f"{t:,}" for t in ticks])
        axes.minorticks_off()
        axes.set_ylim(-0.6, len(entries) - 0.4)
        axes.set_xlabel("change relative to before (%), 95 % interval")
        axes.grid(visible=False, axis="y")
        return _save(figure, directory, "change")


def items_plot(before: Sequence[float], after: Sequence[float], directory: Path) -> str:
    """A dot an item: bits per byte before and after; below the line the trained model predicts the answer better."""
    with _figure((4.6, 4.2)) as (figure, axes):
        top = max([*before, *after]) * 1.05
        axes.plot([0, top], [0, top], color=GREY, linewidth=1)
        axes.scatter(before, after, s=14, color=BLUE, alpha=0.55, linewidths=0)
        axes.set(xlabel="before (bits a byte)", ylabel="after (bits a byte)", xlim=(0, top), ylim=(0, top))
        axes.set_aspect("equal")
        return _save(figure, directory, "items")


def lengths_plot(histogram: dict[str, Any], directory: Path) -> str:
    """Rows by tokens, as bars over the histogram's own bins; the limit as a line."""
    edges, counts, limit = histogram["edges"], histogram["counts"], histogram["limit"]
    with _figure((7.2, 2.6)) as (figure, axes):
        labels = [f"–{edge:,}" for edge in edges[1:]]
        over = [limit is not None and edge > limit for edge in edges[1:]]
        axes.bar(range(len(counts)), counts, color=[ORANGE if cut else BLUE for cut in over], width=0.92)
        if any(over):
            axes.axvline(over.index(True) - 0.5, color=RED, linewidth=1.2)
        step = max(1, len(labels) // 12)
        axes.set_xticks(range(0, len(labels), step), labels[::step])
        axes.set_xlabel("tokens of a row, up to")
        axes.set_ylabel("rows")
        axes.grid(axis="x", visible=False)
        return _save(figure, directory, "lengths")
