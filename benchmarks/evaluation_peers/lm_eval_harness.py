"""lm-evaluation-harness's part of evaluation.py: `python lm_eval_harness.py JOB.json`, in an environment that has it."""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM


def requests_of(job: dict[str, Any]) -> list[Instance]:
    """Its own form of the same prompts and continuations."""
    if job["work"] == "choices":
        pairs = [(row["prompt"], text) for row in job["asked"] for text in row["texts"]]
        return [Instance("loglikelihood", {}, pair, i) for i, pair in enumerate(pairs)]
    return [Instance("loglikelihood_rolling", {}, (text,), i) for i, text in enumerate(job["texts"])]


def work(model: HFLM, job: dict[str, Any]) -> list[float]:
    """Log-likelihoods in the order of the requests."""
    asked = requests_of(job)
    if job["work"] == "choices":
        return [float(value) for value, _ in model.loglikelihood(asked, disable_tqdm=True)]
    return [float(value) for value in model.loglikelihood_rolling(asked, disable_tqdm=True)]


def main() -> None:
    """Load, warm up, do the work, tell."""
    job = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(job["threads"])
    model = HFLM(
        pretrained=job["model"], dtype=job["dtype"], device="cpu", batch_size=job["batch"], add_bos_token=False
    )
    key = "asked" if job["work"] == "choices" else "texts"
    work(model, job | {key: job[key][:1]})
    processor, wall = time.process_time(), time.perf_counter()
    results = work(model, job)
    times = {"processor": time.process_time() - processor, "wall": time.perf_counter() - wall}
    print(
        json.dumps(
            {
                "results": results,
                **times,
                "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
