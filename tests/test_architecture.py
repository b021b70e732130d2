"""The house: a room imports only from floors below, nothing heavy is loaded before it is needed,
and names and sizes stay such that a stranger finds his way.
"""

import importlib.util
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
if not (ROOT / "scripts").is_dir():
    pytest.skip("installed without the repository's scripts", allow_module_level=True)


def script(path):
    """A script of the repository as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


architecture = script(ROOT / "scripts" / "architecture.py")
counts = script(ROOT / "benchmarks" / "counts.py")
SOURCES = architecture.sources()
MODULES = counts.modules_in(architecture.PACKAGE)
being_rebuilt = pytest.mark.xfail(strict=False, reason="being rebuilt")

# Public names and file names that may stand twice, each with its reason.
SAME_NAMES: dict[str, str] = {}
SAME_FILE_NAMES: dict[str, str] = {}
# A file of cli/ is named as its verb, a file of recipe/ as its section of the recipe.
NAMED_BY_FOLDER = ("cli/", "recipe/")


def test_every_room_has_a_floor_and_every_floor_its_rooms():
    assert set(architecture.arrows(SOURCES)) == set().union(*architecture.FLOORS)


def test_no_room_imports_from_a_floor_above_or_from_a_stranger():
    assert architecture.broken_arrows(SOURCES) == []


def test_a_broken_arrow_would_be_noticed(tmp_path, monkeypatch):
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "rules.py").write_text(
        "def later():\n    from medtune.data.rows import Row\n"
    )
    monkeypatch.setattr(architecture, "PACKAGE", tmp_path)
    assert architecture.broken_arrows(architecture.sources()) == [
        "medtune.text.rules imports medtune.data.rows"
    ]


def test_no_import_cycles():
    names = {source.name for source in SOURCES}
    graph = {}
    for source in SOURCES:
        targets = {
            full if (full := f"{target.module}.{target.name}") in names else target.module
            for target in source.imports()
            if target.top_level
        }
        graph[source.name] = targets - {source.name, "medtune"}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError at a circle
    assert set(graph) <= set(order)


def test_the_architecture_page_is_what_the_code_says():
    assert architecture.PAGE.read_text(encoding="utf-8") == architecture.page()


def test_arrows_that_follow_from_others_are_left_out():
    rooms = {"cli": {"runs", "data"}, "runs": {"data"}, "data": set()}
    assert architecture.without_detours(rooms) == {"cli": {"runs"}, "runs": {"data"}, "data": set()}


HEAVY = {"torch", "transformers", "peft"}


def test_evaluation_and_report_know_no_library_of_models():
    for module in MODULES:
        if module.path.split("/")[0] in ("evaluation", "report", "data", "recipe", "text"):
            imported = {name.split(".")[0] for name in counts.imported_modules(module)}
            assert not imported & HEAVY, module.path


def test_nothing_patches_executes_or_unpickles():
    forbidden = {"exec", "eval", "torch.load", "pickle.load", "pickle.loads"}
    for module in MODULES:
        assert not forbidden & set(counts.called(module)), module.path
        assert set(counts.keyword_values(module, "trust_remote_code")) <= {"False"}, module.path


def test_no_file_and_no_function_grows_past_what_one_can_hold_in_mind():
    long = [module.path for module in MODULES if len(module.lines) > 500]
    long += [
        f"{module.path}: {name}"
        for module in MODULES
        for name, lines in counts.functions(module)
        if lines > 80
    ]
    assert long == []


def test_results_are_types_and_not_dicts():
    assert sum(counts.untyped_dicts(module) for module in MODULES) < 60


def test_no_two_public_things_have_one_name():
    rooms = [module for module in MODULES if not module.path.startswith("cli/")]  # named as verbs
    assert set(counts.repeated_names(rooms)) <= set(SAME_NAMES)


def test_no_file_name_stands_twice():
    files = [module for module in MODULES if not module.path.startswith(NAMED_BY_FOLDER)]
    assert set(counts.repeated_file_names(files)) <= set(SAME_FILE_NAMES)


def test_names_say_what_they_name():
    assert [name for module in MODULES for name in counts.banned_names(module)] == []


def test_a_docstring_says_more_than_the_name():
    assert [text for module in MODULES for text in counts.short_docstrings(module)] == []
