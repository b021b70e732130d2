"""The items on which models are compared, and measuring there whoever was not.

What was measured is kept, so that the same comparison asked again loads no model.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medtune.conversation import Conversation, read_conversations
from medtune.evaluation.evaluate import evaluate, read_samples
from medtune.evaluation.ranking import same_items
from medtune.evaluation.tasks import TASKS, Sample, Task
from medtune.files import read_json, sha256_json, whole_directory, write_json
from medtune.models.loading import Located
from medtune.models.opening import Found, open_model
from medtune.progress import say
from medtune.recipe.schema import Model, Recipe
from medtune.run_paths import RunPaths
from medtune.runs.measured import Measured
from medtune.runs.plan import Plan
from medtune.runs.preparation import prepare_splits

Samples = dict[str, list[Sample]]


@dataclass(frozen=True)
class Ground:
    """What is measured on: a recipe's tasks on its held-out items. ``data`` holds the splits, ``place`` what is kept."""

    recipe: Recipe
    data: Path
    place: Path
    samples: Samples | None = None
    data_dir: Path | None = None

    @property
    def items(self) -> Sequence[Conversation]:
        """The items."""
        return read_conversations(self.data / f"{self.recipe.evaluate.split}.parquet")

    @property
    def tasks(self) -> dict[str, Task]:
        """Its tasks by key."""
        return {spec.key: TASKS[spec.task] for spec in self.recipe.evaluate.tasks}

    @classmethod
    def of_run(cls, paths: RunPaths, recipe: Recipe, place: Path) -> "Ground":
        """The items that a run was measured on."""
        told = read_json(paths.state_file).get("data_dir")
        data_dir = Path(told) if told else None
        return cls(recipe, paths.data, place, read_side(paths.after, recipe)[0], data_dir)

    @classmethod
    def of_recipe(cls, recipe: Recipe, place: Path, data_dir: Path | None) -> "Ground":
        """The held-out items of a recipe, prepared in ``place`` once."""
        plan = Plan.make(recipe, data_dir)
        data, inputs = place / "items", plan.prepare_inputs()
        if not (data / "inputs.json").exists() or read_json(data / "inputs.json") != inputs:
            with whole_directory(data) as temporary:
                write_json(temporary / "audit.json", prepare_splits(plan, temporary))
                write_json(temporary / "inputs.json", inputs)
        return cls(recipe, data, place, data_dir=data_dir)

    def holds(self, recipe: Recipe, samples: Samples) -> bool:
        """Whether samples saved under ``recipe`` are of these items, on every task that both have (and there is one)."""
        kinds = [{spec.key: spec.task for spec in r.evaluate.tasks} for r in (self.recipe, recipe)]
        own = self.samples or {}
        shared = [key for key in samples if key in own]
        same = (kinds[0][key] == kinds[1][key] and same_items(samples[key], own[key]) for key in shared)
        return bool(shared) and all(same)

    def measure(self, name: str, found: Found, asked: Model, *, trained: bool) -> tuple[Samples, dict[str, Any]]:
        """Samples and settings by task of one model on these items; kept, and read again while nothing has changed."""
        wanted, place = self.recipe.evaluate, self.place / "measured" / re.sub(r"[^\w.-]+", "-", name)
        stamp = sha256_json(
            [_stamp(found), asked.model_dump(mode="json"), wanted.model_dump(mode="json"), self.recipe.seed, trained]
            + [item.as_dict() for item in self.items]
        )
        if not (place / "stamp.json").exists() or read_json(place / "stamp.json") != stamp:
            say(f"measuring {name}")
            model = open_model(
                found, asked, batch_size=wanted.batch_size, dtype=wanted.dtype, trained=trained, cache=place
            )
            evaluate(model, Measured(self.recipe, self.data, self.data_dir).jobs(), wanted.resamples, place)
            write_json(place / "stamp.json", stamp)
        return read_side(place, self.recipe)


def _stamp(found: Found) -> Any:
    """Changes when a model does: names, sizes and times of its files, which cost nothing to read."""
    if not isinstance(found, Located):
        return found.fingerprint()
    facts = [(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in found.weight_files()]
    return [facts, found.behaviour_hash(), found.quantization, found.double_quantization]


def read_side(place: Path, recipe: Recipe) -> tuple[Samples, dict[str, Any]]:
    """Samples, and the settings they were made with, by task, of one evaluation under ``recipe``."""
    keys = [spec.key for spec in recipe.evaluate.tasks]
    settings = {key: read_json(place / f"{key}.json")["settings"] for key in keys}
    return {key: read_samples(place, key) for key in keys}, settings
