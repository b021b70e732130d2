"""What the scan for patients' identifiers saw in the items of tasks with a source of their own.

The rows of the run have theirs in the audit, which knows no task.
"""

from pathlib import Path

from medtune.data.audit import IdentifierAudit
from medtune.evaluation.tasks import task_of
from medtune.files import read_json, write_json
from medtune.recipe.schema import Recipe
from medtune.runs.stage import RunDirectory, Stage
from medtune.runs.task_items import TaskItems, source_hashes


def item_identifiers_stage(recipe: Recipe, run: RunDirectory, data_dir: Path | None) -> None:
    """eval/identifiers.json: of each task with a source of its own, the policy, the identifiers
    by kind, and the items that hold one.
    """
    items, file = TaskItems(recipe, run.data, data_dir), item_identifiers_file(run)
    scanned: dict[str, IdentifierAudit] = {}
    for spec in recipe.evaluate.tasks:
        rows = items.benchmark(spec)
        policy = recipe.data.identifiers
        seen = rows.identifiers if rows else task_of(spec).scan_source(spec, policy)
        if seen:
            scanned[spec.key] = seen
    if not scanned:
        return
    inputs = {
        "policy": recipe.data.identifiers,
        "tasks": [spec.model_dump(mode="json") for spec in recipe.evaluate.tasks],
        "items": source_hashes(recipe, data_dir),
    }

    def work() -> None:
        file.parent.mkdir(exist_ok=True)
        write_json(file, {key: audit.model_dump(mode="json") for key, audit in scanned.items()})

    run.perform(Stage("identifiers", inputs, (file,)), work)


def item_identifiers_file(run: RunDirectory) -> Path:
    """The path of ``eval/identifiers.json``, written by ``item_identifiers_stage``."""
    return run.root / "eval" / "identifiers.json"


def read_item_identifiers(run: RunDirectory) -> dict[str, IdentifierAudit]:
    """Task → what was seen in its items; empty where no task has a source of its own."""
    path = item_identifiers_file(run)
    values = read_json(path) if path.exists() else {}
    return {key: IdentifierAudit.model_validate(value) for key, value in values.items()}
