"""`medtune pretrain`: a base model from plain text."""

import typer

from medtune.cli.common import (
    DataDir,
    DryRun,
    Json,
    Out,
    Quiet,
    RecipeName,
    Seed,
    Set,
    Verbose,
    existing_data_dir,
    out_directory,
    print_json,
)


def command(
    recipe: RecipeName,
    set_: Set = None,
    out: Out = None,
    seed: Seed = None,
    data_dir: DataDir = None,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train a base model from scratch, or continue one. An interrupted run goes on where it
    stopped.
    """
    from medtune.errors import RecipeError
    from medtune.recipe.read import read_recipe
    from medtune.recipe.schema import PretrainRecipe
    from medtune.runs.pretrain import corpus_path, plan_pretraining, pretrain

    settings = read_recipe(recipe, set_ or [], seed)
    if not isinstance(settings, PretrainRecipe):
        raise RecipeError(
            f"{settings.name} is not a pre-training recipe", fix=f"Use: medtune run {recipe}"
        )
    directory = out_directory(out, settings.name, recipe)
    if dry_run:
        facts = plan_pretraining(settings, corpus_path(settings, existing_data_dir(data_dir)))
        if json:
            print_json(facts)
            return
        for name, value in facts.items():
            typer.echo(
                f"{name.replace('_', ' '):<24}{value:,}"
                if isinstance(value, int)
                else f"{name:<24}{value}"
            )
        typer.echo("Nothing was written.")
        return
    figures = pretrain(settings, directory, existing_data_dir(data_dir))
    if json:
        print_json(figures)
        return
    for kind, row in figures["held_out"].items():
        typer.echo(
            f"{kind:<12}{row['bits_per_byte']:.3f} bits per byte on {row['documents']:,} held-out documents"
        )
    typer.echo(f"Model: {(directory / 'model').resolve()}")
