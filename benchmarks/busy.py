"""How fast medtune works beside other busy processes, and on an idle machine: training, measuring,
answering and pre-training.

    python benchmarks/busy.py [--model NAME] [--seconds 2] [--rounds 3] [--neighbours 2]
        [--spins COUNT …] [--threads COUNT …] [--quick] [--json]

Each configuration is a process of its own, loaded once; then they take turns, work by work, first
with the neighbours (loops that this program starts, and stops in between) and then without them,
so that what else runs on the machine hits all alike. `torch` is what medtune was before: as many
threads as there are cores, waiting as libgomp waits by itself. `medtune, busy` and `medtune, idle`
are what medtune sets (medtune/cpu_threads.py) where it is started beside the neighbours, or without
them; both are measured in both cases, for a load may begin and end. --spins and --threads add
configurations with other settings.

A rate is tokens a second of wall time, the median of the rounds. The ratios are the busy rate over
the busy one of `torch`, the busy rate over the idle one of `torch`, and the idle rate over that.
The load is what other processes used of the cores while this program waited at its start; where it
is not near 0, the columns "idle" are not what they are called.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

WORKS = ("training", "measuring", "answering", "pretraining")
NEIGHBOUR = "while True: pass"
Work = Callable[[], int]  # does a piece of work and returns the tokens of it


def training(model: str, scratch: Path) -> Work:
    """LoRA of rank 8 on every linear layer: a step over four rows of 64 tokens."""
    import numpy as np
    import torch

    from medtune.models.adapters import add_lora
    from medtune.models.load import load_weights, locate
    from medtune.models.packed_attention import PACKED_ATTENTION, register_packed_attention
    from medtune.models.precision import compute_dtype
    from medtune.recipe.schema import Lora, Train
    from medtune.tokens.encode import Encoded
    from medtune.training.trainer import SupervisedTrainer

    register_packed_attention()
    loaded = load_weights(locate(model), compute_dtype("auto"), PACKED_ATTENTION)
    loaded = add_lora(loaded, Lora(r=8), 0)
    ids = np.random.default_rng(0).integers(5, 4000, size=(64, 64))
    rows = [Encoded(str(n), row, np.arange(64) >= 24) for n, row in enumerate(ids)]
    settings = Train(batch_size=4, gradient_accumulation=1, epochs=1000)
    trainer = SupervisedTrainer(loaded, settings, 0, rows, [], scratch, "busy")
    loaded.train()
    torch.manual_seed(0)

    def step() -> int:
        before = trainer.state.tokens
        trainer.step()
        return trainer.state.tokens - before

    return step


QUESTIONS = [f"What are the symptoms of {name}?" for name in ("anemia", "gout", "asthma", "flu")]


def measuring(model: str, scratch: Path) -> Work:
    """The likelihoods of four answers of about fifty tokens after a question."""
    causal = _loaded(model)
    answer = "Common symptoms are tiredness, pale skin and shortness of breath on exertion. " * 3
    pairs = [(_asked(question), answer) for question in QUESTIONS]

    def measure() -> int:
        return sum(likelihood.tokens for likelihood in causal.loglikelihoods(pairs))

    return measure


def answering(model: str, scratch: Path) -> Work:
    """Four greedy answers of at most sixteen tokens, written together."""
    from medtune.models.interface import DecodingSettings

    causal = _loaded(model)
    prompts = [_asked(question) for question in QUESTIONS]

    def answer() -> int:
        return sum(one.tokens for one in causal.generate(prompts, DecodingSettings(16)))

    return answer


def _loaded(model: str) -> Any:
    from medtune.models.causal import CausalModel
    from medtune.models.load import locate
    from medtune.models.precision import compute_dtype

    return CausalModel.load(locate(model), compute_dtype("auto"), batch_size=4)


def _asked(question: str) -> tuple[Any, ...]:
    from medtune.conversation import Message

    return (Message("user", question),)


def pretraining(model: str, scratch: Path) -> Work:
    """A step over 1,024 tokens of a model of medtune-base's shape; ``model`` plays no part."""
    from medtune.recipe.read import parse_recipe
    from medtune.recipe.schema import PretrainRecipe
    from medtune.training.corpus import tokenize_corpus
    from medtune.training.pretraining import Pretrainer, new_model

    corpus = scratch / "corpus.txt"
    lines = [f"Case {n}: {QUESTIONS[n % 4]} The answer is {n * n} mg a day." for n in range(4000)]
    corpus.write_text("\n\n".join(lines))
    recipe = parse_recipe(
        {
            "name": "busy",
            "kind": "pretrain",
            "corpus": {"source": str(corpus)},
            "model": {"vocabulary": 1024},
            "train": {"batch_tokens": 1024, "epochs": 1000},
        }
    )
    assert isinstance(recipe, PretrainRecipe)
    tokens, tokenizer = tokenize_corpus(recipe, corpus, scratch, None)
    special = {
        f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")
    }
    trainer = Pretrainer(recipe, new_model(recipe, len(tokenizer), special), tokens, scratch)

    def step() -> int:
        trainer.step()
        return trainer.units_per_step

    return step


