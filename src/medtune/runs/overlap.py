"""Whether questions of a source that is only measured on were trained on: the same runs of
words, looked for in train.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from medtune.conversation import Conversation, iter_conversations
from medtune.data.contamination import Items, contamination, overlapping
from medtune.data.rows import Row, to_batch
from medtune.evaluation.comparison.paired import compare_metric, paired_samples
from medtune.evaluation.evaluate import score
from medtune.evaluation.tasks import Sample, Task, task_of
from medtune.files import file_hash, read_as, write_json
from medtune.progress import say
from medtune.recipe.schema import Recipe
from medtune.report.run_metrics import CleanItems, Overlap
from medtune.runs.stage import RunDirectory, Stage
from medtune.runs.task_items import TaskItems, source_hashes

Samples = dict[str, list[Sample]]


def overlap_stage(recipe: Recipe, run: RunDirectory, data_dir: Path | None) -> None:
    """eval/overlap.json: of each task with a source of its own, how many items share a run of
    words with train.
    """
    keys = {
        spec.key
        for spec in recipe.evaluate.tasks
        if spec.source and task_of(spec).source_holds == "rows"
    }
    if not keys:
        return
    ngram, file = recipe.data.contamination.ngram, overlap_file(run)
    inputs = {
        "tasks": [spec.model_dump(mode="json") for spec in recipe.evaluate.tasks],
        "seed": recipe.seed,
        "words in a row": ngram,
        "data": file_hash(run.data / "train.parquet"),
        "items": source_hashes(recipe, data_dir),
    }

    def work() -> None:
        jobs = [job for job in TaskItems(recipe, run.data, data_dir).jobs() if job.spec.key in keys]
        rows = [(job.spec.key, _row(item)) for job in jobs for item in job.settings.draw(job.items)]
        items = Items.of(rows, ngram)
        counts = contamination(items, _training(run.data / "train.parquet"))
        known = overlapping(items, _training(run.data / "train.parquet"))
        ids: dict[str, list[str]] = {key: [] for key in counts}
        for (key, row), seen in zip(rows, known, strict=True):
            ids[key] += [row.location] if seen else []
        tasks = {key: counts[key].model_dump() | {"ids": ids[key]} for key in counts}
        file.parent.mkdir(exist_ok=True)
        write_json(file, {"ngram": ngram, "tasks": tasks})
        for key, count in counts.items():
            if count.overlapping:
                say(
                    f"{key}: {count.overlapping:,} of {count.items:,} items "
                    f"share {ngram} words in a row with train"
                )

    run.perform(Stage("overlap", inputs, (file,)), work)


def without_overlap(
    recipe: Recipe, overlap: Overlap, before: Samples, after: Samples, tasks: dict[str, Task]
) -> dict[str, CleanItems]:
    """Task → its first tested figure on the items that share nothing with train, for tasks of
    which some do.
    """
    clean = {}
    for key, shared in overlap.tasks.items():
        metric = next((metric for metric in tasks[key].metrics if metric.better), None)
        seen = set(shared.ids)
        rest = [
            [sample for sample in side[key] if sample["id"] not in seen] for side in (before, after)
        ]
        if not seen or metric is None or not all(rest):
            continue
        draws = recipe.evaluate.resamples, recipe.seed
        scores = [score(tasks[key], side, *draws)[metric.name] for side in rest]
        change = compare_metric(metric, *paired_samples(*rest), *draws)
        clean[key] = CleanItems(
            metric=metric.name, n=len(rest[0]), before=scores[0], after=scores[1], change=change
        )
    return clean


def overlap_file(run: RunDirectory) -> Path:
    """The path of ``eval/overlap.json``, written by ``overlap_stage``."""
    return run.root / "eval" / "overlap.json"


def read_overlap(run: RunDirectory) -> Overlap | None:
    """What ``overlap_stage`` wrote; None where no task has a source of its own."""
    path = overlap_file(run)
    return read_as(path, Overlap) if path.exists() else None


def _row(item: Conversation) -> Row:
    return Row(item.messages, item.source, item.id, options=item.options, answer_key=item.answer)


def _training(path: Path) -> Iterator[pa.RecordBatch]:
    for chunk in iter_conversations(path):
        yield to_batch([_row(item) for item in chunk])
