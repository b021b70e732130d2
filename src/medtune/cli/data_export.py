"""`medtune data export` and `medtune data check`: the splits in the forms that others read."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from medtune.cli.common import Options, RecipeName, offers, print_json
from medtune.progress import printable

if TYPE_CHECKING:
    from medtune.data.audit import RunAudit
    from medtune.hosted.chat_file import ChatReport

Form = Literal["openai", "parquet", "hub"]
To = Annotated[
    Form, typer.Option("--to", help="openai: chat JSON lines; parquet; hub: a dataset directory.")
]
OutDir = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="A new directory, or one of an earlier export.")
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="Chat JSON lines to train on.")]
Encoding = Annotated[
    str,
    typer.Option("--model-encoding", help="cl100k_base (gpt-3.5, gpt-4) or o200k_base (gpt-4o)."),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="Tokens an example at most [default: the models']."),
]
Price = Annotated[
    float | None, typer.Option("--price", min=0, help="US dollars a million training tokens.")
]
Epochs = Annotated[
    int | None,
    typer.Option("--epochs", min=1, max=50, help="Passes [default: as the service chooses]."),
]


@offers("to out encoding limit price epochs overrides seed data_dir json quiet verbose")
def export_data(
    recipe: RecipeName,
    *,
    options: Options,
    to: To,
    out: OutDir,
    encoding: Encoding = "cl100k_base",
    limit: Limit = None,
    price: Price = None,
    epochs: Epochs = None,
) -> None:
    """Write a recipe's splits for a hosted service, for other tools, or for a model hub."""
    from medtune.runs.plan import Plan
    from medtune.runs.preparation import prepared_data
    from medtune.tokens.lengths import token_counter

    _check_place(out, to)
    if to == "openai":
        token_counter(encoding)  # a wrong name fails before the work
    settings = options.run_recipe(recipe)
    plan = Plan.make(settings, options.existing_data_dir())
    with prepared_data(plan, options.run_directory(settings.name, recipe)) as (audit, splits):
        audit.write(out / "audit.json")
        if to == "openai":
            prompt = settings.model.prompt
            reports = _chat_files(
                *(splits, out, audit, prompt),
                lambda path, least: _check(path, encoding, limit, price, epochs, least),
            )
            _tell_reports(reports, out, price, options.json)
            return
        rows = (
            _parquet_files(splits, out, audit)
            if to == "parquet"
            else _hub(splits, out, audit, settings.name)
        )
    options.show(
        {"out": str(out), "rows": rows},
        lambda: "\n".join(
            [
                *(f"{split:<12}{count:>10,} rows" for split, count in rows.items()),
                str(out.resolve()),
            ]
        ),
    )


@offers("encoding limit price epochs json quiet verbose")
def check_file(
    file: File,
    *,
    options: Options,
    encoding: Encoding = "cl100k_base",
    limit: Limit = None,
    price: Price = None,
    epochs: Epochs = None,
) -> None:
    """Check a training file line by line as a hosted service will, with tokens and cost, before
    money is spent.
    """
    _tell_reports(
        {file.stem: _check(file, encoding, limit, price, epochs)}, None, price, options.json
    )


def _check(
    path: Path,
    encoding: str,
    limit: int | None,
    price: float | None,
    epochs: int | None,
    least: int = 10,
) -> "ChatReport":
    from medtune.hosted.chat_file import check_chat_lines

    return check_chat_lines(path, encoding, limit=limit, price=price, epochs=epochs, least=least)


OWN_FILES: dict[str, set[str]] = {
    "openai": {"train.jsonl", "validation.jsonl", "test.jsonl", "audit.json"},
    "parquet": {"train.parquet", "validation.parquet", "test.parquet", "audit.json"},
    "hub": {"data", "README.md", "audit.json"},
}


def _check_place(out: Path, to: str) -> None:
    """Nothing of the user's is overwritten: the directory is new, empty, or holds an earlier
    export only.
    """
    from medtune.errors import DataError
    from medtune.report.dataset_card import MADE_BY

    if out.exists() and not out.is_dir():
        raise DataError("is a file", where=f"--out {out}", fix="Name a directory.")
    others = sorted(path.name for path in out.glob("[!.]*") if path.name not in OWN_FILES[to])
    card = out / "README.md"
    if (
        to == "hub"
        and card.exists()
        and MADE_BY not in card.read_text(encoding="utf-8", errors="replace")
    ):
        others.append(card.name)
    if others:
        names = ", ".join(others[:3]) + (" …" if len(others) > 3 else "")
        raise DataError(
            f"the directory holds other files ({names})",
            where=f"--out {out}",
            fix="Name a new directory.",
        )


