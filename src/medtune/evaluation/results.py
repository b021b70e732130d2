"""What is measured, as types: a sample, a score, a change, a task's result.

Their JSON (``as_json``) is what stands in the run directory: optional fields that were not set are
left out.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from medtune.files import read_json

Decision = Literal["better", "worse", "undecided", "described"]
Better = Literal["lower", "higher"]
Shown = Literal["shown", "not shown", "cannot be told"]


class Result(BaseModel):
    """A frozen record; a field that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def as_json(self) -> dict[str, Any]:
        """Plain values, in the order of the fields; what was never set is left out."""
        return self.model_dump(mode="json", exclude_unset=True)


class Sample(Result):
    """One item and what a model made of it; each task has its own kind, with more fields.

    ``group`` names what must not be taken apart in a bootstrap, ``prompt`` is the exact text that
    the model was given, ``prompt_cut`` how many of its tokens the context had no room for. Two
    samples are of one item where ``id``, ``group``, ``question``, ``reference`` and ``options``
    are equal.
    """

    # Any task's samples can be read as this class: what it does not know is kept.
    model_config = ConfigDict(extra="allow")

    id: str
    group: str
    source: str | None = None
    question: str | None = None
    prompt: str = ""
    prompt_cut: int = 0
    output: str | None = None
    reference: str | None = None
    options: list[str] | None = None
    labels: list[str] | None = None
    score: Any = None  # a number, or a model of the task's own

    # Reading a sample like the JSON object it is saved as; new code uses the attributes.
    def __getitem__(self, name: str) -> Any:
        return _plain(getattr(self, name))

    def __contains__(self, name: object) -> bool:
        return name in self.model_fields_set

    def get(self, name: str, default: Any = None) -> Any:
        """The field's value, or ``default`` where it was not set."""
        if name in self.model_fields_set:
            return self[name]
        return default


class Estimate(Result):
    """A figure with its 95 % interval (None where nothing is known of chance)."""

    value: float
    low: float | None
    high: float | None


class Score(Estimate):
    """A metric of one model: ``n`` items that the figure speaks of, in so many ``groups``.

    ``left_out``: items with tokens that the tokenizer does not know.
    """

    n: int
    groups: int = 0
    left_out: int = 0

    @property
    def items(self) -> str:
        """``n`` in words, with what was left out."""
        more = f" ({self.left_out:,} left out: unknown tokens)" if self.left_out else ""
        return f"{self.n:,}{more}"


class MarginTest(Result):
    """A change against a margin that was set before: two one-sided tests at 5 % (Schuirmann 1987).

    ``low`` and ``high`` are the 90 % interval of the change, ``not_worse`` whether it ends before a
    worsening by ``margin``, ``equivalent`` whether it lies within the margin on both sides. What
    too few groups, or a change that was not tested, leave open "cannot be told".
    """

    margin: float
    low: float | None
    high: float | None
    not_worse: Shown
    equivalent: Shown


class Change(Estimate):
    """After minus before on the same items.

    ``p`` is of the named ``test`` (two-sided), ``p_corrected`` by Holm over its family of tests;
    both are None where nothing was tested. ``detectable`` is the smallest difference that the items
    would show four times in five, None where they can show none. A change of at most
    ``resolution`` is none: rounding alone moves the figure so far. ``effective_groups`` is how many
    groups of equal weight tell as much as these. ``margin`` is None where none was set. ``kind`` is
    the task's name.
    """

    p: float | None
    detectable: float | None = None
    test: str
    p_corrected: float | None = None
    better: Better | None
    title: str = ""
    unit: str = ""
    n: int
    groups: int
    effective_groups: float | None = None
    resolution: float | None = None
    margin: MarginTest | None = None
    kind: str = ""
    decision: Decision = "described"


Scores = dict[str, Score]  # metric → score
Changes = dict[str, dict[str, Change]]  # task → metric → change


class TaskResult(Result):
    """``<task>.json``: the scores of one model on one task, with what they depend on.

    ``key`` is a hash of model, items and settings: an evaluation of the same key is not made again.
    """

    task: str
    model: str
    model_fingerprint: str
    key: str
    samples_sha256: str
    settings: dict[str, object]
    scores: Scores


class BaselineScores(Result):
    """What needs no language model, on a task's items; learnt of ``trained_on`` rows."""

    title: str
    trained_on: int
    scores: Scores


def read_baselines_file(path: Path) -> dict[str, dict[str, BaselineScores]]:
    """Task → baseline of ``eval/baselines.json``; empty where there is no such file."""
    values = read_json(path) if path.exists() else {}
    return {
        task: {name: BaselineScores.model_validate(value) for name, value in baselines.items()}
        for task, baselines in values.items()
    }


def plain(results: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings and lists of results as plain values for a JSON file."""
    return {name: _plain(value) for name, value in results.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Result):
        return value.as_json()
    if isinstance(value, Mapping):
        return plain(value)
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
