"""Plots, page and card of a run, from the files in its directory; no model is needed."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from medtune.data.text_loss import loss_sentences
from medtune.evaluation.decisions import FEWEST_GROUPS, SIGNIFICANCE
from medtune.files import write_json, write_text
from medtune.progress import duration, say
from medtune.report.audit_text import RULES
from medtune.report.cards import model_card
from medtune.report.changed_items import as_json, changed_items
from medtune.report.checklists import STATES, filled_checklists
from medtune.report.evaluation_plots import answered_plot, confusion_plot, forest_plot
from medtune.report.figures import Figures
from medtune.report.plots import (
    flow_picture,
    items_plot,
    learning_plot,
    lengths_plot,
    loss_plot,
    perplexity_plot,
)
from medtune.report.sections import (
    forgetting,
    harm,
    metric_title,
    models_compared,
    parts_of,
    perplexities,
    task_sections,
    tasks_compared,
)
from medtune.report.task_tables import classifications, confidence_drawings, confidence_sections
from medtune.report.verdict import p_text
from medtune.run_paths import RunPaths


def write_report(run: RunPaths) -> None:
    """Write plots/, report.html, checklists.json and README.md."""
    figures = Figures.read(run)
    checklists = [checklist.as_json() for checklist in filled_checklists(figures)]
    write_json(run.root / "checklists.json", checklists)
    run.plots.mkdir(exist_ok=True)
    pictures = pictures_of(figures, run)
    write_text(run.page, render_page(figures, pictures))
    write_text(run.card, model_card(figures))


Drawings = dict[str, Callable[[], str]]


def pictures_of(figures: Figures, run: RunPaths) -> dict[str, Markup]:
    """Inline SVG by name; what there is nothing to draw from is left out.

    So is, with a note, what cannot be drawn: a finished run does not fail for a picture.
    """
    pictures = {}
    for name, draw in (_drawings(figures, run) | _class_drawings(figures, run)).items():
        try:
            pictures[name] = Markup(draw())
        except OSError:
            raise  # the disk is full: no fault of the picture
        except Exception as error:
            say(f"note: the picture {name} cannot be drawn ({type(error).__name__}): left out")
    return pictures


def _drawings(figures: Figures, run: RunPaths) -> Drawings:
    drawings: Drawings = {"flow": partial(flow_picture, figures.audit)}
    plots = run.plots
    histogram = figures.audit.tokens.splits["train"].histogram
    if sum(histogram.counts):
        drawings["lengths"] = partial(lengths_plot, histogram, plots)
    if figures.stats and any("loss" in row for row in figures.log):
        drawings["loss"] = partial(loss_plot, figures.log, figures.stats.best_step, plots)
    if tested := [row for row in figures.rows if row.tested]:
        drawings["forest"] = partial(forest_plot, tested, plots)
    if curve := figures.metrics.learning_curve:
        drawings["learning_curve"] = partial(learning_plot, curve, plots)
    likelihoods = next(iter(figures.likelihood_tasks), "")
    sides = [figures.samples[side].get(likelihoods, []) for side in ("before", "after")]
    if all(sides):
        before, after = ([sample.score for sample in samples] for samples in sides)
        drawings["scatter"] = partial(items_plot, before, after, plots)
    if bars := perplexities(figures):
        drawings["perplexity"] = partial(perplexity_plot, bars, plots)
    return drawings


def _class_drawings(figures: Figures, run: RunPaths) -> Drawings:
    drawings: Drawings = {}
    for section in classifications(figures):
        unparsed = {side: count for side, (count, _) in section.unparsed.items()}
        name = f"answered_{section.task}"
        sides = [row.sides for row in section.classes]
        drawings[name] = partial(answered_plot, sides, unparsed, run.plots, name)
        if section.confusion:
            name = f"confusion_{section.task}"
            drawings[name] = partial(
                confusion_plot, section.labels, section.confusion, run.plots, name
            )
    return drawings | confidence_drawings(figures, run.plots)


def number(value: float | None) -> str:
    """A figure with about four digits, thousands grouped."""
    if value is None:
        return "–"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def size(value: float) -> str:
    """Bytes in MiB, from 1 GiB on in GiB."""
    return f"{value / 2**30:.2f} GiB" if value >= 2**30 else f"{value / 2**20:.0f} MiB"


def environment() -> Environment:
    """Templates of the package; everything but ``Markup`` is shown as text."""
    templates = Environment(
        loader=PackageLoader("medtune.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"number": number, "duration": duration, "size": size, "p_text": p_text}
    return templates


def source_of(name: str) -> str:
    """The text of a file among the templates."""
    return (resources.files("medtune.report") / "templates" / name).read_text(encoding="utf-8")


def script_hash(script: str) -> str:
    """The source expression by which a page's policy lets this very inline script run (Content
    Security Policy 3).
    """
    return "sha256-" + b64encode(sha256(script.encode()).digest()).decode()


def render_page(figures: Figures, pictures: Mapping[str, str]) -> str:
    """The report as one HTML text that needs nothing else."""
    style, script = (source_of(name) for name in ("report.css", "changed.js"))
    rows, changed, metrics = figures.rows, changed_items(figures), figures.metrics
    context = {
        "figures": figures,
        "metrics": metrics,
        "pictures": pictures,
        "rule_names": RULES,
        "style": Markup(style),
        "rows": rows,
        "tested": [row for row in rows if row.tested],
        "significance": SIGNIFICANCE,
        "fewest_groups": FEWEST_GROUPS,
        "detectable": any(row.change.detectable is not None for row in rows),
        "exact": any("exact" in row.change.test for row in rows),
        "models": models_compared(figures),
        "compared": tasks_compared(figures),
        "tasks": task_sections(figures),
        "seeds_title": metrics.seeds
        and metric_title(figures, metrics.seeds.task, metrics.seeds.metric),
        "confidence": confidence_sections(figures),
        "harm": harm(figures),
        "forgetting": forgetting(figures),
        "changed": changed,
        "changed_json": Markup(as_json(changed)),
        "changed_script": Markup(script),
        "script_hash": script_hash(script) if changed else None,
        "checklists": filled_checklists(figures),
        "states": STATES,
        "text_losses": loss_sentences(figures.audit.text_loss),
    }
    template = environment().get_template("report.html.j2")
    return template.render(**context, parts=parts_of(context))
