"""How fast medtune evaluates, and whether it agrees, beside lm-evaluation-harness and
transformers' own generation.

    python benchmarks/evaluation.py --data-dir DIR --tokenizer DIR [--lm-eval PYTHON] [--items 100]
    [--rounds 1]
        [--threads 1] [--clock processor|wall] [--dtype float32 bfloat16] [--only WORK …] [--quick]
        [--json]

GPT-2 (124 M, random weights, its real tokenizer) answers real items: MedQA questions with the
options' texts and with letters, MedMCQA's, MMLU's after five worked examples (too long for
medtune-base's context), the likelihood of MedQuAD answers as whole texts, and greedy answers to
MedQuAD questions. medtune is asked first; the harness then gets the very prompts and continuations
that medtune scored, so that every log-likelihood can be compared. `medtune-base`, whose weights
mean something, is asked for the agreement of accuracies, too. Each contestant runs in a process of
its own; loading and a warm-up are not counted.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from training import make_model, run

PEERS = Path(__file__).with_name("evaluation_peers")
ROOM = 48  # tokens of an answer
SHOTS = 5  # worked examples
TEXT_LIMIT = 3_000  # characters: within the context, where both score the same windows
WORKS = {
    "medqa-texts": "MedQA, options' texts",
    "medqa-letters": "MedQA, letters",
    "medmcqa-texts": "MedMCQA, options' texts",
    "mmlu_medical-shots": "MMLU medical, letters, 5 examples",
    "texts": "whole texts (bits per byte)",
    "generate": "greedy answers",
}


def questions(source: str, form: str, data_dir: Path, count: int) -> tuple[list[Any], list[int]]:
    """Prompts with their options as plain values, and the place of the right one.

    The first ``count`` drawn by seed.
    """
    from medtune.data.eval_items import read_benchmark
    from medtune.evaluation.tasks.multiple_choice import key_of

    items = read_benchmark(source, None, data_dir).items
    drawn = [items[i] for i in np.random.default_rng(0).permutation(len(items))[: count + SHOTS]]
    chosen = drawn[:count]
    shown = [
        turn
        for item in drawn[count:]
        for turn in (["user", item.question], ["assistant", "ABCDE"[key_of(item)]])
    ]
    requests = []
    for item in chosen:
        options = list(item.options or ())
        text = item.stem if form == "texts" else item.question
        before = shown if form == "shots" else []
        requests.append(
            [
                [*before, ["user", text]],
                options if form == "texts" else list("ABCDE"[: len(options)]),
            ]
        )
    return requests, [key_of(item) for item in chosen]


def answered_rows(data_dir: Path, count: int) -> list[Any]:
    """Rows of MedQuAD with an answer within the limit, drawn by seed."""
    from medtune.data.sources.open_source import open_source
    from medtune.recipe.schema import Columns

    rows = [
        r
        for r in open_source("medquad", data_dir, Columns()).read()
        if 0 < len(r.answer) < TEXT_LIMIT
    ]
    return [rows[i] for i in np.random.default_rng(0).permutation(len(rows))[:count]]


def job_of(work: str, data_dir: Path, count: int) -> tuple[dict[str, Any], list[int]]:
    """What both are asked."""
    if work == "texts":
        return {
            "work": "texts",
            "texts": [row.answer for row in answered_rows(data_dir, count)],
        }, []
    if work == "generate":
        prompts = [[["user", row.question]] for row in answered_rows(data_dir, count)]
        return {"work": "generate", "prompts": prompts, "room": ROOM}, []
    requests, keys = questions(*work.split("-"), data_dir, count)
    return {"work": "choices", "questions": requests}, keys


def stops_of(model: str) -> list[int]:
    """Tokens that end an answer of the model."""
    from medtune.models.causal import CausalModel
    from medtune.models.load import locate

    return CausalModel.load(locate(model)).stop_ids()


def ask(python: str, script: str, job: dict[str, Any]) -> dict[str, Any]:
    """One contestant's answer."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "job.json"
        file.write_text(json.dumps(job))
        return run(python, [str(PEERS / script), str(file)], job["threads"])


def one_round(work: str, settings: dict[str, Any], args: argparse.Namespace) -> dict[str, Any]:
    """Both on the same work: seconds, peak memory, agreement."""
    job, keys = job_of(work, args.data_dir, args.items)
    job |= settings
    ours = ask(sys.executable, "ours.py", job)
    if work == "generate":
        job |= {"asked": ours["results"], "stops": stops_of(settings["model"])}
        theirs = ask(sys.executable, "generate.py", job)
        agreement = _same_answers(ours["results"], theirs["results"])
    else:
        job |= {"asked": ours["results"]} if work != "texts" else {}
        theirs = ask(args.lm_eval, "lm_eval_harness.py", job)
        agreement = _same_likelihoods(ours["results"], theirs["results"], keys)
    seconds = {side: answer[args.clock] for side, answer in (("ours", ours), ("theirs", theirs))}
    peaks = {
        f"{side}_peak_bytes": a["peak_memory_bytes"]
        for side, a in (("ours", ours), ("theirs", theirs))
    }
    return {**seconds, **peaks, "ratio": seconds["theirs"] / seconds["ours"], **agreement}