def _chat_files(
    splits: Path,
    out: Path,
    audit: "RunAudit",
    prompt: str | None,
    check_file: Callable[[Path, int], "ChatReport"],
) -> dict[str, "ChatReport"]:
    """The same lines that a hosted run uploads: every question in the recipe's ``prompt``."""
    from medtune.conversation import iter_conversations
    from medtune.hosted.chat_file import MIN_EXAMPLES, write_chat_lines
    from medtune.tokens.lengths import wrap_questions

    reports = {}
    for split, facts in audit.splits.items():
        path = out / f"{split}.jsonl"
        path.unlink(missing_ok=True)  # of an earlier export with another split
        if facts.rows:
            rows = chain.from_iterable(iter_conversations(splits / f"{split}.parquet"))
            write_chat_lines(
                path, (replace(row, messages=wrap_questions(row.messages, prompt)) for row in rows)
            )
            reports[split] = check_file(path, MIN_EXAMPLES if split == "train" else 1)
    return reports


def _parquet_files(splits: Path, out: Path, audit: "RunAudit") -> dict[str, int]:
    from medtune.files import whole_file

    for split in audit.splits:
        with whole_file(out / f"{split}.parquet") as temporary:
            shutil.copyfile(splits / f"{split}.parquet", temporary)
    return {split: facts.rows for split, facts in audit.splits.items()}


def _hub(splits: Path, out: Path, audit: "RunAudit", name: str) -> dict[str, int]:
    from medtune.report.dataset_card import write_hub_dataset

    return write_hub_dataset(out, splits, audit, name)


def _tell_reports(
    reports: dict[str, "ChatReport"], out: Path | None, price: float | None, json: bool
) -> None:
    """The reports for a person or a machine; exit code 2 where there are problems."""
    if json:
        values = {name: report.as_dict() for name, report in reports.items()}
        print_json(values if out else next(iter(values.values())))
    else:
        typer.echo(printable(report_table(reports)))
        name, first = next(iter(reports.items()))
        typer.echo(cost_line(name, first, price))
        for name, report in reports.items():
            typer.echo("".join(f"{name}, {problem}\n" for problem in report.problems), nl=False)
            unlisted = report.counts.total() - len(report.problems)
            typer.echo(f"{name}: {unlisted:,} more problems\n" if unlisted else "", nl=False)
        sound = not any(report.counts for report in reports.values())
        typer.echo(
            ("no problems found" if sound else "problems found")
            + (f"; {out.resolve()}" if out else "")
        )
    if any(report.counts for report in reports.values()):
        raise typer.Exit(2)


def report_table(reports: dict[str, "ChatReport"]) -> str:
    """Examples, tokens and problems, a line a file."""
    lines = [
        f"{'':<14}{'examples':>9}{'tokens':>13}{'median':>9}{'longest':>9}"
        f"{'learnt':>13}{'problems':>10}"
    ]
    for name, report in reports.items():
        t = report.tokens
        figures = (
            f"{t.total:>13,}{t.median:>9,.0f}{t.longest:>9,}{t.learnt:>13,}"
            if t
            else f"{'–':>13}{'–':>9}{'–':>9}{'–':>13}"
        )
        lines.append(f"{name[:13]:<14}{report.examples:>9,}{figures}{report.counts.total():>10,}")
    return "\n".join(lines)


def cost_line(name: str, report: "ChatReport", price: float | None) -> str:
    """What training on this file costs, as far as it is known."""
    if report.tokens is None:
        return "tokens and cost are not counted: pip install 'medtune[hosted]' brings the counter"
    billed = f"{report.tokens.billed:,} tokens of {name} × {report.epochs} passes"
    if report.cost is None or price is None:
        return f"cost: {billed} × the service's price (--price US dollars a million tokens)"
    return f"cost: {billed} × ${price:g} a million = ${report.cost:,.2f}"
