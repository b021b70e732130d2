"""`medtune doctor`: the environment, and whether the scoring code gives known answers here."""

import os
import shutil
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medtune.cli.common import Options, offers, print_json

if TYPE_CHECKING:
    from medtune.evaluation.known_answers import CaseResult
    from medtune.report.figures import Hardware

SelfTest = Annotated[
    bool, typer.Option("--self-test", help="Run the scoring code on cases with known answers.")
]
NAME_WIDTH, VALUE_WIDTH = 42, 15


@offers("data_dir self_test json")
def doctor(*, options: Options, self_test: SelfTest = False) -> None:
    """Versions, device, memory, offline state, what is missing and how to get it."""
    if self_test:
        _self_test(json=options.json)
    else:
        environment = _environment(options.data_dir)
        options.show(
            asdict(environment) | {"hardware": environment.hardware.as_json()},
            lambda: _environment_text(environment),
        )


def _self_test(*, json: bool) -> None:
    """A table of cases; the exit code is 1 where one fails."""
    from medtune.evaluation.self_test import self_test

    cases = self_test()
    failed = sum(not case.ok for case in cases)
    if json:
        print_json({"cases": [case.as_dict() for case in cases], "failed": failed})
    else:
        typer.echo(self_test_table(cases))
    if failed:
        raise typer.Exit(1)


def self_test_table(cases: "list[CaseResult]") -> str:
    """A line a case, at most 80 columns wide; what failed stands below with all its figures."""
    lines = [f"{'case':<{NAME_WIDTH}}{'expected':<{VALUE_WIDTH}}{'found':<{VALUE_WIDTH}}"]
    for case in cases:
        values = "".join(f"{_values(row):<{VALUE_WIDTH}}" for row in (case.expected, case.figures))
        lines.append(f"{case.case:<{NAME_WIDTH}}{values}{'ok' if case.ok else 'FAILED'}")
    failed = [case for case in cases if not case.ok]
    lines += ["", f"{len(cases) - len(failed)} of {len(cases)} cases as they must be."]
    if failed:
        lines += [
            f"FAILED: {case.case}: expected {case.expected}, found {case.figures}"
            for case in failed
        ]
        lines.append(
            "Do not trust figures made here: compare the versions of numpy and scipy "
            "(medtune doctor) with the lock."
        )
    return "\n".join(lines)


def _values(values: str | list[float]) -> str:
    """Numbers with three digits; an error that came instead stands below the table."""
    if isinstance(values, str):
        return "an error"
    return " ".join(f"{round(value, 9):.3g}" for value in values)


@dataclass(frozen=True)
class _Environment:
    """What `medtune doctor --json` prints."""

    versions: dict[str, str]
    hardware: "Hardware"
    threads: str
    bfloat16_fast: bool
    offline: bool
    packaged_models: list[str]
    data_dir: str | None
    hosted: dict[str, str | bool | None]
    compiler: str | None
    free_disk_bytes: int


def _environment(data_dir: Path | None) -> _Environment:
    from medtune.cpu_threads import threads_text
    from medtune.models.model_names import packaged_models
    from medtune.models.precision import fast_bfloat16
    from medtune.runs.stage import hardware, versions

    machine = hardware()
    clients = {name: _installed(name) for name in ("openai", "bpe-openai")}
    return _Environment(
        versions=versions(),
        hardware=machine,
        threads=threads_text(machine.threads),
        bfloat16_fast=fast_bfloat16(),
        offline=os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"),
        packaged_models=packaged_models(),
        data_dir=str(data_dir) if data_dir else None,
        hosted={**clients, "OPENAI_API_KEY": bool(os.environ.get("OPENAI_API_KEY"))},
        compiler=shutil.which("g++") or shutil.which("clang++"),
        free_disk_bytes=shutil.disk_usage(".").free,
    )


def _environment_text(environment: _Environment) -> str:
    hardware = environment.hardware
    lines = [
        f"{name:<14}{version}" + (f"   pip install {name}" if version == "not installed" else "")
        for name, version in environment.versions.items()
    ]
    rows = {
        "processor": f"{hardware.processor}, {hardware.cores} cores",
        "threads": environment.threads,
        "memory": f"{hardware.memory_bytes / 2**30:.1f} GiB",
        "GPU": ", ".join(hardware.gpus) or "none: everything runs on the CPU",
        "bfloat16": "multiplied in hardware"
        if environment.bfloat16_fast
        else "slow here: float32 is used",
        "disk free": f"{environment.free_disk_bytes / 2**30:.1f} GiB",
        "model hub": "off (HF_HUB_OFFLINE)"
        if environment.offline
        else "asked only for models that are not local",
        "in package": ", ".join(environment.packaged_models)
        or "no model: the package is incomplete",
        "data": environment.data_dir
        or "no --data-dir or MEDTUNE_DATA: only packaged data and files by path",
        "hosted": _hosted_text(environment.hosted),
    }
    if not environment.compiler:
        rows["compiler"] = "none: set train.compile=false for medtune pretrain (apt install g++)"
    return "\n".join([*lines, "", *(f"{title:<14}{text}" for title, text in rows.items())])


def _hosted_text(clients: dict[str, str | bool | None]) -> str:
    if not (clients["openai"] and clients["bpe-openai"]):
        return "no client for hosted services: pip install 'medtune[hosted]'"
    is_set = clients["OPENAI_API_KEY"]
    key = "is set" if is_set else "is not set (a recipe may name another variable)"
    return f"openai {clients['openai']}, bpe-openai {clients['bpe-openai']}; OPENAI_API_KEY {key}"


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