def _same_answers(ours: list[Any], theirs: list[Any]) -> dict[str, Any]:
    same = sum(
        a["text"] == b["text"] and a["tokens"] == b["tokens"]
        for a, b in zip(ours, theirs, strict=True)
    )
    return {"identical": same, "n": len(ours), "tokens": sum(row["tokens"] for row in ours)}


def _same_likelihoods(ours: list[Any], theirs: list[float], keys: list[int]) -> dict[str, Any]:
    if not keys:
        difference = np.abs(np.array([value for value, _ in ours]) - theirs)
        size = sum(size for _, size in ours) * np.log(2)
        bits = [-float(sum(values)) / size for values in ([value for value, _ in ours], theirs)]
        return {
            "largest_difference": float(difference.max()),
            "bits_per_byte": bits,
            "n": len(ours),
        }
    parts, start, worst, right = [], 0, 0.0, [0, 0]
    for row, key in zip(ours, keys, strict=True):
        own, other = (
            np.array(row["loglikelihoods"]),
            np.array(theirs[start : start + len(row["texts"])]),
        )
        start += len(own)
        worst = max(worst, float(np.abs(own - other).max()))
        right = [right[0] + int(own.argmax() == key), right[1] + int(other.argmax() == key)]
        parts.append(own)
    return {
        "largest_difference": worst,
        "accuracy": [count / len(keys) for count in right],
        "n": len(keys),
    }


def table(results: list[dict[str, Any]], clock: str) -> str:
    """Markdown."""
    lines = [
        f"| work | model | n | medtune, s ({clock}) | peer, s | ratio | peak, GiB | agreement |",
        "|" + "---|" * 8,
    ]
    for row in results:
        if "identical" in row:
            agreement = f"{row['identical']} of {row['n']} answers identical"
        else:
            pair = row.get("accuracy") or row["bits_per_byte"]
            agreement = (
                f"largest difference {row['largest_difference']:.1e}; "
                f"{pair[0]:.4f} and {pair[1]:.4f}"
            )
        peaks = f"{row['ours_peak_bytes'] / 2**30:.1f} / {row['theirs_peak_bytes'] / 2**30:.1f}"
        lines.append(
            f"| {WORKS[row['work']]} | {row['model']}, {row['dtype']} | {row['n']} "
            f"| {row['ours']:.1f} | {row['theirs']:.1f} "
            f"| **{row['ratio']:.1f} ×** | {peaks} | {agreement} |"
        )
    return "\n".join([*lines, *_together(results)])


def _together(results: list[dict[str, Any]]) -> list[str]:
    """All multiple choice of a model in a number format as one row, where it was asked more than
    once.
    """
    lines = []
    for kind in dict.fromkeys((row["model"], row["dtype"]) for row in results):
        requests = [
            row for row in results if (row["model"], row["dtype"]) == kind and row.get("accuracy")
        ]
        if len(requests) > 1:
            ours, theirs, n = (
                sum(row[name] for row in requests) for name in ("ours", "theirs", "n")
            )
            lines.append(
                f"| all multiple choice together | {', '.join(kind)} | {n} "
                f"| {ours:.1f} | {theirs:.1f} | **{theirs / ours:.1f} ×** | | |"
            )
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--lm-eval")
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument(
        "--batch",
        type=int,
        default=8,
        help="of the harness, and answers generated together by medtune",
    )
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=("processor", "wall"), default="processor")
    parser.add_argument("--dtype", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--only", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.quick:
        args.items, args.dtype = 6, ["float32"]
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch) / "gpt2"
        make_model(args.tokenizer, directory)
        from medtune.models.load import locate

        models = {"GPT-2 124 M": str(directory), "medtune-base": str(locate("medtune-base").base)}
        for work in args.only:
            if work != "generate" and not args.lm_eval:
                print(f"{work}: left out, no --lm-eval was named", file=sys.stderr)
                continue
            small = [] if work.endswith("shots") else [("medtune-base", "float32")]
            for name, dtype in [("GPT-2 124 M", dtype) for dtype in args.dtype] + small:
                settings = {
                    "model": models[name],
                    "dtype": dtype,
                    "threads": args.threads,
                    "batch": args.batch,
                }
                actual = [one_round(work, settings, args) for _ in range(args.rounds)]
                middle = {
                    key: statistics.median(r[key] for r in actual)
                    for key in ("ours", "theirs", "ratio")
                }
                results.append(
                    {"work": work, "model": name, "dtype": dtype, **actual[-1], **middle}
                )
                print(
                    f"{work}, {name}, {dtype}: {middle['ratio']:.1f} x", file=sys.stderr, flush=True
                )
    print(json.dumps(results, indent=1) if args.json else table(results, args.clock))


if __name__ == "__main__":
    main()
