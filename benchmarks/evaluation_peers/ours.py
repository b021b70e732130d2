"""medtune's part of evaluation.py: `python ours.py JOB.json` answers with one line of JSON."""

from typing import Any

import torch
from timing import Job, report_result

from medtune.conversation import Message
from medtune.models.causal import CausalModel
from medtune.models.interface import DecodingSettings, choice_loglikelihoods
from medtune.models.load import locate

ASKED = {"choices": "questions", "texts": "texts", "generate": "prompts"}


def messages(row: list[list[str]]) -> tuple[Message, ...]:
    """As they stand in the job."""
    return tuple(Message(role, content) for role, content in row)  # type: ignore[arg-type]


def load(job: Job) -> CausalModel:
    """The model in the wanted number format."""
    return CausalModel.load(
        locate(job["model"]), getattr(torch, job["dtype"]), batch_size=job.get("batch", 16)
    )


def work(model: CausalModel, job: Job) -> Any:
    """What the job asks for."""
    if job["work"] == "choices":
        actual = choice_loglikelihoods(
            model, [(messages(row), options) for row, options in job["questions"]]
        )
        return [
            {"prompt": f.prompt, "texts": f.texts, "loglikelihoods": f.loglikelihoods}
            for f in actual
        ]
    if job["work"] == "texts":
        return [[one.loglikelihood, one.bytes] for one in model.text_loglikelihoods(job["texts"])]
    result = model.generate(
        [messages(row) for row in job["prompts"]], DecodingSettings(job["room"])
    )
    return [{"prompt": one.prompt, "text": one.text, "tokens": one.tokens} for one in result]


if __name__ == "__main__":
    report_result(load, work, lambda job: ASKED[job["work"]])
