"""Plots, page and card of a run, from the files in its directory."""

from typing import Protocol


class RunFiles(Protocol):
    """What the report reads: the paths of a run."""


def write_report(run: object) -> None:
    pass
