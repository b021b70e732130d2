"""The five systems run as recipes, at the size that two cores without a network can train, in
one table.

    python benchmarks/systems.py --data-dir DIR --out DIR [--only NAME …] [--quick] [--json]

The recipes are the shipped ones; the overrides below name what stands in for a model or data that
are not here, and how much of the data is taken. A run that is whole already is not run again.
`docs/systems.md` holds the table that this prints.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = ["model.name=medtune-base"]
SHORT = ["evaluate.limit=40", "evaluate.decoding.max_new_tokens=80"]
SEVEN_B = [
    "data.source=wikidoc_medquad_2k",
    "data.limit=500",
    "train.max_length=512",
    *HERE,
    *SHORT,
]
QUICK = [
    "train.max_steps=4",
    "data.limit=200",
    "evaluate.limit=8",
    "evaluate.decoding.max_new_tokens=12",
]


@dataclass(frozen=True)
class System:
    """One row of the table: a recipe, what is set for this machine, and the figures that are
    shown.
    """

    recipe: str
    settings: tuple[str, ...]
    metrics: tuple[str, ...]
    needs: str = ""  # a model of the true architecture that is made here, with random weights


GLOSSARY = ("data.source=medical_glossary", "data.limit=1500", *HERE, *SHORT)
SYSTEMS = (
    System(
        "mtsamples-specialty",
        ("train.max_length=256", "train.epochs=2", "evaluate.limit=100"),
        ("by_likelihood.accuracy", "by_likelihood.macro_f1"),
    ),
    System(
        "mtsamples-label-sets",
        ("train.max_length=256", "train.epochs=2", "evaluate.limit=100"),
        ("by_likelihood.hit_at_1", "by_likelihood.micro_f1"),
    ),
    System(
        "mtsamples-specialty-faithful", (), ("classification.accuracy", "classification.macro_f1")
    ),
    System("gpt2-wiki-terms", GLOSSARY, ("perplexity.bits_per_byte", "perplexity.text_perplexity")),
    System(
        "gpt2-wiki-terms-faithful",
        GLOSSARY,
        ("perplexity.bits_per_byte", "perplexity.text_perplexity"),
    ),
    System("flan-t5-medqa", ("train.epochs=4",), ("answers.rouge_l", "answers.token_f1"), "t5"),
    System("flan-t5-medqa-faithful", (), ("answers.rouge_l", "answers.token_f1"), "t5"),
    System("llm7b-llama", tuple(SEVEN_B), ("perplexity.bits_per_byte", "answers.rouge_l")),
    System("llm7b-llama-faithful", tuple(SEVEN_B), ("perplexity.bits_per_byte", "answers.rouge_l")),
    # On one stand-in base Mistral's recipe would be Llama's: another rank makes two runs that can
    # be compared.
    System(
        "llm7b-mistral",
        (*SEVEN_B, "train.lora.r=4"),
        ("perplexity.bits_per_byte", "answers.rouge_l"),
    ),
    System(
        "llm7b-mistral-faithful", tuple(SEVEN_B), ("perplexity.bits_per_byte", "answers.rouge_l")
    ),
    System("llm7b-gemma", tuple(SEVEN_B), ("perplexity.bits_per_byte", "answers.rouge_l")),
    System("llm7b-gemma-faithful", tuple(SEVEN_B), ("perplexity.bits_per_byte", "answers.rouge_l")),
    System(
        "distilgpt2-doctor",
        (*HERE, *SHORT),
        ("perplexity.bits_per_byte", "safety.critical_violations"),
    ),
    System(
        "distilgpt2-doctor-faithful",
        (*HERE, *SHORT),
        ("perplexity.bits_per_byte", "safety.critical_violations"),
    ),
)


def make_t5(tokenizers: Path, place: Path) -> str:
    """A T5 of the true architecture with the real tokenizer, small and untrained."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    from medtune.tokens.chat_templates import load_tokenizer_only

    target = place / "t5-untrained"
    if not target.exists():
        tokenizer = load_tokenizer_only(str(tokenizers / "t5"))
        torch.manual_seed(0)
        shape = {"d_model": 128, "d_kv": 32, "d_ff": 256, "num_layers": 3, "num_heads": 4}
        config = T5Config(
            vocab_size=32128, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1,
            feed_forward_proj="gated-gelu",
            tie_word_embeddings=False, **shape,
        )  # fmt: skip
        T5ForConditionalGeneration(config).save_pretrained(target)
        tokenizer.save_pretrained(target)
    return str(target)


