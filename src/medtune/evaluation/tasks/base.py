"""What a task is: items, how a model answers them, and metrics that the saved samples alone determine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from medtune.conversation import Conversation
from medtune.models.protocol import LanguageModel
from medtune.recipe.schema import Decoding, Recipe

Sample = dict[str, Any]


def same(values: np.ndarray) -> np.ndarray:
    """No transformation."""
    return values


@dataclass(frozen=True)
class Metric:
    """A ratio of sums over samples: ``parts(sample)`` gives (numerator, denominator), ``transform`` the last step.

    ``better`` is None for a description that is neither good nor bad; only the others are tested.
    """

    name: str
    title: str
    parts: Callable[[Sample], tuple[float, float]]
    better: Literal["lower", "higher"] | None
    transform: Callable[[np.ndarray], np.ndarray] = same
    unit: str = ""


@dataclass(frozen=True)
class TaskSettings:
    """What tasks need of the recipe."""

    seed: int
    decoding: Decoding
    topics: tuple[str, ...]
    limit: int | None

    @classmethod
    def of(cls, recipe: Recipe) -> "TaskSettings":
        """What a recipe says."""
        wanted = recipe.evaluate
        return cls(recipe.seed, wanted.decoding, tuple(wanted.topics), wanted.limit)


class Task(Protocol):
    """One small class a task."""

    name: str
    title: str
    metrics: Sequence[Metric]

    def run(self, model: LanguageModel, items: Sequence[Conversation], settings: TaskSettings) -> list[Sample]:
        """One sample an item, in the items' order."""
