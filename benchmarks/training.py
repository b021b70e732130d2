"""How fast medtune trains, beside the tools that people use, on the same rows, weights and
machine in one run.

    python benchmarks/training.py --data-dir DIR --tokenizer DIR [--trl PYTHON] [--llama-factory
    PYTHON] [--litgpt PYTHON]
        [--method lora|full] [--threads 2] [--rounds 3] [--only NAME …] [--quick] [--json]

GPT-2 (124 M) with random weights and its real tokenizer; question/answer rows of MedQuAD, at most
512 tokens, sixteen to an optimizer step in four forward passes; LoRA of rank 8 on c_attn, or all
weights. Every configuration runs in a process (and, where it is another tool, an environment) of
its own; they take turns (A B C A B C …), so that a busy moment of the machine hits all alike. A
peer whose interpreter is not named is left out, and said to be.

Real tokens are those of rows, padding not counted. The share of the peak is 4 (LoRA; full: 6) FLOP
a parameter and real token, over what the matrix product of that number format reaches at GPT-2's
shapes, measured in every round. Losses of the fp32 configurations that see the rows in the same
order without dropout are compared step by step.

Wall time says little on a machine that others use. There, `--threads 1 --clock processor` counts
the seconds of the processor instead, for the tools and for the peak alike.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PEERS = Path(__file__).with_name("training_peers")
PARAMETERS, LIMIT, BATCH, ACCUMULATION = 124_439_808, 512, 4, 4
BASELINE = "trl-defaults"


@dataclass(frozen=True)
class Configuration:
    """One line of the table.

    ``tool`` is whose interpreter runs it, ``peak`` the format it is measured against.
    """

    name: str
    title: str
    tool: str
    script: str
    peak: str
    same_curve: bool = False
    methods: tuple[str, ...] = ("lora", "full")


CONFIGURATIONS = (
    Configuration("ours-bf16", "medtune, bf16 weights", "medtune", "ours.py", "bf16"),
    Configuration("ours-fp32", "medtune, fp32", "medtune", "ours.py", "fp32", True),
    Configuration(BASELINE, "TRL SFTTrainer, defaults", "trl", "hugging_face.py", "bf16"),
    Configuration(
        "trl-fp32", "TRL SFTTrainer, fp32, no checkpointing", "trl", "hugging_face.py", "fp32", True
    ),
    Configuration(
        "trl-best", "TRL SFTTrainer, packed, bf16, by segment", "trl", "hugging_face.py", "bf16"
    ),
    Configuration(
        "hf", "transformers Trainer, fp32, padded", "medtune", "hugging_face.py", "fp32", True
    ),
    Configuration(
        "llama-factory-fp32",
        "LLaMA-Factory, fp32",
        "llama_factory",
        "hugging_face.py",
        "fp32",
        True,
    ),
    Configuration(
        "llama-factory-bf16", "LLaMA-Factory, bf16", "llama_factory", "hugging_face.py", "bf16"
    ),
    Configuration("litgpt-fp32", "LitGPT, 32-true", "litgpt", "lit.py", "fp32", methods=("lora",)),
    Configuration(
        "litgpt-bf16", "LitGPT, bf16-true", "litgpt", "lit.py", "bf16", methods=("lora",)
    ),
)


def make_model(tokenizer: Path, place: Path) -> None:
    """GPT-2 of random weights (always the same), with the real tokenizer, as a model directory."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, GPT2TokenizerFast

    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config()).save_pretrained(place)
    GPT2TokenizerFast.from_pretrained(tokenizer).save_pretrained(place)


def make_rows(data_dir: Path, model: Path, count: int) -> list[tuple[list[int], int]]:
    """Rows of MedQuAD, drawn by seed, as ids and the number of them that are prompt."""
    from medtune.conversation import Conversation
    from medtune.data.sources.open_source import open_source
    from medtune.models.load import load_tokenizer, locate
    from medtune.recipe.schema import Columns
    from medtune.tokens.encode import Encoder

    rows = [row for row in open_source("medquad", data_dir, Columns()).read() if row.answer.strip()]
    encoder = Encoder(load_tokenizer(locate(str(model))), LIMIT)
    chosen = random.Random(0).sample(rows, count)
    encoded = [
        encoder.encode(Conversation(row.location, "", row.source, row.messages)) for row in chosen
    ]
    return [(row.ids.tolist(), int((~row.supervised).sum())) for row in encoded]


