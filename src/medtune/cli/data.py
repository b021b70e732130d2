"""`medtune data`: the known data sets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtune.cli.common import Options, offers, print_json
from medtune.cli.data_export import check_file, export_data

if TYPE_CHECKING:
    from medtune.data.sources.catalogue import KnownSource
    from medtune.tokens.control_tokens import ControlTokens

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

    data_dir = options.existing_data_dir()
    if options.json:
        print_json([_as_dict(source, data_dir) for source in KNOWN.values()])
        return
    for source in KNOWN.values():
        typer.echo("\n".join(_described(source, data_dir)) + "\n")


def _as_dict(source: "KnownSource", data_dir: Path | None) -> dict[str, object]:
    return {
        "name": source.name,
        "title": source.title,
        "licence": source.licence,
        "published": source.published,
        "columns": source.columns,
        "rows": source.rows(),
        "here": _where(source, data_dir),
        "files": list(source.files),
    }


def _where(source: "KnownSource", data_dir: Path | None) -> str:
    file = source.find(data_dir)
    if file:
        return "in the package" if source.packaged else str(file)
    return "not here; fetched from the hub when asked for" if source.hub else "not here"


def _described(source: "KnownSource", data_dir: Path | None) -> list[str]:
    """A data set in lines of at most 80 columns; only the path of a file may be longer."""
    from textwrap import TextWrapper

    rows = source.rows()
    head = TextWrapper(80, subsequent_indent="  ", break_long_words=False)
    rest = TextWrapper(80, "  ", "    ", break_long_words=False, break_on_hyphens=False)
    lines = head.wrap(f"{source.name}: {source.title}")
    for fact in (
        f"columns: {source.columns}",
        f"{f'{rows:,} rows; ' if rows else ''}{source.licence}",
        f"published: {source.published}",
    ):
        lines += rest.wrap(fact)
    return [*lines, f"  here: {_where(source, data_dir)}"]


@app.command("audit")
@offers("overrides tokenizer data_dir examples json quiet verbose")
def audit_source(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A known name or a file.")],
    *,
    options: Options,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            "--tokenizer",
            metavar="NAME",
            help="Count what this tokenizer loses: a directory, a model, a hub name.",
        ),
    ] = None,
) -> None:
    """What a source holds: rows, repairs, duplicates, groups, overlap, identifiers. Nothing is
    written.
    """
    import tempfile

    from medtune.data.prepare import prepare
    from medtune.recipe.read import data_settings
    from medtune.report.audit_text import audit_text
    from medtune.runs.preparation import text_loss

    settings = data_settings(source, options.overrides or [])
    with tempfile.TemporaryDirectory() as temporary:
        prepared = prepare(
            settings, 0, [], options.existing_data_dir(), Path(temporary), must_split=False
        )
        audit = prepared.audit
        if tokenizer:
            loss = text_loss(_control_tokens(tokenizer), Path(temporary), audit.splits)
            audit = audit.model_copy(update={"text_loss": loss})
    options.show(audit.as_json(), lambda: audit_text(audit, examples=options.examples))
    if prepared.unfilled:  # the audit is whole, and a run would stop
        raise prepared.unfilled


def _control_tokens(tokenizer: str) -> "ControlTokens":
    from medtune.cli.inspect import tokenizer_location
    from medtune.tokens.chat_templates import load_tokenizer_only
    from medtune.tokens.control_tokens import ControlTokens

    return ControlTokens(load_tokenizer_only(tokenizer_location(tokenizer)))


@app.command("versions")
@offers("out wikidoc medquad short seed data_dir json quiet verbose")
def write_data_versions(
    *,
    options: Options,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write them.")] = Path(
        "versions"
    ),
    wikidoc: Annotated[
        str, typer.Option(help="The WikiDoc source: wikidoc, wikidoc_patient, or a file.")
    ] = "wikidoc",
    medquad: Annotated[
        str, typer.Option(help="The MedQuAD source: medquad, or a file.")
    ] = "medquad",
    short: Annotated[
        int, typer.Option(min=1, help="Rows of each source in the short versions.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of split and draw.")] = 42,
) -> None:
    """{combined, combined short, medquad, wikidoc} × {gemma, llama, mistral}: cleaned, split by
    group, with a card.
    """
    from medtune.examples.faithful.versions import write_versions

    data_dir = options.existing_data_dir()
    _check_wikidoc(wikidoc, data_dir)
    counts = write_versions(out, data_dir, wikidoc, medquad, short, seed)
    if options.json:
        print_json(counts)
        return
    for name, splits in counts.items():
        typer.echo(
            f"{name:<26}" + "   ".join(f"{split} {rows:>7,}" for split, rows in splits.items())
        )
    typer.echo(f"Written: {out.resolve()}")


def _check_wikidoc(name: str, data_dir: Path | None) -> None:
    """The whole of WikiDoc is found less often than its patient part, which serves too."""
    from medtune.data.sources.open_source import source_files
    from medtune.errors import DataError

    try:
        source_files(name, data_dir)
    except DataError as error:
        if name != "wikidoc":
            raise DataError(error.what, where="--wikidoc", fix=error.fix) from error
        fix = f"{error.fix} Or take its patient part: --wikidoc wikidoc_patient."
        raise DataError(error.what, where="--wikidoc", fix=fix) from error


app.command("export")(export_data)
app.command("check")(check_file)
