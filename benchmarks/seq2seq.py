"""Training of an encoder-decoder: medtune against transformers' Seq2SeqTrainer with padding, on
the same rows.

    python benchmarks/seq2seq.py [--source curated|medquad] [--data-dir DIR] [--rounds 3] [--steps
    8] [--quick] [--json]

A model of Flan-T5-small's shape with random weights, batch 8, one forward pass a step. The rows are
real; they are tokenized with the packaged model's tokenizer, so that nothing has to be fetched.
Every contestant runs in a process of its own; rounds are interleaved, since the machine may be
shared, and figures are medians over the steps of all rounds.

Speed, with dropout as published (0.1): real tokens (source and target, padding not counted) a
second of optimizer steps, after two steps of warm-up, by the clock and by the processor's time,
which is steadier on a shared machine; peak memory of the process. Curve, without dropout, in
float32: the largest relative difference of the loss, step by step, on the same rows in the same
order.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WARM_UP, BATCH, LIMIT = 2, 8, 512
CONTESTANTS = {
    "medtune": "medtune, its defaults here",
    "medtune-float32": "medtune, float32",
    "trainer": "Seq2SeqTrainer, its defaults (float32, dynamic padding)",
    "trainer-bf16": "Seq2SeqTrainer, bf16 autocast",
}
Course = tuple[list[float], list[tuple[float, float]]]
SHAPE = {
    "d_model": 512,
    "d_kv": 64,
    "d_ff": 1024,
    "num_layers": 8,
    "num_heads": 6,
    "vocab_size": 32128,
}
QUICK = {
    "d_model": 64,
    "d_kv": 16,
    "d_ff": 128,
    "num_layers": 2,
    "num_heads": 4,
    "vocab_size": 8192,
}


def pairs(source: str, data_dir: Path | None, count: int) -> tuple[list[Any], Any]:
    """The first ``count`` training rows as pairs of ids, and the tokenizer."""
    from medtune.data.prepare import prepare
    from medtune.models.load import load_tokenizer, locate
    from medtune.recipe.schema import Data
    from medtune.tokens.chat_templates import SEQ2SEQ
    from medtune.tokens.encode_pairs import PairEncoder

    tokenizer = load_tokenizer(locate("medtune-base"))
    tokenizer.chat_template = SEQ2SEQ
    encoder = PairEncoder(tokenizer, LIMIT, LIMIT)
    with tempfile.TemporaryDirectory() as directory:
        result = prepare(
            Data.model_validate({"source": source, "limit": 2000}), 0, [], data_dir, Path(directory)
        )
        return [encoder.encode(row) for row in result.splits["train"][:count]], tokenizer


def model_of(shape: dict[str, int], tokenizer: Any, dropout: float) -> Any:
    """Random weights from a seed."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(0)
    config = T5Config(
        **shape,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        dropout_rate=dropout,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
    )
    model = T5ForConditionalGeneration(config)
    # A head of its own, as Flan-T5's files hold, at a scale where logits are about as large as a
    # trained model's.
    head = torch.randn(config.vocab_size, config.d_model) * config.d_model**-0.5
    model.lm_head.weight = torch.nn.Parameter(head)
    return model


def ours(name: str, work: dict[str, Any], model: Any, rows: list[Any], directory: Path) -> Course:
    """Losses, and the time by the clock and of the processor at the end of each step."""
    from medtune.models.precision import compute_dtype
    from medtune.recipe.schema import Train
    from medtune.training.objectives import Seq2SeqObjective
    from medtune.training.trainer import SupervisedTrainer, rows_of_step

    model = model.to(compute_dtype("float32" if name.endswith("float32") else "auto"))
    settings = Train(
        method="full",
        epochs=1,
        learning_rate=1e-4,
        betas=(0.9, 0.999),
        warmup=0,
        batch_size=BATCH,
        gradient_accumulation=1,
        validate_every=10**6,
    )
    # The trainer draws its own order; so that both see the given one, rows are put where it will
    # look for them.
    placed: list[Any] = [None] * len(rows)
    order = [
        directory
        for step in range(work["steps"])
        for directory in rows_of_step(step, len(rows), settings, 0)
    ]
    for row, target in zip(rows, order, strict=True):
        placed[target] = row
    trainer = SupervisedTrainer(
        model, settings, 0, placed, [], directory, "f", objective=Seq2SeqObjective()
    )
    model.train()
    losses, times = [], []
    for _ in range(work["steps"]):
        losses.append(trainer.step().loss)
        times.append((time.perf_counter(), time.process_time()))
    return losses, times


