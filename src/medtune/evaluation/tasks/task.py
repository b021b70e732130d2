"""What a task is: items, how a model answers them, and metrics that the saved samples alone
determine.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np

from medtune.conversation import Conversation, Message, user_asks
from medtune.data.audit import IdentifierAudit
from medtune.errors import RecipeError
from medtune.evaluation.resolution import FLOAT_NOISE, resolution
from medtune.evaluation.results import Better, Sample
from medtune.evaluation.statistics import Figure, effective_groups, ratio
from medtune.evaluation.tasks.baseline_methods import BaselineMethod
from medtune.files import sha256_file, sha256_json, sha256_paths
from medtune.models.interface import DecodingSettings, LanguageModel
from medtune.recipe.extensions import TaskDeclaration, find_task
from medtune.recipe.schema import Decoding, Recipe, TaskSpec

Item = TypeVar("Item")


def same(values: np.ndarray) -> np.ndarray:
    """The values as they are."""
    return values


@dataclass(frozen=True)
class Metric:
    """A function of sums over samples: ``parts(sample)`` gives what is summed, ``figure`` makes
    the value of the sums.

    Without ``figure`` it is a ratio: parts are (numerator, denominator), ``transform`` the last
    step. ``better`` is None for a description that is neither good nor bad; only the others are
    tested. A ``right_or_wrong`` ratio gets Wilson's interval and McNemar's test, as far as its
    items allow. Where an item may be missing (a judgement that could not be read), ``paired_only``
    compares the items that both sides have. Figures ``per_token`` compare only between models
    with the same tokenizer. ``noise`` is how far a sum of its numerators moves by rounding alone,
    as a share of its size.
    """

    name: str
    title: str
    parts: Callable[[Any], Sequence[float]]  # of a sample of the task's own class
    better: Better | None
    transform: Callable[[np.ndarray], np.ndarray] = same
    unit: str = ""
    figure: Figure | None = None
    right_or_wrong: bool = False
    paired_only: bool = False
    per_token: bool = False
    noise: float = FLOAT_NOISE
    label: str = ""  # beginning a sentence; empty: the name

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

    def effective_groups(self, groups: Sequence[str], *sides: np.ndarray) -> float:
        """How many groups of equal weight tell as much of these columns [items, k] as ``groups``;
        in a figure that is no ratio every item weighs the same.
        """
        if self.figure is not None:
            return effective_groups(np.ones(len(groups)), groups)
        return effective_groups(np.sum([side[:, -1] for side in sides], axis=0), groups)

    def resolution(self, *sides: np.ndarray) -> float:
        """The size below which a difference between these columns is none, in the figure's unit."""
        is_ratio = self.figure is None
        return max(resolution(self.value, side, self.noise, is_ratio=is_ratio) for side in sides)


def system_message(items: Sequence[Conversation]) -> str | None:
    """The data's system message, as the first row has it."""
    return next(
        (m.content for item in items[:1] for m in item.messages if m.role == "system"), None
    )


