"""Losses as files: of one run as the published projects left them, and of several runs on one
axis.
"""

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from medtune.data.audit import read_audit
from medtune.evaluation.results import Result
from medtune.files import read_json, read_json_lines, whole_file, write_json
from medtune.recipe.yaml_core import load_yaml
from medtune.report.plots import BLUE, figure, plot_label, save, smoothed
from medtune.run_paths import RunPaths

# Eight colours that readers with any colour vision tell apart (Okabe and Ito 2008; black and yellow
# darkened for both papers).
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6B6E76", "#B5A800")
DASHES = ("-", "--", ":", "-.")


def write_loss_files(run: RunPaths, model: str | None = None) -> list[Path]:
    """`<model>_loss.csv` (Step,Loss), `<model>_loss.png` and `trainer_stats_<model>.json` in the
    run's train/ directory.

    ``model`` is by default the base's own name, such as ``Mistral-7B-Instruct-v0.2``. The figures
    are those of ``metrics.jsonl`` and ``trainer_stats.json``; a sample is a training row.
    """
    name = model or Path(read_json(run.state_file)["base"]["name"]).name
    rows = [
        (row["step"], row["loss"])
        for row in read_json_lines(run.train / "metrics.jsonl")
        if "loss" in row
    ]
    table, picture, facts = (
        run.train / file
        for file in (f"{name}_loss.csv", f"{name}_loss.png", f"trainer_stats_{name}.json")
    )
    with (
        whole_file(table) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as handle,
    ):
        writer = csv.writer(handle)
        writer.writerow(["Step", "Loss"])
        writer.writerows(rows)
    with figure() as (drawing, axes):
        if rows:
            axes.plot(*zip(*rows, strict=True), color=BLUE, linewidth=1.2)
        axes.set(
            xlabel="optimizer step",
            ylabel="training loss a token (nats)",
            title=plot_label(name, 60),
        )
        with whole_file(picture) as temporary:
            drawing.savefig(temporary, format="png", dpi=160, facecolor="white")
    write_json(facts, _trainer_stats(run))
    return [table, picture, facts]


def _trainer_stats(run: RunPaths) -> dict[str, float | None]:
    """The keys that transformers' Trainer prints at its end.

    Null where a hosted service does not say.
    """
    stats, recipe = (
        read_json(run.train / "trainer_stats.json"),
        load_yaml(run.recipe.read_text(encoding="utf-8")),
    )
    audit = read_audit(run.data / "audit.json")
    rows = audit.splits["train"].rows - audit.tokens.overlong_dropped
    size = recipe["train"]["batch_size"] * recipe["train"]["gradient_accumulation"]
    # Each epoch ends with what is left of the rows, so a step takes fewer rows than `size` on
    # average.
    epoch = stats.get("epochs") or stats["steps"] / math.ceil(rows / size)
    seconds = stats["train_runtime"]
    return {
        "train_runtime": seconds,
        "train_samples_per_second": epoch * rows / seconds if seconds else None,
        "train_steps_per_second": stats["train_steps_per_second"],
        "total_flos": stats.get("total_flos"),
        "train_loss": stats["train_loss"],
        "steps": stats["steps"],
        "epoch": epoch,
    }


class LossCurve(Result):
    """Losses of a training: ``loss`` and ``validation`` are (step, nats a token) pairs.

    ``tokens_per_byte`` is of the validation targets; None: not known. ``tokenizer`` names it.
    """

    name: str
    tokenizer: str
    loss_on: str = ""
    loss: list[tuple[int, float]]
    validation: list[tuple[int, float]]
    tokens_per_byte: float | None


def bits_a_byte(curve: LossCurve) -> list[tuple[int, float]]:
    """(step, validation loss in bits a byte): nats a token × tokens a byte / ln 2."""
    scale = (curve.tokens_per_byte or 0.0) / math.log(2)
    return [(step, loss * scale) for step, loss in curve.validation]


def all_models_plot(curves: Sequence[LossCurve], directory: Path) -> str:
    """`all_models.png` and `.svg`: training losses a token over steps.

    Beside them validation in bits a byte: bytes compare between tokenizers, tokens do not.
    """
    by_byte = [curve for curve in curves if curve.validation and curve.tokens_per_byte]
    height = 3.8 + 0.22 * math.ceil(len(curves) / 2)
    with figure((9.6 if by_byte else 7.2, height)) as (drawing, axes):
        right = None
        if by_byte:
            axes.remove()
            axes, right = drawing.subplots(1, 2)
        for number, curve in enumerate(curves):
            style = {
                "color": COLORS[number % len(COLORS)],
                "linestyle": DASHES[number // len(COLORS) % len(DASHES)],
            }
            steps, losses = zip(*curve.loss, strict=True) if curve.loss else ((), ())
            many = len(losses) > 30
            if many:
                axes.plot(steps, losses, **style, alpha=0.2, linewidth=0.8)
            axes.plot(
                steps,
                smoothed(losses) if many else losses,
                **style,
                linewidth=1.8,
                label=plot_label(curve.name, 60),
            )
            if right is not None and curve in by_byte:
                right.plot(
                    *zip(*bits_a_byte(curve), strict=True),
                    **style,
                    marker="o",
                    markersize=3.5,
                    linewidth=1.8,
                )
        mixed = len({curve.tokenizer for curve in curves}) > 1
        left_title = "Training loss a token" + (" (tokens differ: not to compare)" if mixed else "")
        axes.set(xlabel="optimizer step", ylabel="nats a token", title=left_title)
        if right is not None:
            right.set(xlabel="optimizer step", ylabel="bits a byte", title="Validation loss a byte")
        for side in (axes, right) if right is not None else (axes,):
            side.title.set_size(10)
        drawing.legend(loc="outside lower center", ncols=2, fontsize=9)
        return save(drawing, directory, "all_models")
