"""What a task is: items, how a model answers them, and metrics that the saved samples alone determine."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np

from medtune.conversation import Conversation
from medtune.models.protocol import DecodingSettings, LanguageModel
from medtune.recipe.schema import Decoding, Recipe, TaskSpec

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
    spec: TaskSpec | None = None

    @classmethod
    def of(cls, recipe: Recipe) -> "TaskSettings":
        """What a recipe says."""
        wanted = recipe.evaluate
        return cls(recipe.seed, wanted.decoding, tuple(wanted.topics), wanted.limit)

    def for_task(self, spec: TaskSpec) -> "TaskSettings":
        """The same for one task, whose own settings go first."""
        return replace(self, spec=spec, limit=spec.limit if spec.limit is not None else self.limit)

    def decoding_settings(self, *, sampled: bool = False) -> DecodingSettings:
        """Greedy (or beam) decoding for figures; sampled from the seed, for reading."""
        wanted = self.decoding
        return DecodingSettings(
            wanted.max_new_tokens,
            wanted.temperature if sampled else 0.0,
            wanted.top_p if sampled else 1.0,
            self.seed if sampled else 0,
            wanted.beams,
            wanted.no_repeat_ngram,
        )

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self) | {"decoding": self.decoding.model_dump(), "spec": self.spec and self.spec.model_dump()}


class Task(Protocol):
    """One small class a task."""

    name: str
    title: str
    metrics: Sequence[Metric]

    def run(self, model: LanguageModel, items: Sequence[Conversation], settings: TaskSettings) -> list[Sample]:
        """One sample an item, in the items' order."""
