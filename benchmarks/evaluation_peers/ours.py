"""medtune's part of evaluation.py: `python ours.py JOB.json` answers with one line of JSON."""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import torch

from medtune.conversation import Message
from medtune.models.choices import choose
from medtune.models.loading import locate
from medtune.models.local import LocalModel
from medtune.models.protocol import DecodingSettings


def messages(row: list[list[str]]) -> tuple[Message, ...]:
    """As they stand in the job."""
    return tuple(Message(role, content) for role, content in row)  # type: ignore[arg-type]


def work(model: LocalModel, job: dict[str, Any]) -> Any:
    """What the job asks for."""
    if job["work"] == "choices":
        found = choose(model, [(messages(row), options) for row, options in job["questions"]])
        return [{"prompt": f.prompt, "texts": f.texts, "loglikelihoods": f.loglikelihoods} for f in found]
    if job["work"] == "texts":
        return [[one.loglikelihood, one.bytes] for one in model.text_loglikelihoods(job["texts"])]
    made = model.generate([messages(row) for row in job["prompts"]], DecodingSettings(job["room"]))
    return [{"prompt": one.prompt, "text": one.text, "tokens": one.tokens} for one in made]


def main() -> None:
    """Load, warm up on the first item, do the work, tell."""
    job = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(job["threads"])
    model = LocalModel.load(locate(job["model"]), getattr(torch, job["dtype"]), batch_size=job.get("batch", 16))
    key = {"choices": "questions", "texts": "texts", "generate": "prompts"}[job["work"]]
    work(model, job | {key: job[key][:1], "room": 2})
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
