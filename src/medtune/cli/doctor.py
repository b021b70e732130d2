"""`medtune doctor`: the environment."""

import os
import shutil
from importlib import metadata
from typing import Any

import typer

from medtune.cli.options import DataDir, Json
from medtune.cli.output import print_json


def command(data_dir: DataDir = None, json: Json = False) -> None:
    """Versions, device, memory, offline state, what is missing and how to get it."""
    from medtune.models.loading import packaged_models
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
    typer.echo(f"bfloat16      {'multiplied in hardware' if facts['bfloat16_fast'] else 'slow here: float32 is used'}")
    typer.echo(f"disk free     {facts['free_disk_bytes'] / 2**30:.1f} GiB")
    typer.echo(
        f"model hub     {'off (HF_HUB_OFFLINE)' if facts['offline'] else 'asked only for models that are not local'}"
    )
    typer.echo(f"in package    {', '.join(facts['packaged_models']) or 'no model: the package is incomplete'}")
    typer.echo(
        f"data          {facts['data_dir'] or 'no --data-dir or MEDTUNE_DATA: only packaged data and files by path'}"
    )
    typer.echo(f"hosted        {_hosted_text(facts['hosted'])}")
    if not facts["compiler"]:
        typer.echo("compiler      none: set train.compile=false for medtune pretrain (apt install g++)")


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
