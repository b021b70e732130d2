"""transformers' part of evaluation.py: greedy answers, one prompt at a time."""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig


@torch.no_grad()
def work(model: Any, tokenizer: Any, prompts: list[str], room: int, stops: list[int]) -> list[dict[str, Any]]:
    """Text and tokens of every answer."""
    settings = GenerationConfig(max_new_tokens=room, do_sample=False, eos_token_id=stops, pad_token_id=stops[0])
    made = []
    for prompt in prompts:
        ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
        output = model.generate(**ids, generation_config=settings)[0, ids.input_ids.shape[1] :].tolist()
        answer = output[:-1] if output[-1] in stops else output
        made.append({"text": tokenizer.decode(answer, skip_special_tokens=True).strip(), "tokens": len(answer)})
    return made


def main() -> None:
    """Load, warm up, do the work, tell."""
    job = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(job["threads"])
    tokenizer = AutoTokenizer.from_pretrained(job["model"])
    model = AutoModelForCausalLM.from_pretrained(job["model"], dtype=getattr(torch, job["dtype"])).eval()
    prompts = [row["prompt"] for row in job["asked"]]
    work(model, tokenizer, prompts[:1], 2, job["stops"])
    processor, wall = time.process_time(), time.perf_counter()
    results = work(model, tokenizer, prompts, job["room"], job["stops"])
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
