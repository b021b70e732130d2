"""`medtune data`: the known data sets."""

from typing import Annotated

import typer

from medtune.cli.options import DataDir, Json, Quiet, Verbose, existing_data_dir
from medtune.cli.output import print_json

app = typer.Typer(
    help="The known data sets: what they are, and whether they are here.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_(data_dir: DataDir = None, json: Json = False) -> None:
    """Known data sets with columns, licence, where they are published, and whether they are here."""
    from medtune.data.sources.known import KNOWN

    place = existing_data_dir(data_dir)
    rows = []
    for source in KNOWN.values():
        found = source.find(place)
        here = "in the package" if source.packaged and found else str(found) if found else "not here"
        rows.append(
            {
                "name": source.name,
                "title": source.title,
                "licence": source.licence,
                "published": source.published,
                "columns": source.columns,
                "here": here,
            }
        )
    if json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(
            f"{row['name']}: {row['title']}\n  columns: {row['columns']}\n  {row['licence']}; published: {row['published']}\n  here: {row['here']}\n"
        )


@app.command()
def audit(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A known name or a file.")],
    data_dir: DataDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """What a source holds: rows, what would be left out, duplicates, groups, identifiers. Nothing is written."""
    from medtune.data.prepare import prepare
    from medtune.recipe.schema import Data

    found = prepare(Data(source=[source]), 0, [], existing_data_dir(data_dir)).audit
    if json:
        print_json(found)
        return
    typer.echo(f"rows read {found['rows']['read']:,}, usable {found['rows']['usable']:,}")
    for title in ("dropped", "duplicates", "groups"):
        facts = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in found[title].items() if k != "group_by")
        typer.echo(f"{title}: {facts}")
    kinds = ", ".join(f"{k} {v}" for k, v in found["identifiers"]["found"].items()) or "none"
    typer.echo(
        f"identifiers found by patterns: {kinds} (in {found['identifiers']['rows']} rows; an aid, not a guarantee)"
    )
    typer.echo(
        f"a random split would leak {found['leaked_share_of_a_random_split']:.0%} of its held-out rows; the group split leaks 0"
    )
