"""`medtune data versions`: the twelve versions of the WikiDoc and MedQuAD data, as one directory
for a model hub.
"""

from pathlib import Path
from typing import Annotated

import typer

from medtune.cli.common import Options, offers, print_json


@offers("out wikidoc medquad short seed data_dir json quiet verbose")
def versions(
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

    place = options.existing_data_dir()
    _check_wikidoc(wikidoc, place)
    counts = write_versions(out, place, wikidoc, medquad, short, seed)
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
    from medtune.data.sources.open import source_files
    from medtune.errors import DataError

    try:
        source_files(name, data_dir)
    except DataError as error:
        if name != "wikidoc":
            raise DataError(error.what, where="--wikidoc", fix=error.fix) from error
        fix = f"{error.fix} Or take its patient part: --wikidoc wikidoc_patient."
        raise DataError(error.what, where="--wikidoc", fix=fix) from error
