"""The label of a text, out of a fixed list: the likeliest of all labels, or the one that a
generated answer names.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from medtune.conversation import Conversation
from medtune.errors import DataError, ModelError
from medtune.evaluation.results import Result, Sample
from medtune.evaluation.tasks.baseline_methods import MAJORITY, TFIDF_SVM, ChoiceItem
from medtune.evaluation.tasks.task import Metric, Task, TaskSettings
from medtune.evaluation.tasks.tied_choices import (
    Weights,
    drawn,
    right_share,
    same_tokens,
    tied_best,
)
from medtune.models.interface import (
    ChoiceLikelihoods,
    ChoiceRequest,
    LanguageModel,
    choices_with_ends,
)
from medtune.progress import say, track
from medtune.recipe.extensions import Need
from medtune.recipe.schema import TaskSpec
from medtune.text.answer_parsing import SEPARATOR, parse_label, parse_labels

Advance = Callable[[int], None]


class ChoiceScore(Result):
    """What was chosen: the first choice ``top``, all that are ``predicted``, and the share of
    ``top`` that is ``correct``.

    Both choices are empty where an answer names no option; ``parsed`` is 1 where a generated one
    does, ``per_byte`` the share that is right by likelihood a byte.
    """

    correct: float | int = 0
    top: Weights = Field(default_factory=dict)
    predicted: Weights = Field(default_factory=dict)
    per_byte: float | int | None = None
    parsed: int | None = None


class ChoiceSample(Sample):
    """An item that was answered by one of its ``options``, some of which (``labels``) are right.

    By likelihood ``continuations`` are the options as they stand after the prompt, each with its
    ``loglikelihoods`` (nats), ``tokens`` and ``bytes``, and ``end_loglikelihoods`` of what ends
    the turn after it. ``primary_scores`` are what is compared: of being the whole answer, the
    former with the end. ``token_groups`` stands where options are the same tokens to the model:
    those of one number.
    """

    options: list[str]
    labels: list[str]
    score: ChoiceScore = ChoiceScore()
    continuations: list[str] | None = None
    loglikelihoods: list[float] | None = None
    tokens: list[int] | None = None
    bytes: list[int] | None = None
    end_loglikelihoods: list[float] | None = None
    primary_scores: list[float] | None = None
    token_groups: list[int] | None = None


class FurtherLabel(Result):
    """One more label of a set: the predicted ones and each that is left, with its likelihood.

    ``primary_scores`` are what is compared: that the label ends there, or another follows.
    """

    continuations: list[str]
    loglikelihoods: list[float]
    primary_scores: list[float] | None = None


class ClassificationSample(ChoiceSample):
    """A text; ``sets`` where texts may have several labels."""

    sets: bool = False
    further: list[FurtherLabel] | None = None


def is_classified(item: Conversation) -> bool:
    """Whether the answer of an item is its label, or its set of labels."""
    return item.label is not None and (
        bool(item.labels) or item.reference.strip() == item.label.strip()
    )


def right_labels(item: Conversation) -> list[str]:
    """The labels that are right for a classified item."""
    return list(item.labels or (item.label or "",))


def class_counts(sample: ChoiceSample, options: Sequence[str] | None = None) -> list[float]:
    """For every label of the list (``options``, else the sample's): right and named, named, right
    [3 k].
    """
    predicted, labels = sample.score.predicted, set(sample.labels)
    options = sample.options if options is None else options
    named = [predicted.get(label, 0.0) for label in options]
    right = [float(label in labels) for label in options]
    return [*(n * r for n, r in zip(named, right, strict=True)), *named, *right]


def f1_by_class(sums: np.ndarray) -> np.ndarray:
    """F1 of every class from the sums of ``class_counts`` [..., 3 k]: [..., k].

    NaN for one neither named nor right.
    """
    both, named, right = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, -1), -2, 0)
    total = named + right
    return np.asarray(np.divide(2 * both, total, out=np.full_like(total, np.nan), where=total > 0))


def macro_f1(sums: np.ndarray) -> np.ndarray:
    """Mean F1 over the fixed list, without classes that no item has and no answer names."""
    scores = f1_by_class(sums)
    classes = np.isfinite(scores).sum(axis=-1)
    return np.asarray(np.nansum(scores, axis=-1) / np.where(classes, classes, np.nan))


def given(value: float | None) -> tuple[float, float]:
    """One item's value; nothing to divide by where it has none."""
    return (0, 0) if value is None else (value, 1)


def _micro(sample: ClassificationSample) -> tuple[float, float]:
    if not sample.sets:
        return 0, 0  # of single labels it is the accuracy
    both, named, right = np.array(class_counts(sample)).reshape(3, -1).sum(axis=1)
    return 2 * both, named + right


def _accuracy(sample: ClassificationSample) -> tuple[float, float]:
    return (0, 0) if sample.sets else (sample.score.correct, 1)


def _hit_at_1(sample: ClassificationSample) -> tuple[float, float]:
    return (sample.score.correct, 1) if sample.sets else (0, 0)


class Classification(Task):
    """Accuracy and macro-F1 over the fixed list of labels; for texts with several labels hit@1,
    micro- and macro-F1.

    By likelihood the first choice is the label with the highest log-likelihood, the end of the turn
    included: its probability of being the answer, which is what training teaches; without the end
    it would be that of beginning so, and a label that begins with another could never win. Divided
    by its bytes it would favour long labels, whose ends follow from their beginnings; that figure
    is shown beside it as a description, since an untrained model favours short ones. Labels that
    tie share the choice; of a set's labels that tie one is drawn (``drawn``).
    """

    name = "classification"
    version = "4"
    title = "Classification"
    settings = ("limit", "shots", "confidence", "scoring", "temperature")
    without_likelihoods = "Set its scoring to generation."
    labelled = True
    baselines = (MAJORITY, TFIDF_SVM)
    sample = ClassificationSample
    metrics: ClassVar[Sequence[Metric]] = (
        Metric("accuracy", "Accuracy", _accuracy, "higher", right_or_wrong=True, label="Accuracy"),
        Metric(
            "hit_at_1",
            "First label is one of the set",
            _hit_at_1,
            "higher",
            right_or_wrong=True,
            label="The share of texts whose first label is right",
        ),
        Metric(
            "macro_f1",
            "Macro-F1 over all labels",
            class_counts,
            "higher",
            figure=macro_f1,
            label="Macro-F1",
        ),
        Metric("micro_f1", "Micro-F1 over sets of labels", _micro, "higher"),
        Metric(
            "parse_rate",
            "Answers that name one label",
            lambda s: given(s.score.parsed),
            "higher",
            right_or_wrong=True,
        ),
        Metric(
            "accuracy_per_byte",
            "Accuracy by likelihood per byte",
            lambda s: given(s.score.per_byte),
            None,
        ),
        Metric(
            "prompts_cut",
            "Prompts cut to the model's context",
            lambda s: (float(s.prompt_cut > 0), 1) if "prompt_cut" in s else (0, 0),
            None,
        ),
    )

    def check(self, spec: TaskSpec) -> None:
        """Confidence needs likelihoods; a temperature, generation."""
        if spec.scoring == "generation" and spec.confidence:
            raise ValueError("scoring: generation has no likelihoods: it goes without confidence")
        if spec.temperature and spec.scoring != "generation":
            raise ValueError("temperature is for scoring: generation")

    def needs(self, spec: TaskSpec) -> Need:
        """By the way of scoring."""
        return "generation" if spec.scoring == "generation" else "likelihood"

    def select(
        self, items: Sequence[Conversation], settings: TaskSettings
    ) -> Sequence[Conversation]:
        """The items with labels, at most ``limit`` of them."""
        classified = [item for item in items if is_classified(item)]
        if not classified:
            raise DataError(
                "no test row has a label as its answer",
                where="evaluate.tasks: classification",
                fix="Name the column with data.columns.label (and the same one as answer).",
            )
        if without := len(items) - len(classified):
            say(
                f"classification: {without:,} of {len(items):,} items have no label as their answer"
            )
        return settings.draw(classified)

    def baseline_samples(
        self, train: Sequence[Conversation], items: Sequence[Conversation], settings: TaskSettings
    ) -> dict[str, list[Sample]]:
        """One sample a text and baseline, of the labels in the data."""
        items, labels = self.select(items, settings), settings.labels
        learnt = [_choice_item(item, labels) for item in train if is_classified(item)]
        asked = [_choice_item(item, labels) for item in items]
        sets = {"sets": True} if any(item.is_set for item in (*learnt, *asked)) else {}
        return {
            baseline.name: [
                sample_of(item, labels, choice.top, choice.named).model_copy(update=sets)
                for item, choice in zip(items, baseline.choose(learnt, asked), strict=True)
            ]
            for baseline in self.baselines
        }

    def run(
        self, model: LanguageModel, items: Sequence[Conversation], settings: TaskSettings
    ) -> list[Sample]:
        """One sample an item with a label."""
        chosen = self.select(items, settings)
        options = settings.labels or tuple(
            sorted({label for item in chosen for label in right_labels(item)})
        )
        by_generation = settings.spec is not None and settings.spec.scoring == "generation"
        with track(settings.spec.key if settings.spec else self.name, len(chosen), "texts") as bar:
            ask = _generated if by_generation else _likeliest
            samples = ask(model, chosen, options, settings, bar.advance)
        if cut := sum(bool(sample.prompt_cut) for sample in samples):
            say(
                f"classification: {cut:,} of {len(samples):,} prompts lost their beginning to the "
                "model's context"
            )
        return list(samples)


def _choice_item(item: Conversation, options: Sequence[str]) -> ChoiceItem:
    return ChoiceItem(item.question, right_labels(item), options, bool(item.labels))


def sample_of(
    item: Conversation,
    options: Sequence[str],
    top: Weights,
    predicted: Weights,
    scores: dict[str, float] | None = None,
    **fields: Any,
) -> ClassificationSample:
    """The sample of any classifier; ``scores`` and ``fields`` are what one of them adds."""
    labels = right_labels(item)
    return ClassificationSample(
        id=item.id,
        group=item.group,
        source=item.source,
        reference=item.reference,
        labels=labels,
        options=list(options),
        score=ChoiceScore(
            correct=right_share(labels, top), top=top, predicted=predicted, **(scores or {})
        ),
        **fields,
    )


def _likeliest(
    model: LanguageModel,
    items: Sequence[Conversation],
    options: Sequence[str],
    settings: TaskSettings,
    advance: Advance,
) -> list[ClassificationSample]:
    requests = [(settings.conversation(item.prompt), options) for item in items]
    sets = any(item.labels for item in items)
    choices = _whole_labels(model, requests, sets, advance)
    samples = [
        _by_likelihood(item, options, *choice) for item, choice in zip(items, choices, strict=True)
    ]
    return _with_sets(model, items, samples, settings) if sets else samples


def required_whole(choice: ChoiceLikelihoods) -> np.ndarray:
    """``choice.whole()``. Raises ``ModelError`` where nothing tells a text from its beginning."""
    scores = choice.whole()
    if scores is None:
        raise ModelError(
            "one of the answers to be compared begins with another, and this model gives no "
            "likelihood of an answer's end",
            where="evaluate.tasks",
            fix="Let it generate: scoring: generation (multiple_choice: primary: generation), or "
            "primary: letters.",
        )
    return scores


def _whole_labels(
    model: LanguageModel, requests: Sequence[ChoiceRequest], sets: bool, advance: Advance | None
) -> list[tuple[ChoiceLikelihoods, np.ndarray]]:
    """For every request its labels' likelihoods, and what is compared: the label with the end of
    the turn, or in ``sets`` either the end or another label.
    """
    if not sets:
        choices = choices_with_ends(model, requests, advance)
        return [(choice, required_whole(choice)) for choice in choices]
    longer = [
        (messages, [*labels, *(f"{label}{SEPARATOR}" for label in labels)])
        for messages, labels in requests
    ]
    results = []
    for choice, (_, labels) in zip(
        choices_with_ends(model, longer, advance), requests, strict=True
    ):
        alone, going_on = choice.part(0, len(labels)), choice.part(len(labels), None)
        scores = required_whole(alone)
        if alone.ends is not None:
            scores = np.logaddexp(scores, going_on.loglikelihoods)
        results.append((alone, scores))
    return results


def _by_likelihood(
    item: Conversation, options: Sequence[str], choice: ChoiceLikelihoods, scores: np.ndarray
) -> ClassificationSample:
    groups = same_tokens(choice)
    top = tied_best(options, scores, **groups)
    per_byte = tied_best(options, scores / np.maximum(1, choice.bytes), **groups)
    return sample_of(
        item,
        options,
        top,
        top,
        {"per_byte": right_share(right_labels(item), per_byte)},
        prompt=choice.prompt,
        prompt_cut=choice.prompt_cut,
        continuations=list(choice.texts),
        loglikelihoods=list(choice.loglikelihoods),
        tokens=list(choice.tokens),
        bytes=list(choice.bytes),
        **with_ends(choice, scores),
        **groups,
    )


def with_ends(choice: ChoiceLikelihoods, scores: np.ndarray) -> dict[str, list[float]]:
    """What a sample holds of the ends of its answers, where they were scored."""
    if choice.ends is None:
        return {}
    return {"end_loglikelihoods": list(choice.ends), "primary_scores": scores.tolist()}


def _with_sets(
    model: LanguageModel,
    items: Sequence[Conversation],
    samples: Sequence[ClassificationSample],
    settings: TaskSettings,
) -> list[ClassificationSample]:
    """Extend each prediction, label by label, to as many as most training texts have: the
    likeliest way to go on.
    """
    named = [[drawn(sample.score.top, sample.id)] for sample in samples]
    further: list[list[FurtherLabel]] = [[] for _ in samples]
    prompts = [settings.conversation(item.prompt) for item in items]
    for _ in range(min(settings.set_size, len(samples[0].options)) - 1):
        left = [
            [option for option in sample.options if option not in labels]
            for sample, labels in zip(samples, named, strict=True)
        ]
        longer = [
            [f"{SEPARATOR} ".join([*labels, option]) for option in rest]
            for labels, rest in zip(named, left, strict=True)
        ]
        choices = _whole_labels(model, list(zip(prompts, longer, strict=True)), True, None)
        for sample, labels, rest, steps, (choice, scores) in zip(
            samples, named, left, further, choices, strict=True
        ):
            labels.append(drawn(tied_best(rest, scores, **same_tokens(choice)), sample.id))
            steps.append(
                FurtherLabel(
                    continuations=list(choice.texts),
                    loglikelihoods=list(choice.loglikelihoods),
                    **({} if choice.ends is None else {"primary_scores": scores.tolist()}),
                )
            )
    return [
        sample.model_copy(
            update={
                "sets": True,
                "further": steps,
                "score": sample.score.model_copy(update={"predicted": dict.fromkeys(labels, 1.0)}),
            }
        )
        for sample, labels, steps in zip(samples, named, further, strict=True)
    ]


def _generated(
    model: LanguageModel,
    items: Sequence[Conversation],
    options: Sequence[str],
    settings: TaskSettings,
    advance: Advance,
) -> list[ClassificationSample]:
    temperature = settings.spec.temperature if settings.spec else 0.0
    decoding = settings.decoding_settings()
    if temperature:  # sampled as such: no nucleus, no beams
        decoding = replace(decoding, temperature=temperature, seed=settings.seed, beams=1)
    prompts = [settings.conversation(item.prompt) for item in items]
    answers = model.generate(prompts, decoding, advance)
    sets = any(item.labels for item in items)
    samples = []
    for item, answer in zip(items, answers, strict=True):
        label = None if sets else parse_label(answer.text, options)
        named = (parse_labels(answer.text, options) if sets else label and [label]) or []
        samples.append(
            sample_of(
                item,
                options,
                dict.fromkeys(named[:1], 1.0),
                dict.fromkeys(named, 1.0),
                {"parsed": int(bool(named))},
                prompt=answer.prompt,
                prompt_cut=answer.prompt_cut,
                output=answer.text,
                **({"sets": True} if sets else {}),
            )
        )
    return samples
