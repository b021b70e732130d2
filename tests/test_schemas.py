"""The documented schemas are those of the types, and real files are valid under them."""

import importlib.util
import json
from pathlib import Path

import pytest

from medtune.data.prepare import prepare
from medtune.recipe.schema import Data

ROOT = Path(__file__).parents[1]
if not (ROOT / "scripts").is_dir():
    pytest.skip("installed without the repository's scripts", allow_module_level=True)
_spec = importlib.util.spec_from_file_location("schemas", ROOT / "scripts" / "schemas.py")
schemas = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(schemas)


def documented(name):
    return (schemas.DIRECTORY / f"{Path(name).stem}.schema.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", schemas.FILES)
def test_the_documented_schema_is_that_of_the_type(name):
    assert documented(name) == schemas.schema_text(schemas.FILES[name])


def test_a_prepared_audit_has_the_documented_keys(tmp_path):
    audit = prepare(Data(source="curated"), 0, [], None, tmp_path).audit.as_json()
    schema = json.loads(documented("audit.json"))

    def check(value, node, where):
        node = next((n for n in node.get("anyOf", [node]) if n.get("type") != "null"), node)
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node
        if "properties" in node and value != {}:  # {} stands for "there is none"
            assert set(value) <= set(node["properties"]), where
            assert set(node.get("required", ())) - {"tokens"} <= set(value), where
            for key in value:
                check(value[key], node["properties"][key], f"{where}.{key}")
        elif isinstance(value, list):
            for item in value:
                check(item, node["items"], f"{where}[]")
        elif isinstance(value, dict) and isinstance(node.get("additionalProperties"), dict):
            for item in value.values():
                check(item, node["additionalProperties"], f"{where}.*")

    check(audit, schema, "audit")
