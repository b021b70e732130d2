"""Answers judged criterion by criterion by a judge model, as in HealthBench (Arora et al. 2025)."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import ClassVar

from medtune.conversation import Conversation, Message
from medtune.data.audit import IdentifierAudit
from medtune.errors import RecipeError
from medtune.evaluation.judge import (
    JudgeCase,
    ModelJudge,
    clipped,
    crossing,
    item_score,
    kappa,
    open_judge,
)
from medtune.evaluation.results import Result, Sample
from medtune.evaluation.rubrics import Criterion, RubricItem, packaged_rubrics, scanned_rubrics
from medtune.evaluation.tasks.classification import given
from medtune.evaluation.tasks.task import Metric, Task, TaskSettings, system_message
from medtune.files import sha256_paths
from medtune.models.interface import Generated, LanguageModel
from medtune.progress import say, track
from medtune.recipe.schema import TaskSpec
from medtune.text.safety.prompts import prompts_version

JUDGE_CODE = [Path(__file__).parents[1] / name for name in ("judge.py", "rubrics.py")]


class RubricScore(Result):
    """``points`` as ``item_score`` has them; ``labelled`` crosses the labels of a person with the
    judge's verdicts (``crossing``).
    """

    points: float | int | None
    finished: int
    labelled: list[int] | None = None


class LabelledCompletion(Result):
    """An answer that a person judged: ``labels`` of that person, ``met`` of the judge."""

    completion: str | None
    labels: list[bool | None]
    met: list[bool | None]


class RubricSample(Sample):
    """An answer with its criteria, and which of them the judge found met (None: not read)."""

    criteria: list[Criterion]
    met: list[bool | None]
    score: RubricScore
    labelled: LabelledCompletion | None = None


def _met(sample: RubricSample, sign: int) -> tuple[float, float]:
    """Met and judged criteria whose points have this sign."""
    pairs = zip(sample.criteria, sample.met, strict=True)
    of_sign = [met for criterion, met in pairs if criterion.points * sign > 0]
    judged = [met for met in of_sign if met is not None]
    return sum(judged), len(judged)


def _judged(sample: RubricSample) -> tuple[float, float]:
    return sum(met is not None for met in sample.met), len(sample.met)


def _labelled(sample: RubricSample) -> list[int]:
    return sample.score.labelled or [0, 0, 0, 0]


def _agreed(sample: RubricSample) -> tuple[float, float]:
    both, _, _, neither = counts = _labelled(sample)
    return both + neither, sum(counts)


class Rubric(Task):
    """The share of the points that could be reached, judged by a model, and as good as that agrees
    with people.

    Where the file holds completions with labels given by people, the same judge judges these too,
    and ``judge_kappa`` and ``judge_accuracy`` show how far it agrees.
    """

    name = "rubric"
    title = "Answers judged by criteria"
    missing = "answers judged by criteria, by another model"
    settings = ("limit", "source", "shots", "judge")
    own_items = "prompts and criteria that come with medtune"
    source_holds = "file"
    sample = RubricSample
    metrics: ClassVar[Sequence[Metric]] = (
        Metric(
            "rubric_score",
            "Points of the rubric, judged by a model",
            lambda s: given(s.score.points),
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
        """The recipe must name a judge."""
        if spec.judge is None:
            raise ValueError(
                "rubric needs a judge: {task: rubric, judge: {name: …, endpoint: {base_url: …}}}"
            )

    def check_source(self, spec: TaskSpec) -> None:
        """A rubric that cannot be read is an error before anything is asked."""
        rubrics(spec.source)

    def scan_source(self, spec: TaskSpec, policy: str) -> IdentifierAudit | None:
        """What is seen in prompts, criteria and completions; None for the packaged rubrics."""
        return scanned_rubrics(Path(spec.source), policy)[1] if spec.source else None

    def depends_on(self, spec: TaskSpec) -> Sequence[str]:
        """The packaged prompts, and the way a judge is asked."""
        return [prompts_version(), sha256_paths(JUDGE_CODE)]

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
                fix="Name one: {task: rubric, judge: {name: …, endpoint: {base_url: …}}}, or "
                "{name: DIRECTORY}.",
            )
        chosen = settings.draw(rubrics(settings.spec.source, settings.identifiers))
        system = system_message(items)
        with track("rubric", len(chosen), "answers") as bar:
            prompts = [settings.conversation(_with_system(item.prompt, system)) for item in chosen]
            answers = model.generate(prompts, settings.decoding_settings(), bar.advance)
        return judged(chosen, answers, open_judge(settings.spec.judge, settings.cache))


def rubrics(source: str | None, policy: str = "off") -> list[RubricItem]:
    """The rubrics of a file after the policy on identifiers, or those that come with medtune.

    Raises ``DataError`` with file, line and field.
    """
    return scanned_rubrics(Path(source), policy)[0] if source else packaged_rubrics()


def judged(
    items: Sequence[RubricItem], answers: Sequence[Generated], judge: ModelJudge
) -> list[Sample]:
    """Samples with one judgement a criterion, of the answers and of the completions that people
    labelled.
    """
    cases = [
        JudgeCase(item.prompt, answer.text, criterion.criterion)
        for item, answer in zip(items, answers, strict=True)
        for criterion in item.criteria
    ]
    labelled = [
        JudgeCase(item.prompt, item.completion or "", criterion.criterion)
        for item in items
        if item.labels
        for criterion in item.criteria
    ]
    with track("judge", len(cases) + len(labelled), "criteria") as bar:
        verdicts = judge.judge([*cases, *labelled], bar.advance)
    of_answers, of_labelled = iter(verdicts[: len(cases)]), iter(verdicts[len(cases) :])
    samples: list[Sample] = []
    for item, answer in zip(items, answers, strict=True):
        met = list(islice(of_answers, len(item.criteria)))
        sample = _sample(item, answer, met)
        if item.labels:
            sample = _with_labels(sample, item, list(islice(of_labelled, len(item.criteria))))
        samples.append(sample)
    if missing := verdicts[: len(cases)].count(None):
        say(
            f"rubric: {missing} of {len(cases)} judgements are missing: the judge's reply could "
            "not be read"
        )
    return samples


def _with_system(prompt: tuple[Message, ...], system: str | None) -> tuple[Message, ...]:
    has_one = any(message.role == "system" for message in prompt)
    return prompt if has_one or system is None else (Message("system", system), *prompt)


def _sample(item: RubricItem, answer: Generated, met: list[bool | None]) -> RubricSample:
    return RubricSample(
        id=item.id,
        group=item.group,
        question=item.prompt[-1].content,
        prompt=answer.prompt,
        prompt_cut=answer.prompt_cut,
        output=answer.text,
        reference=None,
        criteria=list(item.criteria),
        met=met,
        score=RubricScore(
            points=item_score([criterion.points for criterion in item.criteria], met),
            finished=int(answer.finished),
        ),
    )


def _with_labels(sample: RubricSample, item: RubricItem, met: list[bool | None]) -> RubricSample:
    pairs = [
        (label, verdict)
        for label, verdict in zip(item.labels, met, strict=True)
        if label is not None and verdict is not None
    ]
    completion = LabelledCompletion(completion=item.completion, labels=list(item.labels), met=met)
    score = sample.score.model_copy(update={"labelled": crossing(pairs)})
    return sample.model_copy(update={"labelled": completion, "score": score})
