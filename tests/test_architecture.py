"""The house: a room imports only from floors below; nothing heavy is loaded before it is needed."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import medtune

PACKAGE = Path(medtune.__file__).parent
FLOORS = [
    {"errors", "files", "progress", "run_paths"},
    {"text"},
    {"recipe", "conversation"},
    {"data"},
    {"tokens"},
    {"models"},
    {"training", "evaluation"},
    {"report"},
    {"hosted"},
    {"assistant", "runs"},
    {"cli", "__main__"},
]


def room_of(module):
    return module.split(".")[1] if "." in module else "__init__"


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        yield (
            ".".join(parts[:-1] if parts[-1] == "__init__" else parts),
            ast.parse(path.read_text()),
        )


def imports_of(tree, *, top_level_only=False):
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("medtune"):
            for name in node.names:
                yield node.module, name.name
        elif isinstance(node, ast.Import):
            yield from ((name.name, "") for name in node.names if name.name.startswith("medtune"))


def floor_of(room):
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def test_every_room_has_a_floor():
    rooms = {room_of(name) for name, _ in modules()} - {"__init__", "medtune"}
    assert rooms == set().union(*FLOORS)


def test_no_room_imports_from_a_floor_above_or_beside():
    wrong = []
    for name, tree in modules():
        room = room_of(name)
        if room in ("__init__", "medtune"):
            continue
        for target, item in imports_of(tree):
            other = room_of(target) if "." in target else item
            if other in ("__version__", "", room):
                continue
            if floor_of(other) > floor_of(room) or (
                floor_of(other) == floor_of(room) and {room, other} & {"training", "evaluation"}
            ):
                wrong.append(f"{name} imports {target}")
    assert not wrong


def test_no_import_cycles():
    graph = {}
    names = {name for name, _ in modules()}
    for name, tree in modules():
        targets = set()
        for target, item in imports_of(tree, top_level_only=True):
            full = f"{target}.{item}"
            targets.add(full if full in names else target)
        graph[name] = targets - {name, "medtune"}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError at a circle
    assert set(graph) <= set(order)


def test_evaluation_and_report_know_no_library_of_models():
    for name, tree in modules():
        if room_of(name) not in ("evaluation", "report", "data", "recipe"):
            continue
        imported = {
            n.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for n in node.names
        }
        imported |= {
            node.module.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
        }
        assert not imported & {"torch", "transformers", "peft"}, name


@pytest.mark.parametrize("limit", [500])
def test_no_file_grows_past_what_one_can_hold_in_mind(limit):
    long = {
        str(p.name): n for p in PACKAGE.rglob("*.py") if (n := p.read_text().count("\n")) > limit
    }
    assert not long


def test_nothing_patches_executes_or_unpickles():
    for name, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in (
                    "exec",
                    "eval",
                    "torch.load",
                    "pickle.load",
                    "pickle.loads",
                ), f"{name}: {called}"
            if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
                assert ast.unparse(node.value) == "False", name
