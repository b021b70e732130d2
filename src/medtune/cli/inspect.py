"""`medtune inspect`: what the model will see."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtune.cli.common import Options, RecipeName, offers, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from medtune.conversation import Conversation
    from medtune.data.audit import TokenLengths
    from medtune.runs.plan import Plan
    from medtune.tokens.encode import Encoder
    from medtune.tokens.encode_pairs import PairEncoder
    from medtune.tokens.token_view import State, TokenView

Rows = Annotated[int, typer.Option("--rows", min=1, help="Rows to show.")]
RowId = Annotated[
    str | None,
    typer.Option("--id", metavar="ID", help="Show the row of this id, of whichever split."),
]
SplitName = Annotated[
    str | None,
    typer.Option("--split", metavar="NAME", help="train, validation or test [default: train]."),
]
TokenizerName = Annotated[
    str | None,
    typer.Option(
        "--tokenizer",
        metavar="NAME",
        help="Another tokenizer than the model's: a directory, a model, a hub name.",
    ),
]
WORDS: tuple[tuple["State", str], ...] = (
    ("supervised", "learnt"),
    ("context", "context"),
    ("cut", "cut"),
)
TOKENIZER_FILES = ["*.json", "*.jinja", "*.txt", "*.model"]
STYLES = {"supervised": "green", "context": "dim", "cut": "red strike"}
FATES = {"truncate": "cut", "drop": "left out", "error": "too long"}


@offers("rows id split tokenizer overrides seed data_dir json quiet verbose")
def inspect(
    recipe: RecipeName,
    *,
    options: Options,
    rows: Rows = 2,
    id: RowId = None,
    split: SplitName = None,
    tokenizer: TokenizerName = None,
) -> None:
    """Rows as tokens: what is learnt (green), what is context (dim), what is cut (red); and how
    long the rows are.
    """
    from medtune.data.text_loss import loss_sentences
    from medtune.runs.plan import Plan
    from medtune.runs.preparation import prepared_data, text_loss

    _check_split(split)
    settings = options.run_recipe(recipe)
    plan = Plan.make(settings, options.existing_data_dir())
    encoder = _encoder(plan, tokenizer)
    with prepared_data(plan, options.run_directory(settings.name, recipe)) as (audit, splits):
        shown, chosen = _rows(splits, list(audit.splits), split, id, rows)
        views = [encoder.view(conversation) for conversation in chosen]
        lengths, loss = audit.tokens.splits[shown], audit.text_loss
        if tokenizer:
            loss = text_loss(encoder.template.control, splits, [shown])
            line = None if plan.is_seq2seq else encoder.max_length
            lengths = _measured(encoder, splits / f"{shown}.parquet", line)
    # Only training rows are left out or refused for their length.
    overlong = settings.data.overlong if shown == "train" else "truncate"
    if options.json:
        limits = {"split": shown, "limit": encoder.max_length, "overlong": overlong}
        print_json(
            {
                "rows": [view.as_dict() for view in views],
                "lengths": limits | lengths.model_dump(mode="json"),
                "text_loss": loss[shown].model_dump(mode="json") if shown in loss else None,
            }
        )
    else:
        _print(views, lengths, shown, FATES[overlong])
        for sentence in loss_sentences({name: loss[name] for name in loss if name == shown}):
            typer.echo(f"the tokenizer: {sentence}")
        if plan.is_seq2seq:
            typer.echo(
                f"limits: {plan.max_length:,} tokens of the question, "
                f"{plan.max_target_length:,} of the answer; what is above is {FATES[overlong]}"
            )


def _check_split(split: str | None) -> None:
    from medtune.data.splits import SPLITS
    from medtune.errors import RecipeError

    if split is not None and split not in SPLITS:
        raise RecipeError(
            f"no such split: {split}", where="--split", fix=f"Name one of {', '.join(SPLITS)}."
        )


def _encoder(plan: "Plan", name: str | None) -> "Encoder | PairEncoder":
    from medtune.tokens.chat_templates import load_tokenizer_only
    from medtune.tokens.render import ChatTemplate

    if name is None:
        return plan.encoder()
    model, seq2seq = plan.recipe.model, plan.is_seq2seq
    location = tokenizer_location(name)
    tokenizer = load_tokenizer_only(location, model.chat_template, model.prompt, seq2seq=seq2seq)
    if not seq2seq:
        ChatTemplate(tokenizer).settle_end(name)
    return plan.encoder(tokenizer)


def tokenizer_location(name: str) -> str:
    """Where the tokenizer of a packaged model or a run lies; a path as it is; of a hub name the
    directory in the hub's cache, since transformers would ask a dead line for a minute.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    from medtune.errors import ModelError
    from medtune.models.load import locate
    from medtune.models.model_names import needs_no_hub

    if needs_no_hub(name) or (Path(name) / "run.json").exists():
        return str(locate(name).tokenizer)
    if Path(name).exists() or name.startswith((".", "/", "~")) or name.count("/") > 1:
        return name
    try:
        return str(snapshot_download(name, allow_patterns=TOKENIZER_FILES))
    except (HFValidationError, HfHubHTTPError, OSError) as error:
        raise ModelError(
            f"{name} is no directory, not in the hub's cache, and the hub does not give it",
            where="--tokenizer",
            fix="Name a directory of tokenizer files, a model or a run, "
            "or fetch it where there is a network.",
        ) from error


