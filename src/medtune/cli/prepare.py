"""`medtune prepare`: the data of a run, with the audit."""

import typer

from medtune.cli.options import (
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
)
from medtune.cli.output import print_json


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
    """Read, clean, group and split the data; write the splits and the audit."""
    from medtune.files import read_json
    from medtune.recipe.reading import read_run_recipe

    settings = read_run_recipe(recipe, set_ or [], seed)
    places = existing_data_dir(data_dir)
    directory = out_directory(out, settings.name, recipe)
    if dry_run:
        from medtune.runs.plan import Plan
        from medtune.runs.stages import prepare_splits

        audit = prepare_splits(Plan.make(settings, places)).audit
    else:
        from medtune.runs.pipeline import execute

        execute(settings, directory, places, stages=("prepare",))
        audit = read_json(directory / "data" / "audit.json")
    if json:
        print_json(audit)
        return
    for name, facts in audit["splits"].items():
        words = facts["answer_words"]
        typer.echo(
            f"{name:<12}{facts['rows']:>8,} rows{facts['groups']:>8,} groups   answer words: median {words['median']:.0f}, longest {words['max']:,}"
        )
    where = "nothing written" if dry_run else f"audit: {(directory / 'data' / 'audit.json').resolve()}"
    typer.echo(f"leaked: {audit['leaked']} (a random split: {audit['leaked_share_of_a_random_split']:.0%}); {where}")
