"""`medtune chat`: a shell with a model."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from medtune.cli.ask import Anyway, SeedOption, Temperature, Tokens
from medtune.cli.common import ModelName, Quiet, Verbose

ENDS = ("exit", "quit")
NoHistory = Annotated[
    bool,
    typer.Option("--no-memory", help="Every question stands alone, as it always does with a T5."),
]


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


def command(
    model: ModelName,
    no_memory: NoHistory = False,
    max_tokens: Tokens = None,
    temperature: Temperature = None,
    seed: SeedOption = 0,
    anyway: Anyway = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Talk with a model; 'exit' or 'quit' ends it. Nothing that is said is written anywhere."""
    from medtune.assistant import load
    from medtune.conversation import Message
    from medtune.text.emergency import NOTICE, urgent_advice

    assistant = load(model, max_new_tokens=max_tokens, temperature=temperature, seed=seed)
    words = assistant.chat
    banner = (
        words.banner or f"medtune: talking with {Path(model).name}. Type 'exit' or 'quit' to end."
    )
    typer.echo(f"{banner}\n{NOTICE}\n")
    read = _reader()
    history: list[Message] = []
    while True:
        try:
            question = read(words.question).strip()
        except (EOFError, KeyboardInterrupt):
            break
        if question.lower() in ENDS:
            break
        if not question:
            continue
        urgent = urgent_advice(question)
        if urgent:
            typer.echo(f"\n! {urgent}\n")
        typer.echo(words.answer, nl=False)
        try:
            answer = assistant.ask(
                question,
                history,
                on_text=lambda text: print(text, end="", flush=True),
                anyway=anyway,
            )
        except KeyboardInterrupt:
            typer.echo(" [stopped]\n")
            continue
        typer.echo("" if answer.finished else " […]")
        if answer.remark:
            typer.secho(answer.remark, dim=True)
        typer.echo("")
        # What was held back was not said, so nothing later may build on it.
        if assistant.remembers and not no_memory and not answer.abstained:
            history += [Message("user", question), Message("assistant", answer.text)]
    typer.echo("Goodbye.")
