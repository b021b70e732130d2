"""Counts of the package's source, a column for each checkout or revision.

    python benchmarks/counts.py [TREE ...] [--names] [--quick] [--json]

TREE is a directory that holds src/medtune, or a revision of this repository [default: .].
`--names` lists what is counted as a banned name, a short docstring or a repeated name.
`--quick` leaves out the repeated lines.
"""

import argparse
import ast
import io
import json
import re
import statistics
import subprocess
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = "src/medtune"
BANNED = frozenset("found place wanted made own said told there some here".split())
DOCSTRING_WORDS = 5
LINE_LENGTH = 100
REPEATED_LINES = 6
Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


@dataclass(frozen=True)
class Module:
    """A source file: its path below the package, its text and its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> list[str]:
        """The lines of the file without their ends."""
        return self.text.splitlines()


def modules_in(package: Path) -> list[Module]:
    """Every Python file of a package's directory."""
    files = ((path.relative_to(package), path.read_text()) for path in package.rglob("*.py"))
    return _modules({path.as_posix(): text for path, text in files})


def modules_at(revision: str) -> list[Module]:
    """Every Python file of the package as it was at a revision of this repository."""
    archive = subprocess.run(
        ["git", "archive", revision, PACKAGE], cwd=ROOT, check=True, capture_output=True
    ).stdout
    files = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            handle = tar.extractfile(member)
            if handle is not None and member.name.endswith(".py"):
                files[member.name.removeprefix(f"{PACKAGE}/")] = handle.read().decode()
    return _modules(files)


def _modules(files: dict[str, str]) -> list[Module]:
    return [Module(path, text, ast.parse(text)) for path, text in sorted(files.items())]


def functions(module: Module) -> Iterator[tuple[str, int]]:
    """Name and number of lines of every function, its decorators aside."""
    for node in ast.walk(module.tree):
        if isinstance(node, Function):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def names_given(module: Module) -> Iterator[tuple[int, str]]:
    """Line and name of every variable, parameter, attribute, function and class it defines."""
    for node in ast.walk(module.tree):
        if isinstance(node, Definition):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname


def names_used(module: Module) -> Iterator[str]:
    """Every occurrence of a name, where it is defined and where it is used."""
    yield from (name for _, name in names_given(module))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr


