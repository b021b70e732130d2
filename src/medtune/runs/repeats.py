"""The training of a run repeated: with other seeds, and on nested parts of train.

Each measured on the same items.

A repetition is a run of its own below ``repeats/``, with the run's splits and base. Its weights go
when it is measured.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from medtune.conversation import Conversation, read_conversations, write_conversations
from medtune.evaluation.comparison.seed_variance import (
    CurvePoint,
    DecodingSpread,
    LearningCurve,
    SeedVariance,
    decoding_spread,
    learning_curve,
    pooled_change,
    seed_variance,
)
from medtune.evaluation.evaluate import score
from medtune.evaluation.tasks import Metric, Sample, Task
from medtune.files import (
    file_hash,
    read_json,
    whole_directory,
    write_json,
    write_text,
)
from medtune.progress import say
from medtune.recipe.read import to_yaml
from medtune.recipe.schema import Recipe
from medtune.runs.plan import Plan
from medtune.runs.stage import RunDirectory, Stage
from medtune.runs.stages import evaluate_stage, samples_of, train_stage
from medtune.runs.task_items import BARE, main_task, source_hashes
from medtune.training.distributed import Processes


@dataclass(frozen=True)
class Repeat:
    """One further training: its name, its recipe, and the share of train that it learns from."""

    name: str
    recipe: Recipe
    fraction: float = 1.0


def repeats_of(recipe: Recipe) -> list[Repeat]:
    """What has to be trained beside the run itself, which is the first seed and the whole of
    train.
    """
    spec = main_task(recipe)
    if spec is None:
        return []  # there is nothing to measure them by
    alone = {"tasks": [spec.model_copy(update=BARE)], "arms": [], "published": []}
    evaluate = recipe.evaluate.model_copy(
        update=alone | {"learning_curve": [], "seeds": 1, "margin": {}}
    )

    def with_seed(seed: int) -> Recipe:
        return recipe.model_copy(
            update={"evaluate": evaluate, "train": recipe.train.model_copy(update={"seed": seed})}
        )

    seeds = [recipe.training_seed + i for i in range(1, recipe.evaluate.seeds)]
    parts = [fraction for fraction in recipe.evaluate.learning_curve if fraction < 1]
    return [Repeat(f"seed-{seed}", with_seed(seed)) for seed in seeds] + [
        Repeat(f"part-{fraction:g}", with_seed(recipe.training_seed), fraction)
        for fraction in parts
    ]


def nested_part(train: Sequence[Conversation], fraction: float, seed: int) -> list[Conversation]:
    """About ``fraction`` of the rows, whole groups, in their old order.

    A smaller fraction lies within a larger one.
    """
    groups = list(dict.fromkeys(item.group for item in train))
    rank = {
        groups[i]: position
        for position, i in enumerate(np.random.default_rng([seed, 1]).permutation(len(groups)))
    }
    sizes = np.bincount([rank[item.group] for item in train], minlength=len(groups))
    # Groups are taken while the rows so far are fewer than wanted: at least one, and never past all
    # of them.
    taken = int(np.searchsorted(np.cumsum(sizes), fraction * len(train) - 0.5)) + 1
    return [item for item in train if rank[item.group] < taken]


def repeats_stage(plan: Plan, run: RunDirectory, processes: Processes) -> None:
    """repeats/NAME/: every repetition trained and measured; each is done once."""
    for repeat in repeats_of(plan.recipe):
        sub = RunDirectory(run.root / "repeats" / repeat.name)
        stage = _stage(plan, repeat, run, sub)
        work = partial(_train_and_measure, plan, repeat, run, sub, processes)
        if processes.main:
            processes.sums([float(not run.is_done(stage))])
            run.perform(stage, work)
        elif processes.sums([0.0])[0]:
            work()


def _stage(plan: Plan, repeat: Repeat, run: RunDirectory, sub: RunDirectory) -> Stage:
    """Its figures depend on its training and on what it is measured by, not on words for people."""
    hashes = {
        name: file_hash(run.data / f"{name}.parquet") for name in ("train", "validation", "test")
    }
    measured_by = {"tasks", "split", "limit", "decoding", "dtype"}
    inputs = replace(plan, recipe=repeat.recipe).train_inputs(hashes) | {
        "part of train": repeat.fraction,
        "evaluate settings": repeat.recipe.evaluate.model_dump(mode="json", include=measured_by),
        "items": source_hashes(repeat.recipe, plan.data_dir),
    }
    return Stage(repeat.name, inputs, (sub.after, sub.data), plan.training_libraries)


def _train_and_measure(
    plan: Plan, repeat: Repeat, run: RunDirectory, sub: RunDirectory, processes: Processes
) -> None:
    repeated = replace(plan, recipe=repeat.recipe)
    try:
        if processes.main:
            sub.open()
            sub.update(recipe=repeat.name, base=run.state()["base"])
            write_text(sub.recipe, to_yaml(repeat.recipe))
            _share_data(run, sub, repeat, plan.recipe.seed)
            say(f"{repeat.name}: trained on {read_json(sub.data / 'part.json')['rows']:,} rows")
        processes.wait()
        train_stage(repeated, sub, processes)
        if processes.main:
            evaluate_stage(repeated, sub, "after")
            shutil.rmtree(sub.model)
        processes.wait()
    finally:
        sub.close()


def _share_data(run: RunDirectory, sub: RunDirectory, repeat: Repeat, seed: int) -> None:
    """The run's splits, of train the part.

    The same files where nothing has changed, so that training goes on.
    """
    rows = nested_part(read_conversations(run.data / "train.parquet"), repeat.fraction, seed)
    part = {
        "fraction": repeat.fraction,
        "rows": len(rows),
        "train": file_hash(run.data / "train.parquet"),
    }
    manifest = sub.data / "part.json"
    if manifest.exists() and read_json(manifest) == part:
        return
    with whole_directory(sub.data) as directory:
        write_conversations(directory / "train.parquet", rows)
        for name in ("validation.parquet", "test.parquet", "audit.json"):
            shutil.copyfile(run.data / name, directory / name)
        write_json(directory / "part.json", part)


def seeds_of_run(
    run: RunDirectory, recipe: Recipe, key: str, task: Task, metric: Metric
) -> SeedVariance | None:
    """The change of one metric over all seeds, pooled.

    None where there is one seed, or they are not all measured.
    """
    names = [repeat for repeat in repeats_of(recipe) if repeat.name.startswith("seed-")]
    sides = [
        _samples(run.after, recipe, key),
        *(_samples(_after(run, r), r.recipe, key) for r in names),
    ]
    before = _samples(run.before, recipe, key)
    if not names or not before or not all(sides):
        return None
    draws = recipe.evaluate.resamples, recipe.seed
    values = [score(task, side, *draws)[metric.name].value for side in sides]
    seeds = [recipe.training_seed, *(repeat.recipe.training_seed for repeat in names)]
    return seed_variance(key, metric, seeds, values, pooled_change(before, sides, metric, *draws))


def decodings_of_run(run: RunDirectory, recipe: Recipe) -> dict[str, DecodingSpread]:
    """Spread between the rounds of sampled answers, by task; of those that made at least two."""
    keys = [spec.key for spec in recipe.evaluate.tasks if spec.samples > 1]
    spreads = {
        key: decoding_spread(*(_samples(side, recipe, key) for side in (run.before, run.after)))
        for key in keys
    }
    return {key: spread for key, spread in spreads.items() if spread}


def curve_of_run(
    run: RunDirectory, recipe: Recipe, key: str, task: Task, metric: Metric
) -> LearningCurve | None:
    """One metric over the parts of train, from none to all.

    None where no curve was asked for or it is not whole.
    """
    parts = sorted(
        (r for r in repeats_of(recipe) if r.name.startswith("part-")), key=lambda r: r.fraction
    )
    sides = [
        (
            r.fraction,
            run.root / "repeats" / r.name / "data",
            _samples(_after(run, r), r.recipe, key),
        )
        for r in parts
    ]
    sides.append((1.0, run.data, _samples(run.after, recipe, key)))
    before = _samples(run.before, recipe, key)
    if not parts or not before or not all(samples for _, _, samples in sides):
        return None
    draws = recipe.evaluate.resamples, recipe.seed
    points = [
        CurvePoint(
            fraction=fraction, rows=_rows(data), **dict(score(task, samples, *draws)[metric.name])
        )
        for fraction, data, samples in sides
    ]
    # Both ends of the last step are trainings, each with its own luck; known where several seeds
    # were trained.
    seeds = seeds_of_run(run, recipe, key, task, metric)
    spread = seeds.pooled.between_sd if seeds else None
    luck = 2 * spread**2 if spread else 0.0
    last = pooled_change(sides[-2][2], [sides[-1][2]], metric, *draws, luck)
    last = last.model_copy(update={"between_sd": spread})
    start = score(task, before, *draws)[metric.name]
    return learning_curve(key, metric, start, points, last)


def _after(run: RunDirectory, repeat: Repeat) -> Path:
    return run.root / "repeats" / repeat.name / "eval" / "after"


def _samples(side: Path, recipe: Recipe, key: str) -> list[Sample]:
    return samples_of(side, recipe).get(key, [])


def _rows(data: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(data / "train.parquet").num_rows)
