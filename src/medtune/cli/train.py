"""`medtune train`: prepare and train, without measuring."""

import typer

from medtune.cli.options import (
    DataDir,
    Json,
    Out,
    Quiet,
    RecipeName,
    Seed,
    Set,
    Verbose,
    existing_data_dir,
    out_directory,
)
from medtune.cli.output import print_json


def command(
    recipe: RecipeName,
    set_: Set = None,
    out: Out = None,
    seed: Seed = None,
    data_dir: DataDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Only the training stage of a run (and the data, where they are not prepared yet)."""
    from medtune.files import read_json
    from medtune.recipe.reading import read_run_recipe
    from medtune.runs.pipeline import execute

    settings = read_run_recipe(recipe, set_ or [], seed)
    directory = out_directory(out, settings.name, recipe)
    outcome = execute(settings, directory, existing_data_dir(data_dir), stages=("prepare", "train"))
    if not outcome.main:
        return
    stats = read_json(directory / "train" / "trainer_stats.json")
    if json:
        print_json(stats)
        return
    typer.echo(
        f"{stats['steps']:,} steps, {stats['tokens']:,} tokens, {stats['tokens_per_second']:,.0f} tokens/s, "
        f"loss {stats['train_loss']:.3f}; model: {(directory / 'model').resolve()}"
    )