def serve_work(works: list[str], model: str) -> None:
    """The process of one configuration: a line "WORK SECONDS" in, tokens and seconds out."""
    from medtune import progress

    progress.configure(quiet=True)
    with tempfile.TemporaryDirectory() as scratch:
        ready = {name: globals()[name](model, Path(scratch)) for name in works}
        for work in ready.values():
            work()
        print("ready", flush=True)
        for line in sys.stdin:
            name, seconds = line.split()
            tokens, began = 0, time.perf_counter()
            while time.perf_counter() - began < float(seconds):
                tokens += ready[name]()
            print(tokens, time.perf_counter() - began, flush=True)


@dataclass(frozen=True)
class Configuration:
    """A line of the table: the environment of its process on top of the caller's."""

    name: str
    environment: dict[str, str]


class Worker:
    """A process that works when it is told to."""

    def __init__(self, configuration: Configuration, works: list[str], model: str) -> None:
        self.name = configuration.name
        cleared = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--model", model, "--serve", *works],
            env=cleared | configuration.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read(self) -> str:
        """The next line; SystemExit where the process has ended."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the process of {self.name} ended")
        return line

    def rate(self, work: str, seconds: float) -> float:
        """Tokens a second of one piece after another, for so long."""
        assert self.process.stdin
        self.process.stdin.write(f"{work} {seconds}\n")
        self.process.stdin.flush()
        tokens, passed = map(float, self.read().split())
        return tokens / passed


def configurations(neighbours: int, spins: list[int], threads: list[int]) -> list[Configuration]:
    """Before, now, and what was asked for."""
    from medtune.cpu_threads import apply_settings, available_cores

    cores = {"OMP_NUM_THREADS": str(available_cores())}
    busy, idle = dict(cores), dict(cores)
    apply_settings(busy, float(neighbours), available_cores())
    apply_settings(idle, 0.0, available_cores())
    return [
        Configuration("torch", cores),
        Configuration("medtune, busy", busy),
        Configuration("medtune, idle", idle),
        *(
            Configuration(f"{count} spins", cores | {"GOMP_SPINCOUNT": str(count)})
            for count in spins
        ),
        *(Configuration(f"{count} thread", {"OMP_NUM_THREADS": str(count)}) for count in threads),
    ]


def measure(
    workers: list[Worker], works: list[str], neighbours: int, seconds: float, rounds: int
) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Busy or idle → work → configuration → a rate a round."""
    rates: dict[str, dict[str, dict[str, list[float]]]] = {}
    loops = [subprocess.Popen([sys.executable, "-c", NEIGHBOUR]) for _ in range(neighbours)]
    try:
        for _ in range(rounds):
            for work in works:
                for load, number in (("busy", signal.SIGCONT), ("idle", signal.SIGSTOP)):
                    for loop in loops:
                        loop.send_signal(number)
                    for worker in workers:
                        place = rates.setdefault(load, {}).setdefault(work, {})
                        place.setdefault(worker.name, []).append(worker.rate(work, seconds))
    finally:
        for loop in loops:
            loop.kill()
    return rates


def table(rates: dict[str, dict[str, dict[str, list[float]]]]) -> list[dict[str, Any]]:
    """A row a work and configuration."""
    rows = []
    for work, by_name in rates["busy"].items():
        idle = rates["idle"][work]
        before_busy, before_idle = (statistics.median(place["torch"]) for place in (by_name, idle))
        for name in by_name:
            busy, quiet = statistics.median(by_name[name]), statistics.median(idle[name])
            rows.append(
                {
                    "work": work,
                    "configuration": name,
                    "busy": busy,
                    "idle": quiet,
                    "busy_over_torch_busy": busy / before_busy,
                    "busy_over_torch_idle": busy / before_idle,
                    "idle_over_torch_idle": quiet / before_idle,
                }
            )
    return rows


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", default="medtune-base")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--neighbours", type=int, default=2)
    parser.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--spins", nargs="*", type=int, default=[])
    parser.add_argument("--threads", nargs="*", type=int, default=[])
    parser.add_argument("--quick", action="store_true", help="one round of half a second")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve_work(given.serve, given.model)
        return
    if given.quick:
        given.rounds, given.seconds = 1, 0.5
    from medtune.cpu_threads import processor_load

    load = processor_load(1.0)
    chosen = configurations(given.neighbours, given.spins, given.threads)
    workers = [Worker(one, given.works, given.model) for one in chosen]
    try:
        for worker in workers:
            worker.read()
        rates = measure(workers, given.works, given.neighbours, given.seconds, given.rounds)
    finally:
        for worker in workers:
            worker.process.kill()
    rows = table(rates)
    if given.json:
        environments = [asdict(one) for one in chosen]
        print(json.dumps({"load": load, "configurations": environments, "rows": rows}, indent=2))
        return
    print(f"other processes used {load:.1f} cores at the start")
    print(f"{'work':<13}{'configuration':<16}{'busy':>9}{'idle':>9}  of torch busy, idle; idle")
    for row in rows:
        ratios = [row[f"{side}"] for side in row if "_over_" in side]
        print(
            f"{row['work']:<13}{row['configuration']:<16}{row['busy']:>9,.0f}{row['idle']:>9,.0f}"
            + "".join(f"{ratio:>8.2f}" for ratio in ratios)
        )


if __name__ == "__main__":
    main()
