"""`medtune inspect`: what the model will see."""

from typing import Annotated

import typer

from medtune.cli.options import DataDir, Json, Quiet, RecipeName, Seed, Set, Verbose, existing_data_dir
from medtune.cli.output import print_json

Rows = Annotated[int, typer.Option("--rows", min=1, help="Training rows to show.")]


def command(
    recipe: RecipeName,
    rows: Rows = 2,
    set_: Set = None,
    seed: Seed = None,
    data_dir: DataDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Training rows as tokens: what is learnt (green), what is context (dim), and how much is cut."""
    from rich.console import Console
    from rich.text import Text

    from medtune.recipe.reading import read_run_recipe
    from medtune.runs.plan import Plan
    from medtune.runs.stages import prepare_splits

    plan = Plan.make(read_run_recipe(recipe, set_ or [], seed), existing_data_dir(data_dir))
    prepared = prepare_splits(plan)
    encoder = plan.encoder()
    shown = [encoder.encode(c) for c in prepared.splits["train"][:rows]]
    pieces = [
        [(encoder.tokenizer.decode([i]), bool(s)) for i, s in zip(row.ids, row.supervised, strict=True)]
        for row in shown
    ]
    if json:
        print_json([{"id": r.id, "tokens": p, "cut": r.cut} for r, p in zip(shown, pieces, strict=True)])
        return
    console = Console()
    for row, tokens in zip(shown, pieces, strict=True):
        console.print(
            f"{row.id}: {len(row.ids)} tokens, {int(row.supervised.sum())} learnt, {row.cut} cut", highlight=False
        )
        line = Text()
        for text, learnt in tokens:
            # Without colour, what is learnt stands between brackets.
            line.append(
                text if not console.no_color and console.is_terminal else f"⟦{text}⟧" if learnt else text,
                "green" if learnt else "dim",
            )
        console.print(line)
    facts = prepared.audit["tokens"]["splits"]["train"]
    console.print(
        f"\nmedian {facts['median']:.0f}, 95 % {facts['p95']:.0f}, longest {facts['max']:,} tokens; learnt: {facts['supervised_share']:.0%}",
        highlight=False,
    )
