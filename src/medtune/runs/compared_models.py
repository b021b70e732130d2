"""Who is compared: trained runs, their untouched bases, and other models, with their samples on
the same items.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ConfigDict

from medtune.conversation import Conversation, read_conversations
from medtune.errors import RecipeError
from medtune.evaluation.comparison.paired import same_items
from medtune.evaluation.evaluate import evaluate, read_samples
from medtune.evaluation.results import Result
from medtune.evaluation.tasks import Sample, Task, task_of
from medtune.files import read_as, read_json, sha256_json, whole_directory, write_json
from medtune.models.load import LocalModelRef, load_tokenizer
from medtune.models.open import ModelRef, open_model, resolve_model
from medtune.progress import say
from medtune.recipe.published_names import distinct_names
from medtune.recipe.read import read_run_recipe
from medtune.recipe.schema import Model, Recipe
from medtune.report.compare_page import ComparedCost
from medtune.report.figures import RunState
from medtune.run_paths import RunPaths
from medtune.runs.evaluate_model import refuse_training_rows
from medtune.runs.plan import Plan
from medtune.runs.preflight import check_labels
from medtune.runs.preparation import prepare_splits
from medtune.runs.stage import RunDirectory
from medtune.runs.task_items import TaskItems

Samples = dict[str, list[Sample]]


class RecordedSettings(Result):
    """The settings in ``<task>.json``: of the task's settings, those that a comparison reads."""

    model_config = ConfigDict(extra="allow")

    decoding: dict[str, object]
    spec: dict[str, object] | str | None = None


SettingsByTask = dict[str, RecordedSettings]


@dataclass(frozen=True)
class EvalSet:
    """What is measured on: a recipe's tasks on its held-out items.

    ``data`` holds the splits, ``directory`` what is measured.
    """

    recipe: Recipe
    data: Path
    directory: Path
    samples: Samples | None = None
    data_dir: Path | None = None

    @property
    def items(self) -> Sequence[Conversation]:
        """The rows of the recipe's held-out split, read anew at each call."""
        return read_conversations(self.data / f"{self.recipe.evaluate.split}.parquet")

    @property
    def tasks(self) -> dict[str, Task]:
        """Key in metrics.json → task, as the recipe orders them."""
        return {spec.key: task_of(spec) for spec in self.recipe.evaluate.tasks}

    @classmethod
    def of_run(cls, paths: RunPaths, recipe: Recipe, directory: Path) -> "EvalSet":
        """The items that a run was measured on."""
        recorded = read_json(paths.state_file).get("data_dir")
        data_dir = Path(recorded) if recorded else None
        return cls(recipe, paths.data, directory, read_side(paths.after, recipe)[0], data_dir)

    @classmethod
    def of_recipe(cls, recipe: Recipe, directory: Path, data_dir: Path | None) -> "EvalSet":
        """The held-out items of a recipe, prepared in ``place`` once."""
        plan = Plan.make(recipe, data_dir)
        data, inputs = directory / "items", sha256_json(plan.prepare_inputs())
        if not (data / "inputs.json").exists() or read_json(data / "inputs.json") != inputs:
            with whole_directory(data) as temporary:
                prepare_splits(plan, temporary).write(temporary / "audit.json")
                write_json(temporary / "inputs.json", inputs)
        return cls(recipe, data, directory, data_dir=data_dir)

    def holds(self, recipe: Recipe, samples: Samples) -> bool:
        """Whether samples saved under ``recipe`` are of these items, on every task that both
        have (and there is one).
        """
        kinds = [{spec.key: spec.task for spec in r.evaluate.tasks} for r in (self.recipe, recipe)]
        measured = self.samples or {}
        shared = [key for key in samples if key in measured]
        same = (
            kinds[0][key] == kinds[1][key] and same_items(samples[key], measured[key])
            for key in shared
        )
        return bool(shared) and all(same)

    def measure(
        self, name: str, reference: ModelRef, asked: Model, *, trained: bool
    ) -> tuple[Samples, SettingsByTask]:
        """Samples and settings by task of one model on these items.

        Kept, and read again while nothing has changed.
        """
        evaluation, directory = (
            self.recipe.evaluate,
            self.directory / "measured" / re.sub(r"[^\w.-]+", "-", name),
        )
        stamp = sha256_json(
            [
                _stamp(reference),
                asked.model_dump(mode="json"),
                evaluation.model_dump(mode="json"),
                self.recipe.seed,
                trained,
            ]
            + [item.as_dict() for item in self.items]
        )
        if not (directory / "stamp.json").exists() or read_json(directory / "stamp.json") != stamp:
            say(f"measuring {name}")
            jobs = TaskItems(self.recipe, self.data, self.data_dir).jobs()
            asking = self.recipe.model_copy(update={"model": asked})
            check_labels(Plan(asking, reference, self.data_dir), jobs)
            model = open_model(
                reference,
                asked,
                batch_size=evaluation.batch_size,
                dtype=evaluation.dtype,
                trained=trained,
                cache=directory,
            )
            evaluate(model, jobs, evaluation.resamples, directory)
            write_json(directory / "stamp.json", stamp)
        return read_side(directory, self.recipe)


