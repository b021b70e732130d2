"""The mutation check: what it changes, and that its lists name what there is."""

import ast
import runpy
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def mutation():
    from types import SimpleNamespace

    return SimpleNamespace(**runpy.run_path(str(BENCHMARKS / "mutation.py"), run_name="mutation"))


def test_an_expression_is_changed_in_every_way_of_its_kind(mutation):
    def changed(source):
        (node,) = (ast.parse(source, mode="eval").body,)
        return [ast.unparse(other) for other in mutation.changes(node)]

    assert changed("a < b") == ["a <= b", "a >= b"]
    assert changed("a == b") == ["a != b"]
    assert changed("a + b") == ["a - b", "a"]
    assert changed("a and b") == ["a or b", "b", "a"]
    assert changed("not a") == ["a"]
    assert changed("3") == ["4", "2"]
    assert changed("True") == ["False"]
    assert changed("a if b else c") == ["a", "c"]
    assert changed("min(a)") == ["max(a)"]
    assert changed("'text'") == changed("f(a)") == []


@pytest.fixture(scope="module")
def mutants(mutation):
    """Module → its mutants."""
    return {module: mutation.mutants(module) for module in mutation.MODULES}


def test_every_module_has_tests_and_mutants_that_differ_from_it(mutation, mutants):
    for module, drawn in mutants.items():
        assert mutation.covering(module), module
        assert drawn, module
        assert len({mutant.source for mutant in drawn}) == len(drawn)
        for mutant in drawn[:: max(1, len(drawn) // 5)]:
            assert ast.dump(ast.parse(mutant.source)) != ast.dump(ast.parse(mutant.before))
            assert mutant.diff.startswith("-")


def test_what_is_listed_as_equivalent_can_still_be_drawn(mutation, mutants):
    known = mutation.equivalents()
    keys = [mutant.key for drawn in mutants.values() for mutant in drawn]
    assert known <= {*keys, *(key[:2] for key in keys)}