def run(system: System, arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of one recipe's run, from its metrics.json."""
    settings = [*system.settings, *(QUICK if arguments.quick else [])]
    if system.needs == "t5":
        settings.append(f"model.name={make_t5(arguments.tokenizers, arguments.out)}")
    out = arguments.out / system.recipe
    line = [sys.executable, "-m", "medtune", "run", system.recipe, "--out", str(out), "--quiet"]
    line += [part for setting in settings for part in ("--set", setting)]
    done = subprocess.run(
        [*line, "--data-dir", str(arguments.data_dir)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        return {"recipe": system.recipe, "failed": done.stderr.strip().splitlines()[-1:]}
    metrics = json.loads((out / "metrics.json").read_text())
    figures = {}
    for name in system.metrics:
        task, _, metric = name.partition(".")
        figures[name] = {
            side: metrics[side].get(task, {}).get(metric) for side in ("before", "after", "change")
        }
    return {
        "recipe": system.recipe,
        "command": "medtune run " + " ".join([system.recipe, *(f"--set {s}" for s in settings)]),
        "data": {name: metrics["data"][name] for name in ("train", "test", "leaked")},
        "seconds": metrics["train"]["seconds"],
        "figures": figures,
        "published": metrics.get("published", {}),
    }


def cell(figure: dict[str, Any] | None) -> str:
    """Value and interval."""
    if not figure:
        return "–"
    interval = (
        f" ({figure['low']:.3g} to {figure['high']:.3g})" if figure.get("low") is not None else ""
    )
    return f"{figure['value']:.3g}{interval}"


def table(results: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| recipe | rows, leaked | measure | before | after | p (Holm) |",
        "|---|---|---|---|---|---|",
    ]
    for result in results:
        if "failed" in result:
            lines.append(f"| {result['recipe']} | failed: {' '.join(result['failed'])} | | | | |")
            continue
        for name, sides in result["figures"].items():
            data, change = result["data"], sides["change"] or {}
            p = change.get("p_corrected")
            lines.append(
                f"| {result['recipe']} | {data['train']:,} / {data['test']:,}, {data['leaked']} | "
                f"{name} | {cell(sides['before'])} | {cell(sides['after'])} | "
                f"{'–' if p is None else f'{p:.2g}'} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=os.environ.get("MEDTUNE_DATA"),
        help="where the data sets lie",
    )
    parser.add_argument(
        "--tokenizers", type=Path, help="directory with t5/ (default: beside the data sets)"
    )
    parser.add_argument("--out", type=Path, required=True, help="where the runs are kept")
    parser.add_argument("--only", nargs="+", default=[], help="recipes by name")
    parser.add_argument("--quick", action="store_true", help="a few steps of each")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not arguments.data_dir:
        parser.error("name the directory of the data sets with --data-dir or MEDTUNE_DATA")
    arguments.data_dir = Path(arguments.data_dir).resolve()
    arguments.tokenizers = (
        arguments.tokenizers or arguments.data_dir.parent / "tokenizers"
    ).resolve()
    arguments.out = arguments.out.resolve()
    arguments.out.mkdir(parents=True, exist_ok=True)
    results = []
    for system in SYSTEMS:
        if not arguments.only or system.recipe in arguments.only:
            results.append(run(system, arguments))
            print(
                f"{system.recipe}: {results[-1].get('failed', 'done')}", file=sys.stderr, flush=True
            )
    print(json.dumps(results, indent=2) if arguments.json else table(results))


if __name__ == "__main__":
    main()
