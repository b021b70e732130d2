"""`medtune evaluate`: any model on any task, on the data of a recipe."""

from pathlib import Path
from typing import Annotated

import typer

from medtune.cli.common import (
    DataDir,
    Json,
    Quiet,
    RecipeName,
    Seed,
    Set,
    Verbose,
    existing_data_dir,
    print_json,
)

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


def command(
    recipe: RecipeName = "quickstart",
    model: ModelOption = None,
    task: Tasks = None,
    endpoint: Url = None,
    echo: Echo = None,
    set_: Set = None,
    out: OutFiles = None,
    seed: Seed = None,
    seeds: Seeds = None,
    data_dir: DataDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Measure one model on the test split of a recipe [default: quickstart]; nothing is trained."""
    from medtune.recipe.read import read_run_recipe
    from medtune.runs.evaluate_model import evaluate_model, served_at, with_decodings

    overrides = [*(set_ or []), *([f"evaluate.tasks=[{','.join(task)}]"] if task else [])]
    settings = read_run_recipe(recipe, overrides, seed)
    if seeds:
        settings = with_decodings(settings, seeds)
    served = served_at(endpoint, model, echo)
    results = evaluate_model(
        settings, model or settings.model.name, existing_data_dir(data_dir), out, served, echo
    )
    if json:
        print_json(results)
        return
    for name, scores in results.items():
        for metric, score in scores.items():
            span = (
                ""
                if score["low"] is None
                else f"  (95 % {score['low']:.4g} to {score['high']:.4g})"
            )
            typer.echo(f"{name + ' ' + metric:<34}{score['value']:>10.4g}{span}  n = {score['n']}")
