"""Pictures of a run, as PNG for papers and as SVG that takes the colour of the page it stands
in.
"""

import io
import re
import unicodedata
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

from medtune.data.audit import Audit, Histogram
from medtune.evaluation.comparison.seed_variance import LearningCurve
from medtune.evaluation.results import Score
from medtune.files import whole_file, write_text
from medtune.progress import printable

BLUE, ORANGE, GREEN, RED, GREY = "#2f6fb7", "#c7681f", "#2a8c5b", "#c23b3b", "#8a8f98"
INK = "#010203"  # a colour nothing else has: replaced by the page's own in SVG
SIZE = (7.2, 3.4)
DPI, LARGEST = 160, 12_000  # pixels of a side; beyond 65,535 Matplotlib draws none


@contextmanager
def figure(size: tuple[float, float] = SIZE) -> Iterator[tuple[Any, Any]]:
    """A matplotlib figure and its axes in the style of all pictures, of ``size`` inches.

    Closed afterwards.
    """
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
        "text.parse_math": False,  # "$" in a label begins no formula
    }
    with pyplot.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # the PNG then shows a box
        drawing, axes = pyplot.subplots(figsize=size, layout="constrained")
        try:
            yield drawing, axes
        finally:
            pyplot.close(drawing)


def save(drawing: Any, directory: Path, name: str) -> str:
    """Write NAME.png and NAME.svg; return the SVG, ready to stand inline."""
    with whole_file(directory / f"{name}.png") as temporary:
        dpi = min(DPI, LARGEST / max(drawing.get_size_inches()))
        drawing.savefig(temporary, format="png", dpi=dpi, facecolor="white")
    buffer = io.StringIO()
    drawing.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = _with_plain_names(buffer.getvalue(), name)
    write_text(directory / f"{name}.svg", svg)
    return svg[svg.index("<svg") :].replace(INK, "currentColor")


def plot_label(text: str, longest: int) -> str:
    """A label or name as a picture shows it: one line of at most ``longest`` characters.

    Never empty to the eye, and never one that Matplotlib leaves out (it hides a leading "_").
    """
    line = printable(" ".join(text.split()))
    if not any(unicodedata.category(sign)[0] in "LNPSM" for sign in line):
        line = "(blank)"
    line = line if len(line) <= longest else f"{line[: longest - 1]}…"
    return f"\u200a{line}" if line.startswith("_") else line


def _with_plain_names(svg: str, name: str) -> str:
    """Clip paths called by number: matplotlib hashes the last digits of the layout, which are
    not always the same.
    """
    names = dict.fromkeys(re.findall(r'<clipPath id="(\w+)"', svg))
    numbers = {old: f"{name}-clip-{number}" for number, old in enumerate(names)}
    if not names:
        return svg
    return re.sub("|".join(names), lambda match: numbers[match.group()], svg)


def smoothed(values: Sequence[float], weight: float = 0.9) -> list[float]:
    """Exponential moving average, corrected for its start."""
    average, result = 0.0, []
    for count, value in enumerate(values, 1):
        average = weight * average + (1 - weight) * value
        result.append(average / (1 - weight**count))
    return result


def loss_plot(rows: Sequence[Mapping[str, float]], best_step: int | None, directory: Path) -> str:
    """Training loss raw and smoothed, validation loss, and the step whose weights were kept,
    over optimizer steps.
    """
    training = [(row["step"], row["loss"]) for row in rows if "loss" in row]
    validation = [(row["step"], row["validation_loss"]) for row in rows if "validation_loss" in row]
    with figure() as (drawing, axes):
        steps, losses = zip(*training, strict=True)
        axes.plot(steps, losses, color=BLUE, alpha=0.3, linewidth=1, label="training, each step")
        axes.plot(steps, smoothed(losses), color=BLUE, linewidth=2, label="training, smoothed")
        if validation:
            axes.plot(
                *zip(*validation, strict=True),
                color=ORANGE,
                marker="o",
                markersize=4,
                label="validation",
            )
        if best_step:
            axes.axvline(best_step, color=GREY, linestyle=":", label=f"kept: step {best_step}")
        axes.set(xlabel="optimizer step", ylabel="loss a token (nats)")
        axes.legend()
        return save(drawing, directory, "loss")


def items_plot(before: Sequence[float], after: Sequence[float], directory: Path) -> str:
    """A dot an item: bits per byte before and after.

    Below the line the trained model predicts the answer better.
    """
    with figure((4.6, 4.2)) as (drawing, axes):
        top = max([*before, *after]) * 1.05
        axes.plot([0, top], [0, top], color=GREY, linewidth=1)
        axes.scatter(before, after, s=14, color=BLUE, alpha=0.55, linewidths=0)
        axes.set(
            xlabel="before (bits a byte)",
            ylabel="after (bits a byte)",
            xlim=(0, top),
            ylim=(0, top),
        )
        axes.set_aspect("equal")
        return save(drawing, directory, "items")


