"""`medtune data versions`: the twelve versions of the WikiDoc and MedQuAD data, as one directory for a model hub."""

from pathlib import Path
from typing import Annotated

import typer

from medtune.cli.options import DataDir, Json, Quiet, Verbose, existing_data_dir
from medtune.cli.output import print_json


def versions(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write them.")] = Path("versions"),
    wikidoc: Annotated[str, typer.Option(help="The WikiDoc source: wikidoc, wikidoc_patient, or a file.")] = "wikidoc",
    medquad: Annotated[str, typer.Option(help="The MedQuAD source: medquad, or a file.")] = "medquad",
    short: Annotated[int, typer.Option(min=1, help="Rows of each source in the short versions.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of split and draw.")] = 42,
    data_dir: DataDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """{combined, combined short, medquad, wikidoc} × {gemma, llama, mistral}: cleaned, split by group, with a card."""
    from medtune.runs.versions import write_versions

    counts = write_versions(out, existing_data_dir(data_dir), wikidoc, medquad, short, seed)
    if json:
        print_json(counts)
        return
    for name, splits in counts.items():
        typer.echo(f"{name:<26}" + "   ".join(f"{split} {rows:>7,}" for split, rows in splits.items()))
    typer.echo(f"Written: {out.resolve()}")
