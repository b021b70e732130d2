"""The JSON schemas of the files in a run directory, from their types.

python scripts/schemas.py      # writes docs/schemas/
"""

import json
from pathlib import Path

from pydantic import BaseModel

from medtune.data.audit import RunAudit

DIRECTORY = Path(__file__).parents[1] / "docs" / "schemas"
# File of a run directory → its type.
FILES: dict[str, type[BaseModel]] = {"audit.json": RunAudit}


def schema_text(model: type[BaseModel]) -> str:
    """The schema of what the model reads and writes, as indented JSON."""
    schema = model.model_json_schema()
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write one schema a file."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for name, model in FILES.items():
        file = DIRECTORY / f"{Path(name).stem}.schema.json"
        file.write_text(schema_text(model), encoding="utf-8")


if __name__ == "__main__":
    main()
