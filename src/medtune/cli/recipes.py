"""`medtune recipes`: the shipped recipes, and what a recipe may hold."""

from pathlib import Path
from textwrap import fill
from typing import Annotated

import typer

from medtune.cli.common import Options, offers, print_json

app = typer.Typer(
    help="List, show and copy the shipped recipes.", no_args_is_help=True, rich_markup_mode=None
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="A shipped recipe's name, or a path.")]


@app.command("list")
@offers("json")
def list_recipes(*, options: Options) -> None:
    """The shipped recipes, a line each."""
    from medtune.recipe.read import read_recipe, shipped_recipes

    rows = [
        {"name": name, "description": read_recipe(name).description} for name in shipped_recipes()
    ]
    if options.json:
        print_json(rows)
        return
    width = max(len(row["name"]) for row in rows) + 2
    for row in rows:
        typer.echo(
            fill(
                row["description"],
                80,
                initial_indent=row["name"].ljust(width),
                subsequent_indent=" " * width,
            )
        )


@app.command("show")
@offers("overrides json")
def show_recipe(name: Name, *, options: Options) -> None:
    """A recipe with every default written out."""
    from medtune.recipe.read import read_recipe, to_yaml

    recipe = read_recipe(name, options.overrides or [])
    print_json(recipe) if options.json else typer.echo(to_yaml(recipe), nl=False)


@app.command("copy")
def copy_recipe(
    name: Name,
    target: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where to [default: NAME.yaml].")
    ] = None,
) -> None:
    """Copy a recipe, comments and all, to change it."""
    from medtune.errors import RecipeError
    from medtune.files import write_text
    from medtune.recipe.read import find_recipe, read_recipe

    path = find_recipe(name)
    read_recipe(name)  # nothing but a recipe is copied
    copy = target or Path(path.name)
    if copy.exists():
        raise RecipeError(
            "exists already", where=str(copy), fix="Name another file; nothing was overwritten."
        )
    write_text(copy, path.read_text(encoding="utf-8"))
    typer.echo(f"{copy}   run it with: medtune run {copy}")


@app.command("reference")
def print_reference() -> None:
    """Every key with its type, default and meaning (Markdown; docs/recipe-reference.md is this)."""
    from medtune.recipe.reference import reference_page

    typer.echo(reference_page(), nl=False)
