"""The page and the plot of a comparison, and its table for a terminal, from the figures in
`comparison.json`.
"""

from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from medtune.files import write_text
from medtune.progress import duration
from medtune.report.loss_plots import all_models_plot
from medtune.report.verdict import p_text
from medtune.report.write import number, size

NAME_WIDTH = 34


def write_page(found: Mapping[str, Any], out: Path) -> None:
    """`compare.html`, and `all_models.png` and `.svg` where a contestant was trained."""
    curves = [curve for curve in found["curves"] if curve["loss"]]
    plot = Markup(all_models_plot(curves, out)) if curves else None
    write_text(out / "compare.html", render_compare(found, plot))


def render_compare(found: Mapping[str, Any], plot: Markup | None) -> str:
    """The comparison as one HTML text that needs nothing else."""
    environment = Environment(
        loader=PackageLoader("medtune.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "duration": duration, "size": size, "p_text": p_text}
    tasks: dict[str, list[Any]] = {}
    for table in found["tables"]:
        tasks.setdefault(table["task"], []).append(table)
    trained = [c for c in found["contestants"] if c["cost"].get("seconds") is not None]
    template = environment.get_template("compare.html.j2")
    return template.render(
        found=found, tasks=tasks, plot=plot, trained=trained, leaders=leaders(found)
    )


def leaders(found: Mapping[str, Any]) -> list[str]:
    """For every ranked figure, who is first: a sentence each."""
    said = []
    for table in found["tables"]:
        if not table["ranked"] or len(table["rows"]) < 2:
            continue
        first = [row["name"] for row in table["rows"] if row["rank"] == 1]
        if len(first) == len(table["rows"]):
            text = "nobody can be told apart"
        elif len(first) == 1:
            text = f"{first[0]} is first"
        else:
            text = f"{', '.join(first)} share the first rank"
        said.append(f"{table['title']} ({table['task']}): {text}.")
    return said


def _short(name: str, width: int = NAME_WIDTH) -> str:
    """The name with its middle left out where it is too long: beginnings and ends tell models
    apart.
    """
    half = (width - 1) // 2
    return name if len(name) <= width else f"{name[: width - 1 - half]}…{name[-half:]}"


def _cell(value: float | None, digits: int = 4) -> str:
    """At most nine characters."""
    if value is None:
        return "–"
    large = 1e4 <= abs(value) < 1e8
    return f"{value:,.0f}" if large and abs(value) < 1e7 else f"{value:.{digits}g}"


def compare_text(found: Mapping[str, Any]) -> str:
    """For a terminal of 80 columns: a ranking for each figure, then cost and speed."""
    lines = [f"{found['items']:,} items of {found['on']}, {len(found['contestants'])} models"]
    for table in found["tables"]:
        groups = f"n = {table['rows'][0]['n']:,} in {table['groups']:,} groups"
        sense = f"{table['better']} is better" if table["better"] else "a description"
        lines += ["", _fit(f"{table['task']} · {table['title']} ({sense}), {groups}")]
        for row in table["rows"]:
            rank = f"{row['rank']}." if row["rank"] else "–"
            span = (
                "" if row["low"] is None else f"{_cell(row['low'], 3)} to {_cell(row['high'], 3)}"
            )
            lines.append(
                f"{rank:>4}  {_short(row['name']):<{NAME_WIDTH}}{_cell(row['value']):>11}  {span:>25}".rstrip()
            )
        if table["note"]:
            lines.append(_fit(table["note"], "      "))
    lines += ["", *_cost_lines(found)]
    family = found["family"]
    lines += [
        "",
        f"Rank = 1 + how many are significantly better (Holm over {family['tests']} tests, p < {family['alpha']}).",
    ]
    return "\n".join([*lines, *(_fit(f"note: {note}") for note in found["notes"])])


def _fit(text: str, indent: str = "") -> str:
    """Folded to the terminal."""
    return fill(text, 80, initial_indent=indent, subsequent_indent="      ")


def _cost_lines(found: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{'':<{NAME_WIDTH - 4}}{'trained in':>13}{'tokens/s':>10}{'memory':>10}{'trained':>9}{'USD':>8}"
    ]
    for c in found["contestants"]:
        cost = c["cost"]
        if cost.get("seconds") is None:
            continue
        memory = size(cost["peak_memory_bytes"]) if "peak_memory_bytes" in cost else "–"
        share = (
            f"{cost['trainable_parameters'] / cost['parameters']:.1%}"
            if "trainable_parameters" in cost
            else "–"
        )
        usd = f"{cost['cost_usd']:.2f}" if "cost_usd" in cost else "–"
        speed = _cell(cost.get("tokens_per_second"))
        lines.append(
            f"{_short(c['name'], NAME_WIDTH - 5):<{NAME_WIDTH - 4}}{duration(cost['seconds']):>13}{speed:>10}"
            f"{memory:>10}{share:>9}{usd:>8}"
        )
    return lines if len(lines) > 1 else []
