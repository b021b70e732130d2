"""The page and the plot of a comparison, and its table for a terminal, from the figures in
`comparison.json`.
"""

from pathlib import Path
from textwrap import fill

from markupsafe import Markup

from medtune.evaluation.comparison.leaderboard import Leaderboard, TestFamily
from medtune.evaluation.results import Result
from medtune.files import write_text
from medtune.progress import duration
from medtune.report.loss_plots import LossCurve, all_models_plot
from medtune.report.write import environment, size

NAME_WIDTH = 34


class ComparedCost(Result):
    """Of a training; what is not known is left out."""

    seconds: float | None = None
    tokens_per_second: float | None = None
    peak_memory_bytes: int | None = None
    trainable_parameters: int | None = None
    parameters: int | None = None
    cost_usd: float | None = None


class Contestant(Result):
    """A model of the comparison; equal numbers, equal tokenizers.

    ``kind`` is run, base or model; ``measured``: for this comparison; ``answer_tokens`` the mean
    length of its answers in its own tokens.
    """

    name: str
    kind: str
    tokenizer: int
    measured: bool
    cost: ComparedCost
    answer_tokens: float | None


class Comparison(Result):
    """``comparison.json`` of several models on the ``items`` of a recipe or run (``on``).

    ``key`` is a hash of all that it was computed from.
    """

    made_by: str
    key: str
    on: str
    items: int
    contestants: list[Contestant]
    tables: list[Leaderboard]
    family: TestFamily
    curves: list[LossCurve]
    notes: list[str]


def write_page(comparison: Comparison, out: Path) -> None:
    """`compare.html`, and `all_models.png` and `.svg` where a model was trained."""
    curves = [curve for curve in comparison.curves if curve.loss]
    plot = Markup(all_models_plot(curves, out)) if curves else None
    write_text(out / "compare.html", render_compare(comparison, plot))


def render_compare(comparison: Comparison, plot: Markup | None) -> str:
    """The comparison as one HTML text that needs nothing else."""
    tasks: dict[str, list[Leaderboard]] = {}
    for table in comparison.tables:
        tasks.setdefault(table.task, []).append(table)
    template = environment().get_template("compare.html.j2")
    return template.render(
        comparison=comparison, tasks=tasks, plot=plot, leaders=leaders(comparison)
    )


def leaders(comparison: Comparison) -> list[str]:
    """For every ranked figure, who is first: a sentence each."""
    sentences = []
    for table in comparison.tables:
        if not table.ranked or len(table.rows) < 2:
            continue
        first = [row.name for row in table.rows if row.rank == 1]
        if len(first) == len(table.rows):
            text = "nobody can be told apart"
        elif len(first) == 1:
            text = f"{first[0]} is first"
        else:
            text = f"{', '.join(first)} share the first rank"
        sentences.append(f"{table.title} ({table.task}): {text}.")
    return sentences


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


def compare_text(comparison: Comparison) -> str:
    """For a terminal of 80 columns: a ranking for each figure, then cost and speed."""
    models = len(comparison.contestants)
    lines = [f"{comparison.items:,} items of {comparison.on}, {models} models"]
    for table in comparison.tables:
        lines += ["", *_table_lines(table)]
    family = comparison.family
    lines += [
        "",
        *_cost_lines(comparison),
        "",
        f"Rank = 1 + how many are significantly better (Holm over {family.tests} tests, "
        f"p < {family.alpha}).",
    ]
    return "\n".join([*lines, *(_fit(f"note: {note}") for note in comparison.notes)])


def _table_lines(table: Leaderboard) -> list[str]:
    groups = f"n = {table.rows[0].n:,} in {table.groups:,} groups"
    sense = f"{table.better} is better" if table.better else "a description"
    lines = [_fit(f"{table.task} · {table.title} ({sense}), {groups}")]
    for row in table.rows:
        rank = f"{row.rank}." if row.rank else "–"
        span = "" if row.low is None else f"{_cell(row.low, 3)} to {_cell(row.high, 3)}"
        name = f"{_short(row.name):<{NAME_WIDTH}}"
        lines.append(f"{rank:>4}  {name}{_cell(row.value):>11}  {span:>25}".rstrip())
    lines += [
        _fit(f"{pair.second} against {pair.first}: {'; '.join(pair.notes)}", "      ")
        for pair in table.pairs
        if pair.notes
    ]
    return lines + ([_fit(table.note, "      ")] if table.note else [])


def _fit(text: str, indent: str = "") -> str:
    """Folded to the terminal."""
    return fill(text, 80, initial_indent=indent, subsequent_indent="      ")


def _cost_lines(comparison: Comparison) -> list[str]:
    lines = [
        f"{'':<{NAME_WIDTH - 4}}{'trained in':>13}{'tokens/s':>10}{'memory':>10}{'trained':>9}"
        f"{'USD':>8}"
    ]
    for contestant in comparison.contestants:
        cost = contestant.cost
        if cost.seconds is None:
            continue
        memory = "–" if cost.peak_memory_bytes is None else size(cost.peak_memory_bytes)
        trained, whole = cost.trainable_parameters, cost.parameters
        share = "–" if trained is None or not whole else f"{trained / whole:.1%}"
        usd = "–" if cost.cost_usd is None else f"{cost.cost_usd:.2f}"
        speed = _cell(cost.tokens_per_second)
        lines.append(
            f"{_short(contestant.name, NAME_WIDTH - 5):<{NAME_WIDTH - 4}}"
            f"{duration(cost.seconds):>13}{speed:>10}{memory:>10}{share:>9}{usd:>8}"
        )
    return lines if len(lines) > 1 else []
