"""`medtune run` and `medtune pretrain`: the whole way, from data to report or to a base model."""

from textwrap import fill
from typing import Annotated

import typer

from medtune.cli.common import Options, RecipeName, offers, print_json, score_table

Seeds = Annotated[
    int | None,
    typer.Option("--seeds", min=1, metavar="N", help="Train with N seeds and pool what changed."),
]


@offers("overrides out seed data_dir dry_run json quiet verbose yes seeds")
def run(recipe: RecipeName, *, options: Options, seeds: Seeds = None) -> None:
    """Prepare, evaluate the base, train, evaluate again, report. An interrupted run goes on where
    it stopped.
    """
    settings = options.run_recipe(recipe, *([f"evaluate.seeds={seeds}"] if seeds else []))
    directory = options.run_directory(settings.name, recipe)
    if options.dry_run:
        from medtune.runs.estimate import estimate
        from medtune.runs.estimated_times import estimate_text

        numbers = estimate(settings, options.existing_data_dir())
        options.show(numbers, lambda: estimate_text(numbers))
        return
    from medtune.runs.pipeline import execute

    outcome = execute(settings, directory, options.existing_data_dir(), yes=options.yes)
    metrics = outcome.metrics
    if not outcome.main or metrics is None:
        return
    page = directory / "report.html"
    options.show(
        metrics.as_json() | {"verdict": outcome.verdict, "report": str(page)},
        lambda: (
            f"\n{score_table(metrics)}\n\n{fill(outcome.verdict, 80)}\n\nReport: {page.resolve()}"
        ),
    )


@offers("overrides out seed data_dir dry_run json quiet verbose")
def pretrain(recipe: RecipeName, *, options: Options) -> None:
    """Train a base model from scratch, or continue one. An interrupted run goes on where it
    stopped.
    """
    from medtune.errors import RecipeError
    from medtune.recipe.read import read_recipe
    from medtune.recipe.schema import PretrainRecipe
    from medtune.runs import pretrain as runs

    settings = read_recipe(recipe, options.overrides or [], options.seed)
    if not isinstance(settings, PretrainRecipe):
        raise RecipeError(
            f"{settings.name} is not a pre-training recipe", fix=f"Use: medtune run {recipe}"
        )
    directory = options.run_directory(settings.name, recipe)
    if options.dry_run:
        from medtune.runs.pretrain_estimate import estimate_pretraining, pretraining_text

        path = runs.corpus_path(settings, options.existing_data_dir())
        numbers = estimate_pretraining(settings, path)
        options.show(numbers, lambda: pretraining_text(numbers))
        return
    figures = runs.pretrain(settings, directory, options.existing_data_dir())
    if options.json:
        print_json(figures.model_dump(mode="json"))
        return
    for kind, row in figures.held_out.items():
        typer.echo(
            f"{kind:<12}{row.bits_per_byte:.3f} bits per byte "
            f"on {row.documents:,} held-out documents"
        )
    typer.echo(f"Model: {(directory / 'model').resolve()}")