def _stamp(reference: ModelRef) -> Any:
    """Changes when a model does: names, sizes and times of its files, which cost nothing to
    read.
    """
    if not isinstance(reference, LocalModelRef):
        return reference.fingerprint()
    facts = [(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in reference.weight_files()]
    return [
        facts,
        reference.behaviour_hash(),
        reference.quantization,
        reference.double_quantization,
    ]


def read_side(directory: Path, recipe: Recipe) -> tuple[Samples, SettingsByTask]:
    """Samples, and the settings they were made with, by task, of one evaluation under
    ``recipe``.
    """
    keys = [spec.key for spec in recipe.evaluate.tasks]
    settings = {
        key: RecordedSettings.model_validate(read_json(directory / f"{key}.json")["settings"])
        for key in keys
    }
    return {key: read_samples(directory, key) for key in keys}, settings


@dataclass(frozen=True)
class ComparedModel:
    """One row of every table. ``cost`` is of its training, empty where it was not trained here."""

    name: str
    kind: str  # run, base or model
    samples: Samples
    settings: SettingsByTask
    tokenizer: str
    vocabulary: Path | None = None
    cost: ComparedCost = field(default_factory=ComparedCost)
    measured: bool = False


@dataclass(frozen=True)
class Run:
    """A finished run that takes part."""

    name: str
    paths: RunPaths
    recipe: Recipe
    state: RunState

    @classmethod
    def read(cls, root: Path) -> "Run":
        """Raises ``RecipeError`` where there is no run, or none with both evaluations."""
        paths = RunPaths(root)
        if not paths.state_file.exists() or not paths.recipe.exists():
            raise RecipeError(
                "this is no run",
                where=str(root),
                fix="Name runs' directories, such as runs/quickstart.",
            )
        recipe = read_run_recipe(str(paths.recipe))
        if not all(
            (side / f"{s.key}.json").exists()
            for side in (paths.before, paths.after)
            for s in recipe.evaluate.tasks
        ):
            raise RecipeError(
                "this run is not finished", where=str(root), fix=f"Go on with: medtune run {root}"
            )
        return cls(recipe.name, paths, recipe, read_as(paths.state_file, RunState))

    @property
    def asked(self) -> str:
        """The base, and how it is asked: equal for runs whose untouched model is one and the
        same.
        """
        model = self.recipe.model
        return sha256_json([self.state.base.fingerprint, model.chat_template, model.prompt])

    def cost(self) -> ComparedCost:
        """Of the training; what is not known is left out."""
        stats = read_json(self.paths.train / "trainer_stats.json")
        known = {name: stats.get(name) for name in ComparedCost.model_fields}
        return ComparedCost(**{name: value for name, value in known.items() if value is not None})


def of_runs(runs: Sequence[Run], eval_set: EvalSet) -> list[ComparedModel]:
    """Every run's trained model, and every distinct base once, on the items of ``eval_set``.

    Raises ``DataError`` where an item was a training row of a run, ``RecipeError`` where a hosted
    model would have to be asked again.
    """
    items, models, bases = eval_set.items, [], set()
    for run in runs:
        refuse_training_rows(str(run.paths.root), items)
    for run in runs:
        vocabulary = run.paths.model / "tokenizer.json"
        tokenizer = tokenizer_name(vocabulary) if vocabulary.exists() else f"of {run.name}"
        kept = vocabulary if vocabulary.exists() else None
        if run.asked not in bases:
            bases.add(run.asked)
            samples, settings, fresh = _side(run, eval_set, trained=False)
            size = _base_size(run)
            models.append(
                ComparedModel(
                    _base_name(run, runs), "base", samples, settings, tokenizer, kept, size, fresh
                )
            )
        samples, settings, fresh = _side(run, eval_set, trained=True)
        models.append(
            ComparedModel(run.name, "run", samples, settings, tokenizer, kept, run.cost(), fresh)
        )
    return models


def _side(run: Run, eval_set: EvalSet, *, trained: bool) -> tuple[Samples, SettingsByTask, bool]:
    samples, settings = read_side(run.paths.after if trained else run.paths.before, run.recipe)
    if eval_set.holds(run.recipe, samples):
        return samples, settings, False
    if run.recipe.model.endpoint:
        raise RecipeError(
            "it was measured on other items, and is behind an endpoint: "
            "asking it again is not done here",
            where=str(run.paths.root),
            fix="Compare it with runs on the same data and seed.",
        )
    from medtune.runs.stages import (
        trained_model,
    )  # torch, which a comparison from files does without

    plan = Plan(run.recipe, resolve_model(run.recipe.model), None)
    model = trained_model(plan, RunDirectory(run.paths.root)) if trained else plan.base
    name = run.name if trained else f"{run.name}-base"
    return *eval_set.measure(name, model, run.recipe.model, trained=trained), True


def _base_size(run: Run) -> ComparedCost:
    """Parameters of the untouched model: without adapters.

    Not known where 4-bit weights are packed two in a byte.
    """
    cost, train = run.cost(), run.recipe.train
    if cost.parameters is None or run.recipe.model.quantization:
        return ComparedCost()
    adapters = 0 if train.method == "full" else cost.trainable_parameters or 0
    return ComparedCost(parameters=cost.parameters - adapters)


def _base_name(run: Run, runs: Sequence[Run]) -> str:
    """The base's own name; with the run that asks it so, where others ask it otherwise."""
    short = Path(run.state.base.name).name
    others = {other.asked for other in runs if Path(other.state.base.name).name == short}
    return f"{short} (untouched)" if len(others) == 1 else f"{short} (untouched, as for {run.name})"


def model_items(name: str, shown: str, eval_set: EvalSet) -> ComparedModel:
    """A model outside of any run, on the items of ``eval_set``; ``shown`` is its name on pages."""
    asked = eval_set.recipe.model
    is_base = name == asked.name
    if not is_base:
        asked = asked.model_copy(
            update={"name": name, "revision": None, "endpoint": None, "quantization": None}
        )
    reference = resolve_model(asked)
    refuse_training_rows(name, eval_set.items)
    samples, settings = eval_set.measure(name, reference, asked, trained=not is_base)
    directory = reference.tokenizer if isinstance(reference, LocalModelRef) else None
    vocabulary = (
        directory / "tokenizer.json"
        if directory and (directory / "tokenizer.json").exists()
        else None
    )
    tokenizer = tokenizer_name(vocabulary) if vocabulary else f"of {name}"
    if not vocabulary and isinstance(reference, LocalModelRef):
        tokenizer = _name_of(json.loads(load_tokenizer(reference).backend_tokenizer.to_str()))
    return ComparedModel(shown, "model", samples, settings, tokenizer, vocabulary, measured=True)


def tokenizer_name(file: Path) -> str:
    """SHA-256 over the vocabulary, merges and added tokens of a tokenizer.json: equal for equal
    tokens.
    """
    return _name_of(read_json(file))


def _name_of(tokenizer: dict[str, Any]) -> str:
    model = tokenizer["model"]
    merges = [
        pair.split(" ") if isinstance(pair, str) else pair for pair in model.get("merges") or []
    ]
    added = sorted((token["id"], token["content"]) for token in tokenizer.get("added_tokens") or [])
    return sha256_json([model.get("type"), model.get("vocab"), merges, added])


def with_distinct_names(runs: Sequence[Run]) -> list[Run]:
    """Runs by their recipe's name.

    Where that is not enough, by their directory's name, with those before it that tell them apart.
    """
    names = [run.recipe.name for run in runs]
    if len({*names}) < len(names):
        names = distinct_names([str(run.paths.root.resolve()) for run in runs])
    return [replace(run, name=name) for run, name in zip(runs, names, strict=True)]
