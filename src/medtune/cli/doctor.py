"""`medtune doctor`: the environment, and whether the scoring code gives known answers here."""

import os
import shutil
from importlib import metadata
from typing import Annotated, Any

import typer

from medtune.cli.common import Options, offers, print_json

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
        _environment(options.data_dir, json=options.json)


def _self_test(*, json: bool) -> None:
    """A table of cases; the exit code is 1 where one fails."""
    from medtune.evaluation.self_test import self_test

    cases = self_test()
    failed = [case["case"] for case in cases if not case["ok"]]
    if json:
        print_json({"cases": cases, "failed": len(failed)})
    else:
        typer.echo(self_test_table(cases))
    if failed:
        raise typer.Exit(1)


def self_test_table(cases: list[dict[str, Any]]) -> str:
    """A line a case, at most 80 columns wide; what failed stands below with all its figures."""
    lines = [f"{'case':<{NAME_WIDTH}}{'expected':<{VALUE_WIDTH}}{'found':<{VALUE_WIDTH}}"]
    for case in cases:
        expected, found = (_values(case[name]) for name in ("expected", "found"))
        said = "ok" if case["ok"] else "FAILED"
        lines.append(
            f"{case['case']:<{NAME_WIDTH}}{expected:<{VALUE_WIDTH}}{found:<{VALUE_WIDTH}}{said}"
        )
    failed = [case for case in cases if not case["ok"]]
    lines += ["", f"{len(cases) - len(failed)} of {len(cases)} cases as they must be."]
    if failed:
        lines += [
            f"FAILED: {case['case']}: expected {case['expected']}, found {case['found']}"
            for case in failed
        ]
        lines.append(
            "Do not trust figures made here: compare the versions of numpy and scipy (medtune doctor) with the lock."
        )
    return "\n".join(lines)


def _values(found: Any) -> str:
    """Numbers with three digits; an error that came instead stands below the table."""
    return (
        "an error"
        if isinstance(found, str)
        else " ".join(f"{round(value, 9):.3g}" for value in found)
    )


def _environment(data_dir: Any, *, json: bool) -> None:
    from medtune.models.load import packaged_models
    from medtune.models.precision import fast_bfloat16
    from medtune.runs.environment import hardware, versions

    hosted = {name: _installed(name) for name in ("openai", "bpe-openai")}
    facts: dict[str, Any] = {
        "versions": versions(),
        "hardware": hardware(),
        "bfloat16_fast": fast_bfloat16(),
        "offline": os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"),
        "packaged_models": packaged_models(),
        "data_dir": str(data_dir) if data_dir else None,
        "hosted": hosted | {"OPENAI_API_KEY": bool(os.environ.get("OPENAI_API_KEY"))},
        "compiler": shutil.which("g++") or shutil.which("clang++"),
        "free_disk_bytes": shutil.disk_usage(".").free,
    }
    if json:
        print_json(facts)
        return
    for name, version in facts["versions"].items():
        hint = f"   pip install {name}" if version == "not installed" else ""
        typer.echo(f"{name:<14}{version}{hint}")
    found = facts["hardware"]
    typer.echo(
        f"\nprocessor     {found['processor']}, {found['cores']} cores\nmemory        {found['memory_bytes'] / 2**30:.1f} GiB"
    )
    typer.echo(f"GPU           {', '.join(found['gpus']) or 'none: everything runs on the CPU'}")
    typer.echo(
        f"bfloat16      {'multiplied in hardware' if facts['bfloat16_fast'] else 'slow here: float32 is used'}"
    )
    typer.echo(f"disk free     {facts['free_disk_bytes'] / 2**30:.1f} GiB")
    typer.echo(
        f"model hub     {'off (HF_HUB_OFFLINE)' if facts['offline'] else 'asked only for models that are not local'}"
    )
    typer.echo(
        f"in package    {', '.join(facts['packaged_models']) or 'no model: the package is incomplete'}"
    )
    typer.echo(
        f"data          {facts['data_dir'] or 'no --data-dir or MEDTUNE_DATA: only packaged data and files by path'}"
    )
    typer.echo(f"hosted        {_hosted_text(facts['hosted'])}")
    if not facts["compiler"]:
        typer.echo(
            "compiler      none: set train.compile=false for medtune pretrain (apt install g++)"
        )


def _hosted_text(found: dict[str, Any]) -> str:
    if not (found["openai"] and found["bpe-openai"]):
        return "no client for hosted services: pip install 'medtune[hosted]'"
    key = "is set" if found["OPENAI_API_KEY"] else "is not set (a recipe may name another variable)"
    return f"openai {found['openai']}, bpe-openai {found['bpe-openai']}; OPENAI_API_KEY {key}"


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