def run(python: str, arguments: list[str], threads: int) -> dict[str, Any]:
    """One process; the last line it prints is its answer."""
    own = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment = own | {
        "OMP_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [python, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(arguments[:2])} failed:\n{done.stderr[-3000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def measure(configuration: Configuration, python: str, job: dict[str, Any]) -> dict[str, Any]:
    """One configuration once."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "job.json"
        file.write_text(json.dumps(job))
        arguments = [
            str(PEERS / configuration.script),
            configuration.name,
            str(file),
            str(Path(scratch) / "scratch"),
        ]
        answer = run(python, arguments, job["threads"])
    kept = slice(answer["warmup"], None)
    return {
        "tokens_per_second": sum(answer["tokens"][kept]) / sum(answer[job["clock"]][kept]),
        "peak_memory_bytes": answer["peak_memory_bytes"],
        "losses": answer["losses"],
    }


def rounds(
    configurations: list[Configuration], pythons: dict[str, str], job: dict[str, Any], count: int
) -> Any:
    """All configurations in turn, ``count`` times; and the peak each time."""
    results: dict[str, list[dict[str, Any]]] = {c.name: [] for c in configurations}
    peaks = []
    for number in range(count):
        peaks.append(
            run(
                sys.executable,
                [str(PEERS / "peak.py"), str(job["threads"]), job["clock"]],
                job["threads"],
            )
        )
        for configuration in configurations:
            result = measure(configuration, pythons[configuration.tool], job)
            results[configuration.name].append(result)
            rate = result["tokens_per_second"]
            print(
                f"round {number + 1}: {configuration.name} {rate:.0f} tokens/s",
                file=sys.stderr,
                flush=True,
            )
    return results, {dtype: max(peak[dtype] for peak in peaks) for dtype in peaks[0]}


def summary(
    configurations: list[Configuration], results: Any, peaks: dict[str, float], method: str
) -> list[dict[str, Any]]:
    """A line for each configuration: medians over the rounds."""
    lines = []
    work = (4 if method == "lora" else 6) * PARAMETERS
    for configuration in configurations:
        runs = results[configuration.name]

        def median(key: str, runs: Any = runs) -> float:
            return float(statistics.median(run[key] for run in runs))

        lines.append(
            {
                "name": configuration.name,
                "title": configuration.title,
                "tokens_per_second": median("tokens_per_second"),
                "share_of_peak": median("tokens_per_second")
                * work
                / (peaks[configuration.peak] * 1e9),
                "peak_memory_bytes": median("peak_memory_bytes"),
                "all_tokens_per_second": [run["tokens_per_second"] for run in runs],
                "losses": runs[0]["losses"],
            }
        )
    base = next((line["tokens_per_second"] for line in lines if line["name"] == BASELINE), None)
    reference = next((line["losses"] for line in lines if line["name"] == "ours-fp32"), None)
    for line, configuration in zip(lines, configurations, strict=True):
        line["times_trl_defaults"] = line["tokens_per_second"] / base if base else None
        line["largest_loss_difference"] = None
        if reference and configuration.same_curve:
            line["largest_loss_difference"] = max(
                abs(a - b) for a, b in zip(reference, line["losses"], strict=True)
            )
    return lines


def show(lines: list[dict[str, Any]], peaks: dict[str, float]) -> None:
    """The table for people."""
    print(
        f"matrix product at GPT-2's shapes, GFLOP/s: fp32 {peaks['fp32']:.0f}, "
        f"bf16 {peaks['bf16']:.0f}"
    )
    print(
        f"{'configuration':<42}{'tokens/s':>9}{'x TRL':>7}{'of peak':>9}{'GB':>6}  "
        "loss, first to last"
    )
    for line in lines:
        times = f"{line['times_trl_defaults']:.2f}" if line["times_trl_defaults"] else "–"
        curve = (
            f"{line['losses'][0]:.4f} → {line['losses'][-1]:.4f}"
            if line["losses"]
            else "another model"
        )
        if line["largest_loss_difference"] is not None:
            curve += f"  (from ours in fp32 at most {line['largest_loss_difference']:.1e})"
        print(
            f"{line['title']:<42}{line['tokens_per_second']:>9.0f}{times:>7}"
            f"{line['share_of_peak']:>9.0%}{line['peak_memory_bytes'] / 1e9:>6.1f}  {curve}"
        )


def chosen_configurations(
    arguments: argparse.Namespace, pythons: dict[str, str]
) -> list[Configuration]:
    """What can be run here and was asked for; what is left out is said."""
    wanted = [c for c in CONFIGURATIONS if arguments.method in c.methods]
    if arguments.only:
        wanted = [c for c in wanted if c.name in arguments.only]
    for tool in sorted({c.tool for c in wanted if not pythons[c.tool]}):
        print(
            f"left out: {tool} (name its interpreter with --{tool.replace('_', '-')})",
            file=sys.stderr,
        )
    return [c for c in wanted if pythons[c.tool]]


def command_line() -> argparse.Namespace:
    """The options, checked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data-dir", type=Path, default=os.environ.get("MEDTUNE_DATA"), help="where MedQuAD lies"
    )
    parser.add_argument(
        "--tokenizer",
        type=Path,
        required=True,
        help="directory of GPT-2's vocab.json and merges.txt",
    )
    parser.add_argument(
        "--trl", default="", metavar="PYTHON", help="interpreter that has trl 1.16.0 and datasets"
    )
    parser.add_argument(
        "--llama-factory", default="", metavar="PYTHON", help="one that has llamafactory 0.9.5"
    )
    parser.add_argument(
        "--litgpt", default="", metavar="PYTHON", help="one that has litgpt 0.5.13 and requests"
    )
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=[c.name for c in CONFIGURATIONS]
    )
    parser.add_argument("--method", choices=("lora", "full"), default="lora")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--clock",
        choices=("seconds", "processor"),
        default="seconds",
        help="wall or processor time",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--warmup", type=int, default=1, help="optimizer steps before the clock counts"
    )
    parser.add_argument("--steps", type=int, default=3, help="optimizer steps that count")
    parser.add_argument(
        "--quick", action="store_true", help="one round, one step, four rows to a step"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not arguments.data_dir:
        parser.error("name the directory of MedQuAD with --data-dir or MEDTUNE_DATA")
    if arguments.clock == "processor" and arguments.threads != 1:
        parser.error("--clock processor needs --threads 1: waiting threads use the processor too")
    if arguments.quick:
        arguments.rounds, arguments.steps = 1, 1
    return arguments


def main() -> None:
    """Compare the tools and print the table."""
    arguments = command_line()
    names = ("trl", "llama_factory", "litgpt")
    pythons = {"medtune": sys.executable} | {name: getattr(arguments, name) for name in names}
    configurations = chosen_configurations(arguments, pythons)
    accumulation = 1 if arguments.quick else ACCUMULATION
    steps = arguments.warmup + arguments.steps
    with tempfile.TemporaryDirectory() as place:
        make_model(arguments.tokenizer, Path(place))
        job = {
            "model": place,
            # More rows than steps take, so that packing, which needs fewer forward passes, has
            # enough.
            "rows": make_rows(
                Path(arguments.data_dir), Path(place), BATCH * accumulation * (2 * steps + 2)
            ),
            "batch_size": BATCH,
            "accumulation": accumulation,
            "warmup": arguments.warmup,
            "steps": arguments.steps,
            "threads": arguments.threads,
            "clock": arguments.clock,
            "method": arguments.method,
        }
        results, peaks = rounds(configurations, pythons, job, arguments.rounds)
    lines = summary(configurations, results, peaks, arguments.method)
    if arguments.json:
        lengths = [len(ids) for ids, _ in job["rows"]]
        facts = {"rows": len(lengths), "median_tokens": statistics.median(lengths), "gflops": peaks}
        print(
            json.dumps(
                facts
                | {
                    "method": arguments.method,
                    "threads": arguments.threads,
                    "clock": arguments.clock,
                    "lines": lines,
                },
                indent=2,
            )
        )
    else:
        show(lines, peaks)


if __name__ == "__main__":
    main()
