"""`medtune evaluate` and `medtune compare`: models measured, alone or side by side."""

from pathlib import Path
from typing import Annotated

import typer

from medtune.cli.common import Options, RecipeName, offers, print_json

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="MODEL", help="A model, a directory or a run [default: the recipe's]."
    ),
]
Tasks = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        metavar="TASK",
        help="perplexity, answers, medqa, … or '{task: …, limit: …}'; may be given again.",
    ),
]
Url = Annotated[
    str | None,
    typer.Option("--endpoint", metavar="URL", help="Where --model is served (OpenAI's interface)."),
]
Echo = Annotated[
    str | None,
    typer.Option(
        "--echo",
        metavar="TEMPLATE",
        help="It says prompts back with log-probabilities; the chat template.",
    ),
]
Seeds = Annotated[
    int | None,
    typer.Option(
        "--seeds", min=2, metavar="N", help="Sample N answers to each question, and pool them."
    ),
]
OutFiles = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Where scores and samples are kept.")
]
Runs = Annotated[
    list[Path] | None, typer.Argument(metavar="RUN...", help="Finished runs' directories.")
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", metavar="NAME", help="A model beside them; may be given again."),
]
On = Annotated[
    str | None,
    typer.Option(
        "--on", metavar="RECIPE", help="Whose held-out items and tasks [default: the first run's]."
    ),
]
OutDir = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Page, plot, figures, and what was measured.")
]


@offers("model task endpoint echo overrides out seed seeds data_dir json quiet verbose")
def evaluate(
    recipe: RecipeName = "quickstart",
    *,
    options: Options,
    model: ModelOption = None,
    task: Tasks = None,
    endpoint: Url = None,
    echo: Echo = None,
    out: OutFiles = None,
    seeds: Seeds = None,
) -> None:
    """Measure one model on the test split of a recipe [default: quickstart]; nothing is trained."""
    from medtune.evaluation.results import plain
    from medtune.runs.evaluate_model import evaluate_model, served_at, with_decodings

    # Margins are of changes, and here is none.
    tasks = [f"evaluate.tasks=[{','.join(task)}]", "evaluate.margin={}"] if task else []
    settings = options.run_recipe(recipe, *tasks)
    if seeds:
        settings = with_decodings(settings, seeds)
    served = served_at(endpoint, model, echo)
    results = evaluate_model(
        settings, model or settings.model.name, options.existing_data_dir(), out, served, echo
    )
    if options.json:
        print_json(plain(results))
        return
    for name, scores in results.items():
        for metric, score in scores.items():
            span = "" if score.low is None else f"  (95 % {score.low:.4g} to {score.high:.4g})"
            typer.echo(f"{name + ' ' + metric:<34}{score.value:>10.4g}{span}  n = {score.items}")


@offers("model on out data_dir json quiet verbose")
def compare(
    runs: Runs = None,
    *,
    options: Options,
    model: Models = None,
    on: On = None,
    out: OutDir = Path("runs/comparison"),
) -> None:
    """Compare runs (before and after) and models, paired on the same items, with a ranking that
    shows what is undecided.

    Runs that were measured on the same items are compared from their files; whoever was not is
    measured first.
    """
    from medtune.report.compare_page import compare_text
    from medtune.runs.compare import compare_models

    comparison = compare_models(runs or [], model or [], on, out, options.existing_data_dir())
    page = out / "compare.html"
    options.show(
        comparison.as_json(), lambda: f"{compare_text(comparison)}\n\nPage: {page.resolve()}"
    )
