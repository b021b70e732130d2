"""What no language model is needed for, on the same items: one answer always, guessing, a linear
model on word counts.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medtune.conversation import Conversation
from medtune.errors import ModelError
from medtune.evaluation.evaluate import Job, score
from medtune.evaluation.tasks import TASKS, Sample
from medtune.evaluation.tasks.classification import (
    classified,
    is_classified,
    right_labels,
    sample_of,
)
from medtune.evaluation.tasks.multiple_choice import (
    answerable,
    multiple_choice_sample,
    names_of,
    right_share,
)
from medtune.files import read_json, sha256_file, sha256_json, write_json
from medtune.recipe.schema import Recipe
from medtune.runs.plan import STAGE_VERSION
from medtune.runs.stage import RunDirectory
from medtune.runs.task_items import TaskItems, source_hashes

TITLES = {
    "majority": "always the commonest label of training",
    "constant": "always the option that is right most often here",
    "chance": "guessing",
    "tfidf_svm": "word counts (TF-IDF) with a linear support vector machine",
}


def baselines_stage(recipe: Recipe, run: RunDirectory, data_dir: Path | None) -> None:
    """eval/baselines.json, where the recipe asks for labels or options.

    Each baseline on the very items of each task.
    """
    specs = [spec for spec in recipe.evaluate.tasks if spec.task in MAKERS]
    if not specs:
        return
    files = [run.data / "train.parquet", run.data / f"{recipe.evaluate.split}.parquet"]
    hashes = [sha256_file(file) for file in files] + source_hashes(recipe, data_dir)
    wanted = [recipe.evaluate.model_dump(mode="json"), recipe.seed, hashes]
    place = baselines_file(run)
    with run.stage("baselines", sha256_json([STAGE_VERSION, *wanted]), [place]) as needed:
        if not needed:
            return
        measured = TaskItems(recipe, run.data, data_dir)
        train = list(measured.split("train"))
        made = {
            job.spec.key: _measure(train, job, recipe)
            for job in measured.jobs()
            if job.spec.task in MAKERS
        }
        place.parent.mkdir(exist_ok=True)
        write_json(place, made)


def baselines_file(run: RunDirectory) -> Path:
    """Where the baselines lie."""
    return run.root / "eval" / "baselines.json"


def read_baselines(run: RunDirectory) -> dict[str, Any]:
    """Task → baseline → title and scores; empty where none were measured."""
    place = baselines_file(run)
    return read_json(place) if place.exists() else {}


def _measure(train: Sequence[Conversation], job: Job, recipe: Recipe) -> dict[str, Any]:
    made = MAKERS[job.spec.task](train, job)
    resamples, task = recipe.evaluate.resamples, TASKS[job.spec.task]
    return {
        name: {
            "title": TITLES[name],
            "trained_on": len(train),
            "scores": score(task, samples, resamples, recipe.seed),
        }
        for name, samples in made.items()
    }


def _of_labels(train: Sequence[Conversation], job: Job) -> dict[str, list[Sample]]:
    items, labels = classified(job.items, job.settings), job.settings.labels
    learnt = [item for item in train if is_classified(item)]
    return {
        "majority": majority(learnt, items, labels),
        "tfidf_svm": tfidf_svm(learnt, items, labels),
    }


def _of_options(train: Sequence[Conversation], job: Job) -> dict[str, list[Sample]]:
    """What needs no knowledge: the option that is right most often of these very items, and
    guessing.
    """
    items = answerable(job.items, job.settings)
    made = [multiple_choice_sample(item, names_of(items)) for item in items]
    counts = Counter(sample["reference"] for sample in made)
    always = min(counts, key=lambda option: (-counts[option], option))
    guess = [dict.fromkeys(sample["options"], 1 / len(sample["options"])) for sample in made]
    return {
        "constant": [_answered(s, {always: 1.0}) for s in made],
        "chance": list(map(_answered, made, guess)),
    }


def _answered(sample: Sample, top: dict[str, float]) -> Sample:
    scores = {"correct": right_share(sample, top), "top": top, "predicted": top}
    return {**sample, "prompt_cut": 0, "score": scores}


def majority(
    train: Sequence[Conversation], items: Sequence[Conversation], labels: Sequence[str]
) -> list[Sample]:
    """Every item gets the commonest training label (the first by name where two are as common)."""
    counts = Counter(label for item in train for label in right_labels(item))
    always = min(counts, key=lambda label: (-counts[label], label))
    sets = _of_sets(train, items)
    return [sample_of(item, labels, {always: 1.0}, {always: 1.0}) | sets for item in items]


def _of_sets(train: Sequence[Conversation], items: Sequence[Conversation]) -> dict[str, bool]:
    return {"sets": True} if any(item.labels for item in (*train, *items)) else {}


def tfidf_svm(
    train: Sequence[Conversation], items: Sequence[Conversation], labels: Sequence[str]
) -> list[Sample]:
    """One linear classifier a label against the rest, on sublinear TF-IDF.

    The highest score is first.

    Where texts have several labels, all with a positive score are named too. Raises ``ModelError``
    without scikit-learn.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]
        from sklearn.svm import LinearSVC  # type: ignore[import-untyped]
    except ImportError as error:
        raise ModelError(
            "the word-count baseline needs scikit-learn",
            where="evaluate.tasks: classification",
            fix="pip install scikit-learn",
        ) from error
    words = TfidfVectorizer(sublinear_tf=True)
    seen, asked = words.fit_transform(_texts(train)), words.transform(_texts(items))
    truth = [set(right_labels(item)) for item in train]
    scores = np.full((len(items), len(labels)), -np.inf)
    for column, label in enumerate(labels):
        member = np.array([label in some for some in truth])
        if member.any():
            scores[:, column] = (
                1.0
                if member.all()
                else LinearSVC(random_state=0).fit(seen, member).decision_function(asked)
            )
    sets = _of_sets(train, items)
    return [_chosen(item, labels, row, sets) for item, row in zip(items, scores, strict=True)]


def _chosen(
    item: Conversation, labels: Sequence[str], scores: np.ndarray, sets: dict[str, bool]
) -> Sample:
    top = labels[int(scores.argmax())]
    others = [label for label, value in zip(labels, scores, strict=True) if sets and value > 0]
    return sample_of(item, labels, {top: 1.0}, dict.fromkeys([top, *others], 1.0)) | sets


def _texts(items: Sequence[Conversation]) -> list[str]:
    return [item.question for item in items]


MAKERS: dict[str, Callable[[Sequence[Conversation], Job], dict[str, list[Sample]]]] = {
    "classification": _of_labels,
    "multiple_choice": _of_options,
}