@dataclass(frozen=True)
class TaskSettings:
    """What tasks need of the recipe.

    ``labels`` and ``set_size`` (labels that most texts have) of the run's data.

    ``examples`` are worked ones that stand before every question; ``system`` replaces the data's
    system message. In the directory ``cache`` a judge's replies are kept. ``identifiers`` is the
    recipe's policy, for the file that a task reads itself.
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
    identifiers: str = "report"

    @classmethod
    def of(cls, recipe: Recipe, labels: tuple[str, ...] = (), set_size: int = 1) -> "TaskSettings":
        """What a recipe says, with the labels of its data where there are any."""
        evaluate = recipe.evaluate
        return cls(
            recipe.seed,
            evaluate.decoding,
            tuple(evaluate.topics),
            evaluate.limit,
            labels=labels,
            set_size=set_size,
            identifiers=recipe.data.identifiers,
        )

    def for_task(self, spec: TaskSpec) -> "TaskSettings":
        """The same for one task, whose own settings go first."""
        whole = task_of(spec).always_whole
        return replace(self, spec=spec, limit=spec.limit if spec.limit or whole else self.limit)

    def draw(self, items: Sequence[Item]) -> list[Item]:
        """At most ``limit`` of the items, drawn by seed, in their old order."""
        if self.limit is None or self.limit >= len(items):
            return list(items)
        picked = np.random.default_rng(self.seed).permutation(len(items))[: self.limit]
        return [items[i] for i in sorted(picked)]

    def conversation(
        self, prompt: Sequence[Message], examples: Sequence[Message] | None = None
    ) -> tuple[Message, ...]:
        """The conversation that is put to the model: the system message, worked examples, then
        ``prompt``.

        ``examples`` are their turns, where a task words them itself.
        """
        system = tuple(message for message in prompt if message.role == "system")
        turns = tuple(message for message in prompt if message.role != "system")
        head = system if self.system is None else (Message("system", self.system),)
        if examples is None:
            examples = [
                m
                for item in self.examples
                for m in (*user_asks(item.question), Message("assistant", item.reference))
            ]
        return (*head, *examples, *turns)

    def decoding_settings(self, *, sampled: bool = False) -> DecodingSettings:
        """Greedy (or beam) decoding for figures; sampled from the seed, for reading."""
        decoding = self.decoding
        return DecodingSettings(
            decoding.max_new_tokens,
            decoding.temperature if sampled else 0.0,
            decoding.top_p if sampled else 1.0,
            self.seed if sampled else 0,
            decoding.beams,
            decoding.no_repeat_ngram,
        )

    def as_dict(self) -> dict[str, object]:
        """Plain values, as results keep them."""
        values = asdict(replace(self, examples=(), cache=None))
        if not (self.spec and self.spec.source and self.identifiers in ("mask", "drop")):
            del values["identifiers"]  # the items of the task are not changed by it
        return values | {
            "decoding": self.decoding.model_dump(),
            "spec": self.spec and self.spec.model_dump(),
            "examples": [item.id for item in self.examples],
        }


class Task(TaskDeclaration, ABC):
    """One way of measuring a model; what everybody else needs to know of it stands here.

    ``title`` heads its part of a report, ``missing`` says what a reader does not learn where it was
    not measured. It is measured on rows of the run, or on ``own_items``; ``source`` of a recipe
    names ``rows`` of another data set, or a ``file`` that the task reads itself. ``benefit``:
    training was for it, so a verdict may begin with it; what is none stands in its own ``section``
    of the report. ``version`` changes whenever samples or figures are made in another way.
    """

    title: ClassVar[str]
    metrics: ClassVar[Sequence[Metric]]
    sample: ClassVar[type[Sample]] = Sample
    version: ClassVar[str] = "1"
    missing: ClassVar[str] = ""

    own_items: ClassVar[str] = ""
    source_holds: ClassVar[Literal["rows", "file", ""]] = ""
    labelled: ClassVar[bool] = False  # asks for labels, of the data's whole list
    always_whole: ClassVar[bool] = False  # not measured on fewer items unless its own limit says so
    baselines: ClassVar[Sequence[BaselineMethod]] = ()

    benefit: ClassVar[bool] = True
    in_variants: ClassVar[bool] = True  # measured again for every other way to use the models
    section: ClassVar[Literal["tasks", "harm", "forgetting"]] = "tasks"
    side_by_side: ClassVar[int] = 0  # answers before and after, shown in a report

    @property
    def tested_metrics(self) -> tuple[str, ...]:
        """Names of the metrics that are no descriptions."""
        return tuple(metric.name for metric in self.metrics if metric.better is not None)

    @abstractmethod
    def run(
        self, model: LanguageModel, items: Sequence[Conversation], settings: TaskSettings
    ) -> list[Sample]:
        """One sample an item, in the items' order."""

    def select(
        self, items: Sequence[Conversation], settings: TaskSettings
    ) -> Sequence[Conversation]:
        """Those of the items that are measured. Raises ``DataError`` where there are none."""
        return settings.draw(items)

    def baseline_samples(
        self, train: Sequence[Conversation], items: Sequence[Conversation], settings: TaskSettings
    ) -> dict[str, list[Sample]]:
        """Samples of each of ``baselines`` on the items that ``run`` would measure."""
        return {}

    def can_demonstrate(self, item: Conversation) -> bool:
        """Whether an item can be a worked example before a question."""
        return True

    def scored_by(self, spec: TaskSpec) -> str:
        """What is scored where nothing is generated, for people."""
        return "log-likelihood"

    def check_source(self, spec: TaskSpec) -> None:
        """Read what the task reads itself, before anything is measured.

        Raises ``DataError``.
        """

    def scan_source(self, spec: TaskSpec, policy: str) -> IdentifierAudit | None:
        """What the scan for identifiers sees in the file that the task reads itself, under the
        policy ``data.identifiers``; None where it reads none.

        Raises ``DataError`` where the policy refuses an item.
        """
        return None

    def depends_on(self, spec: TaskSpec) -> Sequence[str]:
        """Versions and hashes of what the figures depend on: packaged items, rules, an encoder."""
        return ()

    def fingerprint(self, spec: TaskSpec) -> str:
        """Changes with what the figures depend on beside the settings, the items and the model:
        results of another one are not taken for whole.
        """
        source = Path(spec.source) if spec.source else None
        return sha256_json(
            [
                self.version,
                *self.depends_on(spec),
                sha256_paths(_own_file(type(self))),
                sha256_file(source) if source and source.is_file() else "",
            ]
        )


def _own_file(task: type[Task]) -> list[Path]:
    """The file of a task that is none of the package's: whoever writes one changes it often."""
    if task.__module__.startswith(f"{__package__}."):
        return []
    file = getattr(sys.modules[task.__module__], "__file__", None)
    return [Path(file)] if file else []


def task_of(spec: TaskSpec) -> Task:
    """The task of a recipe's entry. Raises ``RecipeError`` where its class measures nothing."""
    return find(spec.task)


def find(reference: str) -> Task:
    """A task by its name or by ``FILE.py:CLASS``. Raises ``RecipeError`` where there is none."""
    try:
        task = find_task(reference)
    except ValueError as error:
        raise RecipeError(f"{reference}: {error}", where="evaluate.tasks") from error
    if not isinstance(task, Task):
        raise RecipeError(
            f"{reference} is no task that can be measured",
            where="evaluate.tasks",
            fix=f"Derive its class from {__package__}.Task.",
        )
    return task
