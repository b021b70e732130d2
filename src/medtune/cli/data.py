"""`medtune data`: the known data sets."""

from typing import Annotated, Any

import typer

from medtune.cli.common import Options, offers, print_json
from medtune.cli.data_export import check_file, export_data
from medtune.cli.data_versions import versions

app = typer.Typer(
    help="The known data sets: what they are, and whether they are here.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
@offers("data_dir json")
def list_sources(*, options: Options) -> None:
    """Known data sets with columns, licence, size, where they are published, and whether they
    are here.
    """
    from medtune.data.sources.catalogue import KNOWN

    place = options.existing_data_dir()
    rows = []
    for source in KNOWN.values():
        found = source.find(place)
        elsewhere = "not here; fetched from the hub when asked for" if source.hub else "not here"
        rows.append(
            {
                "name": source.name,
                "title": source.title,
                "licence": source.licence,
                "published": source.published,
                "columns": source.columns,
                "rows": source.rows(),
                "here": "in the package"
                if source.packaged and found
                else str(found)
                if found
                else elsewhere,
                "files": list(source.files),
            }
        )
    if options.json:
        print_json(rows)
        return
    for row in rows:
        typer.echo("\n".join(_described(row)) + "\n")


def _described(row: dict[str, Any]) -> list[str]:
    """A data set in lines of at most 80 columns; only the path of a file may be longer."""
    from textwrap import TextWrapper

    size = f"{row['rows']:,} rows; " if row["rows"] else ""
    head = TextWrapper(80, subsequent_indent="  ", break_long_words=False)
    rest = TextWrapper(80, "  ", "    ", break_long_words=False, break_on_hyphens=False)
    lines = head.wrap(f"{row['name']}: {row['title']}")
    for fact in (
        f"columns: {row['columns']}",
        f"{size}{row['licence']}",
        f"published: {row['published']}",
    ):
        lines += rest.wrap(fact)
    return [*lines, f"  here: {row['here']}"]


@app.command("audit")
@offers("overrides data_dir examples json quiet verbose")
def audit_source(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A known name or a file.")],
    *,
    options: Options,
) -> None:
    """What a source holds: rows, repairs, duplicates, groups, overlap, identifiers. Nothing is
    written.
    """
    import tempfile
    from pathlib import Path

    from medtune.data.prepare import prepare
    from medtune.recipe.read import data_settings
    from medtune.report.audit_text import audit_text

    settings = data_settings(source, options.overrides or [])
    with tempfile.TemporaryDirectory() as temporary:
        audit = prepare(
            settings, 0, [], options.existing_data_dir(), Path(temporary), must_split=False
        ).audit
    options.show(audit.as_json(), lambda: audit_text(audit, examples=options.examples))


app.command("versions")(versions)
app.command("export")(export_data)
app.command("check")(check_file)
