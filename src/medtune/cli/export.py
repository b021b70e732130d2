"""`medtune export`: a run's model for others, verified, and on request uploaded."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtune.cli.common import Options, offers, print_json

if TYPE_CHECKING:
    from medtune.report.cards import ExportFacts


class Form(StrEnum):
    """What an export holds: adapter or merged weights."""

    adapter = "adapter"
    merged = "merged"
    four_bits = "merged-4bit"
    gguf = "gguf"


class Dtype(StrEnum):
    """Number format of merged weights."""

    float32 = "float32"
    float16 = "float16"
    bfloat16 = "bfloat16"
    q8_0 = "q8_0"


RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A finished run's directory.")]
To = Annotated[
    Path, typer.Option("--to", metavar="DIR", help="A new directory, or one of an earlier export.")
]
FormOption = Annotated[
    Form,
    typer.Option("--form", help="The adapter alone, or one model with it merged in; gguf: a file."),
]
DtypeOption = Annotated[
    Dtype | None,
    typer.Option(
        "--dtype", help="Of the merged weights [default: bfloat16]; gguf: float16 or q8_0."
    ),
]
Push = Annotated[
    str | None,
    typer.Option("--push", metavar="NAME", help="Also upload to the hub, as OWNER/NAME."),
]
Public = Annotated[
    bool, typer.Option("--public", help="With --push: for everybody to see [default: private].")
]
STAGES = {
    "merge": "merged in float32",
    "merge_in_float64": "merged, all in float64",
    "rounding": "rounded to {dtype}, read back",
    "four_bits": "quantized to NF4, read back",
}


@offers("to form dtype push public yes json quiet verbose")
def export(
    run: RunPath,
    *,
    options: Options,
    to: To,
    form: FormOption,
    dtype: DtypeOption = None,
    push: Push = None,
    public: Public = False,
) -> None:
    """Write a run's model with tokenizer, chat template, settings and card, compared with the
    run's on its test questions.

    A difference above 1e-4 in a logit between merged and base + adapter (float32) is refused. A
    GGUF file (Llama family) is read back: tokens, weights, logits and answers are compared.
    Nothing is uploaded without --push.
    """
    from medtune.runs import export as exporting

    _check_push(push, public, options.yes)
    facts = exporting.export(run, to, form.value, dtype and dtype.value)
    if not options.json:
        typer.echo(export_text(facts))
    if push and _agreed(push, public, options.yes, facts):
        facts = facts.model_copy(update={"address": exporting.push(to, push, public=public)})
        if not options.json:
            typer.echo(f"Uploaded: {facts.address}")
    if options.json:
        print_json(facts.as_json())


def _check_push(push: str | None, public: bool, yes: bool) -> None:
    """What would stop an upload is said before the work."""
    import os
    import sys

    from medtune.errors import RecipeError

    if public and not push:
        raise RecipeError(
            "--public says how to upload, and nothing is uploaded", fix="Add --push OWNER/NAME."
        )
    if push and os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        raise RecipeError(
            "the hub is switched off (HF_HUB_OFFLINE)",
            where=f"--push {push}",
            fix="Leave out --push.",
        )
    if push and not yes and not sys.stdin.isatty():
        raise RecipeError(
            "an upload needs a yes",
            where=f"--push {push}",
            fix="Add --yes, or run it in a terminal.",
        )


def _agreed(push: str, public: bool, yes: bool, facts: "ExportFacts") -> bool:
    if yes:
        return True
    size = f"{len(facts.files)} files, {facts.bytes / 1e6:,.1f} MB"
    visible = "for everybody to see" if public else "private"
    if typer.confirm(f"Upload {size} to the hub as {push} ({visible})?", err=True):
        return True
    typer.echo("Not uploaded.", err=True)
    return False


def export_text(facts: "ExportFacts") -> str:
    """What was written, and how near it is, a line a stage."""
    lines = []
    if facts.merge:
        lines = [
            f"Against the run's own model in float32, {facts.questions} test questions, "
            f"{facts.merge.tokens} tokens:",
            f"{'':<32}{'largest logit':>14}{'KL, nats':>12}{'same best':>12}",
        ]
        for stage, gap in facts.agreements.items():
            title = STAGES[stage].format(dtype=facts.dtype)
            lines.append(f"{title:<32}{gap.largest:>14.2e}{gap.kl:>12.2e}{gap.same_best:>12.1%}")
        lines.append(
            f"The merge is exact to {facts.bound:.2g}; what is below it is the cost of fewer bits."
        )
    if facts.texts:
        from medtune.report.cards import read_back

        lines.append(read_back(facts))
    size = f"{facts.bytes / 1e6:,.1f} MB in {len(facts.files)} files"
    return "\n".join([*lines, f"Exported ({facts.form}, {size}): {facts.directory}"])
