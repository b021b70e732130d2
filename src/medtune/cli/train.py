"""`medtune train`: prepare and train, without measuring."""

from typing import Annotated

import typer

from medtune.cli.common import (
    DataDir,
    Json,
    Out,
    Quiet,
    RecipeName,
    Seed,
    Set,
    Verbose,
    Yes,
    existing_data_dir,
    out_directory,
    print_json,
)

Cancel = Annotated[
    bool, typer.Option("--cancel", help="Cancel the hosted job of the run; nothing else is done.")
]


def command(
    recipe: RecipeName,
    set_: Set = None,
    out: Out = None,
    seed: Seed = None,
    data_dir: DataDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    yes: Yes = False,
    cancel: Cancel = False,
) -> None:
    """Only the training stage of a run (and the data, where they are not prepared yet)."""
    from medtune.files import read_json
    from medtune.recipe.read import read_run_recipe
    from medtune.runs.pipeline import execute

    settings = read_run_recipe(recipe, set_ or [], seed)
    directory = out_directory(out, settings.name, recipe)
    if cancel:
        from medtune.hosted.fine_tuning import cancel_run

        job, status = cancel_run(settings, directory)
        print_json({"job": job, "status": status}) if json else typer.echo(f"job {job}: {status}")
        return
    outcome = execute(
        settings, directory, existing_data_dir(data_dir), stages=("prepare", "train"), yes=yes
    )
    if not outcome.main:
        return
    stats = read_json(directory / "train" / "trainer_stats.json")
    if json:
        print_json(stats)
        return
    loss = "unknown" if stats["train_loss"] is None else f"{stats['train_loss']:.3f}"
    typer.echo(
        f"{stats['steps']:,} steps, {stats['tokens']:,} tokens, {stats['tokens_per_second']:,.0f} tokens/s, "
        f"loss {loss}; model: {(directory / 'model').resolve()}"
    )
