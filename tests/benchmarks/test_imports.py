"""What benchmarks and scripts take from the package is there; none of them is run for it."""

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [*ROOT.glob("benchmarks/**/*.py"), *ROOT.glob("scripts/*.py")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_imported_from_the_package_is_there(path):
    missing = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("medtune"):
            try:
                module = importlib.import_module(node.module)
            except ModuleNotFoundError:
                missing.append(node.module)
                continue
            missing += [
                f"{node.module}.{alias.name}"
                for alias in node.names
                if not hasattr(module, alias.name) and not _is_module(node.module, alias.name)
            ]
    assert not missing


def _is_module(package, name):
    try:
        return bool(importlib.import_module(f"{package}.{name}"))
    except ModuleNotFoundError:
        return False
