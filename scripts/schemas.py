"""The JSON schemas of the files in a run directory, from their types.

python scripts/schemas.py      # writes docs/schemas/
"""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from medtune.data.audit import RunAudit
from medtune.evaluation.class_tables import ClassTables
from medtune.evaluation.confidence.summary import ConfidenceFacts
from medtune.evaluation.results import BaselineScores, Changes, Sample, TaskResult
from medtune.report.checklists.base import FilledChecklist
from medtune.report.compare_page import Comparison
from medtune.report.run_metrics import Metrics, Overlap

DIRECTORY = Path(__file__).parents[1] / "docs" / "schemas"
# File of a run directory → its type.
FILES: dict[str, Any] = {
    "audit.json": RunAudit,
    "task.json": TaskResult,  # eval/SIDE/TASK.json
    "samples.jsonl": Sample,  # a line of eval/SIDE/TASK.samples.jsonl; a task adds its own keys
    "comparison.json": Changes,  # task → metric
    "tables.json": dict[str, dict[str, ClassTables]],  # task → side
    "confidence.json": dict[str, dict[str, ConfidenceFacts]],  # task → side
    "baselines.json": dict[str, dict[str, BaselineScores]],  # task → baseline
    "overlap.json": Overlap,
    "metrics.json": Metrics,
    "checklists.json": list[FilledChecklist],
    "models.json": Comparison,  # comparison.json of `medtune compare`
}


def schema_text(kind: Any) -> str:
    """The schema of what a type reads and writes, as indented JSON."""
    schema = TypeAdapter(kind).json_schema()
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write one schema a file."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for name, kind in FILES.items():
        file = DIRECTORY / f"{Path(name).stem}.schema.json"
        file.write_text(schema_text(kind), encoding="utf-8")


if __name__ == "__main__":
    main()
