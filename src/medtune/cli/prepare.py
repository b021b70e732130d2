"""`medtune prepare`: the data of a run, with the audit."""

import typer

from medtune.cli.common import (
    DataDir,
    DryRun,
    Examples,
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
from medtune.progress import say


def command(
    recipe: RecipeName,
    set_: Set = None,
    out: Out = None,
    seed: Seed = None,
    data_dir: DataDir = None,
    examples: Examples = False,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Read, clean, group and split the data; write the splits and the audit."""
    from medtune.files import read_json
    from medtune.recipe.read import read_run_recipe
    from medtune.report.audit_text import audit_text
    from medtune.runs.plan import Plan
    from medtune.runs.preparation import audit_if_prepared, prepared_data

    settings = read_run_recipe(recipe, set_ or [], seed)
    places = existing_data_dir(data_dir)
    directory = out_directory(out, settings.name, recipe)
    plan = Plan.make(settings, places)
    if dry_run:
        with prepared_data(plan, directory) as (audit, _):
            pass
    elif (found := audit_if_prepared(plan, directory)) is not None:
        audit = found
        say(f"[prepare] done before, inputs unchanged: {directory}")
    else:
        from medtune.runs.pipeline import execute

        execute(settings, directory, places, stages=("prepare",))
        audit = read_json(directory / "data" / "audit.json")
    if json:
        print_json(audit)
        return
    where = (
        "Nothing was written."
        if dry_run
        else f"Audit: {(directory / 'data' / 'audit.json').resolve()}"
    )
    typer.echo(f"{audit_text(audit, examples=examples)}\n\n{where}")
