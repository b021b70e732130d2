"""lm-evaluation-harness's part of evaluation.py: `python lm_eval_harness.py JOB.json`, in an
environment that has it.
"""

from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from timing import Job, report_result


def requests_of(job: Job) -> list[Instance]:
    """Its own form of the same prompts and continuations."""
    if job["work"] == "choices":
        pairs = [(row["prompt"], text) for row in job["asked"] for text in row["texts"]]
        return [Instance("loglikelihood", {}, pair, i) for i, pair in enumerate(pairs)]
    return [
        Instance("loglikelihood_rolling", {}, (text,), i) for i, text in enumerate(job["texts"])
    ]


def load(job: Job) -> HFLM:
    """The model in the wanted number format."""
    settings = {
        "dtype": job["dtype"],
        "device": "cpu",
        "batch_size": job["batch"],
        "add_bos_token": False,
    }
    return HFLM(pretrained=job["model"], **settings)


def work(model: HFLM, job: Job) -> list[float]:
    """Log-likelihoods in the order of the requests."""
    requests = requests_of(job)
    if job["work"] == "choices":
        return [float(value) for value, _ in model.loglikelihood(requests, disable_tqdm=True)]
    return [float(value) for value in model.loglikelihood_rolling(requests, disable_tqdm=True)]


if __name__ == "__main__":
    report_result(load, work, lambda job: "asked" if job["work"] == "choices" else "texts")