def theirs(
    name: str, work: dict[str, Any], model: Any, rows: list[Any], tokenizer: Any, directory: Path
) -> Course:
    """The same by transformers' trainer."""
    from transformers import (
        DataCollatorForSeq2Seq,
        Seq2SeqTrainer,
        Seq2SeqTrainingArguments,
        TrainerCallback,
    )

    losses: list[float] = []
    times: list[tuple[float, float]] = []

    class Watch(TrainerCallback):
        def on_log(
            self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any
        ) -> None:
            if "loss" in logs:
                losses.append(float(logs["loss"]))

        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            times.append((time.perf_counter(), time.process_time()))

    arguments = Seq2SeqTrainingArguments(
        output_dir=str(directory),
        per_device_train_batch_size=BATCH,
        num_train_epochs=1,
        learning_rate=1e-4,
        bf16=name.endswith("bf16"),
        train_sampling_strategy="sequential",
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=work["cpu"],
    )
    data = [{"input_ids": row.source.tolist(), "labels": row.target.tolist()} for row in rows]
    collate = DataCollatorForSeq2Seq(tokenizer, model=model)
    Seq2SeqTrainer(
        model=model,
        args=arguments,
        train_dataset=data,
        data_collator=collate,
        callbacks=[Watch()],
        processing_class=tokenizer,
    ).train()
    return losses, times


def contest(work: dict[str, Any]) -> dict[str, Any]:
    """One contestant, in this process: losses, seconds of the timed steps, their real tokens,
    peak memory.
    """
    import torch

    from medtune.training.memory_estimate import peak_memory_bytes

    rows, tokenizer = pairs(
        work["source"], work["data_dir"] and Path(work["data_dir"]), BATCH * work["steps"]
    )
    work |= {"steps": len(rows) // BATCH, "cpu": not torch.cuda.is_available()}
    rows = rows[: BATCH * work["steps"]]
    model = model_of(QUICK if work["quick"] else SHAPE, tokenizer, work["dropout"])
    model = model if work["cpu"] else model.to("cuda")
    name = work["name"]
    with tempfile.TemporaryDirectory() as directory:
        if name.startswith("medtune"):
            losses, times = ours(name, work, model, rows, Path(directory))
        else:
            losses, times = theirs(name, work, model, rows, tokenizer, Path(directory))
    speeds: dict[str, list[float]] = {"tokens_per_second": [], "tokens_per_cpu_second": []}
    for step in range(WARM_UP, len(times)):
        tokens = sum(row.tokens for row in rows[step * BATCH : (step + 1) * BATCH])
        for unit, before, after in zip(speeds, times[step - 1], times[step], strict=True):
            speeds[unit].append(tokens / (after - before))
    return {"losses": losses, "peak_memory_bytes": peak_memory_bytes(), **speeds}


def apart(work: dict[str, Any]) -> dict[str, Any]:
    """One contestant in a process of its own."""
    command = [sys.executable, __file__, "--contest", json.dumps(work)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{work['name']} failed:\n{done.stderr[-2000:]}")
    actual: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return actual


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """All contestants, round by round, and the curve."""
    work = {"source": arguments.source, "data_dir": arguments.data_dir, "quick": arguments.quick}
    rounds = []
    for number in range(arguments.rounds):
        print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
        timed = work | {"steps": arguments.steps + WARM_UP, "dropout": 0.1}
        rounds.append({name: apart(timed | {"name": name}) for name in CONTESTANTS})
    curve = work | {"steps": arguments.steps + WARM_UP, "dropout": 0.0}
    left, right = (
        apart(curve | {"name": name})["losses"] for name in ("medtune-float32", "trainer")
    )
    table = {name: figures(name, rounds) for name in CONTESTANTS}
    difference = max(abs(a - b) / abs(b) for a, b in zip(left, right, strict=True))
    return {
        "contestants": table,
        "curve_difference": difference,
        "curve": {"medtune": left, "trainer": right},
    }


def figures(name: str, rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the timed steps of all rounds, and what they are of the trainer's."""
    actual: dict[str, Any] = {
        "peak_memory_bytes": max(r[name]["peak_memory_bytes"] for r in rounds)
    }
    for unit in ("tokens_per_second", "tokens_per_cpu_second"):
        own, other = (
            statistics.median(v for r in rounds for v in r[who][unit]) for who in (name, "trainer")
        )
        actual |= {unit: own, f"{unit}_against_trainer": own / other}
    return actual


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", default="curated")
    parser.add_argument("--data-dir")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument(
        "--quick", action="store_true", help="a tiny model, one round: for a look, not for figures"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--contest", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contest:
        print(json.dumps(contest(json.loads(arguments.contest))))
        return
    if arguments.quick:
        arguments.rounds, arguments.steps = 1, 4
    actual = measure(arguments)
    if arguments.json:
        print(json.dumps(actual, indent=1))
        return
    print(
        "| contestant | real tokens/s | × Seq2SeqTrainer "
        "| tokens per CPU second | × | peak memory |"
    )
    print("|---|---|---|---|---|---|")
    for name, row in actual["contestants"].items():
        speeds = " | ".join(
            f"{row[unit]:.0f} | {row[f'{unit}_against_trainer']:.2f}"
            for unit in ("tokens_per_second", "tokens_per_cpu_second")
        )
        print(f"| {CONTESTANTS[name]} | {speeds} | {row['peak_memory_bytes'] / 2**30:.2f} GiB |")
    print(
        "\nloss curve, float32, no dropout: largest relative difference "
        f"{actual['curve_difference']:.1e}"
    )


if __name__ == "__main__":
    main()
