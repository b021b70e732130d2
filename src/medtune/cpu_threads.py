"""Threads of the processor: how many compute, how they wait for one another, the load of others.

A thread that waits for the others of its group first spins, then sleeps. Spinning is quicker on an
idle machine; beside other processes it takes the very core that the awaited thread needs. libgomp,
torch's thread library, reads its settings when it is loaded: they are set before torch is imported.
Neither they nor the load change a number that is computed; the number of threads may, and so it
follows from the machine alone.
"""

import math
import os
import sys
import time
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

# Rounds of spinning. libgomp's own are 300,000 where there are as many cores as threads.
SPINS_IDLE, SPINS_BUSY = 10_000, 1_000
BUSY_SHARE = 0.15  # of the cores, used by others
COUNTS = ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "MKL_NUM_THREADS")
WAITS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class ThreadSettings:
    """What was set before torch was loaded.

    ``load``: cores of ours that other processes use. ``user_settings``: variables that the user has
    set, left alone. ``spins``: None where one of them says how threads wait.
    """

    cores: float
    load: float
    spins: int | None
    user_settings: dict[str, str]

    def text(self, threads: int) -> str:
        """One line for people; ``threads`` as torch has them."""
        text = f"{threads} on {self.cores:g} cores, of which others use {self.load:.1f}"
        if self.spins is not None:
            text += f"; waits spin {self.spins:,} rounds"
        given = ", ".join(f"{name}={value}" for name, value in self.user_settings.items())
        return f"{text}; set by you: {given}" if given else text


_current: ThreadSettings | None = None


def configure_threads(seconds: float = 0.1) -> None:
    """Set the variables of libgomp for this process and those that it starts.

    The load is measured over ``seconds``. Nothing happens where torch is loaded, or a second time.
    """
    global _current
    if _current is None and "torch" not in sys.modules:
        _current = apply_settings(os.environ, processor_load(seconds), core_limit())


def apply_settings(
    environment: MutableMapping[str, str], load: float, cores: float
) -> ThreadSettings:
    """Write what the user has not set into ``environment``; ``load`` in cores."""
    user_settings = {name: environment[name] for name in (*COUNTS, *WAITS) if environment.get(name)}
    spins = None
    if not any(name in user_settings for name in WAITS):
        spins = SPINS_BUSY if load >= BUSY_SHARE * cores else SPINS_IDLE
        environment["GOMP_SPINCOUNT"] = str(spins)
    if not any(name in user_settings for name in COUNTS) and cores < _affinity():
        environment["OMP_NUM_THREADS"] = str(max(1, math.floor(cores)))
    return ThreadSettings(cores, load, spins, user_settings)


def threads_text(threads: int) -> str:
    """One line on ``threads``, waiting and load, for people."""
    if _current is None:
        return f"{threads}, as set when torch was loaded"
    return _current.text(threads)


def threads_are_given() -> bool:
    """Whether the user has set the number of threads."""
    given = os.environ if _current is None else _current.user_settings
    return any(given.get(name) for name in COUNTS)


def available_cores() -> int:
    """Cores that this process may use: by affinity, and whole ones of a container's quota."""
    return max(1, min(_affinity(), math.floor(core_limit())))


def core_limit() -> float:
    """The same with parts of a core: a quota may be 1.5."""
    return min([float(_affinity()), *_quotas()])


def _affinity() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _quotas() -> list[float]:
    """Quotas in cores of the control groups that hold this process, version 2 and 1."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    group = next((line[3:].strip("/") for line in lines if line.startswith("0::")), "")
    directories = [CGROUP / group, *(CGROUP / group).parents]
    files = [directory / "cpu.max" for directory in directories if directory.is_relative_to(CGROUP)]
    pairs = [_numbers(file) for file in files]
    v1 = CGROUP / "cpu"
    pairs.append(_numbers(v1 / "cpu.cfs_quota_us") + _numbers(v1 / "cpu.cfs_period_us"))
    return [pair[0] / pair[1] for pair in pairs if len(pair) == 2 and min(pair) > 0]


def _numbers(file: Path) -> list[float]:
    try:
        return [float(word) for word in file.read_text(encoding="utf-8").split()]
    except (OSError, ValueError):  # not there, or "max 100000": no quota
        return []


def processor_load(seconds: float) -> float:
    """Cores of this process's that others use, over so many seconds in which it sleeps."""
    import psutil

    ours = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None

    def busy() -> tuple[float, float]:
        cores = psutil.cpu_times(percpu=True)
        chosen = [cores[n] for n in ours if n < len(cores)] if ours else cores
        idle = sum(core.idle + getattr(core, "iowait", 0.0) for core in chosen)
        guest = sum(getattr(c, "guest", 0.0) + getattr(c, "guest_nice", 0.0) for c in chosen)
        total = sum(sum(core) for core in chosen) - guest
        return total - idle, total / max(1, len(chosen))

    before, passed = busy()
    time.sleep(seconds)
    after, end = busy()
    return max(0.0, (after - before) / (end - passed)) if end > passed else 0.0
