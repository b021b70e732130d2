"""What needs no language model, on the items of a task that chooses: one answer always, guessing,
a linear model on word counts.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from medtune.errors import ModelError


@dataclass(frozen=True)
class ChoiceItem:
    """A text with its right labels among ``options``; ``is_set``: there may be several."""

    text: str
    labels: Sequence[str]
    options: Sequence[str]
    is_set: bool = False


class Choice(NamedTuple):
    """The first choice, and all labels that are named, with their weights (ties share 1)."""

    top: dict[str, float]
    named: dict[str, float]


@dataclass(frozen=True)
class BaselineMethod:
    """``choose`` answers items after looking at the training rows.

    ``title`` stands in tables, ``phrase`` in a sentence where something reaches a score, ``short``
    in a list.
    """

    name: str
    title: str
    phrase: str
    short: str
    choose: Callable[[Sequence[ChoiceItem], Sequence[ChoiceItem]], list[Choice]]


def majority(train: Sequence[ChoiceItem], items: Sequence[ChoiceItem]) -> list[Choice]:
    """The commonest label of training (the first by name where two are as common)."""
    return [Choice(always, always) for always in [_commonest(train)] * len(items)]


def constant(train: Sequence[ChoiceItem], items: Sequence[ChoiceItem]) -> list[Choice]:
    """The option that is right most often among these very items: no knowledge gets further."""
    return majority(items, items)


def chance(train: Sequence[ChoiceItem], items: Sequence[ChoiceItem]) -> list[Choice]:
    """Every option with the same weight: the expected score of guessing."""
    guesses = [dict.fromkeys(item.options, 1 / len(item.options)) for item in items]
    return [Choice(guess, guess) for guess in guesses]


def _commonest(items: Sequence[ChoiceItem]) -> dict[str, float]:
    counts = Counter(label for item in items for label in item.labels)
    return {min(counts, key=lambda label: (-counts[label], label)): 1.0}


def tfidf_svm(train: Sequence[ChoiceItem], items: Sequence[ChoiceItem]) -> list[Choice]:
    """One linear classifier a label against the rest, on sublinear TF-IDF; the highest score wins.

    Where texts have several labels, all with a positive score are named. Raises ``ModelError``
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
    labels = list(items[0].options)
    words = TfidfVectorizer(sublinear_tf=True)
    known = words.fit_transform([item.text for item in train])
    asked = words.transform([item.text for item in items])
    scores = np.full((len(items), len(labels)), -np.inf)
    for column, label in enumerate(labels):
        member = np.array([label in item.labels for item in train])
        if member.any():
            scores[:, column] = (
                1.0
                if member.all()
                else LinearSVC(random_state=0).fit(known, member).decision_function(asked)
            )
    several = any(item.is_set for item in (*train, *items))
    return [_best(labels, row, several) for row in scores]


def _best(labels: Sequence[str], scores: np.ndarray, several: bool) -> Choice:
    top = labels[int(scores.argmax())]
    others = [label for label, value in zip(labels, scores, strict=True) if several and value > 0]
    return Choice({top: 1.0}, dict.fromkeys([top, *others], 1.0))


MAJORITY = BaselineMethod(
    "majority",
    "always the commonest label of training",
    "always answering the commonest label",
    "the commonest label",
    majority,
)
TFIDF_SVM = BaselineMethod(
    "tfidf_svm",
    "word counts (TF-IDF) with a linear support vector machine",
    "a linear model on word counts",
    "TF-IDF with a linear SVM",
    tfidf_svm,
)
CONSTANT = BaselineMethod(
    "constant",
    "always the option that is right most often here",
    "always the option that is right most often here",
    "constant",
    constant,
)
CHANCE = BaselineMethod("chance", "guessing", "guessing", "chance", chance)
