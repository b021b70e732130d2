"""The counts that the tests of the house rest on: each sees what it is there to see."""

import ast
import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "counts.py"
if not PATH.exists():
    pytest.skip("installed without the repository's benchmarks", allow_module_level=True)
spec = importlib.util.spec_from_file_location("counts", PATH)
counts = importlib.util.module_from_spec(spec)
spec.loader.exec_module(counts)


def module(text, path="a.py"):
    return counts.Module(path, text, ast.parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "found = 1",
        "def f(found): pass",
        "def f(*, found=1): pass",
        "def f(*found): pass",
        "def found(): pass",
        "class found: pass",
        "x.found = 1",
        "found: int = 1",
        "for found in (): pass",
        "with a as found: pass",
        "[x for found in ()]",
        "if (found := 1): pass",
        "import a as found",
        "lambda found: 0",
    ],
)
def test_a_banned_name_is_seen_wherever_it_is_given(text):
    assert counts.banned_names(module(text)) == ["a.py:1: found"]


@pytest.mark.parametrize(
    "text", ["x = {'found': 1}", "print(a.found)", "f(found=1)", "findings = 1"]
)
def test_keys_and_other_people_s_names_are_not_seen(text):
    assert counts.banned_names(module(text)) == []


def test_a_short_docstring_is_seen_where_it_is_public():
    text = 'class A:\n    """One two three four."""\n    def f(self):\n        """A b c d e."""\n'
    assert counts.short_docstrings(module(text)) == ["a.py:1: A: One two three four."]
    assert counts.short_docstrings(module(text.replace("class A", "class _A"))) == []


def test_a_name_and_a_file_name_that_stand_twice_are_seen():
    modules = [module("class A: pass", "x/a.py"), module("def A(): pass\ndef _b(): pass", "y/a.py")]
    modules += [module("def _b(): pass", "__init__.py"), module("", "x/__init__.py")]
    assert counts.repeated_names(modules) == {"A": ["x/a.py", "y/a.py"]}
    assert counts.repeated_file_names(modules) == {"a.py": ["x/a.py", "y/a.py"]}


def test_equal_blocks_are_pairs_and_their_later_lines_are_not_counted_again():
    block = "".join(f"x{n} = {n}\n\n" for n in range(9))
    modules = [module(f"a = 0\n{block}", "a.py"), module(f"b = 0\n{block}", "b.py")]
    assert counts.repeated_blocks(modules) == 1
    assert counts.repeated_blocks([*modules, module(f"c = 0\n{block}", "c.py")]) == 3
    assert (
        counts.repeated_blocks([module("x = 1\n" * 5, "a.py"), module("x = 1\n" * 5, "b.py")]) == 0
    )


def test_sizes_of_a_tree(tmp_path):
    (tmp_path / "a.py").write_text("def f():\n    return 1\n\n\ndef g(): return dict[str, Any]\n")
    (tmp_path / "b.py").write_text(f"x = '{'y' * 120}'\n")
    sizes = counts.counts(counts.modules_in(tmp_path))
    assert (sizes["files"], sizes["lines"], sizes["functions"]) == (2, 6, 2)
    assert (sizes["lines a function, largest"], sizes["largest function"]) == (2, "a.py: f")
    assert (sizes["dict[str, Any]"], sizes["lines over 100"]) == (1, 1)
