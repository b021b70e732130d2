"""What the service knows and has seen, and the switches of its faults."""

import itertools
import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

KEY = "sk-test-4f1bd9a6c0"
BASE = "gpt-tiny-0125"
IGNORANT = "I cannot say."
STATUSES = ("validating_files", "queued", "running", "running", "succeeded")
FINAL = ("succeeded", "failed", "cancelled")


@dataclass
class Fault:
    """What goes wrong with the next ``times`` requests whose method and path match."""

    match: str
    status: int = 500
    headers: dict = field(default_factory=dict)
    body: object = None  # None: a proper error; bytes are sent as they are
    times: int = 1
    after: bool = False  # the request takes effect, and then its answer goes wrong
    drop: bool = False  # the connection is closed in the middle of the answer
    skip: int = 0  # as many requests pass first
    act: Callable[[], None] | None = None  # done at that moment; with status 0 nothing goes wrong


@dataclass
class Service:
    """State of the service, and switches of its faults; the tests look at it and turn it."""

    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str, bytes, dict]] = field(default_factory=list)
    files: dict[str, dict] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    jobs: dict[str, dict] = field(default_factory=dict)
    events: dict[str, list[dict]] = field(default_factory=lambda: defaultdict(list))
    statuses: tuple[str, ...] = STATUSES
    steps: int = 12
    page_size: int = 5
    base64_results: bool = False
    with_result_file: bool = True
    ignores_after: bool = False
    says_has_more: bool = True
    failure: dict | None = None
    slow: float = 0.0
    together: int = 0  # the first answers come when so many requests are under way
    met: threading.Event = field(default_factory=threading.Event)
    scorer: Callable[[dict], dict] | None = None  # answers the route of completions
    busy: int = 0
    busiest: int = 0
    url: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock)
    numbers: itertools.count = field(default_factory=lambda: itertools.count(1))

    def fail(self, match, status=500, **more):
        self.faults.append(Fault(match, status, **more))

    def count(self, match):
        return sum(
            bool(re.search(match, f"{method} {path}")) for method, path, _, _ in self.requests
        )

    def bodies(self, match):
        found = [
            body for method, path, body, _ in self.requests if re.search(match, f"{method} {path}")
        ]
        return [json.loads(body) for body in found]

    def fault_of(self, method, path):
        with self.lock:
            for fault in self.faults:
                if fault.times and re.search(fault.match, f"{method} {path}"):
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    fault.times -= 1
                    return fault
        return None


def error(status, message, code=None, param=None):
    kind = "invalid_request_error" if status < 500 else "server_error"
    return status, {"error": {"message": message, "type": kind, "param": param, "code": code}}
