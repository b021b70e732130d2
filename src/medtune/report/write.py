"""Plots, page and card of a run, from the files in its directory; no model is needed."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from medtune.files import write_text
from medtune.progress import duration
from medtune.report.audit_text import RULES
from medtune.report.card import model_card
from medtune.report.classification import classifications
from medtune.report.classification_plots import answered_plot, confusion_plot
from medtune.report.figures import Figures
from medtune.report.flow import flow_picture
from medtune.report.plots import change_plot, items_plot, lengths_plot, loss_plot
from medtune.report.verdict import p_text
from medtune.run_paths import RunPaths

SHOWN_ANSWERS = 5


def write_report(run: RunPaths) -> None:
    """Write plots/, report.html and README.md."""
    figures = Figures.read(run)
    run.plots.mkdir(exist_ok=True)
    pictures = _pictures(figures, run)
    write_text(run.page, render_page(figures, pictures))
    write_text(run.card, model_card(figures))


def _pictures(figures: Figures, run: RunPaths) -> dict[str, Markup]:
    """Inline SVG by name; what there is nothing to draw from is left out."""
    pictures = {"flow": flow_picture(figures.audit)}
    histogram = figures.audit["tokens"]["splits"]["train"]["histogram"]
    if sum(histogram["counts"]):
        pictures["lengths"] = lengths_plot(histogram, run.plots)
    if any("loss" in row for row in figures.log):
        pictures["loss"] = loss_plot(figures.log, figures.stats.get("best_step"), run.plots)
    tested = [row for row in figures.changes() if row["better"] is not None and row["before"]]
    if tested:
        pictures["change"] = change_plot(tested, run.plots)
    before, after = (figures.samples[side].get("perplexity", []) for side in ("before", "after"))
    if before and after:
        pictures["scatter"] = items_plot([s["score"] for s in before], [s["score"] for s in after], run.plots)
    for section in classifications(figures):
        task, unparsed = section["task"], {side: count for side, (count, _) in section["unparsed"].items()}
        pictures[f"answered_{task}"] = answered_plot(section["classes"], unparsed, run.plots, f"answered_{task}")
        if section["confusion"]:
            name = f"confusion_{task}"
            pictures[name] = confusion_plot(section["labels"], section["confusion"], run.plots, name)
    return {name: Markup(svg) for name, svg in pictures.items()}


def number(value: float | None) -> str:
    """A figure with about four digits, thousands grouped."""
    if value is None:
        return "–"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def size(value: float) -> str:
    """Bytes for people."""
    return f"{value / 2**30:.2f} GiB" if value >= 2**30 else f"{value / 2**20:.0f} MiB"


def render_page(figures: Figures, pictures: dict[str, Any]) -> str:
    """The report as one HTML text that needs nothing else."""
    environment = Environment(
        loader=PackageLoader("medtune.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "duration": duration, "size": size, "p_text": p_text}
    return environment.get_template("report.html.j2").render(
        figures=figures,
        pictures=pictures,
        rule_names=RULES,
        changes=figures.changes(),
        classifications=classifications(figures),
        topics=figures.side_by_side("topics", 50),
        answers=figures.side_by_side("answers", SHOWN_ANSWERS),
    )
