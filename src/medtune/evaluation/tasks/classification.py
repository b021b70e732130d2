"""The label of a text, out of a fixed list: the likeliest of all labels, or the one that a
generated answer names.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from medtune.conversation import Conversation
from medtune.errors import DataError
from medtune.evaluation.tasks.baselines import MAJORITY, TFIDF_SVM, ChoiceItem
from medtune.evaluation.tasks.task import Metric, Sample, Task, TaskSettings
from medtune.models.interface import LanguageModel, choice_loglikelihoods
from medtune.progress import say, track
from medtune.recipe.schema import TaskSpec
from medtune.recipe.tasks import Need
from medtune.text.answer_parsing import SEPARATOR, parse_label, parse_labels

TIE = 1e-5  # log-likelihoods nearer than this are equal: rounding of float32 decides nothing


def is_classified(item: Conversation) -> bool:
    """Whether the answer of an item is its label, or its set of labels."""
    return item.label is not None and (
        bool(item.labels) or item.reference.strip() == item.label.strip()
    )


def right_labels(item: Conversation) -> list[str]:
    """The labels that are right for a classified item."""
    return list(item.labels or (item.label or "",))


def classified(items: Sequence[Conversation], settings: TaskSettings) -> list[Conversation]:
    """The items of the task: those with labels, at most ``limit`` of them.

    Raises ``DataError`` where there are none.
    """
    found = [item for item in items if is_classified(item)]
    if not found:
        raise DataError(
            "no test row has a label as its answer",
            where="evaluate.tasks: classification",
            fix="Name the column with data.columns.label (and the same one as answer).",
        )
    if len(found) < len(items):
        say(
            f"classification: {len(items) - len(found):,} of {len(items):,} items have no label as their answer"
        )
    return settings.draw(found)


def _choice_item(item: Conversation, options: Sequence[str]) -> ChoiceItem:
    return ChoiceItem(item.question, right_labels(item), options, bool(item.labels))


def sample_of(
    item: Conversation, options: Sequence[str], top: dict[str, float], predicted: dict[str, float]
) -> Sample:
    """What every classifier's sample holds.

    ``top`` and ``predicted`` are labels with their weights (ties share 1).

    ``top`` is the first choice, ``predicted`` all that are named; both are empty where the answer
    names no label.
    """
    labels = right_labels(item)
    correct = sum(weight for label, weight in top.items() if label in labels)
    return {
        "id": item.id,
        "group": item.group,
        "source": item.source,
        "reference": item.reference,
        "labels": labels,
        "options": list(options),
        "score": {"correct": correct, "top": top, "predicted": predicted},
    }


def class_counts(sample: Sample, options: Sequence[str] | None = None) -> list[float]:
    """For every label of the list (``options``, else the sample's): right and named, named, right."""
    predicted, labels = sample["score"]["predicted"], set(sample["labels"])
    options = sample["options"] if options is None else options
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
    """Mean F1 over the fixed list.

    Only classes that no item has and no answer names are left out.
    """
    scores = f1_by_class(sums)
    there = np.isfinite(scores).sum(axis=-1)
    return np.asarray(np.nansum(scores, axis=-1) / np.where(there, there, np.nan))


def _micro(sample: Sample) -> tuple[float, float]:
    if not sample.get("sets"):
        return 0, 0  # of single labels it is the accuracy
    both, named, right = np.array(class_counts(sample)).reshape(3, -1).sum(axis=1)
    return 2 * both, named + right


def _if_sets(sample: Sample, wanted: bool) -> tuple[float, float]:
    return (sample["score"]["correct"], 1) if bool(sample.get("sets")) == wanted else (0, 0)


def _where_known(sample: Sample, name: str) -> tuple[float, float]:
    return (sample["score"][name], 1) if name in sample["score"] else (0, 0)


def _cut(sample: Sample) -> tuple[float, float]:
    return (float(sample["prompt_cut"] > 0), 1) if "prompt_cut" in sample else (0, 0)


class Classification(Task):
    """Accuracy and macro-F1 over the fixed list of labels.

    For texts with several labels hit@1, micro- and macro-F1.

    By likelihood the first choice is the label with the highest log-likelihood: its probability of
    being the answer, which is what training teaches. Divided by its bytes it would favour long
    labels, whose ends follow from their beginnings; that figure is shown beside it as a
    description, since an untrained model favours short ones.
    """

    name = "classification"
    title = "Classification"
    settings = ("limit", "shots", "confidence", "scoring", "temperature")
    without_likelihoods = "Set its scoring to generation."
    labelled = True
    baselines = (MAJORITY, TFIDF_SVM)
    metrics: ClassVar[Sequence[Metric]] = (
        Metric("accuracy", "Accuracy", lambda s: _if_sets(s, False), "higher", right_or_wrong=True),
        Metric("hit_at_1", "First label is one of the set", lambda s: _if_sets(s, True), "higher", right_or_wrong=True),
        Metric("macro_f1", "Macro-F1 over all labels", class_counts, "higher", figure=macro_f1),
        Metric("micro_f1", "Micro-F1 over sets of labels", _micro, "higher"),
        Metric("parse_rate", "Answers that name one label", lambda s: _where_known(s, "parsed"), "higher", right_or_wrong=True),
        Metric("accuracy_per_byte", "Accuracy by likelihood per byte", lambda s: _where_known(s, "per_byte"), None),
        Metric("prompts_cut", "Prompts cut to the model's context", _cut, None),
    )  # fmt: skip

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
        return classified(items, settings)

    def baseline_samples(
        self, train: Sequence[Conversation], items: Sequence[Conversation], settings: TaskSettings
    ) -> dict[str, list[Sample]]:
        """One sample a text and baseline, of the labels in the data."""
        items = self.select(items, settings)
        known = [_choice_item(item, settings.labels) for item in train if is_classified(item)]
        asked = [_choice_item(item, settings.labels) for item in items]
        sets = {"sets": True} if any(item.is_set for item in (*known, *asked)) else {}
        return {
            baseline.name: [
                sample_of(item, settings.labels, choice.top, choice.named) | sets
                for item, choice in zip(items, baseline.choose(known, asked), strict=True)
            ]
            for baseline in self.baselines
        }

    def run(
        self, model: LanguageModel, items: Sequence[Conversation], settings: TaskSettings
    ) -> list[Sample]:
        """One sample an item with a label."""
        chosen = classified(items, settings)
        options = settings.labels or tuple(
            sorted({label for item in chosen for label in right_labels(item)})
        )
        by_generation = settings.spec is not None and settings.spec.scoring == "generation"
        with track(settings.spec.key if settings.spec else self.name, len(chosen), "texts") as bar:
            ask = _generated if by_generation else _likeliest
            samples = ask(model, chosen, options, settings, bar.advance)
        if cut := sum(bool(sample["prompt_cut"]) for sample in samples):
            say(
                f"classification: {cut:,} of {len(samples):,} prompts lost their beginning to the model's context"
            )
        return samples


def _likeliest(
    model: LanguageModel,
    items: Sequence[Conversation],
    options: Sequence[str],
    settings: TaskSettings,
    advance: Any,
) -> list[Sample]:
    found = choice_loglikelihoods(
        model, [(settings.conversation(item.prompt), options) for item in items], advance
    )
    sets = any(item.labels for item in items)
    samples = []
    for item, scored in zip(items, found, strict=True):
        raw = np.array(scored.loglikelihoods)
        top, per_byte = (
            tied_best(options, raw),
            tied_best(options, raw / np.maximum(1, scored.bytes)),
        )
        sample = sample_of(item, options, top, top)
        sample["score"]["per_byte"] = sum(
            w for label, w in per_byte.items() if label in sample["labels"]
        )
        samples.append(
            sample
            | {
                "prompt": scored.prompt,
                "prompt_cut": scored.prompt_cut,
                "continuations": list(scored.texts),
            }
            | {
                "loglikelihoods": list(scored.loglikelihoods),
                "tokens": list(scored.tokens),
                "bytes": list(scored.bytes),
            }
            | ({"sets": True, "further": []} if sets else {})
        )
    if sets:
        _choose_further(model, items, samples, settings)
    return samples


def tied_best(options: Sequence[str], scores: np.ndarray) -> dict[str, float]:
    """The options of the highest score, each with its share of 1: the expected choice where they
    tie.
    """
    tied = [
        option for option, score in zip(options, scores, strict=True) if score >= scores.max() - TIE
    ]
    return {option: 1 / len(tied) for option in tied}


def _choose_further(
    model: LanguageModel,
    items: Sequence[Conversation],
    samples: Sequence[Sample],
    settings: TaskSettings,
) -> None:
    """Extend each prediction, label by label, to as many as most training texts have: the
    likeliest way to go on.
    """
    named = [[next(iter(sample["score"]["top"]))] for sample in samples]
    for _ in range(min(settings.set_size, len(samples[0]["options"])) - 1):
        left = [
            [o for o in s["options"] if o not in have]
            for s, have in zip(samples, named, strict=True)
        ]
        longer = [
            [f"{SEPARATOR} ".join([*have, o]) for o in rest]
            for have, rest in zip(named, left, strict=True)
        ]
        found = choice_loglikelihoods(
            model,
            [
                (settings.conversation(item.prompt), answers)
                for item, answers in zip(items, longer, strict=True)
            ],
        )
        for sample, have, rest, scored in zip(samples, named, left, found, strict=True):
            have.append(rest[int(np.argmax(scored.loglikelihoods))])
            sample["further"].append(
                {"continuations": list(scored.texts), "loglikelihoods": list(scored.loglikelihoods)}
            )
    for sample, have in zip(samples, named, strict=True):
        sample["score"]["predicted"] = dict.fromkeys(have, 1.0)


def _generated(
    model: LanguageModel,
    items: Sequence[Conversation],
    options: Sequence[str],
    settings: TaskSettings,
    advance: Any,
) -> list[Sample]:
    warmth = settings.spec.temperature if settings.spec else 0.0
    decoding = settings.decoding_settings()
    if warmth:  # sampled as such: no nucleus, no beams
        decoding = replace(decoding, temperature=warmth, seed=settings.seed, beams=1)
    outputs = model.generate(
        [settings.conversation(item.prompt) for item in items], decoding, advance
    )
    sets = any(item.labels for item in items)
    samples = []
    for item, made in zip(items, outputs, strict=True):
        one = None if sets else parse_label(made.text, options)
        named = (parse_labels(made.text, options) if sets else one and [one]) or []
        sample = sample_of(item, options, dict.fromkeys(named[:1], 1.0), dict.fromkeys(named, 1.0))
        sample["score"]["parsed"] = int(bool(named))
        samples.append(
            sample
            | {"prompt": made.prompt, "prompt_cut": made.prompt_cut, "output": made.text}
            | ({"sets": True} if sets else {})
        )
    return samples
