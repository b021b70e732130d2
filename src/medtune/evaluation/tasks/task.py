"""What a task is: items, how a model answers them, and metrics that the saved samples alone
determine.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import numpy as np

from medtune.conversation import Conversation, Message, user_asks
from medtune.evaluation.statistics import Figure, ratio
from medtune.models.interface import DecodingSettings, LanguageModel
from medtune.recipe.schema import Decoding, Recipe, TaskSpec

WHOLE = (
    "perplexity",
    "safety",
    "forgetting",
)  # not measured on fewer texts unless their own limit says so
Sample = dict[str, Any]
Item = TypeVar("Item")


def same(values: np.ndarray) -> np.ndarray:
    """No transformation."""
    return values


@dataclass(frozen=True)
class Metric:
    """A function of sums over samples: ``parts(sample)`` gives what is summed, ``figure`` makes
    the value of the sums.

    Without ``figure`` it is a ratio: parts are (numerator, denominator), ``transform`` the last
    step. ``better`` is None for a description that is neither good nor bad; only the others are
    tested. A ``right_or_wrong`` ratio gets Wilson's interval and McNemar's test, as far as its
    items allow. Where an item may be missing (a judgement that could not be read), ``paired_only``
    compares the items that both sides have.
    """

    name: str
    title: str
    parts: Callable[[Sample], Sequence[float]]
    better: Literal["lower", "higher"] | None
    transform: Callable[[np.ndarray], np.ndarray] = same
    unit: str = ""
    figure: Figure | None = None
    right_or_wrong: bool = False
    paired_only: bool = False

    def columns(self, samples: Sequence[Sample]) -> np.ndarray:
        """What is summed, [samples, k]."""
        return np.array([self.parts(sample) for sample in samples], dtype=float)

    def speaks(self, columns: np.ndarray) -> np.ndarray:
        """Of which samples the figure speaks [samples]: those with something to divide by, or to
        count.
        """
        return np.asarray(columns.any(axis=1) if self.figure else columns[:, -1] != 0)

    def is_share(self, columns: np.ndarray) -> bool:
        """Whether the figure is a part of a whole, between 0 and 1 in every item."""
        if self.figure is not None or self.transform is not same or not len(columns):
            return False
        return bool((columns[:, 0] >= 0).all() and (columns[:, 0] <= columns[:, 1]).all())

    def value(self, sums: np.ndarray) -> np.ndarray:
        """Figures of sums [..., k]; NaN where there is nothing to divide by."""
        return (self.figure or ratio(self.transform))(sums)


@dataclass(frozen=True)
class TaskSettings:
    """What tasks need of the recipe.

    ``labels`` and ``set_size`` (labels that most texts have) of the run's data.

    ``examples`` are worked ones that stand before every question; ``system`` replaces the data's
    system message. In the directory ``cache`` a judge's replies are kept.
    """

    seed: int
    decoding: Decoding
    topics: tuple[str, ...]
    limit: int | None
    spec: TaskSpec | None = None
    labels: tuple[str, ...] = ()
    set_size: int = 1
    examples: tuple[Conversation, ...] = ()
    system: str | None = None
    cache: Path | None = None

    @classmethod
    def of(cls, recipe: Recipe, labels: tuple[str, ...] = (), set_size: int = 1) -> "TaskSettings":
        """What a recipe says, with the labels of its data where there are any."""
        wanted = recipe.evaluate
        topics = tuple(wanted.topics)
        return cls(
            recipe.seed, wanted.decoding, topics, wanted.limit, labels=labels, set_size=set_size
        )

    def for_task(self, spec: TaskSpec) -> "TaskSettings":
        """The same for one task, whose own settings go first."""
        own = spec.limit is not None or spec.task in WHOLE
        return replace(self, spec=spec, limit=spec.limit if own else self.limit)

    def drawn(self, items: Sequence[Item]) -> list[Item]:
        """At most ``limit`` of the items, drawn by seed, in their old order."""
        if self.limit is None or self.limit >= len(items):
            return list(items)
        picked = np.random.default_rng(self.seed).permutation(len(items))[: self.limit]
        return [items[i] for i in sorted(picked)]

    def asked(
        self, prompt: Sequence[Message], examples: Sequence[Message] | None = None
    ) -> tuple[Message, ...]:
        """The conversation that is put to the model: the system message, worked examples, then
        ``prompt``.

        ``examples`` are their turns, where a task words them itself.
        """
        own = tuple(message for message in prompt if message.role == "system")
        rest = tuple(message for message in prompt if message.role != "system")
        head = own if self.system is None else (Message("system", self.system),)
        if examples is None:
            examples = [
                m
                for item in self.examples
                for m in (*user_asks(item.question), Message("assistant", item.reference))
            ]
        return (*head, *examples, *rest)

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
        own = {"decoding": self.decoding.model_dump(), "spec": self.spec and self.spec.model_dump()}
        return (
            asdict(replace(self, examples=(), cache=None))
            | own
            | {"examples": [item.id for item in self.examples]}
        )


class Task(Protocol):
    """One small class a task."""

    name: str
    title: str
    metrics: Sequence[Metric]

    def run(
        self, model: LanguageModel, items: Sequence[Conversation], settings: TaskSettings
    ) -> list[Sample]:
        """One sample an item, in the items' order."""
