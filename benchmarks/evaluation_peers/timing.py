"""What the contestants of evaluation.py share: read the job, load, warm up, do the work, tell.

Needs nothing but torch.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

Job = dict[str, Any]


def report_result(
    load: Callable[[Job], Any], work: Callable[[Any, Job], Any], requests: Callable[[Job], str]
) -> None:
    """One line of JSON: the results and what they cost.

    ``requests`` names the job's list, whose first item warms up.
    """
    job = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(job["threads"])
    loaded, key = load(job), requests(job)
    work(loaded, job | {key: job[key][:1], "room": 2})
    processor, wall = time.process_time(), time.perf_counter()
    results = work(loaded, job)
    seconds = {"processor": time.process_time() - processor, "wall": time.perf_counter() - wall}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"results": results, **seconds, "peak_memory_bytes": peak}))
