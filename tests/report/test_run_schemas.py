"""A run's files have the keys and types of their documented schemas."""

from pathlib import Path

import pytest

from medtune.files import read_json, read_json_lines

DOCS = Path(__file__).parents[2] / "docs" / "schemas"
if not DOCS.is_dir():
    pytest.skip("installed without the repository's documents", allow_module_level=True)


@pytest.mark.parametrize(
    "name", ["audit", "metrics", "comparison", "checklists", "task", "samples"]
)
def test_a_runs_files_have_only_the_keys_of_their_schema(finished, name):
    files = {
        "audit": finished.data / "audit.json",
        "metrics": finished.metrics,
        "comparison": finished.comparison,
        "checklists": finished.root / "checklists.json",
        "task": finished.after / "perplexity.json",
        "samples": finished.after / "perplexity.samples.jsonl",
    }
    value = read_json_lines(files[name])[0] if name == "samples" else read_json(files[name])
    schema = read_json(DOCS / f"{name}.schema.json")
    check(value, schema, schema.get("$defs", {}))


def check(value, schema, parts):
    """The part of JSON Schema that these schemas use: references, objects, arrays, unions."""
    if "$ref" in schema:
        return check(value, parts[schema["$ref"].removeprefix("#/$defs/")], parts)
    if "anyOf" in schema:
        return check_any(value, schema["anyOf"], parts)
    if "enum" in schema:
        assert value in schema["enum"]
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
    }
    if "type" in schema:
        assert isinstance(value, kinds[schema["type"]]), (value, schema)
    if isinstance(value, dict):
        more = schema.get("additionalProperties", True)
        for key, inner in value.items():
            if key in schema.get("properties", {}):
                check(inner, schema["properties"][key], parts)
            else:
                assert more, key
                check(inner, more if isinstance(more, dict) else {}, parts)
    if isinstance(value, list):
        for inner in value:
            check(inner, schema.get("items", {}), parts)
    return None


def check_any(value, options, parts):
    failures = []
    for option in options:
        try:
            return check(value, option, parts)
        except AssertionError as error:
            failures.append(str(error))
    raise AssertionError(failures)
