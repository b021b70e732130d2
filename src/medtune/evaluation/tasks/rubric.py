"""Answers judged criterion by criterion by a judge model, as in HealthBench (Arora et al. 2025)."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from medtune.conversation import Conversation, Message
from medtune.errors import RecipeError
from medtune.evaluation.judge.agreement import clipped, crossing, item_score, kappa
from medtune.evaluation.judge.judge import Case, Judge, open_judge
from medtune.evaluation.judge.rubrics import RubricItem, packaged_rubrics, read_rubrics
from medtune.evaluation.tasks.task import Metric, Sample, Task, TaskSettings
from medtune.files import sha256_paths
from medtune.models.interface import Generated, LanguageModel
from medtune.progress import say, track
from medtune.recipe.schema import TaskSpec
from medtune.text.safety.prompts import prompts_version

JUDGE_CODE = Path(__file__).parents[1] / "judge"


def _score(sample: Sample) -> tuple[float, float]:
    """A missing judgement is missing: an item without a score (``item_score``) counts nowhere."""
    points = sample["score"]["points"]
    return (0, 0) if points is None else (points, 1)


def _met(sample: Sample, sign: int) -> tuple[float, float]:
    """Met and judged criteria whose points have this sign."""
    own = [
        met
        for c, met in zip(sample["criteria"], sample["met"], strict=True)
        if c["points"] * sign > 0
    ]
    judged = [met for met in own if met is not None]
    return sum(judged), len(judged)


def _judged(sample: Sample) -> tuple[float, float]:
    return sum(met is not None for met in sample["met"]), len(sample["met"])


def _labelled(sample: Sample) -> list[int]:
    return list(sample["score"].get("labelled", (0, 0, 0, 0)))


def _agreed(sample: Sample) -> tuple[float, float]:
    both, _, _, neither = counts = _labelled(sample)
    return both + neither, sum(counts)


class Rubric(Task):
    """The share of the points that could be reached.

    Judgements are a model's, and as good as it agrees with people.

    Where the file holds completions with labels given by people, the same judge judges these too,
    and ``judge_kappa`` and ``judge_accuracy`` tell how far it agrees.
    """

    name = "rubric"
    title = "Answers judged by criteria"
    missing = "answers judged by criteria, by another model"
    settings = ("limit", "source", "shots", "judge")
    own_items = "prompts and criteria that come with medtune"
    source_holds = "file"
    metrics: ClassVar[Sequence[Metric]] = (
        Metric(
            "rubric_score",
            "Points of the rubric, judged by a model",
            _score,
            "higher",
            clipped,
            paired_only=True,
        ),
        Metric("criteria_met", "Good criteria met", lambda s: _met(s, 1), None),
        Metric("faults_found", "Bad criteria met", lambda s: _met(s, -1), None),
        Metric("judged", "Judgements that could be read", _judged, None),
        Metric("judge_accuracy", "Judge agrees with given labels", _agreed, None),
        Metric(
            "judge_kappa", "Judge and given labels, Cohen's kappa", _labelled, None, figure=kappa
        ),
    )

    def check(self, spec: TaskSpec) -> None:
        """Somebody must judge."""
        if spec.judge is None:
            raise ValueError(
                "rubric needs a judge: {task: rubric, judge: {name: …, endpoint: {base_url: …}}}"
            )

    def check_source(self, spec: TaskSpec) -> None:
        """A rubric that cannot be read is an error before anything is asked."""
        rubrics(spec.source)

    def depends_on(self, spec: TaskSpec) -> Sequence[str]:
        """The packaged prompts, and the way a judge is asked."""
        return [prompts_version(), sha256_paths(sorted(JUDGE_CODE.glob("*.py")))]

    def run(
        self, model: LanguageModel, items: Sequence[Conversation], settings: TaskSettings
    ) -> list[Sample]:
        """One greedy answer an item, and one judgement a criterion.

        ``items`` give only the data's system message.
        """
        if settings.spec is None or settings.spec.judge is None:
            raise RecipeError(
                "rubric needs a judge",
                where="evaluate.tasks: judge",
                fix="Name one: {task: rubric, judge: {name: …, endpoint: {base_url: …}}}, or {name: DIRECTORY}.",
            )
        chosen = _drawn(rubrics(settings.spec.source), settings)
        system = next((m for item in items[:1] for m in item.messages if m.role == "system"), None)
        with track("rubric", len(chosen), "answers") as bar:
            prompts = [settings.conversation(_with_system(item.prompt, system)) for item in chosen]
            answers = model.generate(prompts, settings.decoding_settings(), bar.advance)
        return judged(
            chosen, answers, open_judge(settings.spec.judge, getattr(settings, "cache", None))
        )


def rubrics(source: str | None) -> list[RubricItem]:
    """The rubrics of a file, or those that come with medtune.

    Raises ``DataError`` with file, line and field.
    """
    return read_rubrics(Path(source)) if source else packaged_rubrics()


def judged(items: Sequence[RubricItem], answers: Sequence[Generated], judge: Judge) -> list[Sample]:
    """Samples with one judgement a criterion, of the answers and of the completions that people
    labelled.
    """
    cases = [
        Case(i.prompt, a.text, c.criterion)
        for i, a in zip(items, answers, strict=True)
        for c in i.criteria
    ]
    known = [
        Case(i.prompt, i.completion or "", c.criterion)
        for i in items
        if i.labels
        for c in i.criteria
    ]
    with track("judge", len(cases) + len(known), "criteria") as bar:
        found = iter(judge.judge([*cases, *known], bar.advance))
    met = [[next(found) for _ in item.criteria] for item in items]
    samples = [
        _sample(item, made, own) for item, made, own in zip(items, answers, met, strict=True)
    ]
    for item, sample in zip(items, samples, strict=True):
        if item.labels:
            _add_labels(sample, item, [next(found) for _ in item.criteria])
    missing = sum(one is None for own in met for one in own)
    if missing:
        say(
            f"rubric: {missing} of {len(cases)} judgements are missing: the judge's reply could not be read"
        )
    return samples


def _drawn(items: list[RubricItem], settings: TaskSettings) -> list[RubricItem]:
    if settings.limit is None or settings.limit >= len(items):
        return items
    picked = np.random.default_rng(settings.seed).permutation(len(items))[: settings.limit]
    return [items[i] for i in sorted(picked)]


def _with_system(prompt: tuple[Message, ...], system: Message | None) -> tuple[Message, ...]:
    own = any(message.role == "system" for message in prompt)
    return prompt if own or system is None else (system, *prompt)


def _sample(item: RubricItem, made: Generated, met: list[bool | None]) -> Sample:
    return {
        "id": item.id,
        "group": item.group,
        "question": item.prompt[-1].content,
        "prompt": made.prompt,
        "prompt_cut": made.prompt_cut,
        "output": made.text,
        "reference": None,
        "criteria": [criterion.as_dict() for criterion in item.criteria],
        "met": met,
        "score": {
            "points": item_score([c.points for c in item.criteria], met),
            "finished": int(made.finished),
        },
    }


def _add_labels(sample: Sample, item: RubricItem, met: list[bool | None]) -> None:
    sample["labelled"] = {"completion": item.completion, "labels": list(item.labels), "met": met}
    pairs = [
        (a, b) for a, b in zip(item.labels, met, strict=True) if a is not None and b is not None
    ]
    sample["score"]["labelled"] = crossing(pairs)
