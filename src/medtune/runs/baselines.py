"""What no language model is needed for: the majority's label, and a linear model on word counts, on the same items."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medtune.conversation import Conversation, iter_conversations, read_conversations
from medtune.errors import ModelError
from medtune.evaluation.evaluate import score
from medtune.evaluation.tasks import TASKS, Sample, TaskSettings
from medtune.evaluation.tasks.classification import classified, is_classified, right_labels, sample_of
from medtune.files import read_json, sha256_file, sha256_json, write_json
from medtune.recipe.schema import Recipe, TaskSpec
from medtune.runs.directory import RunDirectory
from medtune.runs.plan import STAGE_VERSION

TITLES = {
    "majority": "always the commonest label of training",
    "tfidf_svm": "word counts (TF-IDF) with a linear support vector machine",
}


@dataclass(frozen=True)
class LabelSpace:
    """The fixed list of labels, of train and test, and how many of them most training texts have."""

    labels: tuple[str, ...] = ()
    set_size: int = 1


def classifications(recipe: Recipe) -> list[TaskSpec]:
    """The recipe's tasks that ask for labels."""
    return [spec for spec in recipe.evaluate.tasks if spec.task == "classification"]


def label_space(recipe: Recipe, data: Path) -> LabelSpace:
    """Of the splits in a directory; empty where the recipe classifies nothing."""
    if not classifications(recipe):
        return LabelSpace()
    labels: set[str] = set()
    sizes: Counter[int] = Counter()
    for split in ("train", "test"):
        for chunk in iter_conversations(data / f"{split}.parquet"):
            found = [right_labels(item) for item in chunk if is_classified(item)]
            labels.update(label for some in found for label in some)
            sizes.update(len(some) for some in found if split == "train")
    return LabelSpace(tuple(sorted(labels)), sizes.most_common(1)[0][0] if sizes else 1)


def task_settings(recipe: Recipe, data: Path) -> TaskSettings:
    """The settings of a recipe's tasks, with the labels of its data."""
    space = label_space(recipe, data)
    return TaskSettings.of(recipe, space.labels, space.set_size)


def baselines_stage(recipe: Recipe, run: RunDirectory) -> None:
    """eval/baselines.json, where the recipe classifies; each baseline on the very items of each task."""
    specs = classifications(recipe)
    if not specs:
        return
    files = [run.data / "train.parquet", run.data / f"{recipe.evaluate.split}.parquet"]
    wanted = [recipe.evaluate.model_dump(mode="json"), recipe.seed, [sha256_file(file) for file in files]]
    place = baselines_file(run)
    with run.stage("baselines", sha256_json([STAGE_VERSION, *wanted]), [place]) as needed:
        if not needed:
            return
        train, items = (list(read_conversations(file)) for file in files)
        settings = task_settings(recipe, run.data)
        learnt = [item for item in train if is_classified(item)]
        made = {spec.key: _measure(learnt, items, settings.for_task(spec), recipe) for spec in specs}
        place.parent.mkdir(exist_ok=True)
        write_json(place, made)


def baselines_file(run: RunDirectory) -> Path:
    """Where the baselines lie."""
    return run.root / "eval" / "baselines.json"


def read_baselines(run: RunDirectory) -> dict[str, Any]:
    """Task → baseline → title and scores; empty where none were measured."""
    place = baselines_file(run)
    return read_json(place) if place.exists() else {}


def _measure(
    train: Sequence[Conversation], items: Sequence[Conversation], settings: TaskSettings, recipe: Recipe
) -> dict[str, Any]:
    chosen = classified(items, settings)
    makers = {"majority": majority, "tfidf_svm": tfidf_svm}
    resamples, task = recipe.evaluate.resamples, TASKS["classification"]
    made = {name: maker(train, chosen, settings.labels) for name, maker in makers.items()}
    return {
        name: {"title": TITLES[name], "trained_on": len(train), "scores": score(task, samples, resamples, recipe.seed)}
        for name, samples in made.items()
    }


def majority(train: Sequence[Conversation], items: Sequence[Conversation], labels: Sequence[str]) -> list[Sample]:
    """Every item gets the commonest training label (the first by name where two are as common)."""
    counts = Counter(label for item in train for label in right_labels(item))
    always = min(counts, key=lambda label: (-counts[label], label))
    sets = _of_sets(train, items)
    return [sample_of(item, labels, {always: 1.0}, {always: 1.0}) | sets for item in items]


def _of_sets(train: Sequence[Conversation], items: Sequence[Conversation]) -> dict[str, bool]:
    return {"sets": True} if any(item.labels for item in (*train, *items)) else {}


def tfidf_svm(train: Sequence[Conversation], items: Sequence[Conversation], labels: Sequence[str]) -> list[Sample]:
    """One linear classifier a label against the rest, on sublinear TF-IDF; the highest score is first.

    Where texts have several labels, all with a positive score are named too. Raises ``ModelError`` without scikit-learn.
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
                1.0 if member.all() else LinearSVC(random_state=0).fit(seen, member).decision_function(asked)
            )
    sets = _of_sets(train, items)
    return [_chosen(item, labels, row, sets) for item, row in zip(items, scores, strict=True)]


def _chosen(item: Conversation, labels: Sequence[str], scores: np.ndarray, sets: dict[str, bool]) -> Sample:
    top = labels[int(scores.argmax())]
    others = [label for label, value in zip(labels, scores, strict=True) if sets and value > 0]
    return sample_of(item, labels, {top: 1.0}, dict.fromkeys([top, *others], 1.0)) | sets


def _texts(items: Sequence[Conversation]) -> list[str]:
    return [item.question for item in items]
