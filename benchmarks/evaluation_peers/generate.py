"""transformers' part of evaluation.py: greedy answers, one prompt at a time."""

from typing import Any

import torch
from timing import Job, report_result
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig


def load(job: Job) -> tuple[Any, Any]:
    """Model and tokenizer."""
    model = AutoModelForCausalLM.from_pretrained(
        job["model"], dtype=getattr(torch, job["dtype"])
    ).eval()
    return model, AutoTokenizer.from_pretrained(job["model"])


@torch.no_grad()
def work(loaded: tuple[Any, Any], job: Job) -> list[dict[str, Any]]:
    """Text and tokens of every answer."""
    model, tokenizer = loaded
    stops = job["stops"]
    settings = GenerationConfig(
        max_new_tokens=job["room"], do_sample=False, eos_token_id=stops, pad_token_id=stops[0]
    )
    result = []
    for row in job["asked"]:
        ids = tokenizer(row["prompt"], add_special_tokens=False, return_tensors="pt")
        output = model.generate(**ids, generation_config=settings)[
            0, ids.input_ids.shape[1] :
        ].tolist()
        answer = output[:-1] if output[-1] in stops else output
        result.append(
            {
                "text": tokenizer.decode(answer, skip_special_tokens=True).strip(),
                "tokens": len(answer),
            }
        )
    return result


if __name__ == "__main__":
    report_result(load, work, lambda job: "asked")