def perplexity_plot(pairs: Sequence[tuple[str, float, float]], directory: Path) -> str:
    """Bars of perplexity a token before and after, for each (name, before, after)."""
    with figure((5.2, 3.0)) as (drawing, axes):
        for shift, side, color in ((-0.2, 1, GREY), (0.2, 2, BLUE)):
            bars = axes.bar(
                [position + shift for position in range(len(pairs))],
                [p[side] for p in pairs],
                0.36,
                color=color,
            )
            axes.bar_label(bars, fmt="%.4g", padding=2)
        axes.set_xticks(range(len(pairs)), [plot_label(name, 26) for name, _, _ in pairs])
        axes.set_ylabel("perplexity a token")
        axes.legend(["before", "after"], loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        axes.grid(axis="x", visible=False)
        axes.set_axisbelow(True)
        return save(drawing, directory, "perplexity")


def lengths_plot(histogram: Histogram, directory: Path) -> str:
    """Rows by tokens, as bars over the histogram's own bins; the limit as a line."""
    edges, counts, limit = histogram.edges, histogram.counts, histogram.limit
    with figure((7.2, 2.6)) as (drawing, axes):
        labels = [f"–{edge:,}" for edge in edges[1:]]
        over = [limit is not None and edge > limit for edge in edges[1:]]
        axes.bar(
            range(len(counts)), counts, color=[ORANGE if cut else BLUE for cut in over], width=0.92
        )
        if any(over):
            axes.axvline(over.index(True) - 0.5, color=RED, linewidth=1.2)
        step = max(1, len(labels) // 12)
        axes.set_xticks(range(0, len(labels), step), labels[::step])
        axes.set_xlabel("tokens of a row, up to")
        axes.set_ylabel("rows")
        axes.grid(axis="x", visible=False)
        return save(drawing, directory, "lengths")


def learning_plot(curve: LearningCurve, directory: Path) -> str:
    """A figure after training on nested parts of the training rows, with intervals.

    ○ is the untouched model.
    """
    points = sorted(curve.points, key=lambda point: point.rows)
    intervals: list[tuple[int, Score]] = [(0, curve.before), *((p.rows, p) for p in points)]
    with figure((7.2, 3.2)) as (drawing, axes):
        rows, values = zip(*((point.rows, point.value) for point in points), strict=True)
        axes.plot(rows, values, color=BLUE, marker="o", markersize=6, linewidth=1.6)
        for count, score in intervals:
            if score.low is not None:
                ends = [score.low, score.high]
                axes.plot([count] * 2, ends, color=BLUE, linewidth=1.6, alpha=0.6)
        axes.plot(0, curve.before.value, "o", color=BLUE, markerfacecolor="none", markersize=6)
        axes.set(xlabel="training rows", ylabel=plot_label(curve.title, 60))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        return save(drawing, directory, "learning_curve")


FLOW_WIDTH, BOX_HEIGHT, GAP = 720, 46, 26


def _box(x: float, y: float, width: float, title: str, text: str, kind: str) -> str:
    middle = x + width / 2
    return (
        f'<g class="{kind}"><rect x="{x}" y="{y}" width="{width}" height="{BOX_HEIGHT}" rx="7"/>'
        f'<text x="{middle}" y="{y + 19}" class="title">{escape(title)}</text>'
        f'<text x="{middle}" y="{y + 36}">{escape(text)}</text></g>'
    )


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1} {y1} L{x2} {y2 - 7}" marker-end="url(#tip)"/>'


def _left_out(audit: Audit) -> list[str]:
    reasons = [(name.replace("_", " "), count) for name, count in audit.dropped.items() if count]
    if audit.rows.not_drawn:
        reasons.append(("not drawn (limit)", audit.rows.not_drawn))
    return [f"{name}: {count:,}" for name, count in reasons]


def flow_picture(audit: Audit) -> str:
    """SVG: sources → usable → drawn → splits; what was left out stands beside, by reason."""
    names = ", ".join(source.name for source in audit.sources)
    rows, splits = audit.rows, audit.splits
    left = _left_out(audit) or ["nothing left out"]
    parts = [
        _box(40, 10, 380, f"read: {rows.read:,} rows", names, "box"),
        _arrow(230, 10 + BOX_HEIGHT, 230, 10 + BOX_HEIGHT + GAP),
        _box(
            40,
            10 + BOX_HEIGHT + GAP,
            380,
            f"used: {rows.drawn:,} rows",
            f"{audit.groups.count:,} groups, never divided",
            "box",
        ),
    ]
    lines = "".join(
        f'<tspan x="470" dy="17">{escape(line)}</tspan>' for line in ["left out", *left]
    )
    parts.append(f'<text x="470" y="22" class="left">{lines}</text>')
    third, top = 2 * (BOX_HEIGHT + GAP) + 10, 10 + 2 * BOX_HEIGHT + GAP
    width = 206
    use = {
        "train": "learnt from",
        "validation": "watched while training",
        "test": "measured before and after",
    }
    for number, (name, facts) in enumerate(splits.items()):
        x = 40 + number * (width + 11)
        parts.append(_arrow(230, top, x + width / 2, third))
        parts.append(
            _box(x, third, width, f"{name}: {facts.rows:,} rows", use[name], f"box {name}")
        )
    share = audit.leaked_share_of_a_random_split
    note = (
        f"shared between training and the rest: {audit.leaked} "
        f"(a random split: {share:.0%} of held-out rows)"
    )
    parts.append(f'<text x="40" y="{third + BOX_HEIGHT + 26}">{escape(note)}</text>')
    height = max(third + BOX_HEIGHT + 40, 40 + 17 * len(left))
    tip = (
        '<defs><marker id="tip" markerWidth="9" markerHeight="9" refX="2" refY="4" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z"/></marker></defs>'
    )
    return (
        f'<svg class="flow" viewBox="0 0 {FLOW_WIDTH} {height}" role="img" aria-label="data flow">'
        f"{tip}{''.join(parts)}</svg>"
    )
