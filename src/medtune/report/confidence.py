"""A run's measured confidence as plain values and pictures for the page, from
`eval/confidence.json`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medtune.report.evaluation_plots import reliability_plot, risk_plot
from medtune.report.figures import Figures

SIDES = {"before": "untouched model", "after": "trained model"}


def confidence_sections(figures: Figures) -> list[dict[str, Any]]:
    """A section a task whose confidence was measured, with a table, and sentences a side.

    ``meant`` says what confidence and right are; ``columns`` are the titles of the sides.
    """
    return [_section(task, sides) for task, sides in figures.confidence.items()]


def _section(task: str, sides: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    told = {SIDES[side]: facts["sentences"] for side, facts in sides.items()}
    return {
        "task": task,
        "columns": list(told),
        "rows": [
            {"title": title, "cells": list(cells)}
            for title, *cells in zip(*_columns(sides), strict=True)
        ],
        "meant": next(iter(told.values()))[0],
        "sentences": {side: texts[1:] for side, texts in told.items()},
    }


def confidence_pictures(figures: Figures, directory: Path) -> dict[str, str]:
    """Inline SVG by name: ``reliability_TASK`` and ``risk_TASK``, also written to ``directory``."""
    pictures = {}
    for task, sides in figures.confidence.items():
        pictures[f"reliability_{task}"] = reliability_plot(sides, directory, f"reliability_{task}")
        pictures[f"risk_{task}"] = risk_plot(sides, directory, f"risk_{task}")
    return pictures


TITLES = [
    "items with a confidence",
    "mean confidence",
    "right",
    "calibration error (ECE)",
    "… of a perfectly calibrated model",
    "Brier score",
    "AUROC of confidence",
    "AUROC of answer length",
    "signal",
    "AURC (random order, at best)",
    "temperature (ECE before, after)",
    "conformal sets: coverage reached (stated)",
    "conformal sets: mean size",
    "threshold to abstain below",
]


def _columns(sides: Mapping[str, dict[str, Any]]) -> list[list[str]]:
    return [TITLES, *(_cells(facts) for facts in sides.values())]


def _cells(facts: dict[str, Any]) -> list[str]:
    """The texts under ``TITLES``."""
    area, warmth, sets = facts["aurc"], facts["temperature"], facts["conformal"]
    chance = facts["ece"]["perfect"]
    missing = (
        "not measured" if facts["kind"] == "options" else "–"
    )  # a written answer has no other options
    return [
        f"{facts['n']:,}",
        _f(facts["confidence"]),
        _f(facts["right"]),
        _band(facts["ece"]),
        f"{_f(chance['mean'])} ({_f(chance['low'])}–{_f(chance['high'])})",
        _band(facts["brier"]),
        _band(facts["auroc"]),
        _band(facts["length_auroc"]),
        facts["signal"],
        f"{_f(area['value'])} ({_f(area['random'])}, {_f(area['oracle'])})",
        f"{warmth['value']:.3g} ({_f(warmth['ece_before'])}, {_f(warmth['ece_after'])})"
        if warmth
        else "not measured",
        f"{_band(sets['reached'])}, stated {sets['stated']:.0%}" if sets else missing,
        f"{sets['mean_size']:.2f} of {sets['options']:.3g}" if sets else missing,
        _limit(facts["threshold"]),
    ]


def _limit(threshold: dict[str, Any] | None) -> str:
    if threshold is None:
        return "not measured"
    return (
        _f(threshold["value"]) if threshold["status"] == "set" else f"none: {threshold['status']}"
    )


def _f(value: float) -> str:
    return f"{value:.3f}"


def _band(figure: dict[str, Any] | None) -> str:
    if figure is None:
        return "not measured"
    return _f(figure["value"]) + (
        "" if figure["low"] is None else f" ({_f(figure['low'])}–{_f(figure['high'])})"
    )