def imported_modules(module: Module) -> Iterator[str]:
    """The dotted names of the modules it imports, anywhere."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def called(module: Module) -> Iterator[str]:
    """What it calls, as it is written: `torch.load`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def keyword_values(module: Module, name: str) -> Iterator[str]:
    """What is passed for a keyword argument of this name, as it is written."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.keyword) and node.arg == name:
            yield ast.unparse(node.value)


def banned_names(module: Module) -> list[str]:
    """`file:line: name` of every definition of a name that says nothing."""
    return [f"{module.path}:{line}: {name}" for line, name in names_given(module) if name in BANNED]


def public_definitions(module: Module) -> Iterator[Definition]:
    """The functions and classes at the top of a module that others may import."""
    for node in module.tree.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node


def short_docstrings(module: Module) -> list[str]:
    """`file:line: name: docstring` of every public thing with a docstring of few words."""
    short = []
    for node in ast.walk(module.tree):
        if isinstance(node, Definition) and not node.name.startswith("_"):
            text = ast.get_docstring(node)
            if text is not None and len(text.split()) < DOCSTRING_WORDS:
                short.append(f"{module.path}:{node.lineno}: {node.name}: {text}")
    return short


def repeated_names(modules: list[Module]) -> dict[str, list[str]]:
    """Public names that several modules define, with the files that do."""
    files: dict[str, list[str]] = defaultdict(list)
    for module in modules:
        for node in public_definitions(module):
            files[node.name].append(module.path)
    return {name: paths for name, paths in sorted(files.items()) if len(paths) > 1}


def repeated_file_names(modules: list[Module]) -> dict[str, list[str]]:
    """File names that stand in several folders, with their paths; `__init__.py` aside."""
    paths: dict[str, list[str]] = defaultdict(list)
    for module in modules:
        name = Path(module.path).name
        if name != "__init__.py":
            paths[name].append(module.path)
    return {name: twice for name, twice in sorted(paths.items()) if len(twice) > 1}


def untyped_dicts(module: Module) -> int:
    """How often `dict[str, Any]` stands in a file."""
    return module.text.count("dict[str, Any]")


def long_lines(module: Module) -> int:
    """Lines of more than 100 characters."""
    return sum(len(line) > LINE_LENGTH for line in module.lines)


def repeated_blocks(modules: list[Module]) -> int:
    """Pairs of blocks of six or more equal lines; blank lines, comments, imports aside."""
    kept = {
        module.path: [
            line.strip()
            for line in module.lines
            if line.strip() and not re.match(r"\s*(#|from \S+ import|import |[A-Za-z]+,$)", line)
        ]
        for module in modules
    }
    starts: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for path, lines in kept.items():
        for first in range(len(lines) - REPEATED_LINES + 1):
            starts[tuple(lines[first : first + REPEATED_LINES])].append((path, first))
    pairs = 0
    for occurrences in starts.values():
        for (path, first), (other, second) in combinations(occurrences, 2):
            before = first and second and kept[path][first - 1] == kept[other][second - 1]
            pairs += not before  # the beginning of a block, not its later lines
    return pairs


def counts(modules: list[Module], *, quick: bool = False) -> dict[str, float | str]:
    """Every count of one tree, by its title."""
    files = {module.path: len(module.lines) for module in modules}
    sizes = [
        (lines, f"{module.path}: {name}") for module in modules for name, lines in functions(module)
    ]
    largest_file = max(files, key=files.__getitem__)
    largest_function = max(sizes)
    lengths = [lines for lines, _ in sizes]
    total = sum(files.values())
    banned = sum(name in BANNED for module in modules for name in names_used(module))
    tenths = statistics.quantiles(lengths, n=10)
    return {
        "files": len(files),
        "lines": total,
        "lines a file, median": statistics.median(files.values()),
        "lines a file, largest": files[largest_file],
        "largest file": largest_file,
        "functions": len(sizes),
        "lines a function, median": statistics.median(lengths),
        "lines a function, 90 %": tenths[8],
        "lines a function, largest": largest_function[0],
        "largest function": largest_function[1],
        "banned names used": banned,
        "banned names used per 1,000 lines": round(1000 * banned / total, 1),
        "banned names defined": sum(len(banned_names(module)) for module in modules),
        "docstrings of fewer than 5 words": sum(len(short_docstrings(m)) for m in modules),
        "public names defined twice": len(repeated_names(modules)),
        "file names in two folders": len(repeated_file_names(modules)),
        "dict[str, Any]": sum(untyped_dicts(module) for module in modules),
        "lines over 100": sum(long_lines(module) for module in modules),
        **({} if quick else {"pairs of 6 or more equal lines": repeated_blocks(modules)}),
    }


def table(columns: dict[str, dict[str, float | str]]) -> str:
    """A line a count, a column a tree; the names of the largest are left out."""
    first = next(iter(columns.values()))
    lines = [" " * 36 + "".join(f"{name[-14:]:>16}" for name in columns)]
    for title, value in first.items():
        if not isinstance(value, str):
            row = "".join(f"{column[title]:>16,}" for column in columns.values())
            lines.append(f"{title:<36}{row}")
    return "\n".join(lines)


def listing(modules: list[Module]) -> str:
    """What the counts of names count, a line each."""
    parts = [
        line for module in modules for line in (*banned_names(module), *short_docstrings(module))
    ]
    twice = repeated_names(modules) | repeated_file_names(modules)
    return "\n".join([*parts, *(f"{name}: {', '.join(paths)}" for name, paths in twice.items())])


def main() -> None:
    """Count every tree named and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("trees", nargs="*", default=["."], metavar="TREE")
    parser.add_argument("--names", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    columns = {}
    for tree in options.trees:
        package = Path(tree) / PACKAGE
        modules = modules_in(package) if package.is_dir() else modules_at(tree)
        columns[tree] = counts(modules, quick=options.quick)
        if options.names:
            print(listing(modules))
    print(json.dumps(columns, indent=2) if options.json else table(columns))


if __name__ == "__main__":
    main()
