"""How well `--dry-run` foresees the memory of a training: estimated and measured peaks, side by
side.

    python benchmarks/memory.py --tokenizers DIR --data-dir DIR [--quick] [--json]
    python benchmarks/memory.py --large-rows 50 [--only TEXT] [--json]

Each case is a real training of a few steps in a process of its own, on MedQuAD, with the true
architecture and tokenizer at a size that two cores can train, and random weights. DIR of
--tokenizers holds `gpt2/`, `llama/` and `t5/`. The second form measures commands on a file with
one row of so many megabytes, beyond the same commands without it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from memory_large_rows import print_large_rows

LLAMA = {
    "hidden_size": 768,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "medtune-base, full": ("medtune-base", {"train.method": "full"}),
    "GPT-2 124M, LoRA": ("gpt2", {}),
    "GPT-2 124M, LoRA, float32": ("gpt2", {"model.dtype": "float32"}),
    "GPT-2 124M, LoRA, recomputed": ("gpt2", {"train.gradient_checkpointing": "true"}),
    "GPT-2 124M, full": ("gpt2", {"train.method": "full"}),
    "GPT-2 124M, full, 8-bit AdamW": (
        "gpt2",
        {"train.method": "full", "train.optimizer": "adamw_8bit"},
    ),
    "Llama 134M, LoRA": ("llama", {}),
    "Llama 134M, QLoRA": ("llama", {"train.method": "qlora"}),
    "T5 77M, full": (
        "t5",
        {"train.method": "full", "model.dtype": "float32", "model.prompt": "Question {question}"},
    ),
}
QUICK = ("medtune-base, full", "GPT-2 124M, LoRA")


def make_model(kind: str, tokenizers: Path, place: Path) -> Path:
    """A model of random weights with its real tokenizer, in float32 as published ones are."""
    import torch
    from transformers import (
        GPT2Config,
        GPT2LMHeadModel,
        LlamaConfig,
        LlamaForCausalLM,
        T5Config,
        T5ForConditionalGeneration,
    )

    from medtune.tokens.chat_templates import load_tokenizer_only

    target = place / kind
    if target.exists():
        return target
    torch.manual_seed(0)
    tokenizer = load_tokenizer_only(str(tokenizers / kind))
    if kind == "gpt2":
        model: Any = GPT2LMHeadModel(GPT2Config())
    elif kind == "t5":
        model = T5ForConditionalGeneration(
            T5Config(decoder_start_token_id=0, num_layers=6, feed_forward_proj="gated-gelu")
        )
    else:
        model = LlamaForCausalLM(
            LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=2048, **LLAMA)
        )
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    return target


def medtune(command: str, settings: dict[str, Any], out: Path, *more: str) -> dict[str, Any]:
    """One command's JSON."""
    sets = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    line = [
        sys.executable,
        "-m",
        "medtune",
        command,
        "quickstart",
        *sets,
        "--out",
        str(out),
        "--json",
        "--quiet",
        *more,
    ]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def make_rows(data_dir: Path, place: Path, count: int = 400) -> Path:
    """Some MedQuAD rows, evenly over the file, as a file of one's own."""
    table = pq.read_table(data_dir / "medquad.parquet", columns=["question", "answer"]).to_pylist()
    rows = [row for row in table if row["answer"]]
    path = place / "rows.jsonl"
    path.write_text(
        "".join(json.dumps(row) + "\n" for row in rows[:: len(rows) // count][:count]),
        encoding="utf-8",
    )
    return path


def measure(name: str, tokenizers: Path, rows: Path, place: Path) -> dict[str, Any]:
    """Estimated and measured bytes of one case."""
    kind, changes = CASES[name]
    model = kind if kind == "medtune-base" else str(make_model(kind, tokenizers, place))
    settings = {
        "model.name": model,
        "data.source": rows,
        "data.contamination.check": "false",
        "train.method": "lora",
        "train.max_steps": 6,
        "train.batch_size": 8,
        "train.gradient_accumulation": 1,
        "train.keep_best": "false",
        **changes,
    }
    plan = medtune("run", settings, place / name, "--dry-run")
    done = medtune("train", settings, place / name)
    return {
        "case": name,
        "estimated_bytes": plan["estimated_memory_bytes"],
        "measured_bytes": done["peak_memory_bytes"],
        "ratio": plan["estimated_memory_bytes"] / done["peak_memory_bytes"],
        "parts": plan["memory_parts"],
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data-dir", type=Path, default=os.environ.get("MEDTUNE_DATA"), help="where MedQuAD lies"
    )
    parser.add_argument("--tokenizers", type=Path, help="directory with gpt2/, llama/ and t5/")
    parser.add_argument("--quick", action="store_true", help="two cases")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--large-rows", type=float, metavar="MB", help="one row of this size instead"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="large rows whose name holds it")
    arguments = parser.parse_args()
    if arguments.large_rows:
        print_large_rows(arguments.large_rows, arguments.only, as_json=arguments.json)
        return
    if not arguments.tokenizers:
        parser.error("name the directory of the tokenizers with --tokenizers")
    if not arguments.data_dir:
        parser.error("name the directory of MedQuAD with --data-dir or MEDTUNE_DATA")
    with tempfile.TemporaryDirectory() as temporary:
        results = []
        rows = make_rows(Path(arguments.data_dir), Path(temporary))
        for name in QUICK if arguments.quick else CASES:
            r = measure(name, arguments.tokenizers.resolve(), rows, Path(temporary))
            results.append(r)
            if not arguments.json:
                print(
                    f"{r['case']:<32}{r['estimated_bytes'] / 2**30:>7.2f} GiB estimated"
                    f"{r['measured_bytes'] / 2**30:>7.2f} GiB measured{r['ratio']:>7.2f} ×",
                    flush=True,
                )
    if arguments.json:
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