def stream(path: Path) -> "Iterator[Conversation]":
    """The conversations of one split, a batch of rows in memory at a time."""
    from medtune.conversation import iter_conversations

    return chain.from_iterable(iter_conversations(path))


def _rows(
    directory: Path, splits: list[str], split: str | None, row_id: str | None, count: int
) -> "tuple[str, list[Conversation]]":
    """The split that is shown and its first rows, or the one row of this id."""
    if row_id is None:
        shown = split or "train"
        return shown, list(islice(stream(directory / f"{shown}.parquet"), count))
    return _by_id(directory, [split] if split else splits, row_id)


def _by_id(directory: Path, splits: list[str], row_id: str) -> "tuple[str, list[Conversation]]":
    from difflib import get_close_matches

    from medtune.errors import DataError

    ids = []
    for split in splits:
        for row in stream(directory / f"{split}.parquet"):
            if row.id == row_id:
                return split, [row]
            ids.append(row.id)
    near = get_close_matches(row_id, ids, n=3)
    fix = (
        f"Did you mean {' or '.join(near)}?"
        if near
        else f"Ids look like {ids[0]}."
        if ids
        else "There are no rows."
    )
    raise DataError(f"no row {row_id} in {', '.join(splits)}", where="--id", fix=fix)


def _measured(encoder: "Encoder | PairEncoder", path: Path, limit: int | None) -> "TokenLengths":
    from medtune.tokens.lengths import LengthTally, length_summary

    tally = LengthTally(encoder, "truncate")
    tally.add(stream(path))
    return length_summary(tally.lengths(), limit)


def _print(views: "list[TokenView]", lengths: "TokenLengths", split: str, fate: str) -> None:
    from rich.console import Console

    from medtune.tokens.token_view import LEGEND, histogram_lines, plain_text

    console = Console(highlight=False, markup=False)
    coloured = console.is_terminal and not console.no_color
    for view in views:
        counts = ", ".join(
            f"{view.count(state)} {word}"
            for state, word in WORDS
            if state != "cut" or view.count(state)
        )
        console.print(
            f"{view.id}: {len(view.pieces) + view.omitted:,} tokens: {counts}",
            style="bold" if coloured else None,
        )
        if view.omitted:
            console.print(f"{view.omitted:,} cut tokens in the middle of long texts: not shown")
        if coloured:
            _print_coloured(console, view)
        else:
            console.print(plain_text(view))
        console.print()
    if not coloured:
        console.print(LEGEND + "\n")
    console.print(f"tokens a row, {split}:")
    for line in histogram_lines(lengths.histogram, fate):
        console.print(
            line,
            no_wrap=True,
            crop=False,
            style="red" if coloured and line.startswith("┄") else None,
        )
    console.print(
        f"median {lengths.median:,.0f}, 95 % {lengths.p95:,.0f}, longest {lengths.max:,}; "
        f"learnt: {lengths.supervised_share:.0%} of the tokens"
    )


def _print_coloured(console: "Console", view: "TokenView") -> None:
    from rich.text import Text

    from medtune.tokens.token_view import BOUNDARY, REST, visible

    line = Text()
    for number, piece in enumerate(view.pieces):
        line.append(BOUNDARY if number else "", "bright_black")
        line.append(visible(piece.unseen), "bright_black italic")
        line.append(
            visible(piece.text) or REST, STYLES[piece.state] + (" reverse" if piece.special else "")
        )
    console.print(line)
