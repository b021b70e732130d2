"""`medtune ask`: one question, one answer; `medtune chat`: a shell with a model."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtune.cli.common import ModelName, Options, offers, print_json
from medtune.progress import printable

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
        help="0 is greedy (or beam search); above, sampled from --seed "
        "[default: as its recipe's chat.temperature].",
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
Question = Annotated[str, typer.Argument(metavar="QUESTION", help="What to ask.")]
NoHistory = Annotated[
    bool,
    typer.Option("--no-memory", help="Every question stands alone, as it always does with a T5."),
]
ENDS = ("exit", "quit")


@offers("question max_tokens temperature seed anyway json quiet verbose")
def ask(
    model: ModelName,
    question: Question,
    *,
    options: Options,
    max_tokens: Tokens = None,
    temperature: Temperature = None,
    seed: SeedOption = 0,
    anyway: Anyway = False,
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
    if urgent and not options.json:
        typer.echo(f"{urgent}\n")
    assistant = load(model, max_new_tokens=max_tokens, temperature=temperature, seed=seed)
    stream = None if options.json else _show
    answer = assistant.ask(question, on_text=stream, anyway=anyway)
    if options.json:
        print_json(_fields(answer))
    else:
        typer.echo("" if answer.finished else " […]")
    if answer.cut:
        print(answer.cut, file=sys.stderr)
    if options.json:
        return
    if answer.remark:
        typer.secho(f"\n{answer.remark}", dim=True, err=True)
    print(f"\n{answer.notice}", file=sys.stderr)


def _show(text: str) -> None:
    """A piece of an answer, on the terminal at once."""
    print(printable(text), end="", flush=True)


def _fields(answer: "Answer") -> dict[str, object]:
    """An answer for machines; what was not measured is null."""
    return {
        "answer": answer.text,
        "urgent": answer.urgent,
        "finished": answer.finished,
        "prompt_cut": answer.prompt_cut,
        "confidence": answer.confidence,
        "threshold": answer.threshold,
        "abstained": answer.abstained,
        "signal": answer.signal,
        "notice": answer.notice,
    }


def _reader() -> Callable[[str], str]:
    """How a line is read: with editing and the session's history on a terminal, plainly from a
    pipe.

    The history is kept in memory only: questions may be about patients.
    """
    if not sys.stdin.isatty():
        return input
    from prompt_toolkit import PromptSession

    session: PromptSession[str] = PromptSession()
    return session.prompt


def _questions(prompt: str) -> Iterator[str]:
    """What is typed, blank lines aside, until the input ends or one of `ENDS` is typed."""
    read = _reader()
    while True:
        try:
            question = read(prompt).strip()
        except (EOFError, KeyboardInterrupt):
            return
        if question.lower() in ENDS:
            return
        if question:
            yield question


@offers("no_memory max_tokens temperature seed anyway quiet verbose")
def chat(
    model: ModelName,
    *,
    options: Options,
    no_memory: NoHistory = False,
    max_tokens: Tokens = None,
    temperature: Temperature = None,
    seed: SeedOption = 0,
    anyway: Anyway = False,
) -> None:
    """Talk with a model; 'exit' or 'quit' ends it. Nothing that is said is written anywhere."""
    from medtune.assistant import load
    from medtune.conversation import Message
    from medtune.text.emergency import NOTICE, urgent_advice

    assistant = load(model, max_new_tokens=max_tokens, temperature=temperature, seed=seed)
    words = assistant.chat
    banner = printable(
        words.banner or f"medtune: talking with {Path(model).name}. Type 'exit' or 'quit' to end."
    )
    typer.echo(f"{banner}\n{NOTICE}\n")
    history: list[Message] = []
    for question in _questions(words.question):
        if urgent := urgent_advice(question):
            typer.echo(f"\n! {urgent}\n")
        typer.echo(words.answer, nl=False)
        try:
            answer = assistant.ask(
                question,
                history,
                on_text=_show,
                anyway=anyway,
            )
        except KeyboardInterrupt:
            typer.echo(" [stopped]\n")
            continue
        typer.echo("" if answer.finished else " […]")
        if answer.cut:
            print(answer.cut, file=sys.stderr)
        if answer.remark:
            typer.secho(answer.remark, dim=True)
        typer.echo("")
        # What was held back was not said, so nothing later may build on it.
        if assistant.remembers and not no_memory and not answer.abstained:
            history += [Message("user", question), Message("assistant", answer.text)]
    typer.echo("Goodbye.")
