"""A run's files as the plain values that page, card and plots show."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from medtune.data.audit import RunAudit, read_audit
from medtune.files import read_json, read_json_lines
from medtune.report.verdict import ALPHA, FEW_GROUPS, verdict
from medtune.run_paths import RunPaths

# What a reader may ask for; whatever a run did not measure is listed as such.
MEASURABLE = {
    "perplexity": "prediction of held-out answers",
    "answers": "overlap of generated answers with references",
    "topics": "behaviour on demonstration questions",
    "safety": "harm: urgent advice withheld, dangerous doses, unsafe remedies",
    "rubric": "answers judged by criteria, by another model",
    "multiple_choice": "medical knowledge (multiple-choice examinations)",
    "forgetting": "what was forgotten: general language after training",
    "calibration": "whether the model's confidence means anything",
    "human": "judgement by clinicians",
    "external": "data from elsewhere: the test split comes from the same sources as the training split",
    "seeds": "spread over seeds: this is one training with one seed",
}


@dataclass(frozen=True)
class Figures:
    """Everything that is shown, read once."""

    recipe_text: str
    state: dict[str, Any]
    audit: RunAudit
    metrics: dict[str, Any]
    log: list[dict[str, Any]]
    stats: dict[str, Any]
    samples: dict[str, dict[str, list[dict[str, Any]]]]
    tables: dict[str, dict[str, Any]]  # task → side → tables of a classification
    baselines: dict[str, dict[str, Any]]  # task → baseline → title, scores
    confidence: dict[str, dict[str, Any]] = field(
        default_factory=dict
    )  # task → side → facts of its confidence

    @classmethod
    def read(cls, run: RunPaths) -> "Figures":
        """From the files of a run, whole or partial."""
        stats = run.train / "trainer_stats.json"
        log = run.train / "metrics.jsonl"
        return cls(
            recipe_text=run.recipe.read_text(encoding="utf-8"),
            state=read_json(run.state_file),
            audit=read_audit(run.data / "audit.json"),
            metrics=read_json(run.metrics),
            log=read_json_lines(log) if log.exists() and stats.exists() else [],
            stats=read_json(stats) if stats.exists() else {},
            samples={"before": _samples(run.before), "after": _samples(run.after)},
            tables=_if_there(run.root / "eval" / "tables.json"),
            baselines=_if_there(run.root / "eval" / "baselines.json"),
            confidence=_if_there(run.root / "eval" / "confidence.json"),
        )

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """The resolved recipe as plain values."""
        found: dict[str, Any] = yaml.safe_load(self.recipe_text)
        return found

    @cached_property
    def specs(self) -> dict[str, dict[str, Any]]:
        """The recipe's tasks by the name under which their figures are kept; at least ``task``."""
        wanted = [
            spec if isinstance(spec, dict) else {"task": spec}
            for spec in self.recipe["evaluate"]["tasks"]
        ]
        return {spec.get("name") or spec["task"]: spec for spec in wanted}

    def kind(self, task: str) -> str:
        """What a task is, under whatever name its figures are kept."""
        return str(self.specs.get(task, {"task": task})["task"])

    def of_kind(self, kind: str) -> list[str]:
        """Names of the measured tasks of a kind."""
        return [
            task
            for task in self.metrics["before"] or self.metrics["after"]
            if self.kind(task) == kind
        ]

    @property
    def verdict(self) -> str:
        """The run in a sentence."""
        if not self.metrics["change"]:
            return "Not finished: there is no measurement before and after yet."
        return verdict(self.metrics)

    def changes(self) -> list[dict[str, Any]]:
        """A row a metric: task, titles, before, after, difference, interval, p, and what it
        means.
        """
        rows = []
        for task, figures in self.metrics["change"].items():
            for name, entry in figures.items():
                before, after = (self.metrics[side][task][name] for side in ("before", "after"))
                rows.append(
                    entry
                    | {
                        "task": task,
                        "metric": name,
                        "before": before["value"],
                        "after": after["value"],
                    }
                    | {
                        "before_interval": before,
                        "after_interval": after,
                        "verdict": meaning(entry),
                    }
                    # The items that a figure speaks of, such as the emergencies among all prompts.
                    | {"n": before.get("n", entry["n"])}
                )
        return rows

    def not_measured(self) -> list[str]:
        """What this run says nothing about."""
        measured = self._measured()
        missing = [text for name, text in MEASURABLE.items() if name not in measured]
        if not self.audit.groups.entities:
            missing.append(
                "questions on new diseases: the data name no subject, so one disease may be learnt and tested"
            )
        return missing

    def _measured(self) -> set[str]:
        """Which of ``MEASURABLE`` this run says something about."""
        tasks = list(self.metrics["before"])
        found = {self.kind(task) for task in tasks}
        facts = [side for sides in self.confidence.values() for side in sides.values()]
        found |= {"calibration"} if any(facts) else set()
        found |= {"seeds"} if self.metrics.get("seeds") else set()
        outside = [
            task
            for task in tasks
            if self.specs.get(task, {}).get("source") and self.kind(task) != "forgetting"
        ]
        return found | ({"external"} if outside else set())

    def side_by_side(self, task: str, limit: int) -> list[dict[str, Any]]:
        """The first ``limit`` samples of a task with both answers: not chosen."""
        before, after = (self.samples[side].get(task, []) for side in ("before", "after"))
        pairs = zip(before[:limit], after[:limit], strict=False)
        return [
            {"before": left, "after": right, "question": left.get("question") or left["prompt"]}
            for left, right in pairs
        ]


def meaning(entry: dict[str, Any]) -> str:
    """``better``, ``worse``, ``undecided``, or ``described`` for what is neither good nor bad."""
    if entry["better"] is None:
        return "described"
    if entry["p_corrected"] is None or entry["p_corrected"] >= ALPHA or entry["value"] == 0:
        return "undecided"
    if entry.get("groups", FEW_GROUPS) < FEW_GROUPS:
        return "undecided"  # too few to tell from chance, as the verdict says
    return "better" if (entry["value"] < 0) == (entry["better"] == "lower") else "worse"


def _if_there(path: Path) -> dict[str, Any]:
    return read_json(path) if path.exists() else {}


def _samples(directory: Path) -> dict[str, list[dict[str, Any]]]:
    paths = sorted(directory.glob("*.samples.jsonl")) if directory.exists() else []
    return {path.name.removesuffix(".samples.jsonl"): read_json_lines(path) for path in paths}
