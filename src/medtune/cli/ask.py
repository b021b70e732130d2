"""`medtune ask`: one question, one answer."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medtune.cli.common import Json, ModelName, Quiet, Verbose, print_json

if TYPE_CHECKING:
    from medtune.assistant import Answer

Tokens = Annotated[
    int | None, typer.Option("--max-tokens", min=1, help="Length of the answer at most.")
]
Temperature = Annotated[
    float | None,
    typer.Option(
        "--temperature",
        min=0,
        help="0 is greedy (or beam search); above, sampled from --seed [default: as its recipe's chat.temperature].",
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of sampling.")]
Anyway = Annotated[
    bool,
    typer.Option(
        "--anyway",
        help="Answer also below the confidence from which validation lets the model answer.",
    ),
]


def command(
    model: ModelName,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What to ask.")],
    max_tokens: Tokens = None,
    temperature: Temperature = None,
    seed: SeedOption = 0,
    anyway: Anyway = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Ask a model one question. Signs of an emergency are answered with the advice to seek help
    first.

    Where its run measured confidence, that is shown, and below the threshold set on validation the
    model abstains.
    """
    from medtune.assistant import load
    from medtune.errors import RecipeError
    from medtune.text.emergency import urgent_advice

    if not question.strip():
        raise RecipeError(
            "the question is empty", fix='Example: medtune ask runs/quickstart "What is anemia?"'
        )
    urgent = urgent_advice(question)
    if urgent and not json:
        typer.echo(f"{urgent}\n")
    assistant = load(model, max_new_tokens=max_tokens, temperature=temperature, seed=seed)
    stream = None if json else lambda text: print(text, end="", flush=True)
    answer = assistant.ask(question, on_text=stream, anyway=anyway)
    if json:
        print_json(_fields(answer))
        return
    typer.echo("" if answer.finished else " […]")
    if answer.remark:
        typer.secho(f"\n{answer.remark}", dim=True, err=True)
    print(f"\n{answer.notice}", file=sys.stderr)


def _fields(answer: "Answer") -> dict[str, Any]:
    """An answer for machines; what was not measured is null."""
    return {
        "answer": answer.text,
        "urgent": answer.urgent,
        "finished": answer.finished,
        "confidence": answer.confidence,
        "threshold": answer.threshold,
        "abstained": answer.abstained,
        "signal": answer.signal,
        "notice": answer.notice,
    }
