"""Plots, page and card of a run, from the files in its directory; no model is needed."""

from base64 import b64encode
from hashlib import sha256
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from medtune.files import write_json, write_text
from medtune.progress import duration
from medtune.report.audit_text import RULES
from medtune.report.cards import model_card
from medtune.report.changed_items import as_json, changed_items
from medtune.report.checklists import STATES, filled_checklists
from medtune.report.classification import classifications
from medtune.report.confidence import confidence_pictures, confidence_sections
from medtune.report.evaluation_plots import answered_plot, confusion_plot, forest_plot
from medtune.report.figures import Figures
from medtune.report.flow_diagram import flow_picture
from medtune.report.plots import items_plot, learning_plot, lengths_plot, loss_plot, perplexity_plot
from medtune.report.sections import (
    compared,
    forgetting,
    harm,
    parts_of,
    perplexities,
    task_sections,
    titled,
)
from medtune.report.verdict import p_text
from medtune.run_paths import RunPaths


def write_report(run: RunPaths) -> None:
    """Write plots/, report.html, checklists.json and README.md."""
    figures = Figures.read(run)
    write_json(run.root / "checklists.json", filled_checklists(figures))
    run.plots.mkdir(exist_ok=True)
    pictures = pictures_of(figures, run)
    write_text(run.page, render_page(figures, pictures))
    write_text(run.card, model_card(figures))


def pictures_of(figures: Figures, run: RunPaths) -> dict[str, Markup]:
    """Inline SVG by name; what there is nothing to draw from is left out."""
    pictures = {"flow": flow_picture(figures.audit)}
    histogram = figures.audit.tokens.splits["train"].histogram
    if sum(histogram.counts):
        pictures["lengths"] = lengths_plot(histogram, run.plots)
    if any("loss" in row for row in figures.log):
        pictures["loss"] = loss_plot(figures.log, figures.stats.get("best_step"), run.plots)
    if tested := [row for row in figures.changes() if row["better"] is not None]:
        pictures["forest"] = forest_plot(tested, run.plots)
    if curve := titled(figures, "learning_curve"):
        pictures["learning_curve"] = learning_plot(curve, run.plots)
    scored = next(iter(figures.of_kind("perplexity")), "")
    before, after = (figures.samples[side].get(scored, []) for side in ("before", "after"))
    if before and after:
        pictures["scatter"] = items_plot(
            [s["score"] for s in before], [s["score"] for s in after], run.plots
        )
    if bars := perplexities(figures):
        pictures["perplexity"] = perplexity_plot(bars, run.plots)
    for section in classifications(figures):
        task, unparsed = (
            section["task"],
            {side: count for side, (count, _) in section["unparsed"].items()},
        )
        pictures[f"answered_{task}"] = answered_plot(
            section["classes"], unparsed, run.plots, f"answered_{task}"
        )
        if section["confusion"]:
            name = f"confusion_{task}"
            pictures[name] = confusion_plot(
                section["labels"], section["confusion"], run.plots, name
            )
    pictures |= confidence_pictures(figures, run.plots)
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


def environment() -> Environment:
    """Templates of the package; everything but ``Markup`` is shown as text."""
    made = Environment(
        loader=PackageLoader("medtune.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"number": number, "duration": duration, "size": size, "p_text": p_text}
    return made


def source_of(name: str) -> str:
    """The text of a file among the templates."""
    return (resources.files("medtune.report") / "templates" / name).read_text(encoding="utf-8")


def script_hash(script: str) -> str:
    """The source expression by which a page's policy lets this very inline script run (Content
    Security Policy 3).
    """
    return "sha256-" + b64encode(sha256(script.encode()).digest()).decode()


def render_page(figures: Figures, pictures: dict[str, Any]) -> str:
    """The report as one HTML text that needs nothing else."""
    made = environment()
    style, script = (source_of(name) for name in ("report.css", "changed.js"))
    changes, changed = figures.changes(), changed_items(figures)
    context = {
        "figures": figures,
        "pictures": pictures,
        "rule_names": RULES,
        "style": Markup(style),
        "changes": changes,
        "tested": [row for row in changes if row["better"] is not None],
        "detectable": any(row.get("detectable") is not None for row in changes),
        "exact": any("exact" in row["test"] for row in changes),
        "compared": compared(figures),
        "tasks": task_sections(figures),
        "arms": titled(figures, "arms"),
        "curve": titled(figures, "learning_curve"),
        "seeds": titled(figures, "seeds"),
        "decodings": figures.metrics.get("decoding_seeds", {}),
        "confidence": confidence_sections(figures),
        "harm": harm(figures),
        "forgetting": forgetting(figures),
        "changed": changed,
        "changed_json": Markup(as_json(changed)),
        "changed_script": Markup(script),
        "script_hash": script_hash(script) if changed else None,
        "checklists": filled_checklists(figures),
        "states": STATES,
    }
    return made.get_template("report.html.j2").render(**context, parts=parts_of(context))
